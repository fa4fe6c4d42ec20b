#include "base/unit_text.h"

#include <array>
#include <charconv>
#include <limits>

#include "base/units.h"

namespace penstock {

namespace {

constexpr std::array kSizeUnits = {TextUnit{"GiB", kGiB}, TextUnit{"MiB", kMiB}, TextUnit{"KiB", kKiB},
                                   TextUnit{"", 1}};

}  // namespace

Result<std::uint64_t> parse_with_unit(std::string_view text, std::span<const TextUnit> units) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return fail(ErrorCode::kInvalidArgument, "not a number");
  std::string_view unit(parsed.ptr, text.data() + text.size() - parsed.ptr);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const TextUnit& known : units) {
    if (unit != known.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / known.factor) break;
    return number * known.factor;
  }
  return fail(ErrorCode::kInvalidArgument, "unknown unit");
}

std::string format_with_unit(std::uint64_t value, std::span<const TextUnit> units) {
  for (const TextUnit& unit : units) {
    if (value % unit.factor == 0 && (value != 0 || unit.factor == 1)) {
      return fmt::format("{}{}", value / unit.factor, unit.name);
    }
  }
  return fmt::format("{}", value);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const Result<std::uint64_t> size_bytes = parse_with_unit(text, kSizeUnits);
  if (size_bytes) return *size_bytes;
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is not a size; write '4096', '64KiB', '128MiB' or '1GiB'", text);
}

std::string format_size(std::uint64_t size_bytes) { return format_with_unit(size_bytes, kSizeUnits); }

}  // namespace penstock
