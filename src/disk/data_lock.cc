#include "disk/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <thread>

namespace penstock {

namespace {

constexpr std::chrono::milliseconds kRetryEvery{5};

// The process that wrote the file; 0 when it does not say.
pid_t holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + std::max<ssize_t>(size, 0), pid);
  return pid;
}

bool is_dead(pid_t pid) { return pid > 0 && ::kill(pid, 0) < 0 && errno == ESRCH; }

// 0, or an errno.
int lock_exclusively(int fd) {
  const auto give_up = std::chrono::steady_clock::now() + DirectoryLock::kDeadHolderWait;
  while (::flock(fd, LOCK_EX | LOCK_NB) < 0) {
    const int error = errno;
    const bool worth_waiting = error == EWOULDBLOCK && is_dead(holder_of(fd));
    if (!worth_waiting || std::chrono::steady_clock::now() >= give_up) return error;
    std::this_thread::sleep_for(kRetryEvery);
  }
  return 0;
}

// For the message and the wait only, so a full disk does not keep anybody from starting.
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
  const int error = lock_exclusively(file.get());
  if (error == EWOULDBLOCK) {
    const pid_t pid = holder_of(file.get());
    return fail(ErrorCode::kBusy, "{} is in use by {}; stop it, or use another data directory",
                directory, pid == 0 ? "another process" : fmt::format("process {}", pid));
  }
  if (error != 0) return Unexpected(Error::from_errno(error, fmt::format("lock {}", path)));
  write_pid(file.get());
  return DirectoryLock(std::move(file));
}

DirectoryLock::~DirectoryLock() {
  if (file_.is_open()) ::flock(file_.get(), LOCK_UN);
}

}  // namespace penstock
