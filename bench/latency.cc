#include "bench/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace penstock::bench {

namespace {

constexpr double kLeastSamplesBeyond = 10;

}  // namespace

double Latencies::percentile_us(double share) const {
  if (samples_.empty()) return 0;
  std::vector<std::int64_t> sorted = samples_;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const auto place =
      sorted.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, sorted.size()) - 1);
  std::nth_element(sorted.begin(), place, sorted.end());
  return static_cast<double>(*place) / 1000.0;
}

std::string Latencies::summary() const {
  std::string text = fmt::format("n={}", samples_.size());
  for (const auto& [name, share] :
       {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}) {
    if (static_cast<double>(samples_.size()) * (1 - share) < kLeastSamplesBeyond) continue;
    text += fmt::format(", {} {:.1f} us", name, percentile_us(share));
  }
  return text;
}

}  // namespace penstock::bench
