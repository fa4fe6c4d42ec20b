// compare: whether one result is better than another, or only luckier.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "benchmark/results.h"

namespace penstock::benchmark {

enum class Verdict {
  kSame,    // the interval holds no difference that counts
  kBetter,  // all of the interval lies beyond the threshold
  kWorse,
  kUndecided,  // it might be either: too few repeats, or too much spread
};
std::string_view to_string(Verdict verdict);

struct Comparison {
  std::string scenario{};
  std::string target{};
  std::string metric{};
  std::string unit{};
  Better better = Better::kNeither;
  double before = 0;  // medians
  double after = 0;
  // after / before, and the interval that holds it with 95 % confidence.
  double ratio = 1;
  double low = 1;
  double high = 1;
  Verdict verdict = Verdict::kSame;
};

struct CompareOptions {
  double threshold = 0.05;        // a difference of so much, as a share, counts
  std::uint64_t seed = 20261129;  // of the resampling
};

// Both are what `penstock bench --json` wrote. What only one of them has is passed over. Errors:
// kInvalidArgument, when one is something else, of a later version, or they share nothing.
Result<std::vector<Comparison>> compare(const nlohmann::json& before, const nlohmann::json& after,
                                        const CompareOptions& options = {});

// Reads and checks one. Errors: kNotFound, kPermission, kTooLarge, kInvalidArgument.
Result<nlohmann::json> read_results(const std::string& path);

}  // namespace penstock::benchmark
