// What `penstock doctor --json` prints: every value of a report and a measurement, and the verdicts.
// docs/doctor.md has the fields.
#pragma once

#include <nlohmann/json.hpp>

#include "cli/doctor.h"

namespace penstock::cli {

nlohmann::ordered_json to_json(const Examination& examination);

}  // namespace penstock::cli
