// RawRing: an io_uring with nothing around it: what the device and the kernel can do.
//
// Ownership: owns the ring. Threading: the thread that made it.
#pragma once

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <functional>

#include "base/error.h"
#include "benchmark/histogram.h"

namespace penstock::benchmark {

struct RawLoad {
  bool writes = false;  // durable overwrites (RWF_DSYNC); else reads
  int fd = -1;          // open with O_DIRECT
  std::uint32_t block_bytes = 0;
  unsigned depth = 1;
  // The place of the next operation, a whole number of blocks.
  std::function<std::uint64_t()> next_position;
};

struct Throughput {
  Histogram latencies{};
  std::uint64_t operations = 0;
  double seconds = 0;
};

class RawRing {
 public:
  // Errors: the system's, where io_uring is not granted.
  static Result<RawRing> create(unsigned depth_max);
  RawRing(RawRing&& other) noexcept : ring_(other.ring_), is_open_(other.is_open_) {
    other.is_open_ = false;
  }
  RawRing& operator=(RawRing&&) = delete;
  ~RawRing() {
    if (is_open_) io_uring_queue_exit(&ring_);
  }

  // Keeps `depth` operations on their way until `time` has passed. Errors: kIo, kNoSpace.
  Result<Throughput> run(const RawLoad& load, std::chrono::nanoseconds time);

 private:
  RawRing() = default;

  io_uring ring_{};
  bool is_open_ = false;
};

}  // namespace penstock::benchmark
