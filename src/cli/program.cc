#include "cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/bench_command.h"
#include "cli/catalog_command.h"
#include "cli/config_command.h"
#include "cli/consume_command.h"
#include "cli/doctor_command.h"
#include "cli/exit_code.h"
#include "cli/group_command.h"
#include "cli/log_command.h"
#include "cli/produce_command.h"
#include "cli/rocksdb_command.h"
#include "cli/serve.h"
#include "cli/topic_command.h"
#include "server/version.h"

namespace penstock::cli {

namespace {

constexpr const char* kName = "penstock";
constexpr const char* kDescription =
    "A message log on direct I/O that speaks the Kafka protocol: server, client for topics and "
    "groups, and offline tools.";

std::string footer() {
  return fmt::format(
      "Example:\n  penstock topic create orders --partitions 4\n\n"
      "`penstock COMMAND --help` tells about each command.\n\n{}",
      kExitCodesHelp);
}

// "Usage: penstock topic create [OPTIONS] NAME". App::help() is that of the innermost subcommand that
// the command line had reached.
std::string usage_of(const CLI::App& app) {
  const std::string help = app.help();
  const std::size_t start = std::min(help.find("Usage:"), help.size());
  return help.substr(start, help.find('\n', start) - start);
}

// CLI11 misses a command before it looks at the words that are none.
std::string reason_of(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  const std::string_view reason = error.what();
  if (unknown.empty() || !reason.contains("subcommand")) return std::string(reason);
  return fmt::format("'{}' is no {}", unknown.front(),
                     unknown.front().starts_with('-') ? "flag here" : "command");
}

int refuse(const CLI::App& app, const CLI::ParseError& error, Console& console) {
  console.complain(fmt::format("{}\n{}\nAdd --help to see flags and an example.", reason_of(app, error),
                               usage_of(app)));
  return kUsage;
}

void add_commands(CLI::App& app, Console& console, int& exit_code) {
  add_serve_command(app, exit_code);
  add_produce_command(app, console, exit_code);
  add_consume_command(app, console, exit_code);
  add_topic_command(app, console, exit_code);
  add_group_command(app, console, exit_code);
  add_doctor_command(app, console, exit_code);
  add_bench_command(app, console, exit_code);
  add_log_command(app, console, exit_code);
  add_catalog_command(app, console, exit_code);
  add_rocksdb_command(app, console, exit_code);
  add_config_command(app, console, exit_code);
}

}  // namespace

int run_program(const std::vector<std::string>& words, Console& console) {
  CLI::App app(kDescription, kName);
  int exit_code = kSuccess;
  app.set_version_flag("--version", fmt::format("{} {}", kName, server::version()),
                       "Print the version and exit");
  app.footer(footer());
  app.require_subcommand(1);
  add_commands(app, console, exit_code);
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // CLI11 takes them from the back
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    console.write(app.help());
  } catch (const CLI::CallForVersion& version) {
    console.print("{}\n", version.what());
  } catch (const CLI::ParseError& error) {
    return refuse(app, error, console);
  }
  return console.flush() ? exit_code : kFailed;
}

}  // namespace penstock::cli
