// DirectoryLock: keeps two processes from using one data directory.
//
// An exclusive flock on the file "LOCK" in the directory, held until the object goes or the process
// ends, however it ends. The file holds the owner's process id, for the message that the other one
// gets; it is never removed, because a removed lock file can be held by one process and made anew by
// another.
#pragma once

#include <string>

#include "base/error.h"
#include "disk/descriptor.h"

namespace penstock {

class DirectoryLock {
 public:
  static constexpr const char* kFileName = "LOCK";

  // Does not wait. Errors: kBusy (names the process that holds it), kNotFound, kPermission, kIo.
  static Result<DirectoryLock> acquire(const std::string& directory);

 private:
  explicit DirectoryLock(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
};

}  // namespace penstock
