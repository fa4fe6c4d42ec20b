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
// A broker that acknowledges nothing for so long will not any more: its disk is full, or worse.
constexpr std::chrono::seconds kStuck{30};
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

// Of a virtual machine: what its hypervisor keeps at a time, some milliseconds, is in the tails.
void add_stolen_time(Run& run) {
  double sum = 0;
  int count = 0;
  for (const ResourceSample& sample : run.samples) {
    if (sample.at_s < 0 || !sample.stolen_percent) continue;
    sum += *sample.stolen_percent;
    ++count;
  }
  if (count > 0) add_metric(run, "stolen_percent", "%", Better::kNeither, sum / count);
}

void add_latencies(const std::string& name, const LatencyRecorder& recorder, bool has_event, Run& run) {
  run.latencies.push_back({.name = name, .histogram = recorder.all(), .seconds = recorder.seconds()});
  add_percentiles(run.latencies.back(), run.metrics);
  if (!has_event) return;
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

Error broker_is_gone(const StreamTarget& target) {
  return Error(ErrorCode::kIo, fmt::format("the broker {}; it said last: {}",
                                           target.broker->how_it_ended(), target.broker->last_words()));
}

Result<void> await_backlog(const StreamTarget& target, const ProducerLoad& producers,
                           std::uint64_t messages, const KeepGoing& keeps_going) {
  const auto begun = SteadyClock::now();
  auto moved_at = begun;
  std::uint64_t before = 0;
  while (producers.acknowledged() < messages && producers.failed() == 0) {
    std::this_thread::sleep_for(kTick);
    if (!keeps_going(seconds_since(begun))) return fail(ErrorCode::kClosed, "interrupted");
    if (target.broker != nullptr && !target.broker->is_alive())
      return Unexpected(broker_is_gone(target));
    if (producers.acknowledged() != before) moved_at = SteadyClock::now();
    before = producers.acknowledged();
    if (SteadyClock::now() - moved_at > kStuck) {
      return fail(
          ErrorCode::kTimeout, "write the backlog: nothing was acknowledged for {} s; {}",
          kStuck.count(),
          target.broker != nullptr ? "the broker said last: " + target.broker->last_words() : "");
    }
  }
  return {};
}

class StreamMeasurement {
 public:
  StreamMeasurement(const StreamTarget& target, const LoadShape& shape, const StreamScript& script,
                    Run& run)
      : target_(target),
        shape_(shape),
        script_(script),
        run_(run),
        load_{.brokers = target.brokers, .topic = target.topic, .load = next_load()},
        times_{.start = begun_ + seconds_as_time(script.warmup_seconds + kConnectSeconds),
               .event = SteadyClock::time_point::max(),
               .end = {}} {
    times_.end = times_.start + seconds_as_time(script.seconds);
    if (script.has_cold_reader) times_.event = times_.start + seconds_as_time(script.seconds / 2);
  }

  Result<void> start();
  // Until the time is over, or somebody wants it to end, or the broker has.
  Result<void> watch(const KeepGoing& keeps_going);
  void finish();

 private:
  Result<void> let_readers_join();

  const StreamTarget& target_;
  const LoadShape& shape_;
  const StreamScript& script_;
  Run& run_;
  SteadyClock::time_point begun_ = SteadyClock::now();
  LoadTarget load_;
  LoadTimes times_;
  Meters before_;
  SteadyClock::time_point readers_since_;
  std::unique_ptr<ConsumerLoad> consumers_;
  std::optional<ResourceSampler> sampler_;
  std::unique_ptr<ProducerLoad> producers_;
  std::unique_ptr<ConsumerLoad> readers_;
};

Result<void> StreamMeasurement::start() {
  Result<std::unique_ptr<ConsumerLoad>> consumers =
      ConsumerLoad::start(load_, shape_, times_, ConsumerLoad::From::kNow);
  if (!consumers) return Unexpected(consumers.error());
  consumers_ = std::move(*consumers);
  ResourceSampler::Subject subject{.directory = target_.data_directory, .zero = times_.start};
  if (target_.broker != nullptr) subject.process = target_.broker->pid();
  sampler_.emplace(std::move(subject));
  Result<std::unique_ptr<ProducerLoad>> producers = ProducerLoad::start(load_, shape_, times_);
  if (!producers) return Unexpected(producers.error());
  producers_ = std::move(*producers);
  before_ = Meters::read(target_);
  return {};
}

Result<void> StreamMeasurement::let_readers_join() {
  Result<std::unique_ptr<ConsumerLoad>> readers =
      ConsumerLoad::start(load_, shape_, times_, ConsumerLoad::From::kBeginning);
  if (!readers) return Unexpected(readers.error());
  readers_ = std::move(*readers);
  readers_since_ = SteadyClock::now();
  run_.events.push_back(
      {.at_s = duration<double>(readers_since_ - times_.start).count(), .what = "cold readers join"});
  return {};
}

Result<void> StreamMeasurement::watch(const KeepGoing& keeps_going) {
  bool is_warm = false;
  while (SteadyClock::now() < times_.end && keeps_going(seconds_since(begun_))) {
    std::this_thread::sleep_for(kTick);
    const auto now = SteadyClock::now();
    if (!is_warm && now >= times_.start) {
      is_warm = true;
      before_ = Meters::read(target_);
    }
    if (script_.has_cold_reader && !readers_ && now >= times_.event) {
      const Result<void> joined = let_readers_join();
      if (!joined) return joined;
    }
    if (target_.broker != nullptr && !target_.broker->is_alive()) {
      return Unexpected(broker_is_gone(target_));
    }
  }
  return {};
}

void StreamMeasurement::finish() {
  const double reader_seconds = readers_ ? seconds_since(readers_since_) : 0;
  const std::uint64_t reader_bytes = readers_ ? readers_->received_bytes() : 0;
  const Meters after = Meters::read(target_);
  run_.measured_s = std::clamp(seconds_since(times_.start), 0.0, script_.seconds);
  readers_.reset();
  const bool is_broker_gone = target_.broker != nullptr && !target_.broker->is_alive();
  producers_->stop();
  if (is_broker_gone) producers_->abandon();
  producers_->join();
  if (shape_.consumers > 0 && !is_broker_gone) drain(*producers_, *consumers_);
  consumers_->stop();
  run_.samples = sampler_->stop();

  run_.messages = producers_->acknowledged_in_time();
  run_.bytes = run_.messages * shape_.message_bytes;
  check_acknowledgements(*producers_, run_);
  if (shape_.consumers > 0) check_delivery(*producers_, *consumers_, run_);
  const double per_second =
      run_.measured_s > 0 ? static_cast<double>(run_.messages) / run_.measured_s : 0;
  add_metric(run_, "messages_per_second", "1/s", Better::kMore, per_second);
  add_metric(run_, "mb_per_second", "MB/s", Better::kMore,
             per_second * static_cast<double>(shape_.message_bytes) / 1e6);
  const bool has_event = !run_.events.empty();
  add_latencies("produce", producers_->latencies(), has_event, run_);
  add_latencies("consume", consumers_->latencies(), has_event, run_);
  if (reader_seconds > 0) {
    add_metric(run_, "reader_mb_per_second", "MB/s", Better::kMore,
               static_cast<double>(reader_bytes) / 1e6 / reader_seconds);
  }
  add_cpu(before_, after, target_, static_cast<double>(run_.bytes) / 1e9, run_);
  add_memory(run_);
  add_stolen_time(run_);
  add_stages(producers_->stages(), before_, after, run_);
}

}  // namespace

void measure_stream(const StreamTarget& target, const LoadShape& shape, const StreamScript& script,
                    const KeepGoing& keeps_going, Run& run) {
  StreamMeasurement measurement(target, shape, script, run);
  Result<void> step = measurement.start();
  if (!step) return run.failures.push_back(step.error().message());
  step = measurement.watch(keeps_going);
  if (!step) run.failures.push_back(step.error().message());
  measurement.finish();
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
  Result<void> awaited = await_backlog(target, **producers, bytes / shape.message_bytes, keeps_going);
  if (!awaited) (*producers)->abandon();
  (*producers)->stop();
  (*producers)->join();
  if (!awaited) return awaited;
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
