// `penstock consume`: the messages of a topic, of any Kafka broker, on standard output.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/console.h"

namespace penstock::cli {

// Adds the subcommand to `app`. It runs inside of app.parse(); `console` and `exit_code` must live that
// long.
void add_consume_command(CLI::App& app, Console& console, int& exit_code);

}  // namespace penstock::cli
