#include "base/latency_histogram.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(LatencyHistogram, ABoundBelongsToItsOwnCounter) {
  LatencyHistogram histogram;
  histogram.add(nanoseconds(0));
  histogram.add(microseconds(5));
  histogram.add(microseconds(5) + nanoseconds(1));
  histogram.add(microseconds(10));
  EXPECT_EQ(histogram.counts()[0], 2U);
  EXPECT_EQ(histogram.counts()[1], 2U);
}

TEST(LatencyHistogram, WhatIsAboveAllBoundsIsCountedToo) {
  LatencyHistogram histogram;
  histogram.add(seconds(10));
  histogram.add(seconds(3600));
  EXPECT_EQ(histogram.counts()[LatencyHistogram::kBoundsUs.size() - 1], 1U);
  EXPECT_EQ(histogram.counts().back(), 1U);
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.sum(), seconds(3610));
}

}  // namespace
}  // namespace penstock
