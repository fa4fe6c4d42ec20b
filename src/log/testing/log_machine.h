// LogMachine: a simulated machine with a segment pool and one partition, called one operation at a
// time.
//
// One life of it. Segments are small (32 KiB to 128 KiB), so that a few batches make several. Whatever
// happened, the destructor ends everything in order; a crash before it makes that a death.
//
// Ownership: the storage must outlive it. Threading: the test's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "disk/sim_disk.h"
#include "log/partition.h"
#include "log/testing/batches.h"
#include "log/testing/log_shard.h"

namespace penstock::log::testing {

inline constexpr const char* kPartitionDirectory = "/data/topics/orders/0";
inline constexpr std::int32_t kLeaderEpoch = 7;
inline constexpr std::uint64_t kLargestSegmentBytes = 128 * kKiB;

inline PartitionId partition_id() {
  PartitionId id;
  for (std::size_t i = 0; i < id.topic_id.size(); ++i)
    id.topic_id[i] = static_cast<std::byte>(0xA0 + i);
  id.topic_name = "orders";
  return id;
}

inline std::string segment_path(std::uint64_t number) {
  return std::string(kPartitionDirectory) + "/" + segment_file_name(number);
}
inline std::string index_path(std::uint64_t number) {
  return std::string(kPartitionDirectory) + "/" + index_file_name(number);
}

// The batch that make_batch(seed, shape) gives, as the log serves it.
inline std::vector<std::byte> stored_batch(std::uint64_t seed, Offset base, BatchShape shape = {}) {
  std::vector<std::byte> batch = make_batch(seed, shape);
  stamp_batch(batch, base, kLeaderEpoch);
  return batch;
}

struct LogMachineOptions {
  SimDiskOptions disk{};
  SegmentPoolOptions pool{.ready_files = 0, .smallest_bytes = kSmallestSegmentBytes};
  PartitionOptions partition{.segment_bytes = kLargestSegmentBytes, .commit_bytes = 16 * kKiB};
  CatchUpOptions catch_up{.cache_bytes = SegmentCache::kSmallestBytes};
  std::uint64_t salt_seed = 1;
};

// What became of an append that runs beside the test.
struct BackgroundAppend {
  std::optional<Result<Offset>> outcome;
};

class LogMachine : public LogShard {
 public:
  explicit LogMachine(SimStorage& storage, LogMachineOptions options = {})
      : LogShard(prepared(storage), {.disk = options.disk,
                                     .pool = options.pool,
                                     .catch_up = options.catch_up,
                                     .salt_seed = options.salt_seed}),
        partition_options_(options.partition) {}
  ~LogMachine() { (void)stop(); }

  // Starts the pool and opens the partition.
  Result<void> try_start() {
    if (auto started = scheduler.run(start_pool()); !started) return started;
    return try_open();
  }
  Result<void> try_open() {
    auto opened = scheduler.run(
        Partition::open(context(), kPartitionDirectory, partition_id(), partition_options_));
    if (!opened) return Unexpected(opened.error());
    partition_ = std::move(*opened);
    return {};
  }
  void start() {
    const auto started = try_start();
    ASSERT_TRUE(started) << started.error().message();
  }

  // Closes the partition, if there is one, and the pool. A second call does nothing.
  Result<void> stop() {
    Result<void> closed;
    if (partition_) closed = scheduler.run(partition_->close());
    partition_.reset();
    if (!stopped_) scheduler.run(stop_pool());
    stopped_ = true;
    return closed;
  }

  Partition& partition() { return *partition_; }
  // For a partition that was closed or destroyed by the test.
  void forget_partition() { partition_.reset(); }
  const Marks& marks() { return partition_->marks(); }
  const RecoveryReport& report() { return partition_->recovery_report(); }

  Result<Offset> append(std::uint64_t seed, BatchShape shape = {}) {
    const auto batch = make_batch(seed, shape);
    return scheduler.run(append_and_wait(*partition_, batch));
  }
  // One that must succeed.
  Offset append_ok(std::uint64_t seed, BatchShape shape = {}) {
    const auto base = append(seed, shape);
    EXPECT_TRUE(base) << base.error().message();
    return base.value_or(Offset{-1});
  }
  // For a coroutine of the test's own.
  static Task<Result<Offset>> append_and_wait(Partition& partition, ByteView batch) {
    auto ticket = co_await partition.append(batch, kLeaderEpoch);
    if (!ticket) co_return Unexpected(ticket.error());
    const Offset base = ticket->base_offset;
    auto durable = co_await partition.wait_acknowledged(std::move(*ticket));
    if (!durable) co_return Unexpected(durable.error());
    co_return base;
  }
  // `background` must stay until the append has ended.
  void start_append(BackgroundAppend& background, std::uint64_t seed, BatchShape shape = {}) {
    scheduler.spawn(append_beside(*partition_, make_batch(seed, shape), background));
  }

  Result<Batches> read(Offset from, ReadLimits limits = {}) {
    return scheduler.run(partition_->read(from, limits));
  }
  // The batches from `from` to the durable end; what could be read before an error.
  std::vector<std::vector<std::byte>> read_all(Offset from) {
    std::vector<std::vector<std::byte>> batches;
    while (from < marks().high_watermark) {
      const auto found = read(from);
      if (!found) {
        ADD_FAILURE() << found.error().message();
        return batches;
      }
      if (found->batches.empty()) {
        ADD_FAILURE() << "nothing at offset " << from.value << ", below the durable end";
        return batches;
      }
      for (const SharedSlice& batch : found->batches) {
        batches.emplace_back(batch.view().begin(), batch.view().end());
        from = BatchHeader::parse(batch.view())->next_offset();
      }
    }
    return batches;
  }
  // Expects one batch per seed, of one record each, from offset `from` to the durable end.
  void expect_log(const std::vector<std::uint64_t>& seeds, BatchShape shape = {}, Offset from = {}) {
    const auto batches = read_all(from);
    ASSERT_EQ(batches.size(), seeds.size());
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      EXPECT_EQ(batches[i], stored_batch(seeds[i], from + static_cast<std::int64_t>(i), shape))
          << "at offset " << i;
    }
  }

  void sleep(Duration delay) { scheduler.run(sleep_for(scheduler, delay)); }

  // Dies; what is left of the partition and the pool unwinds.
  void die(SimCrash how) {
    disk.crash(how);
    (void)stop();
  }

 private:
  static SimStorage& prepared(SimStorage& storage) {
    storage.make_directories(kPartitionDirectory);
    return storage;
  }
  static Task<void> append_beside(Partition& partition, std::vector<std::byte> batch,
                                  BackgroundAppend& background) {
    background.outcome = co_await append_and_wait(partition, batch);
  }
  static Task<void> sleep_for(Scheduler& scheduler, Duration delay) {
    co_await scheduler.sleep_for(delay);
  }

  PartitionOptions partition_options_;
  std::unique_ptr<Partition> partition_;
  bool stopped_ = false;
};

}  // namespace penstock::log::testing
