// What `penstock bench --json` writes: schema "penstock.bench", version 1 (docs/bench.md has the
// fields). Fields may be added within a version; one that changes its meaning makes another version.
//
// Threading: pure functions.
#pragma once

#include <nlohmann/json.hpp>

#include "benchmark/results.h"

namespace penstock::benchmark {

inline constexpr const char* kSchema = "penstock.bench";
inline constexpr int kSchemaVersion = 1;

nlohmann::ordered_json to_json(const Results& results);

}  // namespace penstock::benchmark
