// TailLoad: producers and a consumer at the end of one partition, and what both wait for.
//
// Ownership: the shard outlives it. Threading: the shard's thread.
#pragma once

#include <chrono>
#include <vector>

#include "bench/latency.h"
#include "bench/log_bench/log_shard.h"

namespace penstock::bench {

class TailLoad final : public log::Partition::Observer {
 public:
  struct Shape {
    std::size_t producers = 1;
    Duration pause{};  // of each producer, between its appends
    ByteView batch;    // of one record
  };
  struct Figures {
    Latencies acks;        // append to acknowledgement
    Latencies deliveries;  // append until the consumer holds the batch
    std::uint64_t backfill_bytes = 0;
  };

  TailLoad(LogShard& shard, Shape shape) : shard_(shard), shape_(shape), moved_(shard.scheduler()) {}

  // Produces to the shard's first partition for `time`, while `backfill_readers` scan the second one
  // again and again, each from another place.
  Figures run(std::chrono::nanoseconds time, std::size_t backfill_readers = 0);

 private:
  using Clock = std::chrono::steady_clock;

  void on_high_watermark() override { moved_.pulse(); }
  Task<void> run_all(std::size_t backfill_readers);
  Task<void> produce();
  Task<void> consume();
  Task<void> backfill(std::size_t index, std::size_t count);
  log::Partition& partition() { return shard_.partition(0); }

  LogShard& shard_;
  Shape shape_;
  Event moved_;
  Clock::time_point until_;
  Offset first_;                                // of this run
  std::vector<Clock::time_point> appended_at_;  // by offset, from first_ on
  std::size_t producing_ = 0;
  Figures figures_;
};

}  // namespace penstock::bench
