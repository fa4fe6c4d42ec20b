#include "benchmark/results_json.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <functional>

namespace penstock::benchmark {

namespace {

using Json = nlohmann::ordered_json;

// More digits would be noise: a tenth of a nanosecond.
double rounded(double value) {
  constexpr double kDigits = 1e4;
  return std::round(value * kDigits) / kDigits;
}

double microseconds_of(std::chrono::nanoseconds time) {
  return rounded(std::chrono::duration<double, std::micro>(time).count());
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json distribution(const Histogram& histogram) {
  constexpr std::array<std::pair<const char*, double>, 5> kShares{
      {{"50", 0.5}, {"90", 0.9}, {"99", 0.99}, {"99.9", 0.999}, {"99.99", 0.9999}}};
  Json percentiles = Json::object();
  for (const auto& [name, share] : kShares) {
    if (histogram.shows(share)) percentiles[name] = microseconds_of(histogram.percentile(share));
  }
  Json curve = Json::array();
  for (const Histogram::Point& point : histogram.curve()) {
    // The last of them has its own name, max; here it would lie at infinity.
    if (point.share < 1) curve.push_back({point.share * 100, microseconds_of(point.value)});
  }
  return {{"count", histogram.count()},
          {"min_us", microseconds_of(histogram.least())},
          {"mean_us", microseconds_of(histogram.mean())},
          {"max_us", microseconds_of(histogram.most())},
          {"percentiles", std::move(percentiles)},
          {"curve", std::move(curve)}};
}

Json distributions(const std::vector<Latencies>& all) {
  Json result = Json::object();
  for (const Latencies& latencies : all) result[latencies.name] = distribution(latencies.histogram);
  return result;
}

// A second in which nothing happened has no percentiles.
Json seconds(const std::vector<LatencyRecorder::Second>& all) {
  Json result = {{"t", Json::array()},
                 {"count", Json::array()},
                 {"p50_us", Json::array()},
                 {"p99_us", Json::array()},
                 {"max_us", Json::array()},
                 {"heat", Json::array()},
                 {"buckets_per_octave", LatencyRecorder::kCellsPerOctave}};
  for (std::size_t at = 0; at < all.size(); ++at) {
    const LatencyRecorder::Second& second = all[at];
    const auto or_nothing = [&](double value) {
      return second.count == 0 ? Json(nullptr) : Json(rounded(value));
    };
    result["t"].push_back(at);
    result["count"].push_back(second.count);
    result["p50_us"].push_back(or_nothing(second.percentile_us(0.5)));
    result["p99_us"].push_back(or_nothing(second.percentile_us(0.99)));
    result["max_us"].push_back(or_nothing(microseconds_of(second.most)));
    const std::vector<std::uint64_t> cells = second.cells();
    for (std::size_t cell = 0; cell < cells.size(); ++cell) {
      if (cells[cell] > 0) result["heat"].push_back({at, cell, cells[cell]});
    }
  }
  return result;
}

// One array for each field, as charts take them.
Json samples(const std::vector<ResourceSample>& all) {
  Json result = Json::object();
  const auto add = [&](const char* name, const std::function<Json(const ResourceSample&)>& value) {
    result[name] = Json::array();
    for (const ResourceSample& sample : all) result[name].push_back(value(sample));
  };
  add("t", [](const ResourceSample& sample) { return Json(rounded(sample.at_s)); });
  add("rss_bytes", [](const ResourceSample& sample) { return or_null(sample.rss_bytes); });
  add("page_cache_bytes",
      [](const ResourceSample& sample) { return or_null(sample.page_cache_bytes); });
  add("dirty_bytes", [](const ResourceSample& sample) { return or_null(sample.dirty_bytes); });
  add("writeback_bytes", [](const ResourceSample& sample) { return or_null(sample.writeback_bytes); });
  add("psi_io", [](const ResourceSample& sample) { return or_null(sample.psi_io); });
  add("psi_memory", [](const ResourceSample& sample) { return or_null(sample.psi_memory); });
  add("psi_cpu", [](const ResourceSample& sample) { return or_null(sample.psi_cpu); });
  add("stolen_percent", [](const ResourceSample& sample) { return or_null(sample.stolen_percent); });
  return result;
}

Json run(const Run& run) {
  Json metrics = Json::object();
  for (const Metric& metric : run.metrics) metrics[metric.name] = rounded(metric.value);
  Json stages = Json::array();
  for (const Stage& stage : run.stages) {
    stages.push_back(
        {{"name", stage.name}, {"mean_us", rounded(stage.mean_us)}, {"p99_us", or_null(stage.p99_us)}});
  }
  Json by_second = Json::object();
  for (const Latencies& latencies : run.latencies) {
    if (!latencies.seconds.empty()) by_second[latencies.name] = seconds(latencies.seconds);
  }
  Json points = Json::array();
  for (const RatePoint& point : run.points) {
    points.push_back({{"offered_per_second", rounded(point.offered_per_second)},
                      {"achieved_per_second", rounded(point.achieved_per_second)},
                      {"produce_p50_us", rounded(point.produce_p50_us)},
                      {"produce_p99_us", rounded(point.produce_p99_us)},
                      {"consume_p99_us", rounded(point.consume_p99_us)},
                      {"sustained", point.is_sustained}});
  }
  Json events = Json::array();
  for (const Event& event : run.events) {
    events.push_back({{"t", rounded(event.at_s)}, {"what", event.what}});
  }
  return {{"scenario", run.scenario},
          {"target", run.target},
          {"repeat", run.repeat},
          {"loop", run.loop == Loop::kOpen ? "open" : "closed"},
          {"offered_per_second", rounded(run.offered_per_second)},
          {"io_mode", run.io_mode.empty() ? Json(nullptr) : Json(run.io_mode)},
          {"measured_s", rounded(run.measured_s)},
          {"messages", run.messages},
          {"bytes", run.bytes},
          {"lost", run.lost},
          {"out_of_order", run.out_of_order},
          {"duplicated", run.duplicated},
          {"failures", run.failures},
          {"metrics", std::move(metrics)},
          {"distributions", distributions(run.latencies)},
          {"stages", std::move(stages)},
          {"seconds", std::move(by_second)},
          {"samples", samples(run.samples)},
          {"points", std::move(points)},
          {"events", std::move(events)}};
}

Json summary(const Summary& summary) {
  Json metrics = Json::object();
  for (const MetricSummary& metric : summary.metrics) {
    Json values = Json::array();
    for (const double value : metric.values) values.push_back(rounded(value));
    metrics[metric.name] = {{"unit", metric.unit},          {"better", to_string(metric.better)},
                            {"values", std::move(values)},  {"median", rounded(metric.median())},
                            {"low", rounded(metric.low())}, {"high", rounded(metric.high())}};
  }
  return {{"scenario", summary.scenario},  {"target", summary.target},
          {"repeats", summary.repeats},    {"failed", summary.failures},
          {"metrics", std::move(metrics)}, {"distributions", distributions(summary.latencies)}};
}

Json machine(const Machine& machine) {
  return {{"kernel", machine.kernel},
          {"processors", machine.processors},
          {"processor", machine.processor},
          {"memory_bytes", machine.memory_bytes},
          {"file_system", machine.file_system},
          {"mount_options", machine.mount_options},
          {"device", machine.device},
          {"scheduler", machine.scheduler},
          {"logical_block_bytes", machine.logical_block_bytes},
          {"physical_block_bytes", machine.physical_block_bytes},
          {"write_cache", machine.write_cache}};
}

Json client_limit(const std::optional<ClientLimit>& limit) {
  if (!limit) return nullptr;
  return {{"messages_per_second", rounded(limit->messages_per_second)},
          {"mb_per_second", rounded(limit->mb_per_second)},
          {"produce_p99_us", rounded(limit->produce_p99_us)}};
}

}  // namespace

nlohmann::ordered_json to_json(const Results& results) {
  Json setup = Json::object();
  for (const auto& [name, value] : results.setup) {
    setup[name] = setup.contains(name) ? setup[name].get<std::string>() + ", " + value : value;
  }
  Json summaries = Json::array();
  for (const Summary& entry : summarize(results.runs)) summaries.push_back(summary(entry));
  Json runs = Json::array();
  for (const Run& entry : results.runs) runs.push_back(run(entry));
  Json matrix = Json::array();
  for (const MatrixCell& cell : results.matrix) {
    matrix.push_back({{"what", cell.what},
                      {"target", cell.target},
                      {"block_bytes", cell.block_bytes},
                      {"depth", cell.depth},
                      {"operations_per_second", rounded(cell.operations_per_second)},
                      {"mb_per_second", rounded(cell.mb_per_second)},
                      {"p50_us", rounded(cell.p50_us)},
                      {"p99_us", rounded(cell.p99_us)}});
  }
  return {{"schema", kSchema},
          {"version", kSchemaVersion},
          {"kind", results.kind},
          {"program", results.program},
          {"started", results.started},
          {"seconds", rounded(results.seconds)},
          {"complete", results.is_complete},
          {"machine", machine(results.machine)},
          {"setup", std::move(setup)},
          {"notes", results.notes},
          {"client_limit", client_limit(results.client_limit)},
          {"summaries", std::move(summaries)},
          {"runs", std::move(runs)},
          {"matrix", std::move(matrix)}};
}

}  // namespace penstock::benchmark
