// Numbers with units, as people write them: "128MiB", "500ms".
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock {

struct TextUnit {
  std::string_view name;
  std::uint64_t factor;
};

// A number and one of the units, with or without a space between them. Errors: kInvalidArgument,
// without saying what was expected; also for what does not fit into 63 bits.
Result<std::uint64_t> parse_with_unit(std::string_view text, std::span<const TextUnit> units);
// In the largest unit that divides it. `units` begin with the largest; the last one has the name that a
// plain number is printed with.
std::string format_with_unit(std::uint64_t value, std::span<const TextUnit> units);

// Bytes: a plain number, or one with KiB, MiB or GiB. Errors: kInvalidArgument.
Result<std::uint64_t> parse_size(std::string_view text);
// The largest unit that divides it: "128MiB", "1048588".
std::string format_size(std::uint64_t size_bytes);

}  // namespace penstock
