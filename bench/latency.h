// What benchmarks measure with: samples of one operation and their percentiles, times, speeds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace penstock::bench {

class Latencies {
 public:
  void add(std::chrono::nanoseconds sample) { samples_.push_back(sample.count()); }
  void add_all(const Latencies& others) {
    samples_.insert(samples_.end(), others.samples_.begin(), others.samples_.end());
  }
  std::size_t count() const { return samples_.size(); }

  // In microseconds; `share` in (0, 1). The nearest rank.
  double percentile_us(double share) const;

  // "p50 85.1 us, p99 120.4 us, p99.9 ...": a percentile with fewer than 10 samples beyond it is left
  // out.
  std::string summary() const;

 private:
  std::vector<std::int64_t> samples_;
};

// Time since construction.
class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline double mb_per_second(std::uint64_t bytes, std::chrono::nanoseconds took) {
  return static_cast<double>(bytes) / 1e6 / std::chrono::duration<double>(took).count();
}

// Of at least one; the upper one of two in the middle.
inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace penstock::bench
