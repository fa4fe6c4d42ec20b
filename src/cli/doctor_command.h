// `penstock doctor PATH`: what direct I/O is worth on the file system of a path, how fast it is there,
// and what to change.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/console.h"
#include "cli/doctor.h"

namespace penstock::cli {

// Adds the subcommand to `app`. It runs inside of app.parse(); `console` and `exit_code` must live that
// long.
void add_doctor_command(CLI::App& app, Console& console, int& exit_code);

// The examination as a person reads it.
void print_examination(const Examination& examination, Console& console);

// kDamage when something is wrong, kFailed when no file could be made to try anything, else kSuccess.
int exit_code_of(const Examination& examination);

}  // namespace penstock::cli
