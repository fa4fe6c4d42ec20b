// The raw sides of log_bench: writes with nothing in between.
//
// Threading: one thread, except RawAppends, which has a thread for each file.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "bench/raw_io.h"

namespace penstock::bench {

// Durable overwrites of a block, one after the other, with plain system calls: RWF_DSYNC over blocks
// that were written before.
class RawCommits {
 public:
  explicit RawCommits(const std::string& path);
  void commit();

 private:
  RawFile file_;
  AlignedBuffer block_;
  std::uint64_t position_ = 0;
};

// Writes through a ring, with `depth` in flight in each of `file_count` files.
class RawRingLoad {
 public:
  struct Shape {
    std::size_t file_count = 1;
    std::size_t depth = 1;
    std::size_t write_bytes = kBlockBytes;
    // What was written before, and is written again and again; or, with `grows`, the steps in which
    // space is reserved for files that grow.
    std::uint64_t file_bytes = 64 * kMiB;
    bool grows = false;
  };

  RawRingLoad(const std::string& directory, Shape shape);

  // Writes per second; `flags` as for pwritev2().
  double run(std::chrono::nanoseconds time, int flags);

 private:
  void start(std::size_t slot, int flags);
  void move_on(std::size_t file);

  Shape shape_;
  RawRing ring_;
  std::deque<RawFile> files_;
  std::vector<std::uint64_t> positions_;
  AlignedBuffer data_;
};

// The naive way: files that grow with each write, O_DIRECT | O_DSYNC, a thread for each.
class RawAppends {
 public:
  RawAppends(const std::string& directory, std::size_t file_count);

  // Writes per second.
  double run(std::chrono::nanoseconds time);

 private:
  std::deque<RawFile> files_;
  std::vector<std::uint64_t> positions_;
};

}  // namespace penstock::bench
