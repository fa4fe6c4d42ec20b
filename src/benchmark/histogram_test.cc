#include "benchmark/histogram.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>

namespace penstock::benchmark {
namespace {

using std::chrono::nanoseconds;

Histogram of(const std::vector<std::int64_t>& samples_ns) {
  Histogram histogram;
  for (const std::int64_t sample : samples_ns) histogram.add(nanoseconds(sample));
  return histogram;
}

// The nearest rank, as it is defined.
std::int64_t exact_percentile(std::vector<std::int64_t> samples, double share) {
  std::ranges::sort(samples);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

TEST(Histogram, IsEmptyWithoutSamples) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile(0.5).count(), 0);
  EXPECT_EQ(histogram.most().count(), 0);
  EXPECT_TRUE(histogram.curve().empty());
  EXPECT_FALSE(histogram.shows(0.5));
}

TEST(Histogram, KeepsSmallSamplesExactly) {
  const Histogram histogram = of({1, 2, 3, 4, 2047});
  EXPECT_EQ(histogram.percentile(0.2).count(), 1);
  EXPECT_EQ(histogram.percentile(0.6).count(), 3);
  EXPECT_EQ(histogram.percentile(1).count(), 2047);
  EXPECT_EQ(histogram.least().count(), 1);
  EXPECT_EQ(histogram.mean().count(), 411);
}

RC_GTEST_PROP(Histogram, IsRightToAPartInAThousand, (const std::vector<std::uint32_t>& drawn)) {
  RC_PRE(!drawn.empty());
  std::vector<std::int64_t> samples;
  for (const std::uint32_t number : drawn) samples.push_back(static_cast<std::int64_t>(number) * 37);
  const Histogram histogram = of(samples);
  for (const double share : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0}) {
    const auto exact = static_cast<double>(exact_percentile(samples, share));
    const auto got = static_cast<double>(histogram.percentile(share).count());
    RC_ASSERT(got >= exact);
    RC_ASSERT(got <= exact * 1.001 + 1);
  }
}

TEST(Histogram, OfAnExponentialDistributionHasItsPercentiles) {
  std::mt19937_64 random(7);
  constexpr double kMeanNs = 100'000;
  std::exponential_distribution<double> exponential(1 / kMeanNs);
  Histogram histogram;
  for (int i = 0; i < 1'000'000; ++i) {
    histogram.add(nanoseconds(static_cast<std::int64_t>(exponential(random))));
  }
  for (const double share : {0.5, 0.9, 0.99, 0.999}) {
    const double expected = -kMeanNs * std::log(1 - share);
    EXPECT_NEAR(static_cast<double>(histogram.percentile(share).count()), expected, 0.03 * expected);
  }
  EXPECT_NEAR(static_cast<double>(histogram.mean().count()), kMeanNs, 0.01 * kMeanNs);
}

RC_GTEST_PROP(Histogram, JoinedIsTheOneOfAllSamples,
              (const std::vector<std::uint32_t>& some, const std::vector<std::uint32_t>& others)) {
  Histogram joined;
  Histogram all;
  for (const auto* part : {&some, &others}) {
    Histogram one;
    for (const std::uint32_t sample : *part) {
      one.add(nanoseconds(sample));
      all.add(nanoseconds(sample));
    }
    joined.add_all(one);
  }
  RC_ASSERT(joined.count() == all.count());
  RC_ASSERT(joined.least() == all.least());
  RC_ASSERT(joined.most() == all.most());
  for (const double share : {0.0, 0.5, 0.99, 1.0}) {
    RC_ASSERT(joined.percentile(share) == all.percentile(share));
  }
}

TEST(Histogram, ShowsAPercentileWithTenSamplesBeyondIt) {
  Histogram histogram;
  for (int i = 0; i < 9'999; ++i) histogram.add(nanoseconds(i));
  EXPECT_TRUE(histogram.shows(0.99));
  EXPECT_FALSE(histogram.shows(0.999));
  histogram.add(nanoseconds(1));
  EXPECT_TRUE(histogram.shows(0.999));
}

TEST(Histogram, CountsWhatIsTooLongAsTheMost) {
  const Histogram histogram = of({-5, std::chrono::nanoseconds(std::chrono::hours(100)).count()});
  EXPECT_EQ(histogram.least().count(), 0);
  EXPECT_EQ(histogram.most(), nanoseconds(Histogram::kMost));
}

TEST(Histogram, CurveRisesToTheLargestSample) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.add(std::chrono::microseconds(i));
  const auto curve = histogram.curve();
  ASSERT_GT(curve.size(), 60U);
  EXPECT_EQ(curve.front().share, 0);
  EXPECT_EQ(curve.back().share, 1);
  EXPECT_EQ(curve.back().samples, 1000U);
  EXPECT_EQ(curve.back().value, std::chrono::milliseconds(1));
  for (std::size_t i = 1; i < curve.size(); ++i) {
    EXPECT_GT(curve[i].share, curve[i - 1].share);
    EXPECT_GE(curve[i].value, curve[i - 1].value);
  }
  // Half of the samples are not above the middle.
  const auto middle = std::ranges::find(curve, 0.5, &Histogram::Point::share);
  ASSERT_NE(middle, curve.end());
  EXPECT_NEAR(static_cast<double>(middle->value.count()), 500'000, 600);
}

// As HdrHistogram's own tools read it: four columns, the last line without an infinite one.
TEST(Histogram, HgrmIsWhatHdrHistogramsToolsRead) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.add(std::chrono::microseconds(i));
  std::istringstream text(histogram.hgrm());
  std::string line;
  std::getline(text, line);
  EXPECT_EQ(line, "       Value     Percentile TotalCount 1/(1-Percentile)");
  std::getline(text, line);
  double value = 0;
  double share = 0;
  std::uint64_t count = 0;
  int points = 0;
  while (std::getline(text, line) && !line.starts_with('#')) {
    std::istringstream fields(line);
    fields >> value >> share >> count;
    ASSERT_FALSE(fields.fail()) << line;
    ++points;
  }
  EXPECT_GT(points, 30);
  EXPECT_NEAR(value, 100, 0.1);
  EXPECT_EQ(share, 1);
  EXPECT_EQ(count, 100U);
  EXPECT_EQ(line, "#[Mean    =       50.500, StdDeviation   =       28.866]");
}

}  // namespace
}  // namespace penstock::benchmark
