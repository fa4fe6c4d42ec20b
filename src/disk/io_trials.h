// IoTrials: tries ways of doing I/O on a small file without a name, and tells which ones work.
//
// Ownership: owns the file, which goes with it. Threading: one thread; blocks.
#pragma once

#include <string>

#include "base/error.h"
#include "base/units.h"
#include "disk/descriptor.h"
#include "penstock/probe.h"

namespace penstock {

class IoTrials {
 public:
  // The file has at most that size.
  static constexpr std::uint64_t kFileBytes = 32 * kBlockBytes;

  // Where the trials take place, for reasons and remedies.
  struct Place {
    KernelReport kernel;
    FileSystemReport file_system;
    DeviceReport device;
  };

  // Creates the file in `directory`. Errors: those of open_nameless_file, and kNoSpace where it would
  // not fit.
  static Result<IoTrials> create(const std::string& directory, Place place);

  DirectAlignment alignment() const;
  Finding direct() const;
  Finding uncached() const;
  Finding durable_write() const;
  Finding nowait() const;
  Finding allocate() const;
  Finding write_zeroes() const;
  AtomicWrites atomic_writes() const;

 private:
  IoTrials(Descriptor file, Place place) : file_(std::move(file)), place_(std::move(place)) {}

  // Why the file system says itself that it goes through the page cache; empty when it does not.
  std::string declared_fallback() const;
  // What makes O_DIRECT a promise that is not kept; empty when nothing is known.
  std::string silent_fallback() const;
  bool is_in_page_cache() const;
  bool journals_its_data() const;
  // 0 or a positive errno.
  int set_direct(bool on) const;
  int write_once(int flags) const;
  int write_bytes(int flags, std::size_t length_bytes) const;
  int read_once(int flags) const;

  Descriptor file_;
  Place place_;
};

}  // namespace penstock
