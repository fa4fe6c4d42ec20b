// `penstock topic create|list|describe|delete-records|purge|delete`: topics, through the Kafka
// protocol, at any broker; and `penstock topic reopen`, through the admin port of a Penstock server.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/console.h"

namespace penstock::cli {

// Adds the subcommand to `app`. It runs inside of app.parse(); `console` and `exit_code` must live that
// long.
void add_topic_command(CLI::App& app, Console& console, int& exit_code);

}  // namespace penstock::cli
