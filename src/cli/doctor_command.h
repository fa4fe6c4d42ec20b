// `penstock doctor PATH`: what direct I/O is worth on the file system of a path, and what to change.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/console.h"
#include "cli/doctor.h"

namespace penstock::cli {

// Adds the subcommand to `app`. It runs inside of app.parse(); `console` and `exit_code` must live that
// long.
void add_doctor_command(CLI::App& app, Console& console, int& exit_code);

// The report as a person reads it, and the exit code it means.
int print_diagnosis(const ProbeReport& report, Console& console);

}  // namespace penstock::cli
