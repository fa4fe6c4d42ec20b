#include "benchmark/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace penstock::benchmark {

namespace {

using std::chrono::nanoseconds;

// Steps of one power of two. Below twice as many nanoseconds each has a step of its own.
constexpr std::uint64_t kSteps = 1024;
constexpr int kStepBits = 11;  // of a number from kSteps to 2 * kSteps - 1

constexpr int kPointsPerHalving = 10;
// The curve ends there at the latest, a thousandth of a millionth from 1.
constexpr double kLastHalving = 30;

std::size_t step_of(std::uint64_t ns) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(ns)) - kStepBits);
  return static_cast<std::size_t>(shift) * kSteps + (ns >> shift);
}

nanoseconds end_of_step(std::size_t step) {
  const std::size_t shift = step < 2 * kSteps ? 0 : step / kSteps - 1;
  return nanoseconds(((step - shift * kSteps + 1) << shift) - 1);
}

double microseconds_of(double ns) { return ns / 1000; }

}  // namespace

void Histogram::add(nanoseconds sample) {
  const nanoseconds bounded = std::clamp(sample, nanoseconds(0), nanoseconds(kMost));
  const std::size_t step = step_of(static_cast<std::uint64_t>(bounded.count()));
  if (step >= counts_.size()) counts_.resize(step + 1);
  ++counts_[step];
  least_ = count_ == 0 ? bounded : std::min(least_, bounded);
  most_ = std::max(most_, bounded);
  ++count_;
  const auto ns = static_cast<double>(bounded.count());
  sum_ns_ += ns;
  sum_of_squares_ += ns * ns;
}

void Histogram::add_all(const Histogram& other) {
  if (other.count_ == 0) return;
  if (counts_.size() < other.counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t step = 0; step < other.counts_.size(); ++step) counts_[step] += other.counts_[step];
  least_ = count_ == 0 ? other.least_ : std::min(least_, other.least_);
  most_ = std::max(most_, other.most_);
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  sum_of_squares_ += other.sum_of_squares_;
}

nanoseconds Histogram::least() const { return least_; }

nanoseconds Histogram::mean() const {
  if (count_ == 0) return {};
  return nanoseconds(std::llround(sum_ns_ / static_cast<double>(count_)));
}

nanoseconds Histogram::percentile(double share) const {
  if (count_ == 0) return {};
  const auto rank = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1, count_);
  std::uint64_t below = 0;
  for (std::size_t step = 0; step < counts_.size(); ++step) {
    below += counts_[step];
    if (below >= rank) return std::clamp(end_of_step(step), least_, most_);
  }
  return most_;
}

bool Histogram::shows(double share) const {
  // 0.999 is not exactly that, which must not cost the last one of ten.
  constexpr double kRounding = 1e-6;
  return static_cast<double>(count_) * (1 - share) >= kLeastBeyond - kRounding;
}

std::vector<Histogram::Point> Histogram::curve() const {
  std::vector<Point> points;
  if (count_ == 0) return points;
  std::size_t step = 0;
  std::uint64_t below = 0;
  for (int tick = 0;; ++tick) {
    const double halvings = static_cast<double>(tick) / kPointsPerHalving;
    const double share = halvings >= kLastHalving ? 1 : 1 - std::exp2(-halvings);
    const auto rank = std::clamp<std::uint64_t>(
        static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1, count_);
    while (below < rank) below += counts_[step++];
    const bool is_last = below == count_;
    points.push_back({.share = is_last ? 1 : share,
                      .value = std::clamp(end_of_step(step - 1), least_, most_),
                      .samples = below});
    if (is_last) return points;
  }
}

std::string Histogram::hgrm() const {
  std::string text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  for (const Point& point : curve()) {
    text += fmt::format("{:12.3f} {:1.12f} {:10}",
                        microseconds_of(static_cast<double>(point.value.count())), point.share,
                        point.samples);
    if (point.share < 1) text += fmt::format(" {:14.2f}", 1 / (1 - point.share));
    text += "\n";
  }
  const double count = std::max(1.0, static_cast<double>(count_));
  const double mean_ns = sum_ns_ / count;
  const double deviation_ns = std::sqrt(std::max(0.0, sum_of_squares_ / count - mean_ns * mean_ns));
  text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", microseconds_of(mean_ns),
                      microseconds_of(deviation_ns));
  text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n",
                      microseconds_of(static_cast<double>(most_.count())), count_);
  text += fmt::format(
      "#[Buckets = {:12}, SubBuckets     = {:12}]\n",
      static_cast<int>(std::bit_width(static_cast<std::uint64_t>(kMost.count()))) - kStepBits + 1,
      2 * kSteps);
  return text;
}

}  // namespace penstock::benchmark
