#include "benchmark/stream_bench.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "benchmark/hot_file.h"
#include "benchmark/machine.h"
#include "benchmark/memory_cgroup.h"
#include "benchmark/resource_sampler.h"
#include "benchmark/stream_run.h"
#include "penstock/probe.h"

namespace penstock::benchmark {

namespace {

constexpr std::uint64_t kHotBytes = 512 * kMiB;
constexpr std::uint64_t kNeighbourCgroupBytes = kGiB;
// What a broker needs beside the data, whatever the data's size: its own pools and clients' buffers.
constexpr std::uint64_t kBrokerBytes = 512 * kMiB;
constexpr int kManyPartitions = 1000;
constexpr double kBurst = 2.5;
constexpr double kSweepStepsGuess = 8;
constexpr double kStartSeconds = 1.5;      // a guess, for the time left
constexpr double kBacklogBytesPerS = 2e8;  // the same
constexpr double kLeastSeconds = 1;        // of a run that was cut short, to be worth a look
// Reads yield to commits until a second after the last one (docs/design.md, section 7).
constexpr std::chrono::milliseconds kUntilIdle{1500};

// What sets a scenario apart.
struct Setting {
  const char* name;
  const char* meaning;
  double burst = 1;
  bool has_backlog = false;
  bool has_cold_reader = false;
  bool has_hot_file = false;
  bool is_sweep = false;
  int partitions = 0;         // 0: as in the plan
  double cgroup_of_data = 0;  // 0: no control group
  bool needs_own_broker = false;
};

constexpr Setting kSettings[] = {
    {.name = "steady", .meaning = "an even rate, and consumers at the end of the log"},
    {.name = "burst", .meaning = "every four seconds one of 2.5 times the rate", .burst = kBurst},
    {.name = "backfill",
     .meaning = "half-way, cold readers join and read everything from the beginning",
     .has_backlog = true,
     .has_cold_reader = true},
    {.name = "pressure 0.5x",
     .meaning = "the broker in a memory control group of half of the data",
     .has_backlog = true,
     .cgroup_of_data = 0.5,
     .needs_own_broker = true},
    {.name = "pressure 2x",
     .meaning = "the same with twice the data",
     .has_backlog = true,
     .cgroup_of_data = 2,
     .needs_own_broker = true},
    {.name = "pressure 8x",
     .meaning = "the same with eight times the data",
     .has_backlog = true,
     .cgroup_of_data = 8,
     .needs_own_broker = true},
    {.name = "neighbour",
     .meaning = "another process's hot file in the broker's control group, while cold readers join",
     .has_backlog = true,
     .has_cold_reader = true,
     .has_hot_file = true,
     .needs_own_broker = true},
    {.name = "many",
     .meaning = "1,000 partitions, each of which has messages already",
     .partitions = kManyPartitions},
    {.name = "sweep", .meaning = "the rate steps up until it is not kept any more", .is_sweep = true},
};

const Setting* setting_of(std::string_view name) {
  const auto* found = std::ranges::find_if(kSettings, [&](const Setting& s) { return s.name == name; });
  return found == std::end(kSettings) ? nullptr : found;
}

// Above so much the hypervisor's pauses are what the tails show.
constexpr double kMuchStolenPercent = 1;

void note_stolen_time(Results& results) {
  double most = 0;
  for (const Run& run : results.runs) {
    const auto stolen = std::ranges::find(run.metrics, "stolen_percent", &Metric::name);
    if (stolen != run.metrics.end()) most = std::max(most, stolen->value);
  }
  if (most < kMuchStolenPercent) return;
  results.notes.push_back(
      fmt::format("the hypervisor kept up to {:.1f} % of the processors' time: its pauses are in the "
                  "latencies; a lower rate may show what is without them",
                  most));
}

// One run to be made.
struct Job {
  const Setting* setting = nullptr;
  std::optional<IoMode> mode{};  // none: the broker that runs already
  int repeat = 1;
};

class StreamBench {
 public:
  StreamBench(const StreamPlan& plan, const RunControl& control)
      : plan_(plan),
        control_(control),
        directory_(fmt::format("{}/penstock-bench.{}", plan.directory, ::getpid())) {}
  StreamBench(const StreamBench&) = delete;
  StreamBench& operator=(const StreamBench&) = delete;
  ~StreamBench() {
    std::error_code ignored;
    if (has_own_brokers()) std::filesystem::remove_all(directory_, ignored);
  }

  Result<Results> run();

 private:
  bool has_own_brokers() const { return plan_.brokers.empty(); }
  Result<void> check_plan() const;
  std::vector<Job> jobs() const;
  // A guess.
  double seconds_of(const Job& job) const;
  void tell(std::string_view what, double within_s);
  // What a run is called while it is made, and its time since then.
  KeepGoing keep_going(std::string what);

  void measure_client(Results& results);
  Run run_job(const Job& job);
  void run_on(const Job& job, StreamTarget target, Run& run);
  void run_on_own_broker(const Job& job, Run& run);
  LoadShape shape_of(const Job& job) const;
  // To be written before it begins.
  std::uint64_t first_bytes(const Job& job, const LoadShape& shape) const;
  void describe(Results& results) const;

  const StreamPlan& plan_;
  const RunControl& control_;
  std::string directory_;
  std::vector<IoMode> modes_ = plan_.modes;
  int topics_ = 0;
  double done_s_ = 0;
  double all_s_ = 1;
};

Result<void> StreamBench::check_plan() const {
  const Result<RdkafkaConf> conf = make_conf(plan_.shape.client_settings);
  if (!conf) return Unexpected(conf.error());
  for (const std::string& name : plan_.scenarios) {
    const Setting* const setting = setting_of(name);
    if (setting == nullptr) return fail(ErrorCode::kInvalidArgument, "'{}' is no scenario", name);
    if (plan_.is_closed_loop && (setting->burst > 1 || setting->is_sweep)) {
      return fail(ErrorCode::kInvalidArgument,
                  "scenario '{}' is about rates, which a closed loop has not", name);
    }
    if (setting->needs_own_broker && !has_own_brokers()) {
      return fail(ErrorCode::kInvalidArgument,
                  "scenario '{}' limits the broker's memory, so it needs brokers of its own: leave out "
                  "--brokers",
                  name);
    }
  }
  return {};
}

// Targets take turns in every repeat, the first of them another one each time.
std::vector<Job> StreamBench::jobs() const {
  std::vector<Job> jobs;
  for (int repeat = 1; repeat <= plan_.repeats; ++repeat) {
    for (const std::string& name : plan_.scenarios) {
      const Setting* const setting = setting_of(name);
      if (!has_own_brokers()) {
        jobs.push_back({.setting = setting, .mode = {}, .repeat = repeat});
        continue;
      }
      for (std::size_t i = 0; i < modes_.size(); ++i) {
        const std::size_t turn = (i + static_cast<std::size_t>(repeat) - 1) % modes_.size();
        jobs.push_back({.setting = setting, .mode = modes_[turn], .repeat = repeat});
      }
    }
  }
  return jobs;
}

double StreamBench::seconds_of(const Job& job) const {
  double seconds = plan_.warmup_seconds + plan_.seconds + kStartSeconds;
  if (job.setting->is_sweep) seconds *= kSweepStepsGuess;
  if (job.setting->has_backlog) seconds += static_cast<double>(plan_.backlog_bytes) / kBacklogBytesPerS;
  return seconds;
}

void StreamBench::tell(std::string_view what, double within_s) {
  const double done = done_s_ + within_s;
  control_.progress(what, std::min(1.0, done / all_s_), std::max(0.0, all_s_ - done));
}

KeepGoing StreamBench::keep_going(std::string what) {
  return [this, what = std::move(what), since = SteadyClock::now()](double) {
    tell(what, std::chrono::duration<double>(SteadyClock::now() - since).count());
    return !control_.is_stopped();
  };
}

LoadShape StreamBench::shape_of(const Job& job) const {
  LoadShape shape = plan_.shape;
  shape.rate.reset();
  if (!plan_.is_closed_loop)
    shape.rate = RatePlan{.per_second = plan_.rate, .burst = job.setting->burst};
  if (job.setting->partitions > 0) shape.partitions = job.setting->partitions;
  return shape;
}

// librdkafka's own mock broker, in this process, which keeps nothing: what it does not reach is for the
// client to answer for.
void StreamBench::measure_client(Results& results) {
  Result<RdkafkaConf> conf = make_conf({{"test.mock.num.brokers", "1"}});
  Result<RdkafkaClient> owner = conf ? make_client(RD_KAFKA_PRODUCER, std::move(*conf))
                                     : Result<RdkafkaClient>(Unexpected(conf.error()));
  if (!owner) return results.notes.push_back("the client's own limit: " + owner.error().message());
  rd_kafka_mock_cluster_t* const cluster = rd_kafka_handle_mock_cluster(owner->get());
  const StreamTarget target{
      .brokers = rd_kafka_mock_cluster_bootstraps(cluster), .topic = "null", .data_directory = ""};
  rd_kafka_mock_topic_create(cluster, target.topic.c_str(), plan_.shape.partitions, 1);
  LoadShape shape = plan_.shape;
  shape.rate.reset();
  shape.consumers = 0;
  Run run;
  const StreamScript script{.seconds = std::min(plan_.seconds, 3.0), .warmup_seconds = 0.5};
  measure_stream(target, shape, script, keep_going("the client's own limit"), run);
  done_s_ += script.seconds + script.warmup_seconds;
  ClientLimit limit;
  for (const Metric& metric : run.metrics) {
    if (metric.name == "messages_per_second") limit.messages_per_second = metric.value;
    if (metric.name == "mb_per_second") limit.mb_per_second = metric.value;
    if (metric.name == "produce_p99_us") limit.produce_p99_us = metric.value;
  }
  results.client_limit = limit;
}

std::uint64_t StreamBench::first_bytes(const Job& job, const LoadShape& shape) const {
  if (job.setting->has_backlog) return plan_.backlog_bytes;
  // Each partition's first segment is made and filled with zeros, which is not what is measured.
  const auto messages = static_cast<std::uint64_t>(job.setting->partitions) *
                        static_cast<std::uint64_t>(shape.producers) *
                        static_cast<std::uint64_t>(shape.batch);
  return messages * shape.message_bytes;
}

void StreamBench::run_on(const Job& job, StreamTarget target, Run& run) {
  const LoadShape shape = shape_of(job);
  const std::string what =
      fmt::format("{}, {}, repeat {} of {}", run.scenario, run.target, run.repeat, plan_.repeats);
  target.topic = fmt::format("penstock-bench-{}-{}", ::getpid(), ++topics_);
  RdkafkaSettings settings;
  if (has_own_brokers()) {
    settings = {{"commit", plan_.commit},
                {"max.message.bytes", std::to_string(batch_bytes_max(shape.message_bytes))}};
  }
  // Later ones count.
  settings.insert(settings.end(), plan_.topic_settings.begin(), plan_.topic_settings.end());
  const Result<void> created = create_topic(target.brokers, target.topic, shape.partitions, settings);
  if (!created) return run.failures.push_back(created.error().message());
  const KeepGoing keeps_going = keep_going(what);
  if (const std::uint64_t bytes = first_bytes(job, shape); bytes > 0) {
    const Result<void> written =
        write_backlog(target, shape, bytes, keep_going(what + ": writing what has to be there first"));
    if (!written) return run.failures.push_back(written.error().message());
    std::this_thread::sleep_for(kUntilIdle);
    // Readers are cold; a control group under pressure is full of what it wrote.
    if (job.setting->has_cold_reader && !target.data_directory.empty()) {
      drop_page_cache_of(target.data_directory);
    }
  }
  StreamScript script{.seconds = plan_.seconds,
                      .warmup_seconds = plan_.warmup_seconds,
                      .has_cold_reader = job.setting->has_cold_reader};
  if (job.setting->is_sweep) {
    sweep_rates(target, shape, script, plan_.rate, keeps_going, run);
  } else {
    measure_stream(target, shape, script, keeps_going, run);
  }
  if (has_own_brokers()) return;  // which go, with all their topics
  const Result<void> deleted = delete_topic(target.brokers, target.topic);
  if (!deleted) run.failures.push_back(deleted.error().message());
}

void StreamBench::run_on_own_broker(const Job& job, Run& run) {
  const std::string data = directory_ + "/data";
  std::error_code ignored;
  std::filesystem::remove_all(data, ignored);
  std::filesystem::create_directories(directory_, ignored);
  BrokerOptions options{.program = plan_.program,
                        .directory = data,
                        .flags = {"--io", std::string(to_string(*job.mode))},
                        .has_admin_port = true,
                        .cgroup = "",
                        .is_stopped = control_.is_stopped};
  options.flags.insert(options.flags.end(), plan_.serve_flags.begin(), plan_.serve_flags.end());
  std::optional<MemoryCgroup> group;
  std::uint64_t group_bytes = job.setting->has_hot_file ? kNeighbourCgroupBytes : 0;
  if (job.setting->cgroup_of_data > 0) {
    const double of_data = job.setting->cgroup_of_data * static_cast<double>(plan_.backlog_bytes);
    group_bytes = std::max(kBrokerBytes, static_cast<std::uint64_t>(of_data));
  }
  if (group_bytes > 0) {
    Result<MemoryCgroup> made =
        MemoryCgroup::create(fmt::format("penstock-bench-{}", ::getpid()), group_bytes);
    if (!made) return run.failures.push_back(made.error().message());
    group.emplace(std::move(*made));
    options.cgroup = group->directory();
  }
  std::optional<HotFileProcess> neighbour;
  if (job.setting->has_hot_file) {
    Result<HotFileProcess> started =
        HotFileProcess::start(plan_.program, directory_ + "/hot", kHotBytes, options.cgroup);
    if (!started) return run.failures.push_back(started.error().message());
    neighbour.emplace(std::move(*started));
  }
  Result<BrokerProcess> broker = BrokerProcess::start(std::move(options));
  if (!broker) return run.failures.push_back(broker.error().message());
  run_on(job, {.brokers = broker->address(), .topic = "", .broker = &*broker, .data_directory = data},
         run);
  if (!neighbour) return;
  const Result<HotFileOutcome> outcome = neighbour->stop();
  if (!outcome) return run.failures.push_back(outcome.error().message());
  const auto add = [&](const char* name, const char* unit, Better better, double value) {
    run.metrics.push_back({.name = name, .unit = unit, .better = better, .value = value});
  };
  add("neighbour_resident_least_percent", "%", Better::kMore, outcome->least_resident * 100);
  add("neighbour_touch_p50_us", "us", Better::kLess, outcome->touch_p50_us);
  add("neighbour_touch_p99_us", "us", Better::kLess, outcome->touch_p99_us);
  add("neighbour_touch_p99.9_us", "us", Better::kLess, outcome->touch_p999_us);
}

Run StreamBench::run_job(const Job& job) {
  Run run{.scenario = job.setting->name,
          .target = job.mode ? std::string(to_string(*job.mode)) : plan_.brokers,
          .repeat = job.repeat};
  run.loop = plan_.is_closed_loop ? Loop::kClosed : Loop::kOpen;
  run.offered_per_second = plan_.is_closed_loop ? 0 : plan_.rate;
  if (job.mode) {
    run.io_mode = to_string(*job.mode);
    run_on_own_broker(job, run);
  } else {
    run_on(job, {.brokers = plan_.brokers, .topic = "", .data_directory = ""}, run);
  }
  return run;
}

void StreamBench::describe(Results& results) const {
  const LoadShape& shape = plan_.shape;
  const auto add = [&](const char* name, std::string value) {
    results.setup.emplace_back(name, std::move(value));
  };
  add("load", plan_.is_closed_loop
                  ? fmt::format("closed loop, {} messages of each producer on their way", shape.window)
                  : fmt::format("open loop, {:g} messages/s, latency from the moment each was due",
                                plan_.rate));
  add("messages",
      fmt::format("{} bytes, incompressible, {} due at a time", shape.message_bytes, shape.batch));
  add("producers",
      fmt::format("{}, acks=all, idempotent, linger.ms={}", shape.producers, shape.linger_ms));
  add("consumers", std::to_string(shape.consumers));
  add("partitions", std::to_string(shape.partitions));
  add("commit", has_own_brokers() ? plan_.commit : "the broker's");
  add("measured",
      fmt::format("{:g} s each, after {:g} s of warm-up", plan_.seconds, plan_.warmup_seconds));
  add("repeats", std::to_string(plan_.repeats));
  add("client", fmt::format("librdkafka {}, in the process that measures", rd_kafka_version_str()));
  if (has_own_brokers()) add("brokers", "started anew for each run, on the same file system");
  const bool has_backlog = std::ranges::any_of(
      plan_.scenarios, [](const std::string& name) { return setting_of(name)->has_backlog; });
  if (has_backlog) {
    add("preconditioning",
        fmt::format("a backlog of {} MiB is written first in backfill, pressure and "
                    "neighbour; where readers join, it is dropped from the page cache",
                    plan_.backlog_bytes / kMiB));
  }
  for (const auto& [name, value] : plan_.topic_settings) add("topic", name + "=" + value);
  for (const auto& [name, value] : shape.client_settings) add("client setting", name + "=" + value);
  if (!plan_.serve_flags.empty())
    add("broker flags", fmt::format("{}", fmt::join(plan_.serve_flags, " ")));
}

Result<Results> StreamBench::run() {
  const Result<void> checked = check_plan();
  if (!checked) return Unexpected(checked.error());
  Results results{.kind = "stream", .program = "", .started = utc_now()};
  const Result<ProbeReport> report =
      probe(plan_.directory, {.look_only_if_denied = !has_own_brokers()});
  if (!report) return Unexpected(report.error());
  results.machine = machine_of(*report);
  if (modes_.empty() && has_own_brokers()) modes_ = honoured_modes(*report, results.notes);
  describe(results);
  const auto begun = SteadyClock::now();
  const std::vector<Job> all = jobs();
  all_s_ = plan_.measures_client ? 4 : 0;
  for (const Job& job : all) all_s_ += seconds_of(job);
  if (plan_.measures_client) measure_client(results);
  for (const Job& job : all) {
    if (control_.is_stopped()) break;
    Run run = run_job(job);
    done_s_ += seconds_of(job);
    if (!control_.is_stopped() || run.measured_s >= kLeastSeconds)
      results.runs.push_back(std::move(run));
  }
  note_stolen_time(results);
  results.is_complete = !control_.is_stopped();
  if (!results.is_complete) {
    results.notes.push_back(fmt::format("interrupted: {} of {} runs, the last of them cut short",
                                        results.runs.size(), all.size()));
  }
  results.seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();
  return results;
}

}  // namespace

const std::vector<Scenario>& stream_scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> scenarios;
    for (const Setting& setting : kSettings) scenarios.push_back({setting.name, setting.meaning});
    return scenarios;
  }();
  return all;
}

Result<Results> run_stream(const StreamPlan& plan, const RunControl& control) {
  return StreamBench(plan, control).run();
}

}  // namespace penstock::benchmark
