// The values of configuration keys, as text: sizes ("128MiB"), durations ("500ms"), counts, booleans.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "task/clock.h"

namespace penstock::server {

// A plain number, or one with KiB, MiB or GiB. Errors: kInvalidArgument.
Result<std::uint64_t> parse_size(std::string_view text);
// The largest unit that divides it: "128MiB", "1048588".
std::string format_size(std::uint64_t size_bytes);

// A number with ms, s, min or h. Errors: kInvalidArgument.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);

// Errors: kInvalidArgument.
Result<std::int64_t> parse_count(std::string_view text);

// "true" or "false". Errors: kInvalidArgument.
Result<bool> parse_bool(std::string_view text);

}  // namespace penstock::server
