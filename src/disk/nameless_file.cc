#include "disk/nameless_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "disk/posix_ops.h"

namespace penstock {

namespace {

// Between the making of a name and its removal, a signal must not end the process.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// How kernels and file systems say that they have no O_TMPFILE.
bool has_no_tmpfile(int errno_value) {
  return errno_value == EOPNOTSUPP || errno_value == EISDIR || errno_value == ENOENT ||
         errno_value == EINVAL;
}

Descriptor open_and_unlink(const std::string& directory) {
  const HeldSignals held;
  std::string name = directory + "/.penstock-probe-XXXXXX";
  Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  const int error = errno;
  if (file.is_open()) ::unlink(name.c_str());
  errno = error;
  return file;
}

const char* advice_on(int errno_value) {
  switch (errno_value) {
    case EROFS:
      return "mounted read-only: remount it with `mount -o remount,rw`, or use another directory";
    case EACCES:
    case EPERM: return "run as a user who may write there, or change its owner or mode";
    case ENOSPC:
    case EDQUOT: return "free some space or inodes, or raise the quota";
    default: return "use a directory on a local file system";
  }
}

}  // namespace

Result<Descriptor> open_nameless_file(const std::string& directory) {
  Descriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, posix::kCreatePermissions));
  if (!file.is_open() && has_no_tmpfile(errno)) file = open_and_unlink(directory);
  if (file.is_open()) return file;
  const int error = errno;
  return Unexpected(
      Error::from_errno(error, fmt::format("create a file in {} ({})", directory, advice_on(error))));
}

std::string path_of_descriptor(const Descriptor& file) {
  // Not /proc/self: the kernel's own threads may be the ones that open it.
  return fmt::format("/proc/{}/fd/{}", ::getpid(), file.get());
}

}  // namespace penstock
