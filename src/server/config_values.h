// The values of configuration keys, as text: durations ("500ms"), counts, booleans. Sizes are in
// base/unit_text.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "task/clock.h"

namespace penstock::server {

// A number with ms, s, min or h. Errors: kInvalidArgument.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);

// Errors: kInvalidArgument.
Result<std::int64_t> parse_count(std::string_view text);

// "true" or "false". Errors: kInvalidArgument.
Result<bool> parse_bool(std::string_view text);

}  // namespace penstock::server
