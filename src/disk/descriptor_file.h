// DescriptorFile: a File that is a descriptor of this process, so that another disk can use it too.
//
// Ownership: the reference is good as long as the file.
#pragma once

#include "disk/disk.h"
#include "disk/posix_ops.h"

namespace penstock {

class DescriptorFile : public File {
 public:
  virtual posix::FileRef ref() const = 0;

 protected:
  using File::File;
};

}  // namespace penstock
