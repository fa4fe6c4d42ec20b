// machine_of: what a result depends on beside the program.
//
// Threading: any.
#pragma once

#include "benchmark/results.h"
#include "penstock/probe.h"

namespace penstock::benchmark {

// The machine and the place of `report`.
Machine machine_of(const ProbeReport& report);

// Now, "2026-11-29T20:00:00Z".
std::string utc_now();

}  // namespace penstock::benchmark
