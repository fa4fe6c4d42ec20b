// penstock topic config and penstock topic add-partitions.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/console.h"

namespace penstock::cli {

// Adds them to `penstock topic`.
void add_topic_change_commands(CLI::App& topic, Console& console, int& exit_code);

}  // namespace penstock::cli
