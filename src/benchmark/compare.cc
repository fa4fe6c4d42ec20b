#include "benchmark/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "benchmark/results_json.h"

namespace penstock::benchmark {

namespace {

using Json = nlohmann::json;

constexpr std::uintmax_t kFileBytesMax = 1ULL << 30;
// Fewer values have no spread that would say anything.
constexpr std::size_t kLeastRepeats = 3;
constexpr int kResamples = 2000;
constexpr double kTail = 0.025;  // on either side of the interval

double median_of_resample(const std::vector<double>& values, Random& random) {
  std::vector<double> drawn(values.size());
  for (double& value : drawn) value = values[random.below(values.size())];
  return median_of(std::move(drawn));
}

// The percentile bootstrap of the ratio of medians (Efron 1979).
void set_interval(const std::vector<double>& before, const std::vector<double>& after,
                  std::uint64_t seed, Comparison& comparison) {
  Random random(seed);
  std::vector<double> ratios;
  for (int i = 0; i < kResamples; ++i) {
    const double base = median_of_resample(before, random);
    const double now = median_of_resample(after, random);
    if (base > 0) ratios.push_back(now / base);
  }
  if (ratios.empty()) return;
  std::ranges::sort(ratios);
  const auto at = [&](double share) {
    return ratios[static_cast<std::size_t>(share * static_cast<double>(ratios.size() - 1))];
  };
  comparison.low = at(kTail);
  comparison.high = at(1 - kTail);
}

Verdict verdict_on(const Comparison& comparison, std::size_t repeats, double threshold) {
  if (repeats < kLeastRepeats) return Verdict::kUndecided;
  const bool more_is_better = comparison.better == Better::kMore;
  if (comparison.low > 1 + threshold) return more_is_better ? Verdict::kBetter : Verdict::kWorse;
  if (comparison.high < 1 - threshold) return more_is_better ? Verdict::kWorse : Verdict::kBetter;
  const bool holds_nothing = comparison.low >= 1 - threshold && comparison.high <= 1 + threshold;
  return holds_nothing ? Verdict::kSame : Verdict::kUndecided;
}

Better better_of(const std::string& text) {
  if (text == "more") return Better::kMore;
  return text == "less" ? Better::kLess : Better::kNeither;
}

void compare_metric(const std::string& name, const Json& before, const Json& after,
                    const CompareOptions& options, Comparison comparison,
                    std::vector<Comparison>& comparisons) {
  const auto old_values = before.at("values").get<std::vector<double>>();
  const auto new_values = after.at("values").get<std::vector<double>>();
  comparison.better = better_of(after.at("better").get<std::string>());
  // The largest of all is one event, which no number of repeats makes a property.
  if (comparison.better == Better::kNeither || name.ends_with("_max_us")) return;
  if (old_values.empty() || new_values.empty()) return;
  comparison.metric = name;
  comparison.unit = after.at("unit").get<std::string>();
  comparison.before = median_of(old_values);
  comparison.after = median_of(new_values);
  if (comparison.before > 0) comparison.ratio = comparison.after / comparison.before;
  comparison.low = comparison.high = comparison.ratio;
  set_interval(old_values, new_values, options.seed, comparison);
  comparison.verdict =
      verdict_on(comparison, std::min(old_values.size(), new_values.size()), options.threshold);
  comparisons.push_back(std::move(comparison));
}

const Json* same_summary(const Json& results, const Json& summary) {
  for (const Json& other : results.at("summaries")) {
    if (other.at("scenario") == summary.at("scenario") && other.at("target") == summary.at("target")) {
      return &other;
    }
  }
  return nullptr;
}

std::vector<Comparison> compare_all(const Json& before, const Json& after,
                                    const CompareOptions& options) {
  std::vector<Comparison> comparisons;
  for (const Json& summary : after.at("summaries")) {
    const Json* const other = same_summary(before, summary);
    if (other == nullptr) continue;
    for (const auto& [name, metric] : summary.at("metrics").items()) {
      if (!other->at("metrics").contains(name)) continue;
      const Comparison comparison{.scenario = summary.at("scenario").get<std::string>(),
                                  .target = summary.at("target").get<std::string>()};
      compare_metric(name, other->at("metrics").at(name), metric, options, comparison, comparisons);
    }
  }
  return comparisons;
}

Result<void> check_schema(const Json& results) {
  if (!results.is_object() || !results.contains("schema") || results["schema"] != kSchema) {
    return fail(ErrorCode::kInvalidArgument, "it was not written by `penstock bench --json`");
  }
  if (!results.contains("version") || results["version"] != kSchemaVersion) {
    return fail(ErrorCode::kInvalidArgument,
                "its schema is not version {}, the one that this program reads", kSchemaVersion);
  }
  if (!results.contains("summaries") || !results["summaries"].is_array())
    return fail(ErrorCode::kInvalidArgument, "it has no summaries: something has changed it");
  return {};
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame: return "same";
    case Verdict::kBetter: return "better";
    case Verdict::kWorse: return "worse";
    case Verdict::kUndecided: return "undecided";
  }
  return "";
}

Result<std::vector<Comparison>> compare(const nlohmann::json& before, const nlohmann::json& after,
                                        const CompareOptions& options) {
  for (const Json* results : {&before, &after}) {
    const Result<void> checked = check_schema(*results);
    if (!checked) return Unexpected(checked.error());
  }
  std::vector<Comparison> comparisons;
  try {
    comparisons = compare_all(before, after, options);
  } catch (const Json::exception& damage) {
    return fail(ErrorCode::kInvalidArgument, "a result is damaged: {}", damage.what());
  }
  if (comparisons.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the two have no scenario with the same target in common");
  }
  return comparisons;
}

Result<nlohmann::json> read_results(const std::string& path) {
  const std::string doing = "read " + path;
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return Unexpected(Error::from_errno(error.value(), doing));
  if (bytes > kFileBytesMax) {
    return fail(ErrorCode::kTooLarge, "{}: it has {} bytes; no result is that large", doing, bytes);
  }
  std::ifstream file(path);
  if (!file) return Unexpected(Error::from_errno(errno, doing));
  Json results = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (results.is_discarded()) return fail(ErrorCode::kInvalidArgument, "{}: it is no JSON", doing);
  const Result<void> checked = check_schema(results);
  if (!checked) return Unexpected(checked.error().context(doing));
  return results;
}

}  // namespace penstock::benchmark
