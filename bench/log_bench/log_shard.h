// LogShard: one shard's log as the server has it, and producers for it.
//
// A failure ends the process: a benchmark has nothing to go on with. Ownership: the directory is the
// object's, and is removed with it. Threading: one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/block_heap.h"
#include "base/random.h"
#include "bench/latency.h"
#include "bench/shard_disk.h"
#include "log/partition.h"
#include "log/testing/batches.h"

namespace penstock::bench {

struct LogShardOptions {
  std::size_t partition_count = 1;
  RequestedIoMode mode = RequestedIoMode::kAuto;
  bool watches_stalls = false;
  log::PartitionOptions partition = {};
  log::SegmentPoolOptions pool = {};
  // Applied while produce() runs, so that segments go back to the pool; nothing said keeps everything.
  log::Retention retention = {};
};

// A log writes into new space until retention gives it segments to write again.
enum class Space { kRecycled, kNew };

std::string_view to_string(Space space);

// With kRecycled: segments of one size, of which two are kept.
LogShardOptions log_options(std::size_t partition_count, Space space, std::uint64_t segment_bytes);

// A batch whose entry takes exactly `entry_bytes` of the device.
std::vector<std::byte> batch_for_entry(std::uint64_t entry_bytes);
// A batch of one message with a value of `value_bytes`.
std::vector<std::byte> batch_of_value(std::size_t value_bytes);

template <typename T>
T must(Result<T> result) {
  if (!result) ShardDisk::end(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class LogShard {
 public:
  using Clock = std::chrono::steady_clock;
  // The server's default.
  static constexpr std::uint64_t kTailBytes = 64 * kMiB;

  explicit LogShard(std::string directory, LogShardOptions options = {});
  LogShard(const LogShard&) = delete;
  LogShard& operator=(const LogShard&) = delete;
  ~LogShard();

  Scheduler& scheduler() { return shard_.scheduler(); }
  std::size_t partition_count() const { return partitions_.size(); }
  log::Partition& partition(std::size_t index) { return *partitions_[index]; }
  StallMeter* stall_meter() { return shard_.stall_meter(); }
  const std::string& description() const { return shard_.description(); }

  // `producers` for each partition append `batch` and wait for the acknowledgement, again and again,
  // for `time`. Returns acknowledged appends per second.
  double produce(std::size_t producers, ByteView batch, std::chrono::nanoseconds time);

  // What produce() does now and then.
  void apply_retention();

  // produce(), until the pool lives on what retention gives back: then no segment needs zeros.
  void produce_until_recycling(std::size_t producers, ByteView batch);

  // One acknowledged append to each partition, all at once.
  void append_to_each(ByteView batch);

  // Appends to one partition without waiting for each, until `size_bytes` are in; returns when all are
  // durable.
  void fill(std::size_t index, std::uint64_t size_bytes, ByteView batch);

 private:
  Task<void> open_all();
  Task<void> open_one(std::size_t index);
  Task<void> close_all();
  Task<void> close_one(std::size_t index);
  Task<void> each(Task<void> (LogShard::*work)(std::size_t));
  Task<void> append_one_each(ByteView batch);
  Task<void> produce_all(std::size_t producers, ByteView batch, Clock::time_point until);
  Task<void> produce_one(std::size_t index, ByteView batch, Clock::time_point until);
  Task<void> retain();
  Task<void> retain_until(Clock::time_point until);
  Task<void> append_all(std::size_t index, std::uint64_t size_bytes, ByteView batch);

  std::string directory_;
  LogShardOptions options_;
  ShardDisk shard_;
  Random random_;
  std::unique_ptr<log::SegmentPool> pool_;
  log::CatchUp catch_up_;
  BlockHeap::Reservation tail_reservation_ = BlockHeap::instance().reserve(kTailBytes);
  log::TailMemory tails_{kTailBytes};
  std::vector<std::unique_ptr<log::Partition>> partitions_;
  std::uint64_t append_count_ = 0;
};

// One append, acknowledged.
Task<void> append_and_wait(log::Partition& partition, ByteView batch);

}  // namespace penstock::bench
