// A batch topic: acknowledged from memory that outlives the process, on the device a little later.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SimCrash kDeaths[] = {SimCrash::kPowerCut, SimCrash::kKill};
constexpr BatchShape kLarge{.payload_bytes = 5000};
const std::string kUnsynced = std::string(kPartitionDirectory) + "/unsynced";

// Nothing is written before a test wants it.
LogMachineOptions batch_options(std::uint64_t seed = 1) {
  LogMachineOptions options;
  options.disk.seed = seed;
  options.salt_seed = seed;
  options.partition.commit = CommitPolicy::kBatch;
  options.partition.persist = {.records = 1'000'000, .bytes = kMiB, .interval = hours(1)};
  return options;
}

std::vector<std::uint64_t> first_seeds(std::uint64_t count) {
  std::vector<std::uint64_t> seeds(count);
  for (std::uint64_t i = 0; i < count; ++i) seeds[i] = i;
  return seeds;
}

Offset offset(std::uint64_t count) { return Offset{static_cast<std::int64_t>(count)}; }

// ---- acknowledging and persisting

TEST(BatchTopic, AcknowledgesAndServesBeforeTheDeviceHasIt) {
  SimStorage storage;
  LogMachine machine(storage, batch_options());
  machine.start();
  const std::uint64_t steps = machine.disk.steps();
  for (std::uint64_t seed = 0; seed < 5; ++seed) EXPECT_EQ(machine.append_ok(seed), offset(seed));
  EXPECT_EQ(machine.disk.steps(), steps);
  EXPECT_EQ(machine.marks().high_watermark, Offset{5});
  EXPECT_EQ(machine.marks().durable_end, Offset{0});
  machine.expect_log(first_seeds(5));
}

TEST(BatchTopic, ReadersAreToldOfWhatIsAcknowledged) {
  struct Counter final : Partition::Observer {
    void on_high_watermark() override { ++count; }
    int count = 0;
  };
  SimStorage storage;
  LogMachine machine(storage, batch_options());
  machine.start();
  Counter counter;
  machine.partition().add_observer(counter);
  machine.append_ok(0);
  EXPECT_EQ(counter.count, 1);
  machine.partition().remove_observer(counter);
}

TEST(BatchTopic, EachThresholdSendsWhatHasCollectedToTheDevice) {
  constexpr BatchShape kOfFour{.record_count = 4};
  struct Case {
    const char* name;
    PersistThresholds persist;
    std::uint64_t batches;  // that reach it
  };
  const Case cases[] = {
      {"records", {.records = 12, .bytes = kMiB, .interval = hours(1)}, 3},
      {"bytes", {.records = 1'000'000, .bytes = 4 * 161, .interval = hours(1)}, 4},
      {"interval", {.records = 1'000'000, .bytes = kMiB, .interval = seconds(2)}, 2},
  };
  for (const Case& one : cases) {
    SimStorage storage;
    LogMachineOptions options = batch_options();
    options.partition.persist = one.persist;
    LogMachine machine(storage, options);
    machine.start();
    for (std::uint64_t i = 0; i < one.batches; ++i) {
      machine.sleep(milliseconds(900));
      EXPECT_EQ(machine.marks().durable_end, Offset{0}) << one.name << " " << i;
      machine.append_ok(i, kOfFour);
    }
    machine.sleep(milliseconds(1200));
    EXPECT_EQ(machine.marks().durable_end, machine.marks().high_watermark) << one.name;
    EXPECT_EQ(machine.marks().durable_end, offset(4 * one.batches)) << one.name;
  }
}

TEST(BatchTopic, CloseWritesWhatIsLeftAndLeavesNoFile) {
  SimStorage storage;
  {
    LogMachine machine(storage, batch_options());
    machine.start();
    for (std::uint64_t seed = 0; seed < 5; ++seed) machine.append_ok(seed);
    EXPECT_TRUE(storage.exists(kUnsynced));
    EXPECT_TRUE(machine.stop());
  }
  EXPECT_FALSE(storage.exists(kUnsynced));
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.report().unsynced_records, 0U);
  machine.expect_log(first_seeds(5));
}

TEST(BatchTopic, WhatFindsNoRoomInTheMemoryIsAcknowledgedWhenItIsDurable) {
  SimStorage storage;
  LogMachineOptions options = batch_options();
  options.disk.latency_min = options.disk.latency_max = milliseconds(1);
  LogMachine machine(storage, options);
  machine.start();
  // The memory has 4 MiB, and is full before the device has made any room in it.
  std::vector<BackgroundAppend> appends(2000);
  std::size_t at_once = 0;
  for (std::size_t i = 0; i < appends.size(); ++i) {
    const Offset durable_before = machine.marks().durable_end;
    machine.start_append(appends[i], i, kLarge);
    machine.sleep(microseconds(1));
    if (!appends[i].outcome) break;
    ++at_once;
    EXPECT_EQ(machine.marks().durable_end, durable_before);
  }
  ASSERT_LT(at_once, appends.size()) << "the memory is never full";
  EXPECT_GT(at_once, 100U);
  EXPECT_EQ(machine.marks().high_watermark, offset(at_once));
  machine.sleep(seconds(1));
  ASSERT_TRUE(appends[at_once].outcome && *appends[at_once].outcome);
  EXPECT_EQ(machine.marks().durable_end, offset(at_once + 1));
  // There is room again.
  machine.append_ok(at_once + 1, kLarge);
  EXPECT_EQ(machine.marks().high_watermark, offset(at_once + 2));
  EXPECT_EQ(machine.marks().durable_end, offset(at_once + 1));
  machine.expect_log(first_seeds(at_once + 2), kLarge);
}

TEST(BatchTopic, TimesAreFoundInWhatIsNotOnTheDeviceYet) {
  SimStorage storage;
  LogMachine machine(storage, batch_options());
  machine.start();
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    machine.append_ok(seed, {.timestamp_ms = static_cast<std::int64_t>(100 * seed)});
  }
  EXPECT_EQ(machine.partition().max_timestamp_ms(), 300);
  const auto found = machine.scheduler.run(machine.partition().find_time(150));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(BatchHeader::parse((*found)->view())->base_offset, Offset{2});
  const auto none = machine.scheduler.run(machine.partition().find_time(301));
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST(BatchTopic, DeletingUpToTheHighWatermarkWritesItFirst) {
  SimStorage storage;
  LogMachine machine(storage, batch_options());
  machine.start();
  for (std::uint64_t seed = 0; seed < 4; ++seed) machine.append_ok(seed);
  const auto start = machine.scheduler.run(machine.partition().delete_below(Offset{4}));
  ASSERT_TRUE(start) << start.error().message();
  EXPECT_EQ(*start, Offset{4});
  EXPECT_EQ(machine.marks().durable_end, Offset{4});
  machine.die(SimCrash::kPowerCut);
  LogMachine again(storage, batch_options());
  again.start();
  EXPECT_EQ(again.marks().log_start, Offset{4});
  EXPECT_EQ(again.append_ok(9), Offset{4});
}

// ---- death

struct Script {
  std::vector<BackgroundAppend> appends{30};
  Offset durable_end;  // when it died
  std::uint64_t steps = 0;
};

LogMachineOptions script_options(std::uint64_t seed) {
  LogMachineOptions options = batch_options(seed);
  options.partition.persist = {
      .records = 4 + seed % 5, .bytes = 16 * kKiB, .interval = milliseconds(1)};
  options.partition.commit_depth = 1 + static_cast<std::uint32_t>(seed % 3);
  options.partition.tail = seed % 2 == 0 ? TailPolicy::kPad : TailPolicy::kRewrite;
  return options;
}

void play(SimStorage& storage, std::uint64_t seed, std::optional<std::uint64_t> die_after,
          SimCrash death, Script& script) {
  LogMachine machine(storage, script_options(seed));
  if (die_after) machine.disk.crash_after(*die_after, death);
  if (machine.try_start()) {
    // A dead process acknowledges nothing.
    for (std::size_t i = 0; i < script.appends.size() && !machine.disk.has_crashed(); ++i) {
      machine.start_append(script.appends[i], i, i % 4 == 0 ? kLarge : BatchShape{});
      if (i % 3 == 0) machine.sleep(microseconds(150));
    }
    machine.sleep(milliseconds(20));
    script.durable_end = machine.marks().durable_end;
  }
  (void)machine.stop();
  script.steps = machine.disk.steps();
}

void check(SimStorage& storage, const Script& script, SimCrash death) {
  std::int64_t end = 0;
  {
    LogMachine machine(storage, script_options(1000));
    machine.start();
    const auto batches = machine.read_all(Offset{0});
    end = static_cast<std::int64_t>(batches.size());
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const BatchShape shape = i % 4 == 0 ? kLarge : BatchShape{};
      ASSERT_EQ(batches[i], stored_batch(i, Offset{static_cast<std::int64_t>(i)}, shape));
    }
    ASSERT_GE(end, script.durable_end.value) << "durable, and gone";
    // What is taken in is durable, whatever it was before.
    ASSERT_EQ(machine.marks().durable_end, Offset{end});
    if (death == SimCrash::kKill) {
      ASSERT_EQ(machine.report().findings, std::vector<std::string>{});
      for (std::size_t i = 0; i < script.appends.size(); ++i) {
        const auto& outcome = script.appends[i].outcome;
        ASSERT_TRUE(!outcome || !*outcome || i < batches.size()) << "acknowledged, and gone: " << i;
      }
    }
    ASSERT_EQ(machine.append_ok(77), Offset{end});
    machine.die(SimCrash::kKill);
  }
  LogMachine machine(storage, script_options(1001));
  machine.start();
  ASSERT_EQ(machine.marks().high_watermark, Offset{end + 1});
  ASSERT_EQ(machine.report().findings, std::vector<std::string>{});
}

TEST(BatchTopicCrash, AKillAtAnyStepLosesNothingAndAPowerCutOnlyWhatWasNotDurable) {
  std::uint64_t from_memory = 0;
  for (const SimCrash death : kDeaths) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      Script whole;
      {
        SimStorage storage;
        play(storage, seed, std::nullopt, death, whole);
        for (const auto& append : whole.appends) ASSERT_TRUE(append.outcome && *append.outcome);
      }
      ASSERT_GT(whole.steps, 50U);
      for (std::uint64_t step = 0; step <= whole.steps; ++step) {
        SimStorage storage;
        Script script;
        play(storage, seed, step, death, script);
        for (const auto& append : script.appends) {
          if (append.outcome && *append.outcome && **append.outcome >= script.durable_end)
            ++from_memory;
        }
        check(storage, script, death);
        if (HasFailure()) {
          FAIL() << (death == SimCrash::kKill ? "kill" : "power cut") << " after step " << step
                 << " of seed " << seed;
        }
      }
    }
  }
  EXPECT_GT(from_memory, 1000U) << "few were acknowledged from memory when it died";
}

TEST(BatchTopicCrash, AStartThatCannotReadTheMemoryLeavesItForTheNext) {
  for (const SimOp op : {SimOp::kOpen, SimOp::kSize, SimOp::kRead}) {
    SimStorage storage;
    {
      LogMachine machine(storage, batch_options());
      machine.start();
      for (std::uint64_t seed = 0; seed < 5; ++seed) machine.append_ok(seed);
      machine.die(SimCrash::kKill);
    }
    {
      LogMachine machine(storage, batch_options());
      machine.disk.inject({.op = op, .path_part = kUnsynced});
      EXPECT_FALSE(machine.try_start()) << to_string(op);
    }
    LogMachine machine(storage, batch_options());
    machine.start();
    machine.expect_log(first_seeds(5));
  }
}

TEST(BatchTopicCrash, ARecoveryThatDiesAtAnyStepLosesNothingEither) {
  for (std::uint64_t step = 0;; ++step) {
    SimStorage storage;
    {
      LogMachine machine(storage, batch_options());
      machine.start();
      for (std::uint64_t seed = 0; seed < 20; ++seed) machine.append_ok(seed);
      machine.die(SimCrash::kKill);
    }
    for (std::uint64_t life = 0; life < 2; ++life) {
      LogMachine machine(storage, batch_options(2 + life));
      machine.disk.crash_after(step, SimCrash::kKill);
      const bool opened = machine.try_start().has_value() && !machine.disk.has_crashed();
      if (opened) {
        EXPECT_GT(step, 10U);
        EXPECT_EQ(machine.report().unsynced_records, life == 0 ? 20U : 0U);
        machine.expect_log(first_seeds(20));
        return;
      }
    }
    LogMachine machine(storage, batch_options(4));
    machine.start();
    machine.expect_log(first_seeds(20));
    EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
    if (HasFailure()) FAIL() << "step " << step;
  }
}

TEST(BatchTopicCrash, ATopicThatIsNoBatchTopicAnyMoreTakesInWhatItWas) {
  SimStorage storage;
  {
    LogMachine machine(storage, batch_options());
    machine.start();
    for (std::uint64_t seed = 0; seed < 20; ++seed) machine.append_ok(seed);
    machine.die(SimCrash::kKill);
  }
  LogMachine machine(storage);
  machine.start();
  machine.expect_log(first_seeds(20));
  EXPECT_EQ(machine.marks().durable_end, Offset{20});
  EXPECT_FALSE(storage.exists(kUnsynced));
}

TEST(BatchTopicCrash, AMemoryThatCannotBeReadIsKeptAndNamed) {
  SimStorage storage;
  {
    LogMachine machine(storage, batch_options());
    machine.start();
    for (std::uint64_t seed = 0; seed < 3; ++seed) machine.append_ok(seed);
    machine.die(SimCrash::kKill);
  }
  storage.flip_bit(kUnsynced, FilePosition{3}, 1);
  LogMachine machine(storage, batch_options());
  machine.start();
  ASSERT_EQ(machine.report().findings.size(), 1U);
  EXPECT_NE(machine.report().findings.front().find("unsynced.damaged"), std::string::npos);
  EXPECT_TRUE(storage.exists(kUnsynced + ".damaged"));
  EXPECT_EQ(machine.append_ok(7), Offset{0});
}

TEST(BatchTopicCrash, WhatCanBeReadInFrontOfDamageIsKeptWhereverTheNextStartDies) {
  constexpr BatchShape kHalfABlock{.payload_bytes = 2000};
  bool has_died = true;
  for (std::uint64_t step = 1; has_died; ++step) {
    SimStorage storage;
    {
      LogMachine machine(storage, batch_options());
      machine.start();
      for (std::uint64_t seed = 0; seed < 3; ++seed) machine.append_ok(seed, kHalfABlock);
      machine.die(SimCrash::kKill);
    }
    storage.flip_bit(kUnsynced, FilePosition{kBlockBytes + 3000}, 1);  // in the second of them
    {
      LogMachine machine(storage, batch_options());
      machine.disk.crash_after(step, SimCrash::kKill);
      (void)machine.try_start();
      has_died = machine.disk.has_crashed();
    }
    LogMachine machine(storage, batch_options());
    machine.start();
    EXPECT_EQ(machine.marks().high_watermark, Offset{1}) << "step " << step;
    machine.expect_log({0}, kHalfABlock);
    EXPECT_TRUE(storage.exists(kUnsynced + ".damaged")) << "step " << step;
  }
}

TEST(BatchTopicCrash, WhatIsAcknowledgedBehindADamagedMemoryOutlivesTheNextKill) {
  constexpr BatchShape kHalfABlock{.payload_bytes = 2000};
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SimStorage storage;
    LogMachineOptions options = batch_options();
    options.disk.seed = seed;
    {
      LogMachine machine(storage, options);
      machine.start();
      for (std::uint64_t i = 0; i < 3; ++i) machine.append_ok(i, kHalfABlock);
      machine.die(SimCrash::kKill);
    }
    storage.flip_bit(kUnsynced, FilePosition{kBlockBytes + 3000}, 1);  // in the second of them
    {
      LogMachine machine(storage, options);
      machine.start();
      for (std::uint64_t i = 11; i < 13; ++i) machine.append_ok(i, kHalfABlock);
      machine.die(SimCrash::kKill);
    }
    LogMachine machine(storage, options);
    machine.start();
    machine.expect_log({0, 11, 12}, kHalfABlock);
    EXPECT_TRUE(storage.exists(kUnsynced + ".damaged"));
  }
}

TEST(BatchTopicCrash, EachMemoryThatCannotBeReadIsKeptUnderAnotherName) {
  SimStorage storage;
  for (const std::string suffix : {".damaged", ".damaged.2", ".damaged.3"}) {
    {
      LogMachine machine(storage, batch_options());
      machine.start();
      machine.append_ok(1);
      machine.die(SimCrash::kKill);
    }
    storage.flip_bit(kUnsynced, FilePosition{3}, 1);
    LogMachine machine(storage, batch_options());
    machine.start();
    ASSERT_EQ(machine.report().findings.size(), 1U);
    EXPECT_TRUE(machine.report().findings[0].ends_with("kept as " + kUnsynced + suffix));
    EXPECT_TRUE(storage.exists(kUnsynced + suffix));
    EXPECT_TRUE(machine.stop());
  }
  EXPECT_TRUE(storage.exists(kUnsynced + ".damaged"));
  EXPECT_TRUE(storage.exists(kUnsynced + ".damaged.2"));
}

// ---- refusing devices

TEST(BatchTopicFence, WhatWasAcknowledgedIsServedAfterAFailedWriteAndWrittenByTheNextStart) {
  SimStorage storage;
  {
    LogMachine machine(storage, batch_options());
    machine.start();
    for (std::uint64_t seed = 0; seed < 4; ++seed) machine.append_ok(seed);
    EXPECT_FALSE(machine.partition().fence());
    machine.disk.inject({.op = SimOp::kWrite, .path_part = kPoolDirectory, .nth = 3, .count = 99});
    const auto refused = machine.scheduler.run(machine.partition().delete_below(Offset{4}));
    EXPECT_FALSE(refused);
    ASSERT_TRUE(machine.partition().fence());
    EXPECT_EQ(machine.append(9).error().code(), ErrorCode::kFenced);
    EXPECT_EQ(machine.marks().high_watermark, Offset{4});
    machine.expect_log(first_seeds(4));
    EXPECT_TRUE(machine.stop());
  }
  LogMachine machine(storage, batch_options());
  machine.start();
  machine.expect_log(first_seeds(4));
  EXPECT_EQ(machine.marks().durable_end, Offset{4});
}

TEST(BatchTopicFullDisk, WhatIsAcknowledgedStaysTheRestIsRefusedAndWritingResumesByItself) {
  SimStorage storage;
  LogMachineOptions options = batch_options();
  options.partition.persist.interval = seconds(1);
  LogMachine machine(storage, options);
  machine.start();
  for (std::uint64_t seed = 0; seed < 4; ++seed) machine.append_ok(seed);
  storage.set_capacity(0);
  machine.sleep(seconds(10));
  EXPECT_EQ(machine.marks().durable_end, Offset{0});
  EXPECT_EQ(machine.append(5).error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(machine.marks().append_end, Offset{4});
  machine.expect_log(first_seeds(4));
  const auto refused = machine.scheduler.run(machine.partition().delete_below(Offset{4}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNoSpace);
  // A try a second, and not a loop.
  const std::uint64_t steps = machine.disk.steps();
  machine.sleep(seconds(10));
  EXPECT_LT(machine.disk.steps() - steps, 200U);

  storage.set_capacity(kGiB);
  machine.sleep(seconds(3));
  EXPECT_EQ(machine.marks().durable_end, Offset{4});
  EXPECT_EQ(machine.append_ok(4), Offset{4});
  EXPECT_EQ(machine.marks().high_watermark, Offset{5});
  EXPECT_EQ(machine.marks().durable_end, Offset{4});
  machine.expect_log(first_seeds(5));
}

TEST(BatchTopicFullDisk, CloseEndsAndTheNextStartHasEverything) {
  SimStorage storage;
  {
    LogMachine machine(storage, batch_options());
    machine.start();
    for (std::uint64_t seed = 0; seed < 4; ++seed) machine.append_ok(seed);
    storage.set_capacity(0);
    const auto closed = machine.stop();
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code(), ErrorCode::kNoSpace);
  }
  {
    // Still full: it is served all the same.
    LogMachine machine(storage, batch_options());
    machine.start();
    machine.expect_log(first_seeds(4));
    EXPECT_EQ(machine.append(5).error().code(), ErrorCode::kNoSpace);
    storage.set_capacity(kGiB);
    machine.sleep(seconds(3));
    EXPECT_EQ(machine.marks().durable_end, Offset{4});
    machine.append_ok(4);
    machine.die(SimCrash::kKill);
  }
  LogMachine machine(storage, batch_options());
  machine.start();
  EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
  EXPECT_GE(machine.marks().durable_end, Offset{5});
  machine.expect_log(first_seeds(5));
}

TEST(BatchTopicFullDisk, DestroyEnds) {
  SimStorage storage;
  LogMachine machine(storage, batch_options());
  machine.start();
  for (std::uint64_t seed = 0; seed < 4; ++seed) machine.append_ok(seed);
  storage.set_capacity(0);
  EXPECT_TRUE(machine.scheduler.run(machine.partition().destroy()));
  machine.forget_partition();
  EXPECT_FALSE(storage.exists(kUnsynced));
}

}  // namespace
}  // namespace penstock::log::testing
