// `penstock serve`: reads the configuration, runs the server until a signal, and says how it ended.
//
// Exit codes: 0 after a graceful stop; 1 when it could not start or could not stop cleanly (the last
// line on stderr says why and what to do); 2 when the configuration is wrong; 130 or 143 when SIGINT or
// SIGTERM ended it at once, during the start or by coming a second time.
#pragma once

#include <CLI/CLI.hpp>

#include "server/config.h"

namespace penstock::cli {

// Adds --config, --set and the dedicated flags of the configuration's table (--data, --listen, ...) to
// `command`. `sources`, which must live until the command line has been parsed, receives what was
// given.
void add_configuration_flags(CLI::App& command, server::ConfigSources& sources);

// Adds the subcommand to `app`. When the command line asks for it, it runs inside of app.parse(), and
// `exit_code`, which must live that long, is set to its result.
void add_serve_command(CLI::App& app, int& exit_code);

}  // namespace penstock::cli
