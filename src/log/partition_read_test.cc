// Reading a partition by offset and by time.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- reading

TEST(PartitionRead, OnlyDurableBatchesAreServed) {
  SimStorage storage;
  LogMachineOptions options;
  options.disk.latency_min = options.disk.latency_max = milliseconds(1);
  LogMachine machine(storage, options);
  machine.start();
  machine.append_ok(0);
  BackgroundAppend pending;
  machine.start_append(pending, 1);
  machine.sleep(microseconds(500));
  EXPECT_EQ(machine.marks().append_end, Offset{2});
  EXPECT_EQ(machine.marks().high_watermark, Offset{1});
  machine.expect_log({0});
  const auto at_end = machine.read(Offset{1});
  ASSERT_TRUE(at_end);
  EXPECT_TRUE(at_end->batches.empty());
  machine.sleep(seconds(1));
  machine.expect_log({0, 1});
}

TEST(PartitionRead, OutsideOfTheLogIsAnError) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  machine.append_ok(0);
  for (const Offset outside : {Offset{-1}, Offset{2}, Offset{1000}}) {
    const auto found = machine.read(outside);
    ASSERT_FALSE(found) << outside.value;
    EXPECT_EQ(found.error().code(), ErrorCode::kOutOfRange);
  }
}

// The same limits must mean the same whether the tail or the device answers.
class PartitionReadLimits : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  PartitionReadLimits() : machine_(storage_, with_tail(GetParam())) {
    machine_.start();
    for (std::uint64_t seed = 0; seed < 20; ++seed) machine_.append_ok(seed, kShape);
    // The newest commit is always in the tail.
    machine_.append_ok(20, kShape);
  }
  static LogMachineOptions with_tail(std::uint64_t tail_bytes) {
    LogMachineOptions options;
    options.partition.tail_bytes = tail_bytes;
    return options;
  }

  static constexpr BatchShape kShape{.record_count = 2, .payload_bytes = 939};  // 1000 bytes
  SimStorage storage_;
  LogMachine machine_;
};
INSTANTIATE_TEST_SUITE_P(FromDeviceAndFromTail, PartitionReadLimits, ::testing::Values(0, kMiB));

TEST_P(PartitionReadLimits, WholeBatchesUpToTheLimit) {
  const auto found = machine_.read(Offset{0}, {.max_bytes = 2999});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->batches.size(), 2U);
  EXPECT_EQ(found->size_bytes, 2000U);
  EXPECT_EQ(machine_.read(Offset{0}, {.max_bytes = 3000})->batches.size(), 3U);
}

TEST_P(PartitionReadLimits, OneBatchAboveTheLimitIfAskedFor) {
  EXPECT_EQ(machine_.read(Offset{0}, {.max_bytes = 10})->batches.size(), 1U);
  EXPECT_TRUE(machine_.read(Offset{0}, {.max_bytes = 10, .at_least_one = false})->batches.empty());
}

TEST_P(PartitionReadLimits, StartsWithTheBatchThatContainsTheOffset) {
  const auto found = machine_.read(Offset{7}, {.max_bytes = 1000});
  ASSERT_EQ(found->batches.size(), 1U);
  EXPECT_EQ(BatchHeader::parse(found->batches[0].view())->base_offset, Offset{6});
}

TEST_P(PartitionReadLimits, EveryOffsetIsReachable) {
  for (std::int64_t offset = 0; offset < 42; ++offset) {
    const auto found = machine_.read(Offset{offset}, {.max_bytes = 1});
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->batches.size(), 1U) << offset;
    const auto expected =
        stored_batch(static_cast<std::uint64_t>(offset / 2), Offset{offset / 2 * 2}, kShape);
    EXPECT_TRUE(std::ranges::equal(found->batches[0].view(), expected)) << offset;
  }
}

TEST(PartitionRead, ATailReaderIsServedTheMemoryThatWasWritten) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  const auto batch = make_batch(1);
  auto ticket = machine.scheduler.run(machine.partition().append(batch, kLeaderEpoch));
  ASSERT_TRUE(ticket);
  const CommitRef commit = ticket->commit;
  ASSERT_TRUE(machine.scheduler.run(machine.partition().wait_acknowledged(std::move(*ticket))));
  const auto found = machine.read(Offset{0});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->batches.size(), 1U);
  const ByteView written = commit->bytes().view();
  const ByteView served = found->batches[0].view();
  EXPECT_EQ(served.data(), written.data() + kEntryHeaderBytes);
  EXPECT_LE(served.data() + served.size(), written.data() + written.size());
}

TEST(PartitionRead, ATailReaderDoesNotTouchTheDevice) {
  SimStorage storage;
  std::uint64_t reads = 0;
  LogMachineOptions options;
  options.disk.trace = [&reads](std::string_view line) {
    if (line.find(" read ") != std::string_view::npos) ++reads;
  };
  LogMachine machine(storage, options);
  machine.start();
  machine.append_ok(0);
  machine.append_ok(1);
  reads = 0;
  machine.expect_log({0, 1});
  EXPECT_EQ(reads, 0U);
}

TEST(PartitionRead, DamageThatCameAfterAcknowledgementIsAnErrorAndNeverServed) {
  SimStorage storage;
  LogMachineOptions options;
  options.partition.tail_bytes = 0;
  {
    LogMachine machine(storage, options);
    machine.start();
    for (std::uint64_t seed = 0; seed < 3; ++seed) machine.append_ok(seed);
  }
  storage.flip_bit(segment_path(1), kFirstCommit + kBlockBytes + 60, 3);
  LogMachine machine(storage, options);
  machine.start();
  // What comes before it is served, and the error names path and offset.
  EXPECT_EQ(machine.read(Offset{0})->batches.size(), 1U);
  const auto damaged = machine.read(Offset{1});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(damaged.error().message().find(segment_path(1)), std::string::npos);
  EXPECT_NE(damaged.error().message().find("offset 1"), std::string::npos);
  // Reported once, however often a reader asks, and what is behind it can be asked for.
  (void)machine.read(Offset{1});
  ASSERT_EQ(machine.reports().size(), 1U);
  EXPECT_NE(machine.reports()[0].find("orders/0: damage: offset 1"), std::string::npos);
  const auto behind = machine.read(Offset{2});
  ASSERT_TRUE(behind) << behind.error().message();
  EXPECT_EQ(BatchHeader::parse(behind->batches.at(0).view())->base_offset, Offset{2});
}

// ---- finding by time

TEST(PartitionTime, FindsTheFirstBatchThatReachesTheTime) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  for (std::uint64_t i = 0; i < 40; ++i) {
    machine.append_ok(
        i, {.payload_bytes = 5000, .timestamp_ms = static_cast<std::int64_t>(1000 + 10 * i)});
  }
  EXPECT_EQ(machine.partition().max_timestamp_ms(), 1390);
  const auto find = [&](std::int64_t timestamp_ms) {
    const auto found = machine.scheduler.run(machine.partition().find_time(timestamp_ms));
    EXPECT_TRUE(found) << found.error().message();
    return found && *found ? BatchHeader::parse((*found)->view())->base_offset.value : -1;
  };
  EXPECT_EQ(find(0), 0);
  EXPECT_EQ(find(1000), 0);
  EXPECT_EQ(find(1001), 1);
  for (std::int64_t i = 0; i < 40; ++i) EXPECT_EQ(find(1000 + 10 * i), i);
  EXPECT_EQ(find(1391), -1);
}

TEST(PartitionTime, TimesThatGoBackDoNotHideWhatReachesTheTime) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  const std::vector<std::int64_t> times = {500, 100, 300, 900, 200, 800};
  for (std::size_t i = 0; i < times.size(); ++i)
    machine.append_ok(i, {.payload_bytes = 30'000, .timestamp_ms = times[i]});
  for (std::int64_t asked = 0; asked <= 1000; asked += 50) {
    const auto first = std::ranges::find_if(times, [asked](std::int64_t t) { return t >= asked; });
    const auto found = machine.scheduler.run(machine.partition().find_time(asked));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->has_value(), first != times.end()) << asked;
    if (!*found) continue;
    EXPECT_EQ(BatchHeader::parse((*found)->view())->base_offset.value, first - times.begin()) << asked;
  }
}

TEST(PartitionTime, AnEmptyLogHasNoTime) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.partition().max_timestamp_ms(), -1);
  EXPECT_FALSE(machine.scheduler.run(machine.partition().find_time(0))->has_value());
}

}  // namespace
}  // namespace penstock::log::testing
