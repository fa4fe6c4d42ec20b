#include <fmt/format.h>

#include <algorithm>

#include "bench/log_bench/group.h"

namespace penstock::bench {

Row Rounds::row(std::string measure, std::string_view unit) const {
  const auto [least, most] = std::ranges::minmax(ratios_);
  const auto figure = [&](const std::vector<double>& values) {
    const double value = median(values);
    return fmt::format("{:.{}f} {}", value, value < 1000 ? 1 : 0, unit);
  };
  return {.measure = std::move(measure),
          .measured = median(ratios_),
          .unit = "x",
          .basis = fmt::format("{:.2f} to {:.2f}; {} of {}; {}", least, most, figure(ours_),
                               figure(theirs_), kIdleCoresOnly),
          .at_most = {},
          .at_least = {}};
}

}  // namespace penstock::bench
