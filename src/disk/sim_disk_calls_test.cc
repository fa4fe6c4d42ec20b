// What can happen to the single device calls that reads and writes are made of, to writes that outlive
// their process, and what a device can lie about.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "disk/sim_disk_test_calls.h"
#include "disk/transfer.h"

namespace penstock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kTurnedAway[] = {EINTR, EAGAIN, ECANCELED};

// ---- reads and writes are device calls, and calls can be cut short

TEST(SimDiskCalls, AWriteThatIsCutShortIsWrittenWhole) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed});
    const auto file = machine.create("/log");
    machine.disk.inject({.op = SimOp::kWrite, .count = 3, .kind = SimFaultKind::kShort});
    const std::uint64_t steps_before = machine.disk.steps();
    machine.write(*file, 0, blocks_of('a', 4 * kBlockBytes), Durability::kDevice);
    EXPECT_EQ(machine.disk.steps() - steps_before, 2U * 4) << "three short calls and the last one";
    EXPECT_EQ(text_of(storage, "/log"), std::string(4 * kBlockBytes, 'a'));
    machine.disk.power_cut();
    EXPECT_EQ(text_of(storage, "/log"), std::string(4 * kBlockBytes, 'a'));
  }
}

TEST(SimDiskCalls, AReadThatIsCutShortReadsOn) {
  std::uint64_t cut_short_count = 0;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed});
    const auto file = machine.open("/log", kCreate);
    machine.write(*file, 0, blocks_of('a', 2 * kBlockBytes));
    machine.write(*file, 2 * kBlockBytes, blocks_of('b', 2 * kBlockBytes));
    machine.ok(file->truncate(3 * kBlockBytes + 100));
    machine.disk.inject({.op = SimOp::kRead, .count = 2, .kind = SimFaultKind::kShort});
    const std::uint64_t steps_before = machine.disk.steps();
    EXPECT_EQ(machine.read(*file, 0, 4 * kBlockBytes),
              std::string(2 * kBlockBytes, 'a') + std::string(kBlockBytes + 100, 'b'));
    if (machine.disk.steps() - steps_before > 2U) ++cut_short_count;
  }
  // Not always: a call may be cut short behind the end of the file.
  EXPECT_GT(cut_short_count, kFewSeeds / 2);
}

TEST(SimDiskCalls, CallsThatMoveNothingAreMadeAgainWithABound) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  for (const SimOp op : {SimOp::kWrite, SimOp::kRead}) {
    machine.disk.inject({.op = op, .count = Transfer::kMaxIdleCalls, .kind = SimFaultKind::kNothing});
  }
  machine.write(*file, 0, blocks_of('a'));
  EXPECT_EQ(machine.read(*file, 0, kBlockBytes), std::string(kBlockBytes, 'a'));

  for (const SimOp op : {SimOp::kWrite, SimOp::kRead}) {
    machine.disk.inject(
        {.op = op, .count = Transfer::kMaxIdleCalls + 1, .kind = SimFaultKind::kNothing});
  }
  EXPECT_EQ(machine.error(file->write(FilePosition{0}, blocks_of('b'), Durability::kNone)),
            ErrorCode::kIo);
  EXPECT_EQ(machine.error(file->read(FilePosition{0}, AlignedBuffer(kBlockBytes), kBlockBytes)),
            ErrorCode::kIo);
}

TEST(SimDiskCalls, CallsThatAreTurnedAwayAreMadeAgainWithABound) {
  for (const int errno_value : kTurnedAway) {
    SimStorage storage;
    Machine machine(storage);
    const auto file = machine.create("/log");
    const auto turn_away = [&](std::uint64_t count) {
      for (const SimOp op : {SimOp::kWrite, SimOp::kRead, SimOp::kSync, SimOp::kTruncate,
                             SimOp::kAllocate, SimOp::kSyncDirectory, SimOp::kRename}) {
        machine.disk.inject({.op = op, .count = count, .errno_value = errno_value});
      }
    };
    turn_away(Transfer::kMaxIdleCalls);
    machine.write(*file, 0, blocks_of('a'));
    machine.ok(file->sync(SyncScope::kData));
    machine.ok(file->allocate(2 * kBlockBytes));
    machine.ok(file->truncate(kBlockBytes));
    machine.ok(machine.disk.rename("/log", "/new"));
    machine.ok(machine.disk.sync_directory("/"));
    EXPECT_EQ(machine.read(*file, 0, kBlockBytes), std::string(kBlockBytes, 'a'));

    turn_away(Transfer::kMaxIdleCalls + 1);
    const ErrorCode expected = Error::from_errno(errno_value, "").code();
    EXPECT_EQ(machine.error(file->write(FilePosition{0}, blocks_of('b'), Durability::kNone)), expected);
    EXPECT_EQ(machine.error(file->sync(SyncScope::kData)), expected);
    EXPECT_EQ(machine.error(file->allocate(8 * kBlockBytes)), expected);
    EXPECT_EQ(machine.error(file->truncate(0)), expected);
    EXPECT_EQ(machine.error(machine.disk.rename("/new", "/newer")), expected);
    EXPECT_EQ(machine.error(machine.disk.sync_directory("/")), expected);
    EXPECT_EQ(machine.error(file->read(FilePosition{0}, AlignedBuffer(kBlockBytes), kBlockBytes)),
              expected);
  }
}

TEST(SimDiskCalls, ASyncThatWasOnlyTurnedAwayStillMakesDurable) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a'));
      machine.disk.inject({.op = SimOp::kSync, .count = 2, .errno_value = EINTR});
      machine.ok(file->sync(SyncScope::kData));
      machine.disk.power_cut();
    }
    EXPECT_EQ(text_of(storage, "/log"), std::string(kBlockBytes, 'a'));
  }
}

// A short call says how much it has moved. What else it moved nobody knows.
TEST(SimDiskCalls, BetweenTheCallsOfAWriteAnySubsetOfTheRestMayBeThere) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
    const auto file = machine.open("/log", kCreate);
    machine.write(*file, 0, blocks_of('a', 3 * kSectorBytes));
    machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kShort});
    machine.disk.inject({.op = SimOp::kWrite, .nth = 2});
    SharedSlice data = blocks_of('b', 3 * kSectorBytes);
    machine.disk.crash_after(machine.disk.steps() + 2, SimCrash::kKill);  // before the second call
    EXPECT_EQ(machine.error(file->write(FilePosition{0}, std::move(data), Durability::kNone)),
              ErrorCode::kClosed);
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"baa", "bab", "bba", "bbb"}));
}

TEST(SimDiskCalls, TheSeedDisturbsCallsAndNoOperationFailsByIt) {
  for (const std::uint64_t disturbed_one_in : {1U, 2U, 10U}) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
      SimStorage storage;
      SimDiskOptions options{.seed = seed, .disturbed_one_in = disturbed_one_in};
      options.trace = [&seen](std::string_view line) {
        for (const char* outcome : {"(short)", "(nothing)", "Interrupted", "temporarily", "canceled"}) {
          if (line.find(outcome) != std::string_view::npos) seen.insert(outcome);
        }
      };
      Machine machine(storage, std::move(options));
      const auto file = machine.open("/log", kCreate);
      for (std::uint64_t i = 0; i < 8; ++i) {
        const std::uint64_t size_bytes = (1 + i) * kBlockBytes;
        const char letter = static_cast<char>('a' + i);
        machine.write(*file, i * kMiB, blocks_of(letter, size_bytes), Durability::kDevice);
        EXPECT_EQ(machine.read(*file, i * kMiB, size_bytes), std::string(size_bytes, letter));
      }
    }
    EXPECT_EQ(seen.size(), 5U) << "one in " << disturbed_one_in;
  }
}

TEST(SimDiskCalls, DisturbancesShiftNoOtherNumbers) {
  const auto latencies = [](std::uint64_t disturbed_one_in) {
    SimStorage storage;
    Machine machine(storage, {.seed = 9, .disturbed_one_in = disturbed_one_in});
    for (int i = 0; i < 20; ++i) machine.ok(machine.disk.sync_directory("/"));
    return machine.clock.now();
  };
  EXPECT_EQ(latencies(0), latencies(1)) << "they happen to reads and writes only";
}

TEST(SimDiskCalls, TheSameSeedDisturbsTheSameCalls) {
  const auto hash = [](std::uint64_t seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed, .disturbed_one_in = 2});
    const auto file = machine.open("/log", kCreate);
    for (int i = 0; i < 10; ++i) machine.write(*file, 0, blocks_of('a', 8 * kBlockBytes));
    return machine.disk.trace_hash();
  };
  EXPECT_EQ(hash(1), hash(1));
  EXPECT_NE(hash(1), hash(2));
}

TEST(SimDiskCalls, ACrashCanComeBetweenTheCallsOfOneWrite) {
  SimStorage counted;
  std::uint64_t steps = 0;
  const auto write = [](Machine& machine) {
    const auto file = machine.open("/log", kCreate);
    machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kShort});
    SharedSlice data = blocks_of('a', 2 * kBlockBytes);
    return machine.scheduler.run(file->write(FilePosition{0}, std::move(data), Durability::kDevice));
  };
  {
    Machine machine(counted);
    EXPECT_TRUE(write(machine));
    steps = machine.disk.steps();
  }
  EXPECT_EQ(steps, 2U + 4U);
  for (std::uint64_t step = 2; step < steps; ++step) {
    SimStorage storage;
    Machine machine(storage);
    machine.disk.crash_after(step, SimCrash::kPowerCut);
    const Result<void> result = write(machine);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kClosed);
  }
}

TEST(SimDiskCalls, AFaultMayMakeOneCallArbitrarilyLate) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kSlow, .delay = seconds(7)});
  std::optional<Result<void>> slow;
  SharedSlice data = blocks_of('a');
  machine.scheduler.spawn(
      run_in_background(file->write(FilePosition{0}, std::move(data), Durability::kNone), slow));
  for (std::uint64_t i = 1; i <= 100; ++i) machine.write(*file, i * kBlockBytes, blocks_of('b'));
  EXPECT_FALSE(slow.has_value()) << "a hundred writes have overtaken it";
  machine.sleep(seconds(7));
  ASSERT_TRUE(slow.has_value());
  EXPECT_TRUE(slow->has_value());
  EXPECT_EQ(machine.read(*file, 0, kBlockBytes), std::string(kBlockBytes, 'a'));
}

TEST(SimDiskCallsDeathTest, AFaultThatCannotHappenIsABugOfTheTest) {
  SimStorage storage;
  Machine machine(storage);
  EXPECT_DEATH(machine.disk.inject({.op = SimOp::kSync, .kind = SimFaultKind::kShort}),
               "cannot happen");
  EXPECT_DEATH(machine.disk.inject({.op = SimOp::kRead, .kind = SimFaultKind::kLost}), "cannot happen");
  EXPECT_DEATH(machine.disk.inject({.op = SimOp::kOpen, .kind = SimFaultKind::kNotDurable}),
               "cannot happen");
}

TEST(SimDiskCallsDeathTest, ABufferThatChangesBetweenItsCallsAborts) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.open("/log", kCreate);
  const auto memory = std::make_shared<AlignedBuffer>(2 * kBlockBytes);
  std::ranges::fill(memory->span(), std::byte{'a'});
  const SharedSlice data(std::shared_ptr<const std::byte>(memory, memory->data()), memory->view());
  machine.disk.inject({.op = SimOp::kWrite, .count = 3, .errno_value = EAGAIN});
  const auto change = [&] {
    std::optional<Result<void>> result;
    machine.scheduler.spawn(
        run_in_background(file->write(FilePosition{0}, data, Durability::kNone), result));
    machine.sleep(microseconds(700));  // the second or third of its calls is under way
    ASSERT_FALSE(result.has_value());
    memory->data()[2 * kBlockBytes - 1] = std::byte{'b'};
    machine.sleep(milliseconds(10));
  };
  EXPECT_DEATH(change(), "buffer was changed");
}

// ---- lies

TEST(SimDiskLie, ALostWriteSaysSuccessAndMissesSomeOrAllOfItsSectors) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
    const auto file = machine.create("/log");
    machine.write(*file, 0, blocks_of('a', 3 * kSectorBytes), Durability::kDevice);
    machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kLost});
    machine.write(*file, 0, blocks_of('b', 3 * kSectorBytes), Durability::kDevice);
    const std::string now = machine.read(*file, 0, 3 * kSectorBytes);
    machine.disk.power_cut();
    EXPECT_EQ(text_of(storage, "/log"), now) << "what has arrived is durable, the rest never was";
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"aaa", "aab", "aba", "abb", "baa", "bab", "bba"}));
}

TEST(SimDiskLie, ALostWriteStillGrowsItsFile) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed});
    const auto file = machine.create("/log");
    machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kLost});
    machine.write(*file, 0, blocks_of('b', 4 * kBlockBytes), Durability::kDevice);
    EXPECT_EQ(machine.scheduler.run(file->size()), 4 * kBlockBytes);
    machine.disk.power_cut();
    EXPECT_EQ(text_of(storage, "/log").size(), 4 * kBlockBytes);
    EXPECT_NE(text_of(storage, "/log").find('\0'), std::string::npos);
  }
}

TEST(SimDiskLie, AMisdirectedWriteIsElsewhereInTheFile) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
    const auto file = machine.create("/log");
    machine.write(*file, 0, blocks_of('a', 5 * kSectorBytes), Durability::kDevice);
    machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kMisdirected});
    machine.write(*file, 2 * kSectorBytes, blocks_of('b', kSectorBytes), Durability::kDevice);
    machine.disk.power_cut();
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"baaaa", "abaaa", "aaaba", "aaaab"}));
}

TEST(SimDiskLie, AMisdirectedWriteLandsWhereTheTestSays) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.create("/log");
  machine.write(*file, 0, blocks_of('a', 4 * kBlockBytes));
  machine.disk.inject({.op = SimOp::kWrite,
                       .kind = SimFaultKind::kMisdirected,
                       .misdirected_to = FilePosition{kBlockBytes}});
  machine.write(*file, 3 * kBlockBytes, blocks_of('b'));
  EXPECT_EQ(machine.read(*file, 0, 4 * kBlockBytes), std::string(kBlockBytes, 'a') +
                                                         std::string(kBlockBytes, 'b') +
                                                         std::string(2 * kBlockBytes, 'a'));
}

TEST(SimDiskLie, AMisdirectedWriteOfAFileWithoutOtherPlacesIsNowhere) {
  SimStorage storage;
  Machine machine(storage);
  const auto file = machine.create("/log");
  machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kMisdirected});
  machine.write(*file, 0, blocks_of('b'));
  EXPECT_EQ(text_of(storage, "/log"), std::string(kBlockBytes, '\0'));
}

TEST(SimDiskLie, ADurableWriteMayNotBeDurable) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed});
    const auto file = machine.create("/log");
    machine.write(*file, 0, blocks_of('a', kBlockBytes), Durability::kDevice);
    machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kNotDurable});
    machine.write(*file, 0, blocks_of('b', kBlockBytes), Durability::kDevice);
    EXPECT_EQ(machine.read(*file, 0, kBlockBytes), std::string(kBlockBytes, 'b'));
    machine.disk.power_cut();
    outcomes.insert(text_of(storage, "/log").substr(0, 1));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"a", "b"}));
}

TEST(SimDiskLie, ASyncMaySayThatItIsDoneAndHaveDoneNothing) {
  std::set<std::string> bytes;
  std::set<bool> names;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage, {.seed = seed});
    const auto file = machine.create("/log");
    machine.write(*file, 0, blocks_of('a', kBlockBytes), Durability::kDevice);
    machine.write(*file, 0, blocks_of('b', kBlockBytes));
    machine.open("/other", kCreate);
    machine.disk.inject({.op = SimOp::kSync, .kind = SimFaultKind::kNotDurable});
    machine.disk.inject({.op = SimOp::kSyncDirectory, .kind = SimFaultKind::kNotDurable});
    machine.ok(file->sync(SyncScope::kAll));
    machine.ok(machine.disk.sync_directory("/"));
    machine.disk.power_cut();
    bytes.insert(text_of(storage, "/log").substr(0, 1));
    names.insert(storage.exists("/other"));
  }
  EXPECT_EQ(bytes, (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(names.size(), 2U);
}

TEST(SimDiskLie, AFileOpenedForReadingTakesNoLiesEither) {
  SimStorage storage;
  Machine machine(storage);
  machine.create("/log");
  const auto file = machine.open("/log", kRead);
  machine.disk.inject({.op = SimOp::kWrite, .kind = SimFaultKind::kLost});
  EXPECT_EQ(machine.error(file->write(FilePosition{0}, blocks_of('b'), Durability::kNone)),
            ErrorCode::kIo);
}

// ---- writes that outlive their process

class SimDiskLateWrite : public testing::Test {
 protected:
  static constexpr Duration kLatest = milliseconds(50);

  // A file of 'a's, and a process that was killed while it overwrote the first sectors with 'b's.
  static void kill_while_writing(SimStorage& storage, std::uint64_t seed,
                                 Duration late_write_max = kLatest) {
    Machine machine(storage, options(seed, late_write_max));
    const auto file = machine.create("/log");
    machine.write(*file, 0, blocks_of('a', kSectors * kSectorBytes), Durability::kDevice);
    machine.disk.crash_after(machine.disk.steps() + 1, SimCrash::kKill);
    SharedSlice data = blocks_of('b', kSectors * kSectorBytes);
    EXPECT_EQ(machine.error(file->write(FilePosition{0}, std::move(data), Durability::kDevice)),
              ErrorCode::kClosed);
  }
  static SimDiskOptions options(std::uint64_t seed, Duration late_write_max = kLatest) {
    return {.seed = seed, .block_bytes = kSectorBytes, .late_write_max = late_write_max};
  }

  static constexpr std::size_t kSectors = 2;
};

TEST_F(SimDiskLateWrite, LandsAfterTheNextMachineHasReadTheFile) {
  std::set<std::string> changes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimStorage storage;
    kill_while_writing(storage, seed);
    Machine next(storage, options(seed));
    const std::string before = sectors_of(storage, "/log");
    next.sleep(kLatest);
    EXPECT_FALSE(next.disk.has_late_writes());
    changes.insert(before + sectors_of(storage, "/log"));
  }
  // Settled by the kill (four ways), or still the old bytes and then any.
  EXPECT_EQ(changes, (std::set<std::string>{"aaaa", "abab", "baba", "bbbb", "aaab", "aaba", "aabb"}));
}

TEST_F(SimDiskLateWrite, WithoutTheOptionEverythingHasSettledAtTheKill) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    kill_while_writing(storage, seed, Duration::zero());
    Machine next(storage, options(seed, Duration::zero()));
    EXPECT_FALSE(next.disk.has_late_writes());
    const std::string before = sectors_of(storage, "/log");
    next.sleep(kLatest);
    EXPECT_EQ(sectors_of(storage, "/log"), before);
  }
}

// What a server does: nothing, until the kernel lets go of the lock.
TEST_F(SimDiskLateWrite, WhoWaitsUntilTheyHaveLandedSeesNoChangeAnyMore) {
  std::uint64_t waited_count = 0;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    kill_while_writing(storage, seed);
    Machine next(storage, options(seed));
    if (next.disk.has_late_writes()) ++waited_count;
    while (next.disk.has_late_writes()) next.sleep(microseconds(100));
    EXPECT_LE(next.clock.now(), Instant{kLatest + microseconds(100)});
    const std::string found = sectors_of(storage, "/log");
    next.sleep(10 * kLatest);
    EXPECT_EQ(sectors_of(storage, "/log"), found);
  }
  EXPECT_GT(waited_count, 0U);
  EXPECT_LT(waited_count, kFewSeeds);
}

TEST_F(SimDiskLateWrite, DestroysWhatTheNextMachineHasWrittenThere) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    kill_while_writing(storage, seed);
    Machine next(storage, options(seed));
    const auto file = next.open("/log", kWrite);
    next.write(*file, 0, blocks_of('c', kSectors * kSectorBytes), Durability::kDevice);
    next.sleep(kLatest);
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_TRUE(outcomes.contains("cc"));
  EXPECT_TRUE(outcomes.contains("bb")) << "this is why every start has new files";
}

TEST_F(SimDiskLateWrite, OutlivesSeveralKillsAndNoPowerCut) {
  std::set<std::string> after_kill;
  std::set<std::string> after_power_cut;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (const SimCrash second : {SimCrash::kKill, SimCrash::kPowerCut}) {
      SimStorage storage;
      kill_while_writing(storage, seed);
      {
        Machine next(storage, options(seed));
        next.disk.crash(second);
      }
      Machine last(storage, options(seed));
      const std::string before = sectors_of(storage, "/log");
      if (second == SimCrash::kPowerCut) EXPECT_FALSE(last.disk.has_late_writes());
      last.sleep(kLatest);
      auto& outcomes = second == SimCrash::kKill ? after_kill : after_power_cut;
      outcomes.insert(before + sectors_of(storage, "/log"));
    }
  }
  EXPECT_TRUE(after_kill.contains("aabb"));
  EXPECT_EQ(after_power_cut, (std::set<std::string>{"aaaa", "abab", "baba", "bbbb"}));
}

TEST_F(SimDiskLateWrite, IsNoLaterForSeveralKills) {
  std::uint64_t waiting_count = 0;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    kill_while_writing(storage, seed);
    {
      Machine next(storage, options(seed));
      next.sleep(kLatest / 2);
      next.disk.kill();
    }
    Machine last(storage, options(seed));
    if (last.disk.has_late_writes()) ++waiting_count;
    last.sleep(kLatest / 2);
    EXPECT_FALSE(last.disk.has_late_writes());
  }
  EXPECT_GT(waiting_count, 0U);
}

TEST_F(SimDiskLateWrite, IsOverBeforeItsFileIsCut) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    kill_while_writing(storage, seed);
    Machine next(storage, options(seed));
    const auto file = next.open("/log", kWrite);
    next.ok(file->truncate(0));
    EXPECT_FALSE(next.disk.has_late_writes());
    next.sleep(kLatest);
    EXPECT_EQ(text_of(storage, "/log"), "");
  }
}

TEST_F(SimDiskLateWrite, OfARemovedFileHarmsNobody) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    kill_while_writing(storage, seed);
    Machine next(storage, options(seed));
    next.ok(next.disk.remove("/log"));
    const auto file = next.create("/log");
    next.write(*file, 0, blocks_of('c', kSectors * kSectorBytes));
    next.sleep(kLatest);
    EXPECT_EQ(sectors_of(storage, "/log"), "cc");
  }
}

}  // namespace
}  // namespace penstock
