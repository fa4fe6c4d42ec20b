#include "log/checkpoint.h"

#include <gtest/gtest.h>

#include <vector>

#include "log/testing/log_machine.h"
#include "log/testing/segment_bytes.h"

namespace penstock::log::testing {
namespace {

constexpr Salt kSalt = 0x5A17;

Checkpoint checkpoint(std::size_t place_count) {
  Checkpoint made;
  made.number = 7;
  made.base_offset = Offset{100};
  made.next_offset = Offset{900};
  made.data_end = FilePosition{800'001};
  made.commit_sequence = 77;
  made.entry_bytes = 12'345;
  SegmentIndex index;
  for (std::size_t i = 0; i < place_count; ++i) {
    BatchHeader batch;
    batch.base_offset = Offset{100 + static_cast<std::int64_t>(i)};
    batch.max_timestamp_ms = 1000 + static_cast<std::int64_t>(i);
    index.note(batch, kFirstCommit + i * kIndexStrideBytes);
  }
  made.index = index;
  return made;
}

std::vector<std::byte> block_of(const Checkpoint& made) {
  std::vector<std::byte> block(kBlockBytes);
  segment_header(1, kSalt).encode(block);
  made.encode(block, kSalt);
  return block;
}

TEST(Checkpoint, IsReadAsItWasWrittenBesideTheHeader) {
  for (const std::size_t places : {std::size_t{1}, std::size_t{2}, Checkpoint::kPlacesMax}) {
    const Checkpoint made = checkpoint(places);
    const auto block = block_of(made);
    EXPECT_TRUE(SegmentHeader::decode(block));
    const auto found = Checkpoint::decode(block, kSalt);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->number, made.number);
    EXPECT_EQ(found->base_offset, made.base_offset);
    EXPECT_EQ(found->next_offset, made.next_offset);
    EXPECT_EQ(found->data_end, made.data_end);
    EXPECT_EQ(found->commit_sequence, made.commit_sequence);
    EXPECT_EQ(found->entry_bytes, made.entry_bytes);
    EXPECT_EQ(found->index.places(), made.index.places());
    EXPECT_EQ(found->index.max_timestamp_ms(), made.index.max_timestamp_ms());
  }
}

TEST(Checkpoint, AnyDamageOrAnotherSegmentsMakesItNone) {
  const auto block = block_of(checkpoint(3));
  EXPECT_FALSE(Checkpoint::decode(block, kSalt + 1));
  EXPECT_FALSE(Checkpoint::decode(ByteView(block).first(1000), kSalt));
  EXPECT_FALSE(Checkpoint::decode(std::vector<std::byte>(kBlockBytes), kSalt));
  std::size_t unseen = 0;
  for (std::size_t bit = Checkpoint::kAt * 8; bit < kBlockBytes * 8; ++bit) {
    auto damaged = block;
    damaged[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    if (Checkpoint::decode(damaged, kSalt)) ++unseen;
  }
  // Those behind it belong to nobody.
  EXPECT_EQ(unseen, (kBlockBytes - Checkpoint::kAt - 72 - 3 * SegmentIndex::kPlaceBytes) * 8);
}

TEST(SegmentIndex, ThinnedItFindsTheSamePlaceOrOneInFront) {
  const SegmentIndex index = checkpoint(140).index;
  for (const std::size_t count : {1U, 2U, 3U, 70U, 139U, 140U, 1000U}) {
    const SegmentIndex thin = index.thinned(count);
    ASSERT_LE(thin.places().size(), count);
    EXPECT_EQ(thin.places().front().position, index.places().front().position);
    EXPECT_EQ(thin.max_timestamp_ms(), index.max_timestamp_ms());
    for (std::int64_t i = 0; i < 140; ++i) {
      EXPECT_LE(thin.find(Offset{100 + i})->position, index.find(Offset{100 + i})->position);
      EXPECT_LE(thin.find_time(1000 + i)->position, index.find_time(1000 + i)->position);
    }
    EXPECT_FALSE(thin.find_time(1140));
  }
}

// ---- in a partition

constexpr BatchShape kLarge{.payload_bytes = 5000};

class PartitionCheckpoint : public ::testing::Test {
 protected:
  static LogMachineOptions options() {
    LogMachineOptions made;
    made.pool.smallest_bytes = kMiB;
    made.partition.segment_bytes = kMiB;
    made.partition.checkpoint_bytes = 64 * kKiB;
    return made;
  }
  // 60 commits of two blocks in one segment, and dead.
  void write_and_die() {
    LogMachine machine(storage_, options());
    machine.start();
    for (std::uint64_t seed = 0; seed < kCommits; ++seed) {
      machine.append_ok(seed, {.payload_bytes = 5000, .timestamp_ms = time_of(seed)});
      seeds_.push_back(seed);
    }
    machine.die(SimCrash::kPowerCut);
  }
  static std::int64_t time_of(std::uint64_t seed) { return static_cast<std::int64_t>(1000 + seed); }

  static constexpr std::uint64_t kCommits = 60;
  SimStorage storage_;
  std::vector<std::uint64_t> seeds_;
};

TEST_F(PartitionCheckpoint, OnlyWhatCameAfterTheLastOneIsScanned) {
  write_and_die();
  LogMachine machine(storage_, options());
  machine.start();
  EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
  EXPECT_EQ(machine.report().scanned_segment_count, 1U);
  EXPECT_LE(machine.report().scanned_bytes, 96 * kKiB);
  const auto batches = machine.read_all(Offset{0});
  ASSERT_EQ(batches.size(), kCommits);
  for (std::uint64_t seed = 0; seed < kCommits; ++seed) {
    EXPECT_EQ(batches[seed], stored_batch(seed, Offset{static_cast<std::int64_t>(seed)},
                                          {.payload_bytes = 5000, .timestamp_ms = time_of(seed)}));
    const auto found = machine.scheduler.run(machine.partition().find_time(time_of(seed)));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ(BatchHeader::parse((*found)->view())->base_offset.value, static_cast<std::int64_t>(seed));
  }
  EXPECT_EQ(machine.partition().max_timestamp_ms(), time_of(kCommits - 1));
}

TEST_F(PartitionCheckpoint, WithoutReadableOnesAllIsScannedAndWithOneFromThere) {
  write_and_die();
  std::uint64_t scanned_bytes_before = 0;
  for (int damaged = 0; damaged < 2; ++damaged) {
    const FilePosition in_checkpoint =
        kHeaderCopies[static_cast<std::size_t>(damaged)] + (Checkpoint::kAt + 20);
    storage_.flip_bit(segment_path(1), in_checkpoint, 0);
    SimStorage copy;
    LogMachine machine(storage_, options());
    machine.start();
    EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
    EXPECT_EQ(machine.marks().high_watermark, Offset{kCommits});
    EXPECT_GE(machine.report().scanned_bytes, scanned_bytes_before);
    scanned_bytes_before = machine.report().scanned_bytes;
    // The seal that this recovery wrote goes again, so that the next one has to scan.
    (void)machine.scheduler.run(machine.disk.remove(index_path(1)));
  }
  EXPECT_GT(scanned_bytes_before, 400 * kKiB);
}

TEST_F(PartitionCheckpoint, WhatItVouchesForIsNeverCutSilently) {
  write_and_die();
  const auto start = [&] {
    SimMachine machine(storage_);
    auto file = machine.scheduler.run(machine.disk.open(segment_path(1), {}));
    return *machine.scheduler.run(read_segment_start(**file));
  }();
  ASSERT_TRUE(start.checkpoint);
  // The file lost everything from the middle on.
  {
    SimMachine machine(storage_);
    auto file = machine.scheduler.run(machine.disk.open(segment_path(1), {.write = true}));
    ASSERT_TRUE(machine.scheduler.run((*file)->truncate(200 * kKiB)));
    ASSERT_TRUE(machine.scheduler.run((*file)->sync(SyncScope::kAll)));
  }
  LogMachine machine(storage_, options());
  machine.start();
  ASSERT_EQ(machine.report().findings.size(), 1U);
  EXPECT_GE(machine.marks().high_watermark, start.checkpoint->next_offset);
  EXPECT_EQ(machine.append_ok(99), machine.marks().high_watermark + -1);
}

TEST_F(PartitionCheckpoint, OneThatCannotBeWrittenStopsNothing) {
  {
    LogMachine machine(storage_, options());
    machine.start();
    machine.append_ok(0, kLarge);
    // The next write that is no commit: commits are larger than a block.
    bool is_first = true;
    for (std::uint64_t seed = 1; seed < 40; ++seed) {
      if (is_first && seed == 8) {
        machine.disk.inject({.op = SimOp::kWrite, .path_part = kPoolDirectory, .nth = 2});
        is_first = false;
      }
      if (!machine.append(seed, kLarge)) break;
    }
    machine.die(SimCrash::kKill);
  }
  LogMachine machine(storage_, options());
  machine.start();
  EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
  EXPECT_GE(machine.marks().high_watermark, Offset{9});
}

TEST_F(PartitionCheckpoint, OneWrongReadAtTheEndCostsNothing) {
  for (std::uint64_t nth = 1; nth <= 6; ++nth) {
    SimStorage storage;
    {
      LogMachine machine(storage, options());
      machine.start();
      for (std::uint64_t seed = 0; seed < 10; ++seed) machine.append_ok(seed, kLarge);
      machine.die(SimCrash::kPowerCut);
    }
    LogMachine machine(storage, options());
    machine.disk.inject({.op = SimOp::kRead,
                         .path_part = ".seg",
                         .nth = nth,
                         .kind = SimFaultKind::kMisdirected,
                         .misdirected_to = FilePosition{0}});
    machine.start();
    EXPECT_EQ(machine.marks().high_watermark, Offset{10}) << nth;
    EXPECT_EQ(machine.report().findings, std::vector<std::string>{}) << nth;
  }
}

TEST_F(PartitionCheckpoint, OneWrongReadBesideDamageCostsNothingMore) {
  LogMachineOptions without = options();
  without.partition.checkpoint_bytes = 0;
  int losses = 0;
  for (std::uint64_t nth = 1; nth <= 8; ++nth) {
    SimStorage storage;
    {
      LogMachine machine(storage, without);
      machine.start();
      for (std::uint64_t seed = 0; seed < 10; ++seed) machine.append_ok(seed, kLarge);
      machine.die(SimCrash::kPowerCut);
    }
    storage.flip_bit(segment_path(1), kFirstCommit + kEntryHeaderBytes + 100, 0);
    LogMachine machine(storage, without);
    machine.disk.inject({.op = SimOp::kRead,
                         .path_part = ".seg",
                         .nth = nth,
                         .kind = SimFaultKind::kMisdirected,
                         .misdirected_to = FilePosition{0}});
    machine.start();
    if (machine.marks().high_watermark < Offset{10} || machine.report().findings.size() != 1) ++losses;
  }
  EXPECT_LE(losses, 1) << "of two faults at once, only a second look that goes astray is believed";
}

// ---- how far behind its end a segment is looked at

TEST(CommitReach, AScanLooksNoFurtherThanItsCommitsReach) {
  SimStorage storage;
  LogMachineOptions options;
  options.pool.smallest_bytes = options.partition.segment_bytes = 64 * kMiB;
  options.partition.commit_bytes = kMiB;
  {
    LogMachine machine(storage, options);
    machine.start();
    for (std::uint64_t seed = 0; seed < 300; ++seed) machine.append_ok(seed, {.payload_bytes = 50'000});
    machine.die(SimCrash::kPowerCut);
  }
  std::uint64_t read_bytes = 0;
  options.disk.trace = [&](std::string_view line) {
    const std::size_t length = line.find(", +");
    if (line.find(" read ") != std::string_view::npos && length != std::string_view::npos)
      read_bytes += std::stoull(std::string(line.substr(length + 3)));
  };
  LogMachine machine(storage, options);
  machine.start();
  EXPECT_EQ(machine.marks().high_watermark, Offset{300});
  EXPECT_LE(read_bytes, 4 * kMiB);
}

TEST(CommitReach, ABatchThatReachesFurtherBeginsASegmentThatSaysSo) {
  SimStorage storage;
  LogMachineOptions options;
  options.pool.smallest_bytes = options.partition.segment_bytes = 16 * kMiB;
  // So that the scan begins in front of the damage.
  options.partition.checkpoint_bytes = 8 * kMiB;
  {
    LogMachine machine(storage, options);
    machine.start();
    machine.append_ok(0);
    machine.append_ok(1, {.payload_bytes = 3 * kMiB});
    machine.append_ok(2);
    EXPECT_TRUE(storage.exists(segment_path(2)));
    machine.append_ok(3, {.payload_bytes = 3 * kMiB});
    machine.append_ok(4);
    EXPECT_FALSE(storage.exists(segment_path(3)));
    machine.die(SimCrash::kKill);
  }
  // The second large one is damaged; the small one behind it knows that it was acknowledged.
  storage.flip_bit(segment_path(2), kFirstCommit + (3 * kMiB + 100 * kKiB), 1);
  LogMachine machine(storage, options);
  machine.start();
  ASSERT_EQ(machine.report().findings.size(), 1U);
  EXPECT_NE(machine.report().findings.front().find("3 to 3"), std::string::npos)
      << machine.report().findings.front();
  EXPECT_EQ(machine.marks().high_watermark, Offset{5});
}

}  // namespace
}  // namespace penstock::log::testing
