#include "bench/log_bench/log_shard.h"

#include <filesystem>
#include <random>

#include "bench/raw_io.h"
#include "task/join.h"

namespace penstock::bench {

namespace {

// Makes the directories, so that the disk can be tried there.
std::string make_directories(const std::string& directory) {
  std::filesystem::create_directories(directory + "/pool");
  return directory;
}

}  // namespace

std::string_view to_string(Space space) { return space == Space::kNew ? "growing" : "recycled"; }

LogShardOptions log_options(std::size_t partition_count, Space space, std::uint64_t segment_bytes) {
  LogShardOptions options;
  options.partition_count = partition_count;
  if (space == Space::kNew) return options;
  options.partition.segment_bytes = segment_bytes;
  options.pool.smallest_bytes = segment_bytes;
  options.pool.max_spare_bytes = std::max(kGiB, 2 * partition_count * segment_bytes);
  options.retention.bytes = segment_bytes;
  return options;
}

std::vector<std::byte> batch_for_entry(std::uint64_t entry_bytes) {
  log::testing::BatchShape shape;
  shape.payload_bytes = entry_bytes - log::kEntryHeaderBytes - log::kBatchHeaderBytes;
  return log::testing::make_batch(1, shape);
}

std::vector<std::byte> batch_of_value(std::size_t value_bytes) {
  log::testing::BatchShape shape;
  shape.payload_bytes = value_bytes;
  return log::testing::make_batch(1, shape);
}

LogShard::LogShard(std::string directory, LogShardOptions options)
    : directory_(std::move(directory)),
      options_(options),
      shard_(make_directories(directory_), options.mode, options.watches_stalls),
      random_(std::random_device{}()),
      pool_(std::make_unique<log::SegmentPool>(scheduler(), shard_.disk(), directory_ + "/pool",
                                               options_.pool)),
      catch_up_(scheduler(), pool_->commit_gaps(), log::CatchUpOptions{}),
      partitions_(options.partition_count) {
  must(scheduler().run(pool_->start()));
  must(catch_up_.start());
  scheduler().run(open_all());
}

LogShard::~LogShard() {
  scheduler().run(close_all());
  scheduler().run(pool_->close());
  std::filesystem::remove_all(directory_);
}

Task<void> LogShard::each(Task<void> (LogShard::*work)(std::size_t)) {
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < partitions_.size(); ++i) tasks.push_back((this->*work)(i));
  co_await join(shard_.scheduler(), std::move(tasks));
}

Task<void> LogShard::open_all() { co_await each(&LogShard::open_one); }
Task<void> LogShard::close_all() { co_await each(&LogShard::close_one); }

Task<void> LogShard::open_one(std::size_t index) {
  log::LogContext context{shard_.scheduler(), shard_.disk(), *pool_, random_};
  context.catch_up = &catch_up_;
  context.tails = &tails_;
  log::PartitionId id;
  id.topic_name = "bench";
  id.index = static_cast<std::int32_t>(index);
  const std::string directory = fmt::format("{}/{}", directory_, index);
  std::filesystem::create_directories(directory);
  auto partition = co_await log::Partition::open(context, directory, id, options_.partition);
  partitions_[index] = must(std::move(partition));
}

Task<void> LogShard::close_one(std::size_t index) {
  auto closed = co_await partitions_[index]->close();
  must(std::move(closed));
  partitions_[index].reset();
}

Task<void> append_and_wait(log::Partition& partition, ByteView batch) {
  auto ticket = co_await partition.append(batch, 0);
  if (!ticket) ShardDisk::end(ticket.error());
  auto acknowledged = co_await partition.wait_acknowledged(std::move(*ticket));
  must(std::move(acknowledged));
}

double LogShard::produce(std::size_t producers, ByteView batch, std::chrono::nanoseconds time) {
  append_count_ = 0;
  const Stopwatch stopwatch;
  scheduler().run(produce_all(producers, batch, Clock::now() + time));
  return static_cast<double>(append_count_) /
         std::chrono::duration<double>(stopwatch.elapsed()).count();
}

Task<void> LogShard::produce_all(std::size_t producers, ByteView batch, Clock::time_point until) {
  std::vector<Task<void>> tasks;
  for (std::size_t producer = 0; producer < producers; ++producer) {
    for (std::size_t i = 0; i < partitions_.size(); ++i) tasks.push_back(produce_one(i, batch, until));
  }
  if (options_.retention.bytes) tasks.push_back(retain_until(until));
  co_await join(shard_.scheduler(), std::move(tasks));
}

Task<void> LogShard::produce_one(std::size_t index, ByteView batch, Clock::time_point until) {
  while (Clock::now() < until) {
    co_await append_and_wait(*partitions_[index], batch);
    ++append_count_;
  }
}

void LogShard::apply_retention() { scheduler().run(retain()); }

Task<void> LogShard::retain() {
  for (const auto& partition : partitions_) {
    auto applied = co_await partition->apply(options_.retention);
    must(std::move(applied));
  }
}

// Often enough that the oldest segment is back in the pool before the next one is asked for, and not so
// often that looking costs anything.
Task<void> LogShard::retain_until(Clock::time_point until) {
  constexpr std::chrono::microseconds kShortest(5000);
  constexpr std::chrono::microseconds kForEach(200);
  const auto every = std::max(kShortest, kForEach * std::ssize(partitions_));
  while (Clock::now() < until) {
    co_await retain();
    co_await shard_.scheduler().sleep_for(every);
  }
}

void LogShard::produce_until_recycling(std::size_t producers, ByteView batch) {
  constexpr auto kTurn = std::chrono::milliseconds(500);
  constexpr int kMostTurns = 240;
  std::uint64_t made_before = 0;
  for (int turn = 0; turn < kMostTurns; ++turn) {
    (void)produce(producers, batch, kTurn);
    const std::uint64_t made = pool_->stats().taken_made;
    const bool all_came_back = pool_->stats().retired >= partitions_.size();
    if (all_came_back && made == made_before) return;
    made_before = made;
  }
  die("the log does not come to live on recycled segments");
}

void LogShard::append_to_each(ByteView batch) { scheduler().run(append_one_each(batch)); }

Task<void> LogShard::append_one_each(ByteView batch) {
  std::vector<Task<void>> tasks;
  for (const auto& partition : partitions_) tasks.push_back(append_and_wait(*partition, batch));
  co_await join(shard_.scheduler(), std::move(tasks));
}

void LogShard::fill(std::size_t index, std::uint64_t size_bytes, ByteView batch) {
  scheduler().run(append_all(index, size_bytes, batch));
}

Task<void> LogShard::append_all(std::size_t index, std::uint64_t size_bytes, ByteView batch) {
  const std::uint64_t count = std::max<std::uint64_t>(1, size_bytes / batch.size());
  std::optional<log::Partition::Ticket> last;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto ticket = co_await partitions_[index]->append(batch, 0);
    if (!ticket) ShardDisk::end(ticket.error());
    last = std::move(*ticket);
  }
  auto acknowledged = co_await partitions_[index]->wait_acknowledged(std::move(*last));
  must(std::move(acknowledged));
}

}  // namespace penstock::bench
