#include "log/zero_pace.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "task/sim_reactor.h"

namespace penstock::log {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kChunk = ZeroPace::kChunkBytes;
// One chunk per millisecond.
constexpr std::uint64_t kRate = 1000 * kChunk;

// A file that is filled on a device that takes no time: what passes is what the pace makes it wait.
struct Filling {
  std::vector<Duration> chunks_at;
  std::uint64_t filled_bytes = 0;
  bool ended = false;
};

class Pace : public ::testing::Test {
 protected:
  Task<void> fill(ZeroPace& pace, const ZeroDemand& demand, std::uint64_t size_bytes,
                  Filling& filling) {
    while (filling.filled_bytes < size_bytes) {
      const auto chunk = co_await pace.next_chunk(demand, filling.filled_bytes, size_bytes);
      if (!chunk) {
        EXPECT_EQ(chunk.error().code(), ErrorCode::kClosed);
        break;
      }
      filling.chunks_at.push_back(clock_.now().since_start);
      filling.filled_bytes += *chunk;
      co_await scheduler_.yield();
    }
    filling.ended = true;
  }
  Task<void> commit_for(Duration time) {
    const CommitGaps::Hold commit = gaps_.enter();
    co_await scheduler_.sleep_for(time);
  }
  Task<void> sleep_for(Duration time) { co_await scheduler_.sleep_for(time); }
  void sleep(Duration time) { scheduler_.run(sleep_for(time)); }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
  CommitGaps gaps_{scheduler_};
};

TEST_F(Pace, ZerosAheadOfNeedKeepTheRate) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  const ZeroDemand demand(pace);
  Filling filling;
  scheduler_.run(fill(pace, demand, 4 * kChunk, filling));
  EXPECT_EQ(filling.chunks_at, (std::vector<Duration>{milliseconds(0), milliseconds(1), milliseconds(2),
                                                      milliseconds(3)}));
}

TEST_F(Pace, SeveralFilesShareTheRateFairly) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  const ZeroDemand demand(pace);
  std::vector<Filling> fillings(3);
  for (Filling& filling : fillings) scheduler_.spawn(fill(pace, demand, 10 * kChunk, filling));
  sleep(milliseconds(30));
  std::size_t chunks = 0;
  for (const Filling& filling : fillings) {
    EXPECT_TRUE(filling.ended);
    EXPECT_GE(filling.chunks_at.back(), milliseconds(27));
    chunks += filling.chunks_at.size();
  }
  EXPECT_EQ(chunks, 30U);
}

TEST_F(Pace, WithoutARateOnlyCommitsHoldZerosBack) {
  ZeroPace pace(scheduler_, gaps_, 0);
  const ZeroDemand demand(pace);
  Filling filling;
  scheduler_.run(fill(pace, demand, 100 * kChunk, filling));
  EXPECT_EQ(filling.chunks_at.back(), Duration::zero());

  scheduler_.spawn(commit_for(milliseconds(2)));
  sleep(Duration(1));
  Filling behind;
  scheduler_.run(fill(pace, demand, kChunk, behind));
  EXPECT_EQ(behind.chunks_at[0], milliseconds(2) + ZeroPace::kQuiet);
}

TEST_F(Pace, ARateThatWasNotUsedIsNotSavedUp) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  const ZeroDemand demand(pace);
  sleep(seconds(10));
  Filling filling;
  scheduler_.run(fill(pace, demand, 3 * kChunk, filling));
  EXPECT_EQ(filling.chunks_at.back() - filling.chunks_at.front(), milliseconds(2));
}

TEST_F(Pace, ZerosWaitUntilTheLastCommitHasLeft) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  const ZeroDemand demand(pace);
  scheduler_.spawn(commit_for(milliseconds(3)));
  scheduler_.spawn(commit_for(milliseconds(5)));
  sleep(Duration(1));
  Filling filling;
  scheduler_.run(fill(pace, demand, 2 * kChunk, filling));
  EXPECT_EQ(filling.chunks_at, (std::vector<Duration>{milliseconds(5) + ZeroPace::kQuiet,
                                                      milliseconds(6) + ZeroPace::kQuiet}));
}

TEST_F(Pace, ACommitThatFollowsAtOnceLeavesNoGap) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  const ZeroDemand demand(pace);
  scheduler_.spawn(commit_for(milliseconds(3)));
  sleep(Duration(1));
  Filling filling;
  scheduler_.spawn(fill(pace, demand, kChunk, filling));
  sleep(milliseconds(3) + ZeroPace::kQuiet / 2);
  EXPECT_TRUE(filling.chunks_at.empty());
  scheduler_.run(commit_for(milliseconds(3)));
  EXPECT_TRUE(filling.chunks_at.empty());
  sleep(ZeroPace::kQuiet + milliseconds(1));
  EXPECT_EQ(filling.chunks_at.size(), 1U);
}

TEST_F(Pace, CommitsWithoutAGapHoldEachChunkBackForABoundedTime) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  const ZeroDemand demand(pace);
  scheduler_.spawn(commit_for(seconds(10)));
  sleep(Duration(1));
  Filling filling;
  scheduler_.run(fill(pace, demand, 4 * kChunk, filling));
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(filling.chunks_at[i] - filling.chunks_at[i - 1],
              ZeroPace::kLongestHold + milliseconds(1));
  }
  sleep(seconds(10));
}

TEST_F(Pace, WhatIsDueIsNotHeldBack) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  ZeroDemand demand(pace);
  scheduler_.spawn(commit_for(milliseconds(5)));
  sleep(milliseconds(1));
  demand.raise_to(0.5);
  Filling filling;
  scheduler_.spawn(fill(pace, demand, 20 * kChunk, filling));
  sleep(milliseconds(1));
  EXPECT_EQ(filling.filled_bytes, 10 * kChunk) << "half of it";
  demand.raise_to(0.4);
  sleep(milliseconds(1));
  EXPECT_EQ(filling.filled_bytes, 10 * kChunk) << "a demand does not sink";
  demand.raise_to(0.75);
  sleep(Duration(1));
  EXPECT_EQ(filling.filled_bytes, 15 * kChunk) << "raising it is noticed at once";
  demand.rush();
  sleep(milliseconds(10));
}

TEST_F(Pace, WhatIsDueGoesOutInSteps) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  ZeroDemand demand(pace);
  constexpr std::uint64_t kSize = 128 * kMiB;
  const auto chunk_at = [&](double due_share, std::uint64_t filled_bytes) {
    demand.raise_to(due_share);
    return scheduler_.run(pace.next_chunk(demand, filled_bytes, kSize));
  };
  EXPECT_EQ(chunk_at(0.5, kSize / 2 - kBlockBytes), kChunk)
      << "a commit or two: no step, a chunk ahead of need";
  EXPECT_EQ(chunk_at(0.5, kSize / 2 - 3 * kChunk), kChunk);
  EXPECT_EQ(chunk_at(0.5, kSize / 2 - 4 * kChunk), 4 * kChunk);
  EXPECT_EQ(chunk_at(0.5, kSize / 2 - 15 * kChunk), 15 * kChunk);
  EXPECT_EQ(chunk_at(0.5, 0), ZeroPace::kRushChunkBytes) << "and no more than at full speed";
  EXPECT_EQ(chunk_at(1, kSize - 2 * kChunk), 2 * kChunk) << "all of it is due: the rest";
}

TEST_F(Pace, ABacklogIsWorkedOffInFewChunks) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  ZeroDemand demand(pace);
  demand.raise_to(1);
  Filling filling;
  scheduler_.run(fill(pace, demand, 128 * kMiB, filling));
  EXPECT_EQ(filling.filled_bytes, 128 * kMiB) << "no chunk is larger than what is due";
  EXPECT_LE(filling.chunks_at.size(), 128 * kMiB / ZeroPace::kRushChunkBytes + 8);
}

TEST_F(Pace, AFileInNeedDoesNotStarveTheOthers) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  ZeroDemand in_need(pace);
  const ZeroDemand ahead(pace);
  in_need.raise_to(1);
  Filling first;
  Filling second;
  scheduler_.spawn(fill(pace, in_need, 1000 * kChunk, first));
  scheduler_.spawn(fill(pace, ahead, 5 * kChunk, second));
  sleep(milliseconds(10));
  EXPECT_TRUE(first.ended);
  EXPECT_TRUE(second.ended);
  EXPECT_EQ(second.chunks_at.back(), milliseconds(4));
}

TEST_F(Pace, SomebodyWhoWaitsLiftsEveryLimit) {
  ZeroPace pace(scheduler_, gaps_, 1);
  ZeroDemand demand(pace);
  scheduler_.spawn(commit_for(seconds(1)));
  Filling filling;
  scheduler_.spawn(fill(pace, demand, 128 * kMiB, filling));
  sleep(milliseconds(100));
  EXPECT_EQ(filling.filled_bytes, kChunk);
  demand.rush();
  sleep(Duration(1));
  EXPECT_TRUE(filling.ended);
  EXPECT_LE(filling.chunks_at.size(), 1 + 128 * kMiB / ZeroPace::kRushChunkBytes);
  sleep(seconds(1));
}

TEST_F(Pace, AnAbandonedFileIsNotFilledAnyMore) {
  ZeroPace pace(scheduler_, gaps_, 1);
  ZeroDemand demand(pace);
  Filling filling;
  scheduler_.spawn(fill(pace, demand, 2 * kChunk, filling));
  sleep(milliseconds(1));
  EXPECT_FALSE(filling.ended);
  demand.abandon();
  sleep(Duration(1));
  EXPECT_TRUE(filling.ended);
  EXPECT_EQ(filling.filled_bytes, kChunk);
}

TEST_F(Pace, ADemandThatWasResetBeginsAgain) {
  ZeroPace pace(scheduler_, gaps_, kRate);
  ZeroDemand demand(pace);
  demand.raise_to(1);
  demand.rush();
  demand.abandon();
  demand.reset();
  Filling filling;
  scheduler_.run(fill(pace, demand, 2 * kChunk, filling));
  EXPECT_EQ(filling.chunks_at, (std::vector<Duration>{milliseconds(0), milliseconds(1)}));
}

}  // namespace
}  // namespace penstock::log
