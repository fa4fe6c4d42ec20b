#include "benchmark/stream_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "benchmark/broker_metrics.h"
#include "benchmark/resource_sampler.h"

namespace penstock::benchmark {

namespace {

using std::chrono::duration;

constexpr std::chrono::milliseconds kTick{50};
// For the last messages to arrive, once nothing has for so long.
constexpr std::chrono::seconds kQuiet{10};
// Clients have connected by then, and the first messages are on their way.
constexpr double kConnectSeconds = 0.5;

std::chrono::nanoseconds seconds_as_time(double seconds) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

double seconds_since(SteadyClock::time_point from) {
  return duration<double>(SteadyClock::now() - from).count();
}

std::uint64_t next_load() {
  static std::atomic<std::uint64_t> loads{0};
  return (static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count()) << 8U) |
         (loads++ & 0xFFU);
}

// Processor time of both sides, and the broker's stages.
struct Meters {
  double client_cpu_s = 0;
  double broker_cpu_s = 0;
  std::optional<BrokerMetrics> broker{};

  static Meters read(const StreamTarget& target) {
    Meters meters{.client_cpu_s = own_cpu_seconds()};
    if (target.broker == nullptr) return meters;
    meters.broker_cpu_s = target.broker->cpu_seconds();
    if (target.broker->admin_address().empty()) return meters;
    Result<BrokerMetrics> metrics = BrokerMetrics::fetch(target.broker->admin_address());
    if (metrics) meters.broker = std::move(*metrics);
    return meters;
  }
};

void add_metric(Run& run, std::string name, std::string unit, Better better, double value) {
  run.metrics.push_back(
      {.name = std::move(name), .unit = std::move(unit), .better = better, .value = value});
}

void add_cpu(const Meters& before, const Meters& after, const StreamTarget& target, double gigabytes,
             Run& run) {
  if (gigabytes <= 0) return;
  if (target.broker != nullptr) {
    add_metric(run, "broker_cpu_s_per_gb", "s/GB", Better::kLess,
               (after.broker_cpu_s - before.broker_cpu_s) / gigabytes);
  }
  add_metric(run, "client_cpu_s_per_gb", "s/GB", Better::kNeither,
             (after.client_cpu_s - before.client_cpu_s) / gigabytes);
}

// The broker's stages lie inside of what a client calls the round trip.
void add_stages(const ClientStages& client, const Meters& before, const Meters& after, Run& run) {
  std::vector<Stage> broker;
  if (before.broker && after.broker) broker = after.broker->since(*before.broker);
  if (client.is_known) {
    run.stages.push_back({.name = "client queue", .mean_us = client.queue_us, .p99_us = {}});
    double inside_us = 0;
    for (const Stage& stage : broker) inside_us += stage.mean_us;
    run.stages.push_back({.name = broker.empty() ? "network and broker" : "network",
                          .mean_us = std::max(0.0, client.network_us - inside_us),
                          .p99_us = {}});
  }
  for (Stage& stage : broker) {
    stage.name = "commit: " + stage.name;
    run.stages.push_back(std::move(stage));
  }
}

void add_memory(Run& run) {
  std::optional<std::uint64_t> rss;
  std::optional<std::uint64_t> cache;
  for (const ResourceSample& sample : run.samples) {
    if (sample.at_s < 0) continue;
    if (sample.rss_bytes) rss = std::max(rss.value_or(0), *sample.rss_bytes);
    if (sample.page_cache_bytes) cache = std::max(cache.value_or(0), *sample.page_cache_bytes);
  }
  const auto add = [&](const char* name, std::optional<std::uint64_t> bytes) {
    if (bytes) add_metric(run, name, "bytes", Better::kLess, static_cast<double>(*bytes));
  };
  add("rss_most_bytes", rss);
  add("page_cache_most_bytes", cache);
}

void add_latencies(const std::string& name, const LatencyRecorder& recorder, const Event* event,
                   Run& run) {
  run.latencies.push_back({.name = name, .histogram = recorder.all(), .seconds = recorder.seconds()});
  add_percentiles(run.latencies.back(), run.metrics);
  if (event == nullptr) return;
  run.latencies.push_back({.name = name + "_beside_reader", .histogram = recorder.behind_event()});
  add_percentiles(run.latencies.back(), run.metrics);
}

// 0 where there is none.
double value_of(const Run& run, std::string_view name) {
  const auto found = std::ranges::find(run.metrics, name, &Metric::name);
  return found == run.metrics.end() ? 0 : found->value;
}

// Ends when everything that was acknowledged has come, or nothing comes any more.
void drain(const ProducerLoad& producers, const ConsumerLoad& consumers) {
  auto quiet_since = SteadyClock::now();
  std::uint64_t before = consumers.received();
  while (consumers.received() < producers.acknowledged() && SteadyClock::now() - quiet_since < kQuiet) {
    std::this_thread::sleep_for(kTick);
    if (consumers.received() != before) quiet_since = SteadyClock::now();
    before = consumers.received();
  }
}

void check_acknowledgements(const ProducerLoad& producers, Run& run) {
  if (producers.failed() > 0) {
    run.failures.push_back(
        fmt::format("{} messages were refused: {}", producers.failed(), producers.first_error()));
  }
  if (producers.acknowledged() == 0) run.failures.emplace_back("nothing was acknowledged");
}

void check_delivery(const ProducerLoad& producers, const ConsumerLoad& consumers, Run& run) {
  const std::uint64_t acknowledged = producers.acknowledged();
  run.lost = acknowledged - std::min(acknowledged, consumers.received());
  run.out_of_order = consumers.out_of_order();
  run.duplicated = consumers.duplicated();
  if (run.lost > 0) {
    run.failures.push_back(fmt::format("lost {} of {} acknowledged messages", run.lost, acknowledged));
  }
  if (run.out_of_order > 0) {
    run.failures.push_back(fmt::format("{} messages came out of order", run.out_of_order));
  }
  if (run.duplicated > 0) run.failures.push_back(fmt::format("{} messages came twice", run.duplicated));
  if (!consumers.first_error().empty())
    run.failures.push_back("a consumer: " + consumers.first_error());
}

}  // namespace

void measure_stream(const StreamTarget& target, const LoadShape& shape, const StreamScript& script,
                    const KeepGoing& keeps_going, Run& run) {
  const auto begun = SteadyClock::now();
  LoadTimes times{.start = begun + seconds_as_time(script.warmup_seconds + kConnectSeconds),
                  .event = SteadyClock::time_point::max(),
                  .end = {}};
  times.end = times.start + seconds_as_time(script.seconds);
  if (script.has_cold_reader) times.event = times.start + seconds_as_time(script.seconds / 2);

  const LoadTarget load{.brokers = target.brokers, .topic = target.topic, .load = next_load()};
  Result<std::unique_ptr<ConsumerLoad>> consumers =
      ConsumerLoad::start(load, shape, times, ConsumerLoad::From::kNow);
  if (!consumers) return run.failures.push_back(consumers.error().message());
  ResourceSampler::Subject subject{.directory = target.data_directory, .zero = times.start};
  if (target.broker != nullptr) subject.process = target.broker->pid();
  ResourceSampler sampler(std::move(subject));
  Result<std::unique_ptr<ProducerLoad>> producers = ProducerLoad::start(load, shape, times);
  if (!producers) return run.failures.push_back(producers.error().message());

  Meters before = Meters::read(target);
  bool is_warm = false;
  std::unique_ptr<ConsumerLoad> reader;
  SteadyClock::time_point reader_since;
  while (SteadyClock::now() < times.end) {
    std::this_thread::sleep_for(kTick);
    const auto now = SteadyClock::now();
    if (!is_warm && now >= times.start) {
      is_warm = true;
      before = Meters::read(target);
    }
    if (script.has_cold_reader && !reader && now >= times.event) {
      Result<std::unique_ptr<ConsumerLoad>> started =
          ConsumerLoad::start(load, shape, times, ConsumerLoad::From::kBeginning);
      if (!started) return run.failures.push_back(started.error().message());
      reader = std::move(*started);
      reader_since = SteadyClock::now();
      run.events.push_back({.at_s = duration<double>(reader_since - times.start).count(),
                            .what = "a cold reader joins"});
    }
    if (target.broker != nullptr && !target.broker->is_alive()) {
      run.failures.push_back(fmt::format("the broker {}; it said: {}", target.broker->how_it_ended(),
                                         target.broker->last_words()));
      break;
    }
    if (!keeps_going(seconds_since(begun))) break;
  }
  const double reader_seconds = reader ? seconds_since(reader_since) : 0;
  const std::uint64_t reader_bytes = reader ? reader->received_bytes() : 0;
  const Meters after = Meters::read(target);
  run.measured_s = std::clamp(seconds_since(times.start), 0.0, script.seconds);
  reader.reset();
  (*producers)->stop();
  (*producers)->join();
  if (shape.consumers > 0) drain(**producers, **consumers);
  (*consumers)->stop();
  run.samples = sampler.stop();

  run.messages = (*producers)->acknowledged_in_time();
  run.bytes = run.messages * shape.message_bytes;
  check_acknowledgements(**producers, run);
  if (shape.consumers > 0) check_delivery(**producers, **consumers, run);
  const double per_second = run.measured_s > 0 ? static_cast<double>(run.messages) / run.measured_s : 0;
  add_metric(run, "messages_per_second", "1/s", Better::kMore, per_second);
  add_metric(run, "mb_per_second", "MB/s", Better::kMore,
             per_second * static_cast<double>(shape.message_bytes) / 1e6);
  const Event* const event = run.events.empty() ? nullptr : run.events.data();
  add_latencies("produce", (*producers)->latencies(), event, run);
  add_latencies("consume", (*consumers)->latencies(), event, run);
  if (reader_seconds > 0) {
    add_metric(run, "reader_mb_per_second", "MB/s", Better::kMore,
               static_cast<double>(reader_bytes) / 1e6 / reader_seconds);
  }
  add_cpu(before, after, target, static_cast<double>(run.bytes) / 1e9, run);
  add_memory(run);
  add_stages((*producers)->stages(), before, after, run);
}

Result<void> write_backlog(const StreamTarget& target, const LoadShape& shape, std::uint64_t bytes,
                           const KeepGoing& keeps_going) {
  LoadShape writing = shape;
  writing.rate.reset();
  writing.linger_ms = 5;
  writing.window = 20'000;
  const auto begun = SteadyClock::now();
  const LoadTimes times{
      .start = begun, .event = SteadyClock::time_point::max(), .end = begun + std::chrono::hours(1)};
  const LoadTarget load{.brokers = target.brokers, .topic = target.topic, .load = next_load()};
  Result<std::unique_ptr<ProducerLoad>> producers = ProducerLoad::start(load, writing, times);
  if (!producers) return Unexpected(producers.error());
  while ((*producers)->acknowledged() * shape.message_bytes < bytes) {
    std::this_thread::sleep_for(kTick);
    if ((*producers)->failed() > 0) break;
    if (!keeps_going(seconds_since(begun))) return fail(ErrorCode::kClosed, "interrupted");
  }
  (*producers)->stop();
  (*producers)->join();
  if ((*producers)->failed() == 0) return {};
  return fail(ErrorCode::kIo, "write the backlog: {}", (*producers)->first_error());
}

void sweep_rates(const StreamTarget& target, const LoadShape& shape, const StreamScript& script,
                 double rate, const KeepGoing& keeps_going, Run& run) {
  constexpr double kStep = 1.5;
  constexpr int kStepsMax = 16;
  constexpr double kSustained = 0.97;  // of what was offered
  const auto begun = SteadyClock::now();
  double knee = 0;
  for (int i = 0; i < kStepsMax; ++i, rate *= kStep) {
    LoadShape stepping = shape;
    stepping.rate = RatePlan{.per_second = rate};
    Run step;
    const auto goes_on = [&](double) { return keeps_going(seconds_since(begun)); };
    measure_stream(target, stepping, script, goes_on, step);
    run.messages += step.messages;
    run.bytes += step.bytes;
    run.lost += step.lost;
    run.out_of_order += step.out_of_order;
    run.duplicated += step.duplicated;
    run.failures.insert(run.failures.end(), step.failures.begin(), step.failures.end());
    run.measured_s += step.measured_s;
    if (!step.failures.empty()) return;
    if (step.measured_s < script.seconds) break;  // told to end
    RatePoint point{.offered_per_second = rate,
                    .achieved_per_second = value_of(step, "messages_per_second"),
                    .produce_p50_us = value_of(step, "produce_p50_us"),
                    .produce_p99_us = value_of(step, "produce_p99_us"),
                    .consume_p99_us = value_of(step, "consume_p99_us"),
                    .is_sustained = false};
    point.is_sustained = point.achieved_per_second >= kSustained * rate;
    if (point.is_sustained) knee = point.achieved_per_second;
    run.points.push_back(point);
    if (!point.is_sustained) break;
  }
  add_metric(run, "knee_messages_per_second", "1/s", Better::kMore, knee);
}

}  // namespace penstock::benchmark
