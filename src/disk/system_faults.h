// SystemFaults: what the kernel answers in a test, in place of what it would have answered.
//
// No file system gives EIO on demand, and what LD_PRELOAD or seccomp could do about that stops at the
// ring, whose operations are not system calls. So the two places that talk to the kernel ask here: a
// UringReactor that was given faults (set_faults) about each operation that it starts, and the plain
// system calls of posix_ops.h about each call, if faults are installed there (posix::install_faults).
// Without faults both pay one branch that is never taken.
//
// Calls are counted by what they do, whichever way they go, so that one test script meets the same
// faults on a ring and on plain system calls. Retries count: each is a call.
//
// Ownership: must outlive its use by a ring or by posix_ops, and every operation that has been started
// meanwhile. Threading: any thread.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <list>
#include <mutex>
#include <string_view>

namespace penstock {

enum class SystemCall {
  kOpen,
  kRead,
  kWrite,
  kSync,  // of a file or of a directory, whatever its scope
  kAllocate,
  kTruncate,
  kStat,
  kRename,
  kUnlink,  // of a file or of a directory
  kMakeDirectory,
  kOther,  // sockets, polls: counted, and not told apart
};
inline constexpr std::size_t kSystemCallCount = static_cast<std::size_t>(SystemCall::kOther) + 1;
std::string_view to_string(SystemCall call);

struct SystemFault {
  enum class Kind {
    kRefused,      // not carried out, and fails with errno_value
    kShortened,    // reads and writes: carried out for length_bytes at most; 0 moves nothing
    kMisreported,  // carried out, and fails with errno_value all the same; not for kOpen
  };

  SystemCall call = SystemCall::kWrite;
  Kind kind = Kind::kRefused;
  std::uint64_t nth = 1;    // counted from inject(): 1 is the next such call
  std::uint64_t count = 1;  // how many of them, from the nth on
  int errno_value = EIO;
  std::uint32_t length_bytes = 0;
};

class SystemFaults {
 public:
  SystemFaults() = default;
  SystemFaults(const SystemFaults&) = delete;
  SystemFaults& operator=(const SystemFaults&) = delete;

  void inject(const SystemFault& fault);

  // Counts a call that starts now. What is to happen to it, valid as long as this object; null:
  // nothing.
  const SystemFault* next(SystemCall call);

  // How many there have been of a kind, and how many of all were hit by a fault.
  std::uint64_t call_count(SystemCall call) const;
  std::uint64_t hit_count() const;

 private:
  struct Armed {
    SystemFault fault;
    std::uint64_t passing_left;  // calls that go by before the first one is hit
    std::uint64_t hits_left;
  };

  mutable std::mutex mutex_;
  std::list<Armed> faults_;  // a list: operations keep pointers to them
  std::array<std::uint64_t, kSystemCallCount> call_counts_{};
  std::uint64_t hit_count_ = 0;
};

}  // namespace penstock
