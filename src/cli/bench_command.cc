#include "cli/bench_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <memory>

#include "base/unit_text.h"
#include "benchmark/broker_process.h"
#include "benchmark/compare.h"
#include "benchmark/disk_bench.h"
#include "benchmark/hot_file.h"
#include "benchmark/message_stamp.h"
#include "benchmark/report_files.h"
#include "benchmark/stream_bench.h"
#include "cli/bench_text.h"
#include "cli/broker_options.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/name_value.h"
#include "server/config.h"
#include "server/version.h"

namespace penstock::cli {

namespace {

// Where the results go beside the terminal.
struct OutputOptions {
  std::string json;
  std::string html;
  std::string hgrm;

  void add_to(CLI::App& command) {
    command.add_option("--json", json, "Write everything as JSON (its fields: docs/bench.md)")
        ->type_name("FILE");
    command.add_option("--html", html, "Write one page with all pictures, which needs no network")
        ->type_name("FILE");
    command
        .add_option("--hgrm", hgrm, "Write percentile distributions, as HdrHistogram's tools read them")
        ->type_name("DIR");
  }

  Result<void> check() const;
};

// That they can be written is found out before minutes are spent on what goes into them.
Result<void> OutputOptions::check() const {
  for (const std::string& path : {json, html, hgrm}) {
    if (path.empty()) continue;
    const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
    if (::access(folder.c_str(), W_OK) != 0)
      return Unexpected(Error::from_errno(errno, "write " + path));
  }
  std::error_code missing;  // then it is made
  const std::filesystem::file_status there = std::filesystem::status(hgrm, missing);
  if (std::filesystem::exists(there) && !std::filesystem::is_directory(there))
    return fail(ErrorCode::kInvalidArgument, "--hgrm {}: that is a file; name a directory", hgrm);
  return {};
}

// Beside it another disk would be measured, and nobody would know.
Result<void> check_directory(const std::string& path) {
  std::error_code unknown;  // which is no better
  if (std::filesystem::is_directory(path, unknown)) return {};
  return fail(ErrorCode::kNotFound, "{} is no directory; name one on the file system in question",
              path);
}

struct DiskOptions {
  benchmark::DiskPlan plan;
  bool quick = false;
  std::string space = "1GiB";
  OutputOptions output;
};

struct StreamOptions {
  benchmark::StreamPlan plan;
  std::vector<std::string> modes;
  std::vector<std::string> topic_settings;   // NAME=VALUE
  std::vector<std::string> client_settings;  // NAME=VALUE
  std::vector<std::string> serve_settings;   // KEY=VALUE
  std::string message_size = "1KiB";
  std::string backlog = "1GiB";
  bool quick = false;
  bool skips_client = false;
  OutputOptions output;
};

struct CompareFiles {
  std::string before;
  std::string after;
  double threshold_percent = 5;
};

std::string time_left(double seconds) {
  const auto whole = static_cast<int>(std::ceil(seconds));
  return whole < 60 ? fmt::format("{} s", whole) : fmt::format("{} min {} s", whole / 60, whole % 60);
}

benchmark::RunControl control_of(const Interrupt& interrupt, Console& console) {
  return {.is_stopped = [&interrupt] { return interrupt.is_requested(); },
          .progress =
              [&console](std::string_view what, double share, double seconds_left) {
                console.progress(
                    fmt::format("{:3.0f} %, {} left: {}", share * 100, time_left(seconds_left), what));
              }};
}

Result<void> write_files(const benchmark::Results& results, const OutputOptions& output) {
  Result<void> written;
  if (!output.json.empty()) written = benchmark::write_json(results, output.json);
  if (written && !output.html.empty()) written = benchmark::write_html(results, output.html);
  if (written && !output.hgrm.empty()) written = benchmark::write_hgrm(results, output.hgrm);
  return written;
}

// What was measured is shown whatever became of the files.
int finish(Result<benchmark::Results>& results, const OutputOptions& output, const Interrupt& interrupt,
           Console& console) {
  console.end_progress();
  if (!results) {
    console.complain(results.error());
    if (interrupt.is_requested()) return interrupt.exit_code();
    return results.error().code() == ErrorCode::kInvalidArgument ? kUsage : kFailed;
  }
  results->program = fmt::format("penstock {}", server::version());
  console.write(results_text(*results));
  const Result<void> written = write_files(*results, output);
  if (!written) console.complain(written.error());
  if (interrupt.is_requested()) return interrupt.exit_code();
  const bool has_failed = std::ranges::any_of(
      results->runs, [](const benchmark::Run& run) { return !run.failures.empty(); });
  return has_failed || !written || !results->is_complete ? kFailed : kSuccess;
}

int run_disk(DiskOptions& options, Console& console) {
  constexpr double kQuickSeconds = 10;
  const Result<std::uint64_t> space = parse_size(options.space);
  if (!space) {
    console.complain(fmt::format("--space {}: give a size, for example 1GiB", options.space));
    return kUsage;
  }
  options.plan.max_bytes = *space;
  if (options.quick) options.plan.seconds = kQuickSeconds;
  Result<void> checked = check_directory(options.plan.directory);
  if (checked) checked = options.output.check();
  if (!checked) {
    console.complain(checked.error());
    return kFailed;
  }
  const Interrupt interrupt;
  Result<benchmark::Results> results =
      benchmark::run_disk(options.plan, control_of(interrupt, console));
  return finish(results, options.output, interrupt, console);
}

// "all", the name of one, or that of a family: "pressure" is "pressure 0.5x" and the others.
Result<std::vector<std::string>> expand_scenarios(const std::vector<std::string>& names) {
  std::vector<std::string> expanded;
  for (const std::string& name : names) {
    const std::size_t before = expanded.size();
    for (const benchmark::Scenario& known : benchmark::stream_scenarios()) {
      const bool is_of_family = std::string_view(known.name).starts_with(name + " ");
      if (name == "all" || name == known.name || is_of_family) expanded.emplace_back(known.name);
    }
    if (expanded.size() == before) {
      return fail(ErrorCode::kInvalidArgument,
                  "--scenario '{}': `penstock bench stream --help` lists them", name);
    }
  }
  return expanded;
}

Result<void> complete_plan(StreamOptions& options) {
  benchmark::StreamPlan& plan = options.plan;
  const Result<std::uint64_t> message_bytes = parse_size(options.message_size);
  if (!message_bytes || *message_bytes < benchmark::kMessageBytesMin || *message_bytes > 64 * kMiB) {
    return fail(ErrorCode::kInvalidArgument, "--message-size {}: give {} bytes to 64MiB",
                options.message_size, benchmark::kMessageBytesMin);
  }
  plan.shape.message_bytes = *message_bytes;
  const Result<std::uint64_t> backlog = parse_size(options.backlog);
  if (!backlog)
    return fail(ErrorCode::kInvalidArgument, "--backlog {}: give a size, 1GiB", options.backlog);
  plan.backlog_bytes = *backlog;
  for (const std::string& text : options.modes) {
    if (text == "direct") plan.modes.push_back(IoMode::kDirect);
    if (text == "uncached") plan.modes.push_back(IoMode::kUncached);
    if (text == "buffered") plan.modes.push_back(IoMode::kBuffered);
  }
  const Result<std::vector<std::string>> scenarios = expand_scenarios(plan.scenarios);
  if (!scenarios) return Unexpected(scenarios.error());
  plan.scenarios = *scenarios;
  for (const std::string& text : options.topic_settings)
    plan.topic_settings.emplace_back(split_name_value(text));
  for (const std::string& text : options.client_settings)
    plan.shape.client_settings.emplace_back(split_name_value(text));
  server::ConfigSources sources;
  for (const std::string& text : options.serve_settings) {
    const auto [key, value] = split_name_value(text);
    sources.flags.push_back({std::string(key), std::string(value), "--set " + text});
    plan.serve_flags.emplace_back("--set");
    plan.serve_flags.push_back(text);
  }
  if (const auto checked = server::load(sources); !checked) return Unexpected(checked.error());
  if (options.quick) {
    plan.repeats = 1;
    plan.seconds = 3;
    plan.warmup_seconds = 1;
  }
  if (const Result<void> checked = check_directory(plan.directory); !checked) return checked;
  if (const Result<void> checked = options.output.check(); !checked) return checked;
  plan.measures_client = !options.skips_client;
  plan.program = benchmark::own_program();
  return {};
}

int run_stream(StreamOptions& options, Console& console) {
  const Result<void> completed = complete_plan(options);
  if (!completed) {
    console.complain(completed.error());
    return completed.error().code() == ErrorCode::kInvalidArgument ? kUsage : kFailed;
  }
  const Interrupt interrupt;
  Result<benchmark::Results> results =
      benchmark::run_stream(options.plan, control_of(interrupt, console));
  return finish(results, options.output, interrupt, console);
}

int run_compare(const CompareFiles& files, Console& console) {
  const Result<nlohmann::json> before = benchmark::read_results(files.before);
  const Result<nlohmann::json> after = benchmark::read_results(files.after);
  for (const auto* results : {&before, &after}) {
    if (*results) continue;
    console.complain(results->error());
    return kFailed;
  }
  const Result<std::vector<benchmark::Comparison>> compared =
      benchmark::compare(*before, *after, {.threshold = files.threshold_percent / 100});
  if (!compared) {
    console.complain(compared.error());
    return kFailed;
  }
  console.write(comparison_text(*compared));
  const auto count = [&](benchmark::Verdict verdict) {
    return std::ranges::count(*compared, verdict, &benchmark::Comparison::verdict);
  };
  const auto worse = count(benchmark::Verdict::kWorse);
  console.print("\n{} better, {} worse, {} the same within {:g} %, {} undecided\n",
                count(benchmark::Verdict::kBetter), worse, count(benchmark::Verdict::kSame),
                files.threshold_percent, count(benchmark::Verdict::kUndecided));
  return worse > 0 ? kDamage : kSuccess;
}

void add_disk(CLI::App& bench, Console& console, int& exit_code) {
  const auto options = std::make_shared<DiskOptions>();
  CLI::App& disk = *bench.add_subcommand("disk",
                                         "Durable writes and reads by I/O mode, extent state, block "
                                         "size and depth, beside the raw device");
  disk.add_option("PATH", options->plan.directory, "A directory on the file system in question")
      ->type_name("")
      ->required();
  CLI::Option* const seconds = disk.add_option("--seconds", options->plan.seconds,
                                               "How long it takes altogether, 1 to 3600; default 120")
                                   ->type_name("N")
                                   ->check(CLI::Range(1.0, 3600.0));
  disk.add_flag("--quick", options->quick, "10 seconds")->excludes(seconds);
  disk.add_option("--repeats", options->plan.repeats, "Of each latency, 1 to 100; default 3")
      ->type_name("N")
      ->check(CLI::Range(1, 100));
  disk.add_option("--space", options->space,
                  "The space for all of it, at most a tenth of what is available; default 1GiB")
      ->type_name("SIZE");
  options->output.add_to(disk);
  disk.footer(
      fmt::format("Its files have no names, so nothing is left behind however it ends. Ctrl-C prints "
                  "what was measured.\n\n"
                  "Example:\n  penstock bench disk ./data --html disk.html\n\n{}",
                  kExitCodesHelp));
  disk.callback([options, &console, &exit_code] { exit_code = run_disk(*options, console); });
}

std::string scenarios_help() {
  std::string text = "Scenarios:\n";
  for (const benchmark::Scenario& scenario : benchmark::stream_scenarios()) {
    text += fmt::format("  {:<14} {}\n", scenario.name, scenario.meaning);
  }
  return text + "  pressure       the three of them\n  all            every one\n";
}

void add_load_options(CLI::App& stream, StreamOptions& options) {
  benchmark::StreamPlan& plan = options.plan;
  CLI::Option* const rate =
      stream
          .add_option("--rate", plan.rate, "Messages a second, of all producers together; default 2000")
          ->type_name("N")
          ->check(CLI::Range(1.0, 1e8));
  CLI::Option* const closed =
      stream
          .add_flag("--closed", plan.is_closed_loop,
                    "As fast as it goes: each producer keeps a window of messages on their way")
          ->excludes(rate);
  stream
      .add_option("--window", plan.shape.window,
                  "With --closed: messages of each producer; default 2000")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->needs(closed);
  stream.add_option("--producers", plan.shape.producers, "1 to 256; default 4")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  stream.add_option("--consumers", plan.shape.consumers, "1 to 256; default 4")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  stream.add_option("--partitions", plan.shape.partitions, "1 to 10000; default 8")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000));
  stream
      .add_option("--message-size", options.message_size,
                  fmt::format("{} bytes to 64MiB; default 1KiB", benchmark::kMessageBytesMin))
      ->type_name("SIZE");
  stream.add_option("--batch", plan.shape.batch, "Messages that are due at the same moment; default 1")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000));
  stream.add_option("--linger-ms", plan.shape.linger_ms, "The producers' linger.ms; default 0")
      ->type_name("N")
      ->check(CLI::Range(0, 60'000));
  stream.add_option("-X", options.client_settings, "A setting of librdkafka, for all clients")
      ->type_name("NAME=VALUE")
      ->check(check_name_value);
}

void add_target_options(CLI::App& stream, StreamOptions& options) {
  benchmark::StreamPlan& plan = options.plan;
  CLI::Option* const brokers =
      stream
          .add_option("--brokers", plan.brokers,
                      "A broker that runs already, of any make, instead of its own")
          ->type_name("HOST:PORT")
          ->check(check_brokers);
  stream
      .add_option("--dir", plan.directory,
                  "Where its own brokers keep their data; default the current one")
      ->type_name("DIR");
  stream
      .add_option("--mode", options.modes,
                  "direct, uncached or buffered, again for more; default all that the file system "
                  "honours")
      ->type_name("MODE")
      ->check(CLI::IsMember({"direct", "uncached", "buffered"}))
      ->excludes(brokers);
  stream
      .add_option("--commit", plan.commit,
                  "The topics' setting at its own brokers: sync or batch; default sync")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"sync", "batch"}))
      ->excludes(brokers);
  stream.add_option("--topic-config", options.topic_settings, "A setting of the topics")
      ->type_name("NAME=VALUE")
      ->check(check_name_value);
  stream.add_option("--set", options.serve_settings, "A configuration key of its own brokers")
      ->type_name("KEY=VALUE")
      ->check(check_name_value)
      ->excludes(brokers);
}

void add_stream(CLI::App& bench, Console& console, int& exit_code) {
  const auto options = std::make_shared<StreamOptions>();
  options->plan.directory = ".";
  CLI::App& stream = *bench.add_subcommand(
      "stream",
      "Load through the Kafka protocol: brokers of its own in each I/O mode, or any that runs");
  stream.add_option("--scenario", options->plan.scenarios, "See below, again for more; default steady")
      ->type_name("NAME");
  CLI::Option* const repeats =
      stream.add_option("--repeats", options->plan.repeats, "1 to 100; default 3")
          ->type_name("N")
          ->check(CLI::Range(1, 100));
  CLI::Option* const seconds = stream
                                   .add_option("--seconds", options->plan.seconds,
                                               "Of each run, without its warm-up; default 10")
                                   ->type_name("N")
                                   ->check(CLI::Range(1.0, 86'400.0));
  CLI::Option* const warmup =
      stream.add_option("--warmup", options->plan.warmup_seconds, "Seconds before each run; default 2")
          ->type_name("N")
          ->check(CLI::Range(0.0, 3600.0));
  stream.add_flag("--quick", options->quick, "One repeat of 3 seconds after 1 second of warm-up")
      ->excludes(repeats)
      ->excludes(seconds)
      ->excludes(warmup);
  add_target_options(stream, *options);
  add_load_options(stream, *options);
  stream
      .add_option("--backlog", options->backlog,
                  "What backfill, pressure and neighbour write first; default 1GiB")
      ->type_name("SIZE");
  stream.add_flag("--no-client-limit", options->skips_client,
                  "Do not measure what the client does against a target that does nothing");
  options->output.add_to(stream);
  stream.footer(fmt::format(
      "{}\nA message's latency counts from the moment at which it was due, not from the one at which "
      "it was sent.\n"
      "A target that loses messages, changes their order or doubles them has failed, however fast it "
      "was.\n"
      "pressure and neighbour need root, for a memory control group. Ctrl-C prints what was "
      "measured.\n\n"
      "Examples:\n"
      "  penstock bench stream --scenario steady --scenario backfill --html stream.html\n"
      "  penstock bench stream --brokers 127.0.0.1:9092 --rate 20000 --json mine.json\n\n{}",
      scenarios_help(), kExitCodesHelp));
  stream.callback([options, &console, &exit_code] { exit_code = run_stream(*options, console); });
}

void add_compare(CLI::App& bench, Console& console, int& exit_code) {
  const auto files = std::make_shared<CompareFiles>();
  CLI::App& compare =
      *bench.add_subcommand("compare", "Say where one result is better or worse than another");
  compare.add_option("BEFORE", files->before, "What --json wrote")->type_name("FILE")->required();
  compare.add_option("AFTER", files->after, "What --json wrote")->type_name("FILE")->required();
  compare
      .add_option("--threshold", files->threshold_percent,
                  "A difference of so many percent counts; default 5")
      ->type_name("PERCENT")
      ->check(CLI::Range(0.0, 1000.0));
  compare.footer(
      fmt::format("Ratios of medians with their 95 % interval, from the repeats: three at least, "
                  "better five or more.\n"
                  "Exit code 3: something is worse.\n\n"
                  "Example:\n  penstock bench compare before.json after.json\n\n{}",
                  kExitCodesHelp));
  compare.callback([files, &console, &exit_code] { exit_code = run_compare(*files, console); });
}

// The neighbour's process in `stream`; nobody calls it by hand.
void add_hot_file(CLI::App& bench, int& exit_code) {
  struct HotFile {
    std::string path;
    std::uint64_t bytes = 0;
  };
  const auto file = std::make_shared<HotFile>();
  CLI::App& hot = *bench.add_subcommand("hot-file", "")->group("");
  hot.add_option("--path", file->path)->required();
  hot.add_option("--bytes", file->bytes)->required();
  hot.callback([file, &exit_code] { exit_code = benchmark::touch_hot_file(file->path, file->bytes); });
}

}  // namespace

void add_bench_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& bench = *app.add_subcommand(
      "bench",
      "Measure what going past the page cache does on this machine, and draw it (docs/bench.md)");
  bench.require_subcommand(1);
  bench.footer("Example:\n  penstock bench disk ./data --quick");
  add_disk(bench, console, exit_code);
  add_stream(bench, console, exit_code);
  add_compare(bench, console, exit_code);
  add_hot_file(bench, exit_code);
}

}  // namespace penstock::cli
