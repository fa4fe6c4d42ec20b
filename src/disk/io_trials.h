// IoTrials: tries ways of doing I/O on a small file without a name, and tells which ones work.
//
// Threading: any one thread; blocks.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "disk/descriptor.h"
#include "disk/mount_info.h"
#include "disk/probe.h"

namespace penstock {

class IoTrials {
 public:
  // Creates the file in `directory`; it vanishes with the object, or with the process.
  // Errors: kPermission, kNoSpace, kNotFound, kIo.
  static Result<IoTrials> create(const std::string& directory);

  DirectAlignment alignment(const DeviceInfo& device) const;
  Finding direct(const MountInfo& mount, const DirectAlignment& alignment);
  Finding uncached();
  Finding durable_write();

 private:
  explicit IoTrials(Descriptor file) : file_(std::move(file)) {}

  // What makes O_DIRECT a promise that this file system does not keep; empty when nothing is known.
  std::string silent_fallback(const MountInfo& mount) const;
  bool refuses_direct() const;
  bool is_in_page_cache() const;
  // 0 or a positive errno.
  int set_direct(bool on) const;
  int write_once(int flags) const;
  int read_once(int flags) const;

  Descriptor file_;
};

}  // namespace penstock
