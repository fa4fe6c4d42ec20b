#include "server/config_values.h"

#include <array>
#include <charconv>
#include <chrono>

#include "base/unit_text.h"

namespace penstock::server {

namespace {

constexpr std::array kDurationUnits = {TextUnit{"h", 3'600'000}, TextUnit{"min", 60'000},
                                       TextUnit{"s", 1000}, TextUnit{"ms", 1}};

}  // namespace

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
