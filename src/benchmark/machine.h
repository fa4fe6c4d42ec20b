// What a result depends on beside the program.
//
// Threading: any.
#pragma once

#include <string>
#include <vector>

#include "benchmark/results.h"
#include "penstock/probe.h"

namespace penstock::benchmark {

// The machine and the place of `report`.
Machine machine_of(const ProbeReport& report);

// The I/O modes that the place of `report` honours, the best first; why the others are not among them
// goes to `notes`.
std::vector<IoMode> honoured_modes(const ProbeReport& report, std::vector<std::string>& notes);

// Now, "2026-11-29T20:00:00Z".
std::string utc_now();

}  // namespace penstock::benchmark
