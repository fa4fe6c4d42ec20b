#include "benchmark/raw_ring.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <cstring>
#include <vector>

#include "base/aligned_buffer.h"
#include "benchmark/latency_recorder.h"

namespace penstock::benchmark {

Result<RawRing> RawRing::create(unsigned depth_max) {
  RawRing ring;
  const int error = io_uring_queue_init(depth_max, &ring.ring_,
                                        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  if (error != 0) return Unexpected(Error::from_errno(-error, "set up an io_uring"));
  ring.is_open_ = true;
  return ring;
}

Result<Throughput> RawRing::run(const RawLoad& load, std::chrono::nanoseconds time) {
  struct Slot {
    AlignedBuffer buffer;
    SteadyClock::time_point begun;
  };
  std::vector<Slot> slots;
  for (unsigned i = 0; i < load.depth; ++i) {
    slots.push_back({.buffer = AlignedBuffer(load.block_bytes), .begun = {}});
    std::memset(slots.back().buffer.data(), 0x5A, load.block_bytes);
  }
  const auto submit = [&](std::size_t number) {
    Slot& slot = slots[number];
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    const std::uint64_t at = load.next_position();
    if (load.writes) {
      io_uring_prep_write(entry, load.fd, slot.buffer.data(), load.block_bytes, at);
      entry->rw_flags = RWF_DSYNC;
    } else {
      io_uring_prep_read(entry, load.fd, slot.buffer.data(), load.block_bytes, at);
    }
    entry->user_data = number;
    slot.begun = SteadyClock::now();
  };
  Throughput result;
  const auto begun = SteadyClock::now();
  const auto end = begun + time;
  for (std::size_t number = 0; number < slots.size(); ++number) submit(number);
  std::size_t in_flight = slots.size();
  int failed = 0;
  while (in_flight > 0) {
    const int submitted = io_uring_submit_and_wait(&ring_, 1);
    if (submitted < 0) return Unexpected(Error::from_errno(-submitted, "submit raw operations"));
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(&ring_, &completion) == 0) {
      const auto now = SteadyClock::now();
      const std::size_t number = completion->user_data;
      const int outcome = completion->res;
      io_uring_cqe_seen(&ring_, completion);
      --in_flight;
      if (outcome != static_cast<int>(load.block_bytes)) failed = outcome < 0 ? -outcome : EIO;
      result.latencies.add(now - slots[number].begun);
      ++result.operations;
      if (failed != 0 || now >= end) continue;
      submit(number);
      ++in_flight;
    }
  }
  if (failed != 0) return Unexpected(Error::from_errno(failed, "a raw operation"));
  result.seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();
  return result;
}

}  // namespace penstock::benchmark
