// The `penstock` program: its subcommands, help and exit codes (exit_code.h).
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"

namespace penstock::cli {

// Does what the command line, without the program's name, says. Returns the exit code.
int run_program(const std::vector<std::string>& words, Console& console);

}  // namespace penstock::cli
