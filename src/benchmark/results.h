// Results: what a benchmark found, before anybody draws it.
//
// Plain values. Times are microseconds where a name ends in _us, seconds in _s. Threading: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "benchmark/histogram.h"
#include "benchmark/latency_recorder.h"

namespace penstock::benchmark {

enum class Better { kMore, kLess, kNeither };
std::string_view to_string(Better better);

struct Metric {
  std::string name{};  // "produce_p99_us"
  std::string unit{};
  Better better = Better::kNeither;
  double value = 0;
};

// Latencies of one kind of operation: "produce", "consume".
struct Latencies {
  std::string name{};
  Histogram histogram{};
  std::vector<LatencyRecorder::Second> seconds{};  // empty where time has no meaning
};

// Where the mean message spent its time.
struct Stage {
  std::string name{};
  double mean_us = 0;
  std::optional<double> p99_us{};
};

// Once in a while during a run. Nothing where the system does not say.
struct ResourceSample {
  double at_s = 0;  // since the start of the run's measured part; negative in its warm-up
  std::optional<std::uint64_t> rss_bytes{};         // the server's
  std::optional<std::uint64_t> page_cache_bytes{};  // that the server's files take
  std::optional<std::uint64_t> dirty_bytes{};       // the machine's
  std::optional<std::uint64_t> writeback_bytes{};
  // Share of the time in which somebody waited, in percent: /proc/pressure, "some".
  std::optional<double> psi_io{};
  std::optional<double> psi_memory{};
  std::optional<double> psi_cpu{};
  // What the hypervisor kept of all processors' time, in percent: /proc/stat, "steal".
  std::optional<double> stolen_percent{};
};

// One step of a sweep.
struct RatePoint {
  double offered_per_second = 0;
  double achieved_per_second = 0;
  double produce_p50_us = 0;
  double produce_p99_us = 0;
  double consume_p99_us = 0;
  bool is_sustained = false;
};

struct Event {
  double at_s = 0;
  std::string what{};
};

enum class Loop {
  kOpen,    // each operation has a time at which it is due, whatever became of those before it
  kClosed,  // the next one begins when one has ended
};

// One scenario against one target, once.
struct Run {
  std::string scenario{};
  std::string target{};
  int repeat = 1;
  Loop loop = Loop::kClosed;
  double offered_per_second = 0;  // 0: as fast as it goes
  std::string io_mode{};          // in effect; empty where that is not known
  double measured_s = 0;          // without warm-up
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t duplicated = 0;
  std::vector<std::string> failures{};  // a run with one is no result
  std::vector<Metric> metrics{};
  std::vector<Latencies> latencies{};
  std::vector<Stage> stages{};
  std::vector<ResourceSample> samples{};
  std::vector<RatePoint> points{};
  std::vector<Event> events{};
};

// One cell of `bench disk`'s matrix.
struct MatrixCell {
  std::string what{};  // "durable write", "read"
  std::string target{};
  std::uint64_t block_bytes = 0;
  unsigned depth = 1;  // operations in flight
  double operations_per_second = 0;
  double mb_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

struct Machine {
  std::string kernel{};
  unsigned processors = 0;
  std::string processor{};
  std::uint64_t memory_bytes = 0;
  std::string file_system{};
  std::string mount_options{};
  std::string device{};
  std::string scheduler{};
  std::uint32_t logical_block_bytes = 0;
  std::uint32_t physical_block_bytes = 0;
  std::string write_cache{};
};

// What the load generator can do when the target does nothing.
struct ClientLimit {
  double messages_per_second = 0;
  double mb_per_second = 0;
  double produce_p99_us = 0;
};

struct Results {
  std::string kind{};     // "stream", "disk"
  std::string program{};  // "penstock 0.1.0"
  std::string started{};  // UTC, "2026-11-29T20:00:00Z"
  double seconds = 0;
  bool is_complete = false;  // false: it was interrupted
  Machine machine{};
  std::vector<std::pair<std::string, std::string>> setup{};
  std::vector<std::string> notes{};
  std::optional<ClientLimit> client_limit{};
  std::vector<Run> runs{};
  std::vector<MatrixCell> matrix{};
};

// A metric over the repeats of a scenario and target.
struct MetricSummary {
  std::string name{};
  std::string unit{};
  Better better = Better::kNeither;
  std::vector<double> values{};

  double median() const;
  double low() const;
  double high() const;
};

struct Summary {
  std::string scenario{};
  std::string target{};
  int repeats = 0;
  std::vector<std::string> failures{};  // "repeat 2: ..."; such a repeat counts for nothing else
  std::vector<MetricSummary> metrics{};
  std::vector<Latencies> latencies{};  // of all repeats together

  const MetricSummary* metric(std::string_view name) const;  // null when there is none
};

// In the order in which scenarios and targets first appear.
std::vector<Summary> summarize(const std::vector<Run>& runs);

// p50 to p99.99 and max, named `<latencies.name>_p99_us` and so on; only what Histogram::shows().
void add_percentiles(const Latencies& latencies, std::vector<Metric>& metrics);

// The middle one, or the mean of the two in the middle; of at least one.
double median_of(std::vector<double> values);

}  // namespace penstock::benchmark
