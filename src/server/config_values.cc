#include "server/config_values.h"

#include <array>
#include <charconv>
#include <chrono>
#include <limits>

#include "base/units.h"

namespace penstock::server {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// From the largest; the last one has the name that a plain number is printed with.
constexpr std::array kSizeUnits = {Unit{"GiB", kGiB}, Unit{"MiB", kMiB}, Unit{"KiB", kKiB},
                                   Unit{"", 1}};
constexpr std::array kDurationUnits = {Unit{"h", 3'600'000}, Unit{"min", 60'000}, Unit{"s", 1000},
                                       Unit{"ms", 1}};

// A number and one of the units. Errors: kInvalidArgument, without saying what was expected.
template <std::size_t N>
Result<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return fail(ErrorCode::kInvalidArgument, "not a number");
  std::string_view unit(parsed.ptr, text.data() + text.size() - parsed.ptr);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const Unit& known : units) {
    if (unit != known.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / known.factor) break;
    return number * known.factor;
  }
  return fail(ErrorCode::kInvalidArgument, "unknown unit");
}

template <std::size_t N>
std::string format_with_unit(std::uint64_t value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && (value != 0 || unit.factor == 1)) {
      return fmt::format("{}{}", value / unit.factor, unit.name);
    }
  }
  return fmt::format("{}", value);
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const Result<std::uint64_t> size_bytes = parse_with_unit(text, kSizeUnits);
  if (size_bytes) return *size_bytes;
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is not a size; write '4096', '64KiB', '128MiB' or '1GiB'", text);
}

std::string format_size(std::uint64_t size_bytes) { return format_with_unit(size_bytes, kSizeUnits); }

Result<Duration> parse_duration(std::string_view text) {
  const Result<std::uint64_t> duration_ms = parse_with_unit(text, kDurationUnits);
  constexpr std::uint64_t kMaxMs =
      std::chrono::duration_cast<std::chrono::milliseconds>(Duration::max()).count();
  if (duration_ms && *duration_ms <= kMaxMs) return std::chrono::milliseconds(*duration_ms);
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is not a duration; write '500ms', '10s', '5min' or '1h'", text);
}

std::string format_duration(Duration duration) {
  return format_with_unit(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(),
                          kDurationUnits);
}

Result<std::int64_t> parse_count(std::string_view text) {
  std::int64_t count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return count;
  return fail(ErrorCode::kInvalidArgument, "'{}' is not a whole number", text);
}

Result<bool> parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return fail(ErrorCode::kInvalidArgument, "'{}' is neither 'true' nor 'false'", text);
}

}  // namespace penstock::server
