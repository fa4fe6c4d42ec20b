#include "disk/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace penstock {

namespace {

std::string holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  const std::string_view line(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::string_view pid = line.substr(0, line.find_first_not_of("0123456789"));
  return pid.empty() ? "another process" : fmt::format("process {}", pid);
}

// Only for the message above, so a full disk does not keep anybody from starting.
void write_pid(int fd) {
  const std::string line = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) < 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(fd, line.data(), line.size(), 0);
}

}  // namespace

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory) {
  const std::string path = directory + "/" + kFileName;
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!file.is_open()) return Unexpected(Error::from_errno(errno, fmt::format("open {}", path)));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return Unexpected(Error::from_errno(errno, fmt::format("lock {}", path)));
    return fail(ErrorCode::kBusy, "{} is in use by {}; stop it, or use another data directory",
                directory, holder_of(file.get()));
  }
  write_pid(file.get());
  return DirectoryLock(std::move(file));
}

}  // namespace penstock
