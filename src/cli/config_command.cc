#include "cli/config_command.h"

#include "cli/exit_code.h"
#include "cli/serve.h"
#include "server/config.h"

namespace penstock::cli {

namespace {

// A subcommand that reads the configuration as `serve` would, and prints what `text_of` makes of it.
void add_reader(CLI::App& parent, const char* name, const char* description,
                std::string (*text_of)(const server::Config&), Console& console, int& exit_code) {
  CLI::App& command = *parent.add_subcommand(name, description);
  const auto sources = std::make_shared<server::ConfigSources>();
  add_configuration_flags(command, *sources);
  command.footer(fmt::format("Example:\n  penstock config {} --config penstock.toml", name));
  command.callback([sources, text_of, &console, &exit_code] {
    const Result<server::Config> config = server::load(*sources);
    if (config) {
      console.write(text_of(*config));
    } else {
      console.complain(config.error());
      exit_code = kUsage;
    }
  });
}

}  // namespace

void add_config_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& config =
      *app.add_subcommand("config", "Show, check and explain the server's configuration");
  config.require_subcommand(1);
  config.footer("Example:\n  penstock config check --config penstock.toml");
  add_reader(config, "show", "Print the whole configuration, as the server would use it, as TOML",
             server::show, console, exit_code);
  const auto say_right = [](const server::Config&) {
    return std::string("the configuration is right\n");
  };
  add_reader(config, "check",
             "Say what is wrong with the configuration (exit code 2), or that nothing is", say_right,
             console, exit_code);
  CLI::App& reference =
      *config.add_subcommand("reference", "Print every key with its type, default and meaning");
  reference.footer("Example:\n  penstock config reference");
  reference.callback([&console] { console.write(server::config_reference()); });
}

}  // namespace penstock::cli
