#include "cli/rocksdb_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/text.h"
#include "rocksdb/database_check.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

struct CheckOptions {
  std::string directory;
  std::string mode = "auto";
  bool json = false;
};

void print_log(const rocksdb::LogFinding& log, bool is_in_use, Console& console) {
  console.print("{}: {}, data {}", log.path, is_in_use ? "open" : "not closed",
                human_bytes(log.data_bytes));
  if (log.unsynced_bytes > 0)
    console.print(", of which {} are in its side file only", human_bytes(log.unsynced_bytes));
  console.print(", file {}\n", human_bytes(log.file_bytes));
  if (!log.refusal.empty()) console.print("  its side file will be ignored: {}\n", log.refusal);
}

void print_report(const rocksdb::DatabaseReport& report, Console& console) {
  console.print("files will be read and written: {}. {}\n", to_string(report.mode), report.mode_reason);
  console.print("{}, {}; {}\n", count_of(report.table_count, "table"), human_bytes(report.table_bytes),
                count_of(report.log_count, "log"));
  for (const rocksdb::LogFinding& log : report.not_closed) print_log(log, report.is_in_use, console);
  for (const std::string& side : report.without_log)
    console.print("{}: its log is gone; it will be removed\n", side);
  if (report.is_in_use) {
    console.print("in use: a process holds its lock\n");
  } else if (report.not_closed.empty()) {
    console.print("closed in order: any RocksDB opens it\n");
  } else {
    console.print(
        "left by a crash: open it through penstock:// first, which brings back what was written and "
        "not synced; any other RocksDB sees what was synced\n");
  }
}

void print_report_as_json(const rocksdb::DatabaseReport& report, Console& console) {
  Json logs = Json::array();
  for (const rocksdb::LogFinding& log : report.not_closed) {
    logs.push_back({{"path", log.path},
                    {"file_bytes", log.file_bytes},
                    {"data_bytes", log.data_bytes},
                    {"unsynced_bytes", log.unsynced_bytes},
                    {"ignored", log.refusal}});
  }
  const Json json = {{"mode", to_string(report.mode)},
                     {"mode_reason", report.mode_reason},
                     {"in_use", report.is_in_use},
                     {"tables", report.table_count},
                     {"table_bytes", report.table_bytes},
                     {"logs", report.log_count},
                     {"not_closed", logs},
                     {"without_log", report.without_log}};
  console.print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

int run_check(const CheckOptions& options, Console& console) {
  const Result<RequestedIoMode> mode = parse_io_mode(options.mode);
  if (!mode) {
    console.complain(mode.error());
    return kUsage;
  }
  const Result<rocksdb::DatabaseReport> report = rocksdb::check_database(options.directory, *mode);
  if (!report) {
    console.complain(report.error());
    return kFailed;
  }
  if (options.json) {
    print_report_as_json(*report, console);
  } else {
    print_report(*report, console);
  }
  return kSuccess;
}

}  // namespace

void add_rocksdb_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& rocksdb = *app.add_subcommand(
      "rocksdb", "Look at RocksDB databases on libpenstock_rocksdb (docs/rocksdb.md)");
  rocksdb.require_subcommand(1);
  rocksdb.footer("Example:\n  penstock rocksdb check ./db");

  const auto options = std::make_shared<CheckOptions>();
  CLI::App& check = *rocksdb.add_subcommand(
      "check", "Say which I/O mode a database gets, and what a crash has left in it");
  check.add_option("DIR", options->directory, "A database's directory")->type_name("")->required();
  check.add_option("--mode", options->mode, "auto, direct, uncached or buffered; default auto")
      ->type_name("MODE");
  check.add_flag("--json", options->json, "Print JSON");
  check.footer(fmt::format(
      "Changes nothing, and may run beside the database.\n\nExample:\n  penstock rocksdb check "
      "./db\n\n{}",
      kExitCodesHelp));
  check.callback([options, &console, &exit_code] { exit_code = run_check(*options, console); });
}

}  // namespace penstock::cli
