// SharedMemory: memory that is the contents of a file, and outlives the process that stores into it.
//
// A store is one of the file's bytes at once, without a system call: what was stored when the process
// is killed is read by whoever opens the file next. What a power cut leaves of it is any mixture of
// pages, old and new.
//
// Ownership: the mapping goes when this is destroyed; the file stays. Threading: the owner's business.
// Durability: none. Errors: space for the whole file is reserved when it is made, so a store cannot
// fail for want of it; a page that a broken device cannot read back ends the process (SIGBUS). So what
// an earlier life left is never mapped, but read (Disk::open), which reports errors.
#pragma once

#include "base/bytes.h"

namespace penstock {

class SharedMemory {
 public:
  virtual ~SharedMemory() = default;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  MutableBytes bytes() const { return bytes_; }

 protected:
  explicit SharedMemory(MutableBytes bytes) : bytes_(bytes) {}

 private:
  MutableBytes bytes_;
};

}  // namespace penstock
