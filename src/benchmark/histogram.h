// Histogram: how often something took how long, to a part in a thousand, in bounded memory.
//
// The steps are those of Gil Tene's HdrHistogram with three significant digits: every power of two is
// cut into 1,024 equal ones. So any number of samples may be added, and histograms of several threads
// and repeats can be joined without losing anything.
//
// Threading: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace penstock::benchmark {

class Histogram {
 public:
  // What takes longer counts as this long.
  static constexpr std::chrono::nanoseconds kMost = std::chrono::hours(1);
  // A percentile with fewer samples beyond it says more of chance than of what was measured.
  static constexpr double kLeastBeyond = 10;

  // A negative one counts as zero.
  void add(std::chrono::nanoseconds sample);
  void add_all(const Histogram& other);

  std::uint64_t count() const { return count_; }
  // All zero without samples. least() and most() are exact.
  std::chrono::nanoseconds least() const;
  std::chrono::nanoseconds most() const { return most_; }
  std::chrono::nanoseconds mean() const;

  // The nearest rank's step, its upper end; `share` from 0 to 1. Zero without samples.
  std::chrono::nanoseconds percentile(double share) const;
  // Whether that is worth printing: kLeastBeyond samples lie beyond it.
  bool shows(double share) const;

  // A point of the percentile curve: so much of the samples is not above `value`.
  struct Point {
    double share = 0;
    std::chrono::nanoseconds value{};
    std::uint64_t samples = 0;  // not above it
  };
  // From the least sample to the most, closer together towards 1: ten points for each halving of what
  // is left.
  std::vector<Point> curve() const;

  // The percentile distribution as HdrHistogram's tools print and plot it (.hgrm), in microseconds.
  std::string hgrm() const;

 private:
  std::vector<std::uint64_t> counts_;  // by step; as long as the largest sample asks for
  std::uint64_t count_ = 0;
  double sum_ns_ = 0;
  double sum_of_squares_ = 0;
  std::chrono::nanoseconds least_{};
  std::chrono::nanoseconds most_{};
};

}  // namespace penstock::benchmark
