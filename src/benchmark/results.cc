#include "benchmark/results.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace penstock::benchmark {

namespace {

double microseconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

Summary& summary_of(const Run& run, std::vector<Summary>& summaries) {
  const auto same = [&](const Summary& summary) {
    return summary.scenario == run.scenario && summary.target == run.target;
  };
  const auto found = std::ranges::find_if(summaries, same);
  if (found != summaries.end()) return *found;
  summaries.push_back({.scenario = run.scenario, .target = run.target});
  return summaries.back();
}

// The entry with the name of `like`; a new one where there is none yet.
template <typename Entry, typename Like>
Entry& entry_like(const Like& like, std::vector<Entry>& entries) {
  const auto found = std::ranges::find(entries, like.name, &Entry::name);
  if (found != entries.end()) return *found;
  return entries.emplace_back();
}

}  // namespace

std::string_view to_string(Better better) {
  switch (better) {
    case Better::kMore: return "more";
    case Better::kLess: return "less";
    case Better::kNeither: return "neither";
  }
  return "";
}

double median_of(std::vector<double> values) {
  PENSTOCK_ASSERT(!values.empty(), "nothing has no median");
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double MetricSummary::median() const { return median_of(values); }
double MetricSummary::low() const { return *std::ranges::min_element(values); }
double MetricSummary::high() const { return *std::ranges::max_element(values); }

const MetricSummary* Summary::metric(std::string_view name) const {
  const auto found = std::ranges::find(metrics, name, &MetricSummary::name);
  return found == metrics.end() ? nullptr : &*found;
}

std::vector<Summary> summarize(const std::vector<Run>& runs) {
  std::vector<Summary> summaries;
  for (const Run& run : runs) {
    Summary& summary = summary_of(run, summaries);
    ++summary.repeats;
    for (const std::string& failure : run.failures) {
      summary.failures.push_back(fmt::format("repeat {}: {}", run.repeat, failure));
    }
    if (!run.failures.empty()) continue;
    for (const Metric& metric : run.metrics) {
      MetricSummary& entry = entry_like(metric, summary.metrics);
      entry.name = metric.name;
      entry.unit = metric.unit;
      entry.better = metric.better;
      entry.values.push_back(metric.value);
    }
    for (const Latencies& latencies : run.latencies) {
      Latencies& entry = entry_like(latencies, summary.latencies);
      entry.name = latencies.name;
      entry.histogram.add_all(latencies.histogram);
    }
  }
  return summaries;
}

void add_percentiles(const Latencies& latencies, std::vector<Metric>& metrics) {
  const Histogram& histogram = latencies.histogram;
  if (histogram.count() == 0) return;
  const auto add = [&](std::string_view which, std::chrono::nanoseconds value) {
    metrics.push_back({.name = fmt::format("{}_{}_us", latencies.name, which),
                       .unit = "us",
                       .better = Better::kLess,
                       .value = microseconds_of(value)});
  };
  constexpr std::pair<std::string_view, double> kShares[] = {
      {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
  for (const auto& [which, share] : kShares) {
    if (histogram.shows(share)) add(which, histogram.percentile(share));
  }
  add("max", histogram.most());
}

}  // namespace penstock::benchmark
