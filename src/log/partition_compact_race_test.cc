// Compaction beside everything else that a partition does, begun at every one of its steps.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "log/testing/compaction.h"

namespace penstock::log::testing {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kCount =
    26;  // two sealed segments (offsets 0 to 5, 6 to 19), and an active one

// Starts a compaction and, at each of its steps in turn, `act`; then `check` sees the log when both
// have ended. `act` may close or destroy the partition. Each time on a log of its own.
void at_every_step(const std::function<void(LogMachine&)>& act,
                   const std::function<void(LogMachine&)>& check,
                   const std::function<void(SimStorage&)>& check_storage) {
  bool has_ended = false;
  std::uint64_t step = 0;
  for (; !has_ended; ++step) {
    SimStorage storage;
    {
      LogMachine machine(storage, from_the_device(1 + step % 4));
      machine.start();
      fill_with_padding(machine, 0, kCount);
      const std::uint64_t from = machine.disk.steps();
      RunningCompaction running = start_compaction(machine);
      advance(machine, running, from, step);
      has_ended = running.has_ended();
      act(machine);
      const auto report = machine.scheduler.run(end_of(running));
      ASSERT_TRUE(report || report.error().code() == ErrorCode::kClosed)
          << "step " << step << ": " << report.error().message();
      check(machine);
      ASSERT_FALSE(::testing::Test::HasFailure()) << "step " << step;
    }
    check_storage(storage);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "step " << step;
  }
  EXPECT_GT(step, 40U);
}

// The log from `start` on, of `end` batches, in the next life, without findings.
std::function<void(SimStorage&)> next_life_has(std::uint64_t start, std::uint64_t end) {
  return [=](SimStorage& storage) {
    LogMachine machine(storage, from_the_device(9));
    machine.start();
    EXPECT_TRUE(machine.report().findings.empty());
    EXPECT_EQ(machine.marks().log_start.value, static_cast<std::int64_t>(start));
    machine.expect_log(seeds_from(start, end), kSmall, Offset{static_cast<std::int64_t>(start)});
    expect_no_leftovers(machine);
  };
}

TEST(PartitionCompactRace, DeletionRemovesASegmentInAnyState) {
  for (const std::int64_t start : {3, 6, 20}) {
    const auto act = [start](LogMachine& machine) {
      EXPECT_TRUE(machine.scheduler.run(machine.partition().delete_below(Offset{start})));
    };
    const auto check = [start](LogMachine& machine) {
      EXPECT_EQ(machine.marks().log_start, Offset{start});
      machine.expect_log(seeds_from(static_cast<std::uint64_t>(start), kCount), kSmall, Offset{start});
      // Neither a segment nor an index of what is gone comes back.
      EXPECT_EQ(file_bytes(machine, segment_path(1)) == 0, start >= 6);
      EXPECT_EQ(file_bytes(machine, index_path(1)) == 0, start >= 6);
      EXPECT_EQ(file_bytes(machine, segment_path(2)) == 0, start >= 20);
      EXPECT_EQ(file_bytes(machine, index_path(2)) == 0, start >= 20);
    };
    at_every_step(act, check, next_life_has(static_cast<std::uint64_t>(start), kCount));
  }
}

TEST(PartitionCompactRace, RetentionLeavesTheNewest) {
  at_every_step(
      [](LogMachine& machine) {
        EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = {}, .bytes = 1})));
      },
      [](LogMachine& machine) {
        EXPECT_EQ(machine.marks().log_start, Offset{20});
        machine.expect_log(seeds_from(20, kCount), kSmall, Offset{20});
      },
      next_life_has(20, kCount));
}

TEST(PartitionCompactRace, CloseEndsItAndTheLogIsSealed) {
  at_every_step([](LogMachine& machine) { EXPECT_TRUE(machine.stop()); }, [](LogMachine&) {},
                [](SimStorage& storage) {
                  {
                    LogMachine machine(storage, from_the_device(9));
                    machine.start();
                    EXPECT_EQ(machine.report().scanned_segment_count, 0U);
                  }
                  next_life_has(0, kCount)(storage);
                });
}

TEST(PartitionCompactRace, DestroyLeavesNothing) {
  at_every_step(
      [](LogMachine& machine) { EXPECT_TRUE(machine.scheduler.run(machine.partition().destroy())); },
      [](LogMachine& machine) { machine.forget_partition(); },
      [](SimStorage& storage) { EXPECT_FALSE(storage.exists(kPartitionDirectory)); });
}

TEST(PartitionCompactRace, ReadersFinishOnTheFileThatTheyAreAt) {
  for (const bool reads_ahead : {true, false}) {
    at_every_step(
        [reads_ahead](LogMachine& machine) {
          // Small fetches, so that a cursor lives through the install.
          for (std::int64_t next = 0; next < 20; ++next) {
            if (!reads_ahead) machine.catch_up().drop_all(kPartitionDirectory);
            const auto found = machine.read(Offset{next}, {.max_bytes = 1});
            ASSERT_TRUE(found) << found.error().message();
            const auto seed = static_cast<std::uint64_t>(next);
            const ByteView batch = found->batches.at(0).view();
            EXPECT_EQ(std::vector<std::byte>(batch.begin(), batch.end()),
                      stored_batch(seed, Offset{next}, kSmall));
          }
        },
        [](LogMachine& machine) {
          EXPECT_EQ(machine.partition().compaction_totals().segments, 2U);
          machine.expect_log(seeds_from(0, kCount), kSmall);
        },
        next_life_has(0, kCount));
  }
}

TEST(PartitionCompactRace, AppendsAndRollsGoOn) {
  constexpr std::uint64_t kMore = 40;
  at_every_step(
      [](LogMachine& machine) {
        for (std::uint64_t seed = kCount; seed < kCount + kMore; ++seed)
          machine.append_ok(seed, kSmall);
      },
      [](LogMachine& machine) {
        EXPECT_GE(machine.partition().compaction_totals().segments, 2U);
        machine.expect_log(seeds_from(0, kCount + kMore), kSmall);
      },
      next_life_has(0, kCount + kMore));
}

TEST(PartitionCompactRace, AFenceKeepsItFromInstalling) {
  at_every_step(
      [](LogMachine& machine) {
        machine.disk.inject({.op = SimOp::kWrite, .path_part = kPoolDirectory});
        EXPECT_FALSE(machine.append(99));
      },
      [](LogMachine& machine) { machine.expect_log(seeds_from(0, kCount), kSmall); },
      [](SimStorage& storage) {
        LogMachine machine(storage, from_the_device(9));
        machine.start();
        EXPECT_TRUE(machine.report().findings.empty());
        const auto batches = machine.read_all(Offset{0});
        ASSERT_GE(batches.size(), kCount);
        for (std::uint64_t seed = 0; seed < kCount; ++seed) {
          EXPECT_EQ(batches[seed], stored_batch(seed, Offset{static_cast<std::int64_t>(seed)}, kSmall));
        }
      });
}

TEST(PartitionCompactRace, ASlowOneHoldsUpNeitherDeletionNorClose) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount);
  const CompactionOptions slow{.bytes_per_second = 64};
  RunningCompaction running(machine.partition().compact(slow));
  machine.sleep(seconds(2));
  const Instant begin = machine.scheduler.now();
  EXPECT_TRUE(machine.scheduler.run(machine.partition().delete_below(Offset{6})));
  EXPECT_TRUE(machine.stop());
  EXPECT_LT(machine.scheduler.now() - begin, seconds(3));
  EXPECT_TRUE(running.has_ended());
}

}  // namespace
}  // namespace penstock::log::testing
