#include "benchmark/latency_recorder.h"

#include <gtest/gtest.h>

#include <numeric>

#include "benchmark/rate_plan.h"

namespace penstock::benchmark {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const SteadyClock::time_point kStart{seconds(1000)};

LatencyRecorder recorder() { return {kStart, kStart + seconds(2), kStart + seconds(4)}; }

TEST(LatencyRecorder, LeavesTheWarmUpOut) {
  LatencyRecorder latencies = recorder();
  latencies.add(kStart - milliseconds(1), microseconds(900));
  latencies.add(kStart, microseconds(100));
  EXPECT_EQ(latencies.all().count(), 1U);
  EXPECT_EQ(latencies.all().most(), microseconds(100));
}

TEST(LatencyRecorder, CountsByTheMomentThatWasMeantAndNotByTheEnd) {
  LatencyRecorder latencies = recorder();
  // Meant for the first second, and done in the third.
  latencies.add(kStart + milliseconds(500), seconds(2));
  EXPECT_EQ(latencies.seconds().at(0).count, 1U);
  EXPECT_EQ(latencies.seconds().at(2).count, 0U);
  EXPECT_EQ(latencies.behind_event().count(), 0U);
}

TEST(LatencyRecorder, CountsBehindTheEventOnceMore) {
  LatencyRecorder latencies = recorder();
  latencies.add(kStart + milliseconds(1999), microseconds(10));
  latencies.add(kStart + milliseconds(2000), microseconds(20));
  EXPECT_EQ(latencies.all().count(), 2U);
  EXPECT_EQ(latencies.behind_event().count(), 1U);
  EXPECT_EQ(latencies.behind_event().most(), microseconds(20));
}

TEST(LatencyRecorder, ASecondsPercentilesAreRightToAPartInSixteen) {
  LatencyRecorder latencies = recorder();
  for (int i = 1; i <= 1000; ++i) latencies.add(kStart + milliseconds(1), microseconds(i));
  const LatencyRecorder::Second& second = latencies.seconds().front();
  EXPECT_GE(second.percentile_us(0.5), 500);
  EXPECT_LE(second.percentile_us(0.5), 500 * 1.07);
  EXPECT_LE(second.percentile_us(1), 1000);
  EXPECT_EQ(second.most, milliseconds(1));
}

// Cell 4 * n begins at 2^n microseconds.
TEST(LatencyRecorder, CellsAreFourToAnOctave) {
  LatencyRecorder latencies = recorder();
  latencies.add(kStart, microseconds(1));
  latencies.add(kStart, microseconds(64));
  latencies.add(kStart, microseconds(127));
  latencies.add(kStart, microseconds(128));
  const auto cells = latencies.seconds().front().cells();
  EXPECT_EQ(cells.at(0), 1U);
  EXPECT_EQ(cells.at(24), 1U);
  EXPECT_EQ(cells.at(27), 1U);
  EXPECT_EQ(cells.at(28), 1U);
  EXPECT_EQ(std::accumulate(cells.begin(), cells.end(), std::uint64_t{0}), 4U);
}

TEST(LatencyRecorder, JoinsThreads) {
  LatencyRecorder one = recorder();
  LatencyRecorder other = recorder();
  one.add(kStart, microseconds(5));
  other.add(kStart + seconds(3), milliseconds(5));
  one.add_all(other);
  EXPECT_EQ(one.all().count(), 2U);
  EXPECT_EQ(one.behind_event().count(), 1U);
  EXPECT_EQ(one.seconds().at(3).most, milliseconds(5));
}

TEST(RatePlan, IsEven) {
  const RatePlan plan{.per_second = 1000};
  EXPECT_EQ(plan.due(0), milliseconds(0));
  EXPECT_EQ(plan.due(1), milliseconds(1));
  EXPECT_EQ(plan.due(123'456), milliseconds(123'456));
}

TEST(RatePlan, BurstsKeepTheRateOnAverage) {
  const RatePlan plan{.per_second = 1000, .burst = 2.5};
  EXPECT_EQ(plan.due(2500), seconds(1));
  EXPECT_EQ(plan.due(4000), seconds(4));
  EXPECT_EQ(plan.due(6500), seconds(5));
  for (std::uint64_t number = 1; number < 20'000; ++number)
    EXPECT_GT(plan.due(number), plan.due(number - 1));
}

}  // namespace
}  // namespace penstock::benchmark
