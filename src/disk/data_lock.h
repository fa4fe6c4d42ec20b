// DirectoryLock: keeps two processes from using one data directory.
//
// An exclusive flock on the file "LOCK" in the directory, held until the object goes or the process
// ends, however it ends. The descriptor is handed to every io_uring (UringOptions::keep_open), so that
// "ends" means that the kernel has finished what the process had in flight: the rings of a killed
// process outlive it by some milliseconds, and their writes must not land in files that the next owner
// recovers. The file holds the owner's process id; it is never removed, because a removed lock file can
// be held by one process and made anew by another.
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "disk/descriptor.h"

namespace penstock {

class DirectoryLock {
 public:
  static constexpr const char* kFileName = "LOCK";
  static constexpr std::chrono::seconds kDeadHolderWait{10};

  // Waits for the rings of a holder that has died, kDeadHolderWait at most; for one that lives, not at
  // all. Blocks the thread. Errors: kBusy (names the process that holds it), kNotFound, kPermission,
  // kIo.
  static Result<DirectoryLock> acquire(const std::string& directory);

  DirectoryLock(DirectoryLock&&) noexcept = default;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  // Unlocks, also when rings of this process still have the descriptor.
  ~DirectoryLock();

  // Stays the lock's.
  int descriptor() const { return file_.get(); }

 private:
  explicit DirectoryLock(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
};

}  // namespace penstock
