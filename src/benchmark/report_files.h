// What a benchmark leaves in files: JSON, one HTML page, percentile distributions.
//
// Threading: any. Durability: none promised; a file that cannot be written whole is an error.
#pragma once

#include <string>

#include "base/error.h"
#include "benchmark/results.h"

namespace penstock::benchmark {

// Errors of all three: kNotFound, kPermission, kNoSpace, kIo.
Result<void> write_json(const Results& results, const std::string& path);

// Self-contained: whoever opens it needs no network.
Result<void> write_html(const Results& results, const std::string& path);

// One file for each scenario, target and kind of latency, in `directory`, which is made if it is not
// there: steady-direct-produce.hgrm. Of all repeats together.
Result<void> write_hgrm(const Results& results, const std::string& directory);

}  // namespace penstock::benchmark
