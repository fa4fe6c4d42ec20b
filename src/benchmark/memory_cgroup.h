// MemoryCgroup: a control group with a memory limit, for processes that a benchmark starts.
//
// Needs root and a writable cgroup hierarchy, version 2 or 1. Ownership: the group is removed with the
// object; every process in it must have ended.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace penstock::benchmark {

class MemoryCgroup {
 public:
  // Errors: kNotSupported, with the reason and what to do.
  static Result<MemoryCgroup> create(const std::string& name, std::uint64_t limit_bytes);
  MemoryCgroup(MemoryCgroup&& other) noexcept : directory_(std::move(other.directory_)) {
    other.directory_.clear();
  }
  MemoryCgroup& operator=(MemoryCgroup&&) = delete;
  ~MemoryCgroup();

  const std::string& directory() const { return directory_; }
  // Moves the calling process, and what it starts from now on, into the group at `directory`.
  static Result<void> join(const std::string& directory);

 private:
  explicit MemoryCgroup(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
};

}  // namespace penstock::benchmark
