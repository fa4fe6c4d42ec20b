#include "cli/log_command.h"

#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/log_dump.h"
#include "cli/log_reindex.h"
#include "cli/log_verify.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kBytesPerMegabyte = 1e6;
// Below this, a speed is mostly noise.
constexpr double kLeastSeconds = 0.001;

struct LogOptions {
  std::string path;
  DumpOptions dump;
  bool json = false;
};

double megabytes_per_second(const VerifyReport& report) {
  return static_cast<double>(report.read_bytes) / kBytesPerMegabyte /
         std::max(report.seconds, kLeastSeconds);
}

void print_progress(const VerifyProgress& progress, Console& console) {
  const std::uint64_t total_bytes = std::max<std::uint64_t>(1, progress.total_bytes);
  console.progress(fmt::format("{:3}%  {} of {}  {}", progress.done_bytes * 100 / total_bytes,
                               human_bytes(progress.done_bytes), human_bytes(progress.total_bytes),
                               progress.partition.name()));
}

void print_report(const VerifyReport& report, Console& console) {
  for (const Finding& finding : report.damage) console.print("damage: {}\n", finding.to_string());
  if (!report.damage.empty()) console.print("\n");
  console.print("{}, {}, {} ({} not sealed), {}, {} of entries\n",
                count_of(report.topic_count, "topic"), count_of(report.partition_count, "partition"),
                count_of(report.segment_count, "segment"), with_commas(report.unsealed_count),
                count_of(report.entry_count, "entry"), human_bytes(report.entry_bytes));
  console.print("read {} in {:.1f} s ({:.0f} MB/s)\n", human_bytes(report.read_bytes), report.seconds,
                megabytes_per_second(report));
  if (report.torn_tail_count > 0) {
    console.print("{}, never acknowledged; the server cuts that off at its next start\n",
                  count_of(report.torn_tail_count, "torn tail"));
  }
  if (report.damage.empty()) {
    console.print("no damage\n");
  } else {
    console.print(
        "damage: {}. What is intact is served. Copy the files before anything is done to them\n",
        count_of(report.damage.size(), "finding"));
  }
}

void print_report_as_json(const VerifyReport& report, const StoredLog& log, Console& console) {
  Json damage = Json::array();
  for (const Finding& finding : report.damage) damage.push_back(finding.to_json());
  const Json json = {{"topics", report.topic_count},
                     {"partitions", report.partition_count},
                     {"segments", report.segment_count},
                     {"unsealed_segments", report.unsealed_count},
                     {"entries", report.entry_count},
                     {"entry_bytes", report.entry_bytes},
                     {"read_bytes", report.read_bytes},
                     {"seconds", report.seconds},
                     {"torn_tails", report.torn_tail_count},
                     {"in_use", log.in_use_by.has_value()},
                     {"damage", damage}};
  console.print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

int run_verify(const LogOptions& options, OfflineDisk& disk, const StoredLog& log, Console& console) {
  const auto on_progress = [&console](const VerifyProgress& progress) {
    print_progress(progress, console);
  };
  const VerifyReport report = verify_log(disk, log, on_progress);
  if (options.json) {
    print_report_as_json(report, log, console);
  } else {
    print_report(report, console);
  }
  return report.damage.empty() ? kSuccess : kDamage;
}

int run_dump(const LogOptions& options, OfflineDisk& disk, const StoredLog& log, Console& console) {
  for (const TopicProblem& problem : log.problems) {
    console.complain(fmt::format("{} {}", problem.file, problem.what));
  }
  DumpOptions dump = options.dump;
  dump.json = options.json;
  if (auto dumped = dump_log(disk, log, dump, console); !dumped) {
    console.complain(dumped.error());
    return kFailed;
  }
  return kSuccess;
}

int run_reindex(const LogOptions& options, Console& console) {
  const auto fail_with = [&console](const Error& error) {
    console.complain(error);
    return kFailed;
  };
  const auto disk = OfflineDisk::create();
  if (!disk) return fail_with(disk.error());
  const auto lock = lock_stored_log(options.path);
  if (!lock) return fail_with(lock.error());
  const Result<StoredLog> log = find_stored_log(**disk, options.path);
  if (!log) return fail_with(log.error());
  const Result<ReindexReport> report = reindex_log(**disk, *log);
  if (!report) return fail_with(report.error());
  for (const std::string& index : report->rebuilt) console.print("rebuilt {}\n", index);
  for (const std::string& line : report->damage) console.print("damage: {}\n", line);
  console.print("{}: {} with an intact index, {} rebuilt, {} not rebuilt, {} not sealed yet\n",
                count_of(report->segment_count, "segment"), with_commas(report->intact_count),
                with_commas(report->rebuilt.size()), with_commas(report->damage.size()),
                with_commas(report->unsealed_count));
  if (report->damage.empty()) return kSuccess;
  console.print("what is damaged is left as it is; `penstock log verify` tells more\n");
  return kDamage;
}

using Action = int (*)(const LogOptions&, OfflineDisk&, const StoredLog&, Console&);

int run_on_log(Action action, const LogOptions& options, Console& console) {
  const auto disk = OfflineDisk::create();
  if (!disk) {
    console.complain(disk.error());
    return kFailed;
  }
  const Result<StoredLog> log = find_stored_log(**disk, options.path);
  if (!log) {
    console.complain(log.error());
    return kFailed;
  }
  if (log->in_use_by) {
    console.complain(
        fmt::format("note: {} is serving this log. Reading it is safe; segments that are being written "
                    "are read as far as they "
                    "are now, and commits on their way may look like a torn tail",
                    *log->in_use_by));
  }
  return action(options, **disk, *log, console);
}

CLI::App& add_subcommand(CLI::App& parent, const char* name, const char* description,
                         const std::shared_ptr<LogOptions>& options) {
  CLI::App& command = *parent.add_subcommand(name, description);
  command
      .add_option("PATH", options->path,
                  "A data directory, the directory of a topic or of a partition, or a .seg file")
      ->type_name("")
      ->required();
  return command;
}

CLI::App& add_action(CLI::App& parent, const char* name, const char* description, Action action,
                     const std::shared_ptr<LogOptions>& options, Console& console, int& exit_code) {
  CLI::App& command = add_subcommand(parent, name, description, options);
  command.callback(
      [action, options, &console, &exit_code] { exit_code = run_on_log(action, *options, console); });
  return command;
}

}  // namespace

void add_log_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& log =
      *app.add_subcommand("log", "Look into the segment files of a log, and mend their indexes");
  log.require_subcommand(1);
  log.footer("Example:\n  penstock log verify ./data");

  const auto dump_options = std::make_shared<LogOptions>();
  CLI::App& dump = add_action(log, "dump", "Print what is stored, entry by entry", run_dump,
                              dump_options, console, exit_code);
  dump.add_flag("--records", dump_options->dump.records,
                "Also the records of batches that are not compressed");
  dump.add_option("--limit", dump_options->dump.limit,
                  "At most so many entries, or with --records, records")
      ->type_name("N")
      ->check(CLI::PositiveNumber.description(""));
  dump.add_flag("--json", dump_options->json, "Print one JSON object per line");
  dump.footer("Example:\n  penstock log dump ./data/topics/orders/0 --records --limit 20");

  const auto verify_options = std::make_shared<LogOptions>();
  CLI::App& verify =
      add_action(log, "verify", "Check every checksum and offset, and name what is wrong", run_verify,
                 verify_options, console, exit_code);
  verify.add_flag("--json", verify_options->json, "Print JSON");
  verify.footer(
      fmt::format("Changes nothing. Example:\n  penstock log verify ./data\n\n{}", kExitCodesHelp));

  const auto reindex_options = std::make_shared<LogOptions>();
  CLI::App& reindex = add_subcommand(
      log, "reindex",
      "Rebuild missing or damaged index files of sealed segments; no server may be running",
      reindex_options);
  reindex.callback(
      [reindex_options, &console, &exit_code] { exit_code = run_reindex(*reindex_options, console); });
  reindex.footer(fmt::format("Example:\n  penstock log reindex ./data\n\n{}", kExitCodesHelp));
}

}  // namespace penstock::cli
