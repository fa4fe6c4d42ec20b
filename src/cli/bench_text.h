// A benchmark's results as a person reads them at a terminal: a table for each scenario, and percentile
// curves drawn with letters.
//
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "benchmark/compare.h"
#include "benchmark/results.h"

namespace penstock::cli {

// Everything but the JSON's details.
std::string results_text(const benchmark::Results& results);

// Latencies by percentile, both axes logarithmic: one letter for each target, `columns` wide at most.
// Empty without samples.
std::string curve_text(std::string_view name, const std::vector<const benchmark::Summary*>& targets,
                       std::size_t columns);

std::string comparison_text(const std::vector<benchmark::Comparison>& comparisons);

// "produce p99" for "produce_p99_us".
std::string metric_label(std::string_view name);
// In a unit that suits it: "310 us", "1.5 GiB", "5,000".
std::string metric_value(double value, std::string_view unit);

}  // namespace penstock::cli
