// A small script of appends, dying at every one of its steps; and recovery, dying at every one of its.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"
#include "log/testing/segment_bytes.h"

namespace penstock::log::testing {
namespace {

constexpr BatchShape kLarge{.payload_bytes = 5000};
constexpr std::size_t kAppends = 16;
constexpr SimCrash kDeaths[] = {SimCrash::kPowerCut, SimCrash::kKill};
// Each draws other latencies, and other remains of what was in flight.
constexpr std::uint64_t kSeedsPerStep = 6;

struct Script {
  std::vector<BackgroundAppend> appends{kAppends};
  std::uint64_t steps = 0;  // that it took
};

LogMachineOptions options_of(std::uint64_t seed) {
  LogMachineOptions options;
  options.disk.seed = seed;
  options.salt_seed = seed;
  options.partition.commit_bytes = 16 * kKiB;
  options.partition.commit_depth = 1 + static_cast<std::uint32_t>(seed % 3);
  options.partition.tail = seed % 2 == 0 ? TailPolicy::kPad : TailPolicy::kRewrite;
  options.partition.checkpoint_bytes = seed % 5 < 2 ? 0 : 12 * kKiB;
  options.pool.ready_files = static_cast<std::uint32_t>(seed % 2);
  return options;
}

// Opens, appends over several segments, closes; dies on the way when told to.
void play(SimStorage& storage, std::uint64_t seed, std::optional<std::uint64_t> die_after,
          SimCrash death, Script& script) {
  LogMachine machine(storage, options_of(seed));
  if (die_after) machine.disk.crash_after(*die_after, death);
  if (machine.try_start()) {
    for (std::size_t i = 0; i < kAppends; ++i) {
      machine.start_append(script.appends[i], i, kLarge);
      // Some come alone, some together.
      if (i % 3 == 0) machine.sleep(std::chrono::microseconds(150));
    }
    machine.sleep(std::chrono::milliseconds(20));
  }
  (void)machine.stop();
  script.steps = machine.disk.steps();
}

// What was acknowledged must be there; what is there must have been sent; and it must go on.
void check(SimStorage& storage, const Script& script, const std::string& when) {
  std::int64_t end = 0;
  {
    LogMachine machine(storage, options_of(1000));
    machine.start();
    ASSERT_EQ(machine.report().findings, std::vector<std::string>{}) << when;
    const auto batches = machine.read_all(Offset{0});
    for (std::size_t i = 0; i < batches.size(); ++i) {
      ASSERT_EQ(batches[i], stored_batch(i, Offset{static_cast<std::int64_t>(i)}, kLarge)) << when;
    }
    for (std::size_t i = 0; i < kAppends; ++i) {
      const auto& outcome = script.appends[i].outcome;
      ASSERT_TRUE(!outcome || !*outcome || i < batches.size())
          << when << ": offset " << i << " was acknowledged and is gone";
    }
    end = static_cast<std::int64_t>(batches.size());
    ASSERT_EQ(machine.append_ok(77), Offset{end}) << when;
    machine.die(SimCrash::kPowerCut);
  }
  LogMachine machine(storage, options_of(1001));
  machine.start();
  ASSERT_EQ(machine.marks().high_watermark, Offset{end + 1}) << when;
  ASSERT_EQ(machine.report().findings, std::vector<std::string>{}) << when;
}

TEST(PartitionCrash, AtEveryStepAcknowledgedDataSurvives) {
  for (const SimCrash death : kDeaths) {
    for (std::uint64_t seed = 1; seed <= kSeedsPerStep; ++seed) {
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
        const std::string when = fmt::format(
            "{} after step {} of seed {}", death == SimCrash::kKill ? "kill" : "power cut", step, seed);
        check(storage, script, when);
        if (HasFatalFailure() || HasNonfatalFailure()) FAIL() << when;
      }
    }
  }
}

// ---- recovery

// What a recovery found.
struct Found {
  Marks marks;
  std::vector<std::string> findings;
  std::vector<std::vector<std::byte>> batches;
  std::uint64_t steps = 0;
};

class RecoveryCrash : public ::testing::Test {
 protected:
  using MakeStorage = std::function<void(SimStorage&)>;

  // Recovers; nothing when it died on the way.
  static std::optional<Found> recover(SimStorage& storage, std::uint64_t seed,
                                      std::optional<std::uint64_t> die_after, SimCrash death) {
    LogMachine machine(storage, options_of(seed));
    if (die_after) machine.disk.crash_after(*die_after, death);
    if (!machine.try_start()) return std::nullopt;
    Found found{machine.marks(), machine.report().findings, {}, machine.disk.steps()};
    for (Offset next; next < found.marks.durable_end && !machine.disk.has_crashed();) {
      const auto batches = machine.read(next);
      if (!batches) {
        next = next + 1;  // damaged: named in the findings
        continue;
      }
      for (const SharedSlice& batch : batches->batches) {
        found.batches.emplace_back(batch.view().begin(), batch.view().end());
        next = BatchHeader::parse(batch.view())->next_offset();
      }
    }
    return found;
  }

  // Dies at every step of recovery, twice in a row, and expects to find what an undisturbed one finds.
  static void die_at_every_step(const MakeStorage& make, std::span<const SimCrash> deaths = kDeaths) {
    std::optional<Found> expected;
    {
      SimStorage storage;
      make(storage);
      expected = recover(storage, 1, std::nullopt, SimCrash::kKill);
      ASSERT_TRUE(expected);
    }
    for (const SimCrash death : deaths) {
      for (std::uint64_t seed = 1; seed <= kSeedsPerStep; ++seed) {
        for (std::uint64_t step = 0; step <= expected->steps; ++step) {
          SimStorage storage;
          make(storage);
          (void)recover(storage, seed, step, death);
          (void)recover(storage, seed + 50, step / 2, death);
          const auto found = recover(storage, seed, std::nullopt, death);
          ASSERT_TRUE(found);
          ASSERT_EQ(found->marks.log_start, expected->marks.log_start) << "step " << step;
          ASSERT_EQ(found->marks.durable_end, expected->marks.durable_end) << "step " << step;
          ASSERT_EQ(found->batches, expected->batches) << "step " << step;
          // A file that was set aside before the death is not named a second time; the rest is.
          ASSERT_LE(found->findings.size(), expected->findings.size());
          ASSERT_EQ(found->findings.empty(), expected->findings.empty()) << "step " << step;
        }
      }
    }
  }

  static void put(SimStorage& storage, const std::function<void(SegmentBytes&)>& fill,
                  std::uint64_t number) {
    storage.make_directories(kPartitionDirectory);
    storage.make_directories(kPoolDirectory);
    SimMachine machine(storage);
    SegmentBytes segment(machine.scheduler, segment_header(number), kSmallestSegmentBytes);
    fill(segment);
    segment.write_to(machine, segment_path(number));
  }
};

TEST_F(RecoveryCrash, OfATornTailRecoversTheSame) {
  die_at_every_step([](SimStorage& storage) {
    put(storage, [](SegmentBytes& s) { s.add_commit(Offset{0}, 5, Offset{0}); }, 1);
    put(
        storage,
        [](SegmentBytes& s) {
          s.add_commit(Offset{5}, 2, Offset{5});
          const auto torn = s.add_commit(Offset{7}, 2, Offset{7});
          s.add_commit(Offset{9}, 2, Offset{7});
          s.zero(torn.position, 512);
        },
        2);
    put(storage, [](SegmentBytes&) {}, 3);
  });
}

TEST_F(RecoveryCrash, OfDamageRecoversTheSame) {
  die_at_every_step([](SimStorage& storage) {
    put(
        storage,
        [](SegmentBytes& s) {
          s.add_commit(Offset{0}, 2, Offset{0});
          const auto damaged = s.add_commit(Offset{2}, 1, Offset{2});
          s.add_commit(Offset{3}, 1, Offset{3});
          s.flip_bit(damaged.position + 99);
        },
        1);
    put(
        storage,
        [](SegmentBytes& s) {
          s.add_commit(Offset{4}, 2, Offset{4});
          for (const FilePosition copy : kHeaderCopies) s.flip_bit(copy + 45);
        },
        2);
    put(storage, [](SegmentBytes& s) { s.add_commit(Offset{6}, 2, Offset{6}); }, 3);
  });
}

TEST_F(RecoveryCrash, OfAnUnreadableEndRefusesAppendsEveryTime) {
  const auto make = [](SimStorage& storage) {
    put(storage, [](SegmentBytes& s) { s.add_commit(Offset{0}, 2, Offset{0}); }, 1);
    put(
        storage,
        [](SegmentBytes& s) {
          s.add_commit(Offset{2}, 2, Offset{2});
          for (const FilePosition copy : kHeaderCopies) s.flip_bit(copy + 45);
        },
        2);
    put(storage, [](SegmentBytes&) {}, 3);
  };
  die_at_every_step(make);
  for (std::uint64_t step = 0; step <= 60; ++step) {
    SimStorage storage;
    make(storage);
    (void)recover(storage, step, step, SimCrash::kPowerCut);
    LogMachine machine(storage, options_of(step));
    machine.start();
    const auto refused = machine.append(0);
    ASSERT_FALSE(refused) << "step " << step;
    ASSERT_EQ(refused.error().code(), ErrorCode::kFenced);
  }
}

TEST_F(RecoveryCrash, OfALogThatDiedInTheMiddleRecoversTheSame) {
  // What a killed process had in flight may be whole in the device's cache: recovered after another
  // kill, and lost in a power cut, and rightly both, because nobody was told of it.
  constexpr std::array kOnlyKills{SimCrash::kKill};
  for (std::uint64_t death_step = 60; death_step <= 200; death_step += 35) {
    const auto dies_by = [death_step](SimCrash how) {
      return [=](SimStorage& storage) {
        Script script;
        play(storage, 3, death_step, how, script);
      };
    };
    die_at_every_step(dies_by(SimCrash::kKill), kOnlyKills);
    die_at_every_step(dies_by(SimCrash::kPowerCut));
  }
}

TEST_F(RecoveryCrash, OfAKilledLogAPowerCutTakesOnlyWhatNobodyWasToldOf) {
  for (std::uint64_t death_step = 60; death_step <= 200; death_step += 35) {
    std::optional<Found> expected;
    {
      SimStorage storage;
      Script script;
      play(storage, 3, death_step, SimCrash::kKill, script);
      expected = recover(storage, 1, std::nullopt, SimCrash::kKill);
      ASSERT_TRUE(expected);
    }
    for (std::uint64_t step = 0; step <= expected->steps; ++step) {
      SimStorage storage;
      Script script;
      play(storage, 3, death_step, SimCrash::kKill, script);
      (void)recover(storage, 2, step, SimCrash::kPowerCut);
      (void)recover(storage, 52, step / 2, SimCrash::kPowerCut);
      const auto found = recover(storage, 2, std::nullopt, SimCrash::kPowerCut);
      ASSERT_TRUE(found);
      ASSERT_EQ(found->marks.log_start, expected->marks.log_start) << "step " << step;
      ASSERT_EQ(found->findings, std::vector<std::string>{}) << "step " << step;
      const std::size_t kept = found->batches.size();
      ASSERT_LE(kept, expected->batches.size()) << "step " << step;
      ASSERT_TRUE(std::equal(found->batches.begin(), found->batches.end(), expected->batches.begin()))
          << "step " << step;
      for (std::size_t i = 0; i < kAppends; ++i) {
        const auto& outcome = script.appends[i].outcome;
        ASSERT_TRUE(!outcome || !*outcome || i < kept)
            << "step " << step << ": offset " << i << " was acknowledged and is gone";
      }
    }
  }
}

// A killed process may leave a commit that is whole, and only in the device's cache. If an index
// vouched for it before it is durable, a power cut in the middle of recovery would make damage of it.
TEST(PartitionCrash, WhatAKilledProcessLeftBehindIsDurableBeforeItIsSealed) {
  constexpr BatchShape kSeveralBlocks{.payload_bytes = 9000};
  constexpr std::uint64_t kSeeds = 12;
  constexpr std::uint64_t kRecoverySteps = 40;
  std::uint64_t kept_count = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (std::uint64_t step = 0; step <= kRecoverySteps; ++step) {
      SimStorage storage;
      LogMachineOptions options;
      options.disk.seed = seed;
      {
        LogMachine machine(storage, options);
        machine.start();
        machine.append_ok(0);
        BackgroundAppend in_flight;
        machine.start_append(in_flight, 1, kSeveralBlocks);
        machine.sleep(std::chrono::microseconds(15));  // less than any write takes
        machine.die(SimCrash::kKill);
      }
      {
        LogMachine machine(storage, options);
        machine.disk.crash_after(step, SimCrash::kPowerCut);
        (void)machine.try_start();
        if (!machine.disk.has_crashed()) machine.die(SimCrash::kPowerCut);
      }
      LogMachine machine(storage);
      machine.start();
      ASSERT_EQ(machine.report().findings, std::vector<std::string>{})
          << "seed " << seed << ", step " << step;
      const auto batches = machine.read_all(Offset{0});
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << ", step " << step;
      ASSERT_GE(batches.size(), 1U);
      kept_count += batches.size() - 1;
    }
  }
  EXPECT_GT(kept_count, 0U);  // or no commit was ever left behind whole
}

}  // namespace
}  // namespace penstock::log::testing
