#include "cli/serve.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/name_value.h"
#include "server/config_keys.h"
#include "server/process.h"
#include "server/server.h"

namespace penstock::cli {

namespace {

constexpr const char* kServeFooter =
    "Examples:\n"
    "  penstock serve --data /var/lib/penstock\n"
    "  penstock serve --listen 0.0.0.0:9092 --advertised broker.example:9092 --set "
    "server.idle_timeout=1h\n"
    "\n"
    "Exit codes:\n"
    "  0         stopped gracefully, after SIGINT or SIGTERM\n"
    "  1         could not start, or not stop cleanly; the last line on standard error says why\n"
    "  2         the configuration is wrong\n"
    "  130, 143  SIGINT or SIGTERM came during the start, or for the second time: ended at once\n";

void set_up_log(const std::string& level) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("penstock", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

int complain(const Error& error, int exit_code) {
  Console(stdout, stderr).complain(error);
  return exit_code;
}

int stop(server::Server& server) {
  const Result<void> stopped = server.stop();
  if (stopped) {
    spdlog::info("stopped");
    return kSuccess;
  }
  complain(stopped.error(), kFailed);
  // Requests still run on the shards' threads: there is no orderly way out left.
  if (stopped.error().code() == ErrorCode::kTimeout) std::_Exit(kFailed);
  return kFailed;
}

int serve(const server::Config& config) {
  set_up_log(config.log_level);
  server::end_at_once_on_signals();
  Result<std::unique_ptr<server::Server>> server = server::Server::start(config);
  if (!server) return complain(server.error(), kFailed);

  int signal = 0;
  {
    const server::HeldSignals held;
    fmt::print("{}", (*server)->banner());
    std::fflush(stdout);
    signal = held.wait();
  }
  spdlog::info("{}: stopping; once more ends at once", server::signal_name(signal));
  return stop(**server);
}

}  // namespace

void add_configuration_flags(CLI::App& command, server::ConfigSources& sources) {
  sources.environment = server::process_environment();
  command.add_option("--config", sources.file, "The configuration file (TOML)")
      ->envname("PENSTOCK_CONFIG");
  for (const server::ConfigKey& key : server::config_keys()) {
    if (key.flag.empty()) continue;
    const auto take = [&sources, &key](const std::string& value) {
      sources.flags.push_back({std::string(key.name), value, std::string(key.flag)});
    };
    command.add_option_function<std::string>(std::string(key.flag), take, std::string(key.help))
        ->type_name(key.type.substr(0, key.type.find(',')));
  }
  const auto take_set = [&sources](const std::vector<std::string>& entries) {
    for (const std::string& entry : entries) {
      if (const std::string wrong = check_name_value(entry); !wrong.empty())
        throw CLI::ValidationError("--set", wrong);
      const auto [key, value] = split_name_value(entry);
      sources.flags.push_back({std::string(key), std::string(value), "--set " + entry});
    }
  };
  command
      .add_option_function<std::vector<std::string>>(
          "--set", take_set, "Sets any key, for example --set server.idle_timeout=1h")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_serve_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("serve", "Run the server until SIGINT or SIGTERM");
  command->footer(kServeFooter);
  const auto sources = std::make_shared<server::ConfigSources>();
  add_configuration_flags(*command, *sources);
  const auto prints_reference = std::make_shared<bool>(false);
  command->add_flag("--help-config", *prints_reference, "Print every configuration key and exit");
  command->callback([sources, prints_reference, &exit_code] {
    if (*prints_reference) {
      fmt::print("{}", server::config_reference());
      return;
    }
    const Result<server::Config> config = server::load(*sources);
    exit_code = config ? serve(*config) : complain(config.error(), kUsage);
  });
}

}  // namespace penstock::cli
