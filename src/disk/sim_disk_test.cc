#include "disk/sim_disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "disk/sim_disk_test_calls.h"

namespace penstock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// ---- what it is when nothing fails

TEST(SimDisk, ReadsBackWhatWasWritten) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  machine.write(*file, 4096, blocks_of('b', 8192));
  EXPECT_EQ(machine.read(*file, 0, 4096), std::string(4096, '\0'));
  EXPECT_EQ(machine.read(*file, 4096, 8192), std::string(8192, 'b'));
  EXPECT_EQ(machine.scheduler.run(file->size()).value(), 12288U);
}

TEST(SimDisk, ReadsAreShortAtTheEndOnly) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  machine.write(*file, 0, blocks_of('a', 8192));
  machine.ok(file->truncate(5000));
  EXPECT_EQ(machine.read(*file, 0, 8192).size(), 5000U);
  EXPECT_EQ(machine.read(*file, 4096, 4096).size(), 904U);
  EXPECT_EQ(machine.read(*file, 8192, 4096).size(), 0U);
}

TEST(SimDisk, BytesOfABufferThatWereNotReadAreNotZeros) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  AlignedBuffer buffer(kBlockBytes);
  std::memset(buffer.data(), 0, kBlockBytes);
  const Result<ReadResult> result =
      machine.scheduler.run(file->read(FilePosition{0}, std::move(buffer), kBlockBytes));
  EXPECT_EQ(result->size_bytes, 0U);
  EXPECT_NE(*result->buffer.data(), std::byte{0});
}

TEST(SimDisk, CutBytesReadAsZerosWhenTheFileGrowsAgain) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  machine.write(*file, 0, blocks_of('a', 8192));
  machine.ok(file->truncate(100));
  machine.ok(file->truncate(8192));
  EXPECT_EQ(machine.read(*file, 0, 8192), std::string(100, 'a') + std::string(8092, '\0'));
}

TEST(SimDisk, AllocateGrowsAndNeverShrinks) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  machine.write(*file, 0, blocks_of('a'));
  machine.ok(file->allocate(16384));
  EXPECT_EQ(machine.scheduler.run(file->size()).value(), 16384U);
  machine.ok(file->allocate(4096));
  EXPECT_EQ(machine.scheduler.run(file->size()).value(), 16384U);
  EXPECT_EQ(machine.read(*file, 0, 16384), std::string(4096, 'a') + std::string(12288, '\0'));
}

TEST(SimDisk, NamesFollowTheRulesOfAFileSystem) {
  SimStorage storage;
  Machine machine(storage);
  SimDisk& disk = machine.disk;
  machine.ok(disk.make_directory("/topic"));
  EXPECT_EQ(machine.error(disk.make_directory("/topic")), ErrorCode::kExists);
  EXPECT_EQ(machine.error(disk.make_directory("/no/where")), ErrorCode::kNotFound);
  EXPECT_EQ(machine.error(disk.open("/topic/0", kWrite)), ErrorCode::kNotFound);
  machine.open("/topic/1", kCreate);
  machine.open("/topic/0", kCreate);
  EXPECT_EQ(machine.error(disk.open("/topic/0", kCreate)), ErrorCode::kExists);
  EXPECT_EQ(machine.error(disk.open("/topic", kWrite)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(machine.error(disk.open("/topic/0/x", kCreate)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(machine.scheduler.run(disk.list("/topic")).value(), (std::vector<std::string>{"0", "1"}));
  EXPECT_TRUE(machine.scheduler.run(disk.info("/topic"))->is_directory);
  EXPECT_EQ(machine.error(disk.remove_directory("/topic")), ErrorCode::kExists);
  EXPECT_EQ(machine.error(disk.remove("/topic")), ErrorCode::kInvalidArgument);
  machine.ok(disk.rename("/topic/0", "/topic/1"));
  EXPECT_EQ(machine.scheduler.run(disk.list("/topic")).value(), std::vector<std::string>{"1"});
  EXPECT_EQ(machine.error(disk.rename("/topic", "/topic/1/below")), ErrorCode::kInvalidArgument);
  machine.ok(disk.rename("/topic", "/gone"));
  machine.ok(disk.remove("/gone/1"));
  machine.ok(disk.remove_directory("/gone"));
  EXPECT_EQ(machine.error(disk.info("/gone")), ErrorCode::kNotFound);
}

TEST(SimDisk, ARemovedFileStaysUsableWhileItIsOpen) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  machine.ok(machine.disk.remove("/log"));
  machine.write(*file, 0, blocks_of('a'));
  EXPECT_EQ(machine.read(*file, 0, 4096), std::string(4096, 'a'));
}

TEST(SimDisk, AFileOpenedForReadingTakesNoChanges) {
  SimStorage storage;
  Machine machine(storage);
  machine.write(*machine.open("/log", kCreate), 0, blocks_of('a'));
  const auto file = machine.open("/log", kRead);
  EXPECT_EQ(machine.error(file->write(FilePosition{0}, blocks_of('b'), Durability::kNone)),
            ErrorCode::kIo);
  EXPECT_EQ(machine.error(file->truncate(0)), ErrorCode::kIo);
  EXPECT_EQ(machine.error(file->allocate(8192)), ErrorCode::kIo);
  EXPECT_EQ(text_of(storage, "/log"), std::string(4096, 'a'));
}

TEST(SimDisk, OperationsOvertakeEachOther) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  struct Body {
    static Task<void> write(File& file, std::uint64_t block, std::vector<std::uint64_t>& order) {
      SharedSlice data = blocks_of('a');
      (void)co_await file.write(FilePosition{block * kBlockBytes}, std::move(data), Durability::kNone);
      order.push_back(block);
    }
  };
  std::vector<std::uint64_t> order;
  for (std::uint64_t block = 0; block < 20; ++block) {
    machine.scheduler.spawn(Body::write(*file, block, order));
  }
  machine.sleep(milliseconds(10));
  EXPECT_EQ(order.size(), 20U);
  EXPECT_FALSE(std::ranges::is_sorted(order));
}

TEST(SimDisk, LatencyMayBeFixedAndZeroNeverSuspends) {
  SimStorage storage;
  {
    Machine machine(storage, {.latency_min = microseconds(100), .latency_max = microseconds(100)});
    const auto file = machine.open("/log", kCreate);
    machine.write(*file, 0, blocks_of('a'));
    EXPECT_EQ(machine.clock.now(), Instant{microseconds(200)});
  }
  Machine machine(storage, {.latency_min = Duration::zero(), .latency_max = Duration::zero()});
  machine.open("/log", kRead);
  EXPECT_EQ(machine.clock.now(), Instant{});
}

// ---- kills

TEST(SimDiskKill, LosesNothingThatHadCompleted) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.open("/new", kCreate);
      machine.write(*file, 0, blocks_of('a', 8192));
      machine.ok(file->truncate(5000));
      machine.ok(machine.disk.rename("/new", "/log"));
      machine.disk.kill();
    }
    EXPECT_EQ(text_of(storage, "/log"), std::string(5000, 'a'));
    EXPECT_FALSE(storage.exists("/new"));
  }
}

TEST(SimDiskKill, AWriteInFlightHappensWhollyInPartOrNotAtAll) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.open("/log", kCreate);
      machine.write(*file, 0, blocks_of('a', 4 * kSectorBytes));
      machine.disk.crash_after(machine.disk.steps() + 1, SimCrash::kKill);
      SharedSlice data = blocks_of('b', 4 * kSectorBytes);
      EXPECT_EQ(machine.error(file->write(FilePosition{0}, std::move(data), Durability::kNone)),
                ErrorCode::kClosed);
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes.size(), 16U);
}

TEST(SimDiskKill, WhatWasNotSyncedBeforeAKillCanBeLostToALaterPowerCut) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', kSectorBytes), Durability::kDevice);
      machine.write(*file, 0, blocks_of('b', kSectorBytes));
      machine.disk.kill();
    }
    Machine next(storage, {.seed = seed, .block_bytes = kSectorBytes});
    next.disk.power_cut();
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"a", "b"}));
}

TEST(SimDiskKill, ARenameInFlightHappensOrNot) {
  std::set<bool> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      machine.create("/new");
      machine.disk.crash_after(machine.disk.steps() + 1, SimCrash::kKill);
      EXPECT_EQ(machine.error(machine.disk.rename("/new", "/log")), ErrorCode::kClosed);
    }
    EXPECT_NE(storage.exists("/new"), storage.exists("/log"));
    outcomes.insert(storage.exists("/log"));
  }
  EXPECT_EQ(outcomes.size(), 2U);
}

// ---- dying and starting again

TEST(SimDiskCrash, PendingAndLaterOperationsEndAsClosedAndHaveNoEffect) {
  SimStorage storage;
  Machine machine(storage, {.latency_min = milliseconds(1), .latency_max = milliseconds(1)});
  const auto file = machine.create("/log");
  machine.write(*file, 0, blocks_of('a'), Durability::kDevice);
  std::optional<Result<void>> pending_result;
  machine.scheduler.spawn(run_in_background(file->truncate(0), pending_result));
  machine.sleep(microseconds(10));
  machine.disk.kill();
  const std::string at_death = text_of(storage, "/log");

  EXPECT_TRUE(machine.disk.has_crashed());
  EXPECT_EQ(machine.error(file->write(FilePosition{0}, blocks_of('x'), Durability::kDevice)),
            ErrorCode::kClosed);
  EXPECT_EQ(machine.error(file->sync(SyncScope::kAll)), ErrorCode::kClosed);
  EXPECT_EQ(machine.error(machine.disk.remove("/log")), ErrorCode::kClosed);
  EXPECT_EQ(machine.error(machine.disk.open("/other", kCreate)), ErrorCode::kClosed);
  machine.sleep(milliseconds(5));
  EXPECT_EQ(pending_result->error().code(), ErrorCode::kClosed);
  EXPECT_EQ(machine.scheduler.spawned_count(), 0U);
  EXPECT_EQ(text_of(storage, "/log"), at_death);
  EXPECT_FALSE(storage.exists("/other"));
}

// The smallest program with a promise: each record is acknowledged when it is durable.
Task<Result<void>> append_records(Disk& disk, int& acknowledged_count) {
  Result<std::unique_ptr<File>> file = co_await disk.open("/log", kCreate);
  if (!file) co_return Unexpected(file.error());
  Result<void> named = co_await disk.sync_directory("/");
  if (!named) co_return named;
  for (int i = 0; i < 5; ++i) {
    SharedSlice record = blocks_of(static_cast<char>('a' + i));
    const FilePosition place{static_cast<std::uint64_t>(i) * kBlockBytes};
    Result<void> written = co_await (*file)->write(place, std::move(record), Durability::kDevice);
    if (!written) co_return written;
    ++acknowledged_count;
  }
  co_return Result<void>{};
}

TEST(SimDiskCrash, EveryMomentOfARunCanBeVisited) {
  std::uint64_t steps = 0;
  {
    SimStorage storage;
    Machine machine(storage);
    int acknowledged_count = 0;
    machine.ok(append_records(machine.disk, acknowledged_count));
    steps = machine.disk.steps();
  }
  EXPECT_EQ(steps, 2U * 7);  // open, sync_directory, five writes: each has a start and an end
  std::set<int> acknowledged_counts;
  for (std::uint64_t step = 0; step < steps; ++step) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SimStorage storage;
      int acknowledged_count = 0;
      {
        Machine machine(storage, {.seed = seed});
        machine.disk.crash_after(step, SimCrash::kPowerCut);
        EXPECT_EQ(machine.error(append_records(machine.disk, acknowledged_count)), ErrorCode::kClosed);
        EXPECT_EQ(machine.disk.steps(), step);
      }
      acknowledged_counts.insert(acknowledged_count);
      Machine next(storage, {.seed = seed});
      if (acknowledged_count == 0) continue;
      const auto file = next.open("/log", kRead);
      for (int i = 0; i < acknowledged_count; ++i) {
        EXPECT_EQ(next.read(*file, i * kBlockBytes, kBlockBytes),
                  std::string(kBlockBytes, static_cast<char>('a' + i)));
      }
    }
  }
  EXPECT_EQ(acknowledged_counts, (std::set<int>{0, 1, 2, 3, 4}));
}

// ---- faults

TEST(SimDiskFault, TheNthOperationOfAKindFailsAndNoOther) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  const auto other = machine.open("/other", kCreate);
  machine.disk.inject({.op = SimOp::kWrite, .path_part = "log", .nth = 2, .count = 2});
  machine.write(*other, 0, blocks_of('a'));
  machine.write(*file, 0, blocks_of('a'));
  machine.write(*other, 0, blocks_of('b'));
  EXPECT_EQ(machine.error(file->write(FilePosition{0}, blocks_of('b'), Durability::kDevice)),
            ErrorCode::kIo);
  EXPECT_EQ(machine.error(file->write(FilePosition{0}, blocks_of('c'), Durability::kDevice)),
            ErrorCode::kIo);
  machine.write(*file, 0, blocks_of('d'));
  machine.disk.inject({.op = SimOp::kRead});
  EXPECT_EQ(machine.error(file->read(FilePosition{0}, AlignedBuffer(kBlockBytes), kBlockBytes)),
            ErrorCode::kIo);
  EXPECT_EQ(machine.read(*file, 0, 4096), std::string(4096, 'd'));
}

TEST(SimDiskFault, AFailedWriteLeavesAnySubsetOfItsSectors) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
    const auto file = machine.open("/log", kCreate);
    machine.write(*file, 0, blocks_of('a', 3 * kSectorBytes));
    machine.disk.inject({.op = SimOp::kWrite});
    SharedSlice data = blocks_of('b', 3 * kSectorBytes);
    EXPECT_EQ(machine.error(file->write(FilePosition{0}, std::move(data), Durability::kDevice)),
              ErrorCode::kIo);
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes.size(), 8U);
}

TEST(SimDiskFault, AfterAFailedSyncALaterOneHelpsNothing) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 2 * kSectorBytes), Durability::kDevice);
      machine.write(*file, 0, blocks_of('b', 2 * kSectorBytes));
      machine.disk.inject({.op = SimOp::kSync});
      EXPECT_EQ(machine.error(file->sync(SyncScope::kData)), ErrorCode::kIo);
      machine.write(*file, kSectorBytes, blocks_of('c', kSectorBytes));
      machine.ok(file->sync(SyncScope::kData));  // covers what was written after the failure only
      EXPECT_EQ(machine.read(*file, 0, 2 * kSectorBytes).front(), 'b');
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"ac", "bc"}));
}

TEST(SimDiskFault, AFullDeviceRefusesAndGoesOnWhenSpaceIsFree) {
  SimStorage storage({.capacity_bytes = 4 * kBlockBytes});
  Machine machine(storage);
  const auto first = machine.open("/first", kCreate);
  const auto second = machine.open("/second", kCreate);
  machine.write(*first, 0, blocks_of('a', 2 * kBlockBytes));
  machine.ok(second->allocate(2 * kBlockBytes));
  EXPECT_EQ(machine.scheduler.run(machine.disk.space("/"))->available_bytes, 0U);

  EXPECT_EQ(
      machine.error(first->write(FilePosition{2 * kBlockBytes}, blocks_of('b'), Durability::kNone)),
      ErrorCode::kNoSpace);
  EXPECT_EQ(machine.scheduler.run(first->size()).value(), 2 * kBlockBytes);
  machine.write(*second, kBlockBytes, blocks_of('c'));  // allocated space cannot run out
  machine.write(*first, 0, blocks_of('d'));             // nor can an overwrite
  EXPECT_EQ(machine.error(second->allocate(3 * kBlockBytes)), ErrorCode::kNoSpace);

  machine.ok(first->truncate(0));
  machine.write(*second, 2 * kBlockBytes, blocks_of('e', 2 * kBlockBytes));
}

TEST(SimDiskFault, TheSpaceOfARemovedFileCanBeUsedWhenNothingHoldsIt) {
  SimStorage storage({.capacity_bytes = 2 * kBlockBytes});
  Machine machine(storage);
  auto first = machine.create("/first");
  const auto second = machine.create("/second");
  machine.write(*first, 0, blocks_of('a', 2 * kBlockBytes));
  machine.ok(machine.disk.remove("/first"));
  EXPECT_EQ(machine.error(second->write(FilePosition{0}, blocks_of('b'), Durability::kNone)),
            ErrorCode::kNoSpace);  // it is still open
  first.reset();
  machine.write(*second, 0, blocks_of('b', 2 * kBlockBytes));
}

TEST(SimDiskFault, AFlippedBitIsThereForReadsAndAfterAPowerCut) {
  SimStorage storage;
  {
    Machine machine(storage);
    const auto file = machine.create("/log");
    machine.write(*file, 0, blocks_of('a'), Durability::kDevice);
    storage.flip_bit("/log", FilePosition{1000}, 1);
    EXPECT_EQ(machine.read(*file, 0, 4096)[1000], 'a' ^ 2);
    EXPECT_EQ(machine.read(*file, 0, 4096)[1001], 'a');
    machine.disk.power_cut();
  }
  EXPECT_EQ(text_of(storage, "/log")[1000], 'a' ^ 2);
}

TEST(SimDiskFault, AReadDuringAWriteSeesAnyMixture) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
    const auto file = machine.open("/log", kCreate);
    machine.write(*file, 0, blocks_of('a', 2 * kSectorBytes));
    std::optional<Result<void>> write_result;
    SharedSlice data = blocks_of('b', 2 * kSectorBytes);
    machine.scheduler.spawn(run_in_background(
        file->write(FilePosition{0}, std::move(data), Durability::kNone), write_result));
    const std::string text = machine.read(*file, 0, 2 * kSectorBytes);
    outcomes.insert({text.front(), text.back()});
    machine.sleep(milliseconds(1));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"aa", "ab", "ba", "bb"}));
}

// ---- bugs above

class SimDiskDeathTest : public testing::Test {
 protected:
  SimStorage storage_;
  Machine machine_{storage_};
  std::unique_ptr<File> file_ = machine_.open("/log", kCreate);
};

TEST_F(SimDiskDeathTest, MisalignedCallsAbort) {
  EXPECT_DEATH(machine_.write(*file_, 100, blocks_of('a')), "not a whole block");
  EXPECT_DEATH(machine_.write(*file_, 0, blocks_of('a').slice(0, 512)), "not whole blocks");
  EXPECT_DEATH(machine_.write(*file_, 0, blocks_of('a', 8192).slice(512, 4096)), "not block-aligned");
  EXPECT_DEATH(machine_.read(*file_, 512, 4096), "not a whole block");
}

TEST_F(SimDiskDeathTest, TwoWritesInFlightToTheSameBytesAbort) {
  std::optional<Result<void>> result;
  SharedSlice data = blocks_of('a', 8192);
  const auto overlap = [&] {
    machine_.scheduler.spawn(
        run_in_background(file_->write(FilePosition{0}, std::move(data), Durability::kNone), result));
    machine_.write(*file_, 4096, blocks_of('b'));
  };
  EXPECT_DEATH(overlap(), "two writes in flight");
}

TEST_F(SimDiskDeathTest, ABufferThatChangesWhileItIsWrittenAborts) {
  const auto memory = std::make_shared<AlignedBuffer>(kBlockBytes);
  std::memset(memory->data(), 'a', kBlockBytes);
  const SharedSlice data(std::shared_ptr<const std::byte>(memory, memory->data()), memory->view());
  const auto change = [&] {
    std::optional<Result<void>> result;
    machine_.scheduler.spawn(
        run_in_background(file_->write(FilePosition{0}, data, Durability::kNone), result));
    machine_.sleep(microseconds(1));
    *memory->data() = std::byte{'b'};
    machine_.sleep(milliseconds(10));
  };
  EXPECT_DEATH(change(), "buffer was changed");
}

TEST_F(SimDiskDeathTest, TwoMachinesOnOneStorageAbort) {
  EXPECT_DEATH(Machine(storage_, SimDiskOptions{}), "second machine");
}

// ---- the same run again

std::uint64_t trace_hash_of(std::uint64_t seed, std::string* text = nullptr) {
  SimStorage storage;
  SimDiskOptions options{.seed = seed};
  if (text != nullptr)
    options.trace = [text](std::string_view line) { *text += fmt::format("{}\n", line); };
  Machine machine(storage, std::move(options));
  const auto file = machine.open("/log", kCreate);
  std::vector<std::optional<Result<void>>> results(10);
  for (std::size_t i = 0; i < results.size(); ++i) {
    SharedSlice data = blocks_of(static_cast<char>('a' + i));
    machine.scheduler.spawn(run_in_background(
        file->write(FilePosition{i * kBlockBytes}, std::move(data), Durability::kNone), results[i]));
  }
  machine.sleep(microseconds(200));
  machine.disk.power_cut();
  machine.sleep(milliseconds(1));
  return machine.disk.trace_hash();
}

TEST(SimDiskTrace, TheSameSeedGivesTheSameRunAndAnotherSeedAnother) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    const std::uint64_t hash = trace_hash_of(seed);
    EXPECT_EQ(trace_hash_of(seed), hash);
    hashes.insert(hash);
  }
  EXPECT_EQ(hashes.size(), kFewSeeds);
}

TEST(SimDiskTrace, TheTextHasOneLinePerOperation) {
  std::string text;
  trace_hash_of(1, &text);
  EXPECT_EQ(std::ranges::count(text, '\n'), 1 + 10 + 1);
  EXPECT_NE(text.find("open /log [0, +0) ok"), std::string::npos);
  EXPECT_NE(text.find("power cut"), std::string::npos);
  EXPECT_NE(text.find("write /log [4096, +4096)"), std::string::npos);
}

}  // namespace
}  // namespace penstock
