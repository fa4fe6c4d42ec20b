// LatencyHistogram: how often something took how long, in a fixed number of counters.
//
// The bounds are 1-2-5 steps from 5 us to 10 s: from what a system call takes to a device that hangs.
// Threading: one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace penstock {

class LatencyHistogram {
 public:
  // The largest latency that each counter counts, in microseconds; one more counter has the rest.
  static constexpr std::array<std::int64_t, 20> kBoundsUs = {
      5,      10,     20,     50,      100,     200,     500,       1'000,     2'000,     5'000,
      10'000, 20'000, 50'000, 100'000, 200'000, 500'000, 1'000'000, 2'000'000, 5'000'000, 10'000'000};

  void add(std::chrono::nanoseconds latency) {
    const auto* bound = std::ranges::lower_bound(
        kBoundsUs, std::chrono::ceil<std::chrono::microseconds>(latency).count());
    ++counts_[static_cast<std::size_t>(bound - kBoundsUs.begin())];
    ++count_;
    sum_ += latency;
  }

  // By the index of the bound; the last is what lies above all bounds.
  const std::array<std::uint64_t, kBoundsUs.size() + 1>& counts() const { return counts_; }
  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBoundsUs.size() + 1> counts_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds sum_{};
};

}  // namespace penstock
