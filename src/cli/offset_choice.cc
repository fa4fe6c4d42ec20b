#include "cli/offset_choice.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace penstock::cli {

namespace {

using Offsets = std::map<std::int32_t, Offset>;

template <typename T>
bool parse_number(std::string_view text, T& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

// Digits only: from_chars alone would take a sign.
bool parse_digits(std::string_view text, int& number) {
  return text.find_first_not_of("0123456789") == std::string_view::npos && parse_number(text, number);
}

// "2026-11-29", "2026-11-29T08:00Z", "2026-11-29T08:00:00Z", "2026-11-29T08:00:00.250Z"; UTC.
std::optional<std::int64_t> parse_utc_ms(std::string_view text) {
  constexpr std::size_t kDateSize = 10;
  int year = 0, month = 0, day = 0;
  if (text.size() < kDateSize || text[4] != '-' || text[7] != '-' ||
      !parse_digits(text.substr(0, 4), year) || !parse_digits(text.substr(5, 2), month) ||
      !parse_digits(text.substr(8, 2), day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  std::chrono::milliseconds time = std::chrono::sys_days(date).time_since_epoch();
  text.remove_prefix(kDateSize);
  if (text.empty()) return time.count();

  if (!text.starts_with('T') || !text.ends_with('Z')) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  int hours = 0, minutes = 0, seconds = 0, fraction_ms = 0;
  if (text.size() < 5 || text[2] != ':' || !parse_digits(text.substr(0, 2), hours) ||
      !parse_digits(text.substr(3, 2), minutes)) {
    return std::nullopt;
  }
  text.remove_prefix(5);
  if (!text.empty()) {
    if (text.size() < 3 || text[0] != ':' || !parse_digits(text.substr(1, 2), seconds))
      return std::nullopt;
    text.remove_prefix(3);
  }
  if (!text.empty() &&
      (text.size() != 4 || text[0] != '.' || !parse_digits(text.substr(1), fraction_ms)))
    return std::nullopt;
  if (hours > 23 || minutes > 59 || seconds > 60) return std::nullopt;
  time += std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds) +
          std::chrono::milliseconds(fraction_ms);
  return time.count();
}

}  // namespace

Result<OffsetChoice> OffsetChoice::parse(std::string_view text) {
  OffsetChoice choice;
  if (text == "beginning") return choice;
  if (text == "end") {
    choice.kind = Kind::kEnd;
    return choice;
  }
  if (text.starts_with('@') && parse_number(text.substr(1), choice.number) && choice.number >= 0) {
    choice.kind = Kind::kTime;
    return choice;
  }
  if (parse_number(text, choice.number)) {
    choice.kind = text.starts_with('-') ? Kind::kLast : Kind::kOffset;
    if (choice.kind == Kind::kLast)
      choice.number = -std::max(choice.number, -std::numeric_limits<std::int64_t>::max());
    return choice;
  }
  if (const auto time_ms = parse_utc_ms(text); time_ms && *time_ms >= 0) {
    choice.kind = Kind::kTime;
    choice.number = *time_ms;
    return choice;
  }
  return fail(
      ErrorCode::kInvalidArgument,
      "'{}' is none of beginning, end, an offset, -N (the last N), 2026-11-29T08:00:00Z, @MILLISECONDS",
      text);
}

Result<Offsets> choose_offsets(KafkaCluster& cluster, const KafkaCluster::Topic& topic,
                               const OffsetChoice& choice, Isolation isolation,
                               const Deadline& deadline) {
  using Kind = OffsetChoice::Kind;
  const auto list = [&](std::int64_t timestamp) {
    return cluster.list_offsets(topic, timestamp, isolation, deadline);
  };
  if (choice.kind == Kind::kBeginning) return list(kafka::kEarliestTimestamp);
  auto latest = list(kafka::kLatestTimestamp);
  if (!latest || choice.kind == Kind::kEnd) return latest;
  if (choice.kind == Kind::kTime) {
    auto offsets = list(choice.number);
    if (!offsets) return offsets;
    for (auto& [partition, offset] : *offsets) {
      if (offset < Offset{0}) offset = latest->at(partition);  // nothing is that new
    }
    return offsets;
  }
  auto earliest = list(kafka::kEarliestTimestamp);
  if (!earliest) return earliest;
  Offsets offsets;
  for (const auto& [partition, end] : *latest) {
    const Offset begin = earliest->at(partition);
    if (choice.kind == Kind::kLast) {
      offsets[partition] =
          std::max(begin, Offset{std::max<std::int64_t>(0, end.value - choice.number)});
      continue;
    }
    const Offset asked{choice.number};
    if (asked < begin || asked > end) {
      const std::string has = begin == end ? "none" : fmt::format("{} to {}", begin, end + -1);
      return fail(
          ErrorCode::kOutOfRange,
          "partition {} has no offset {}: it has {}, and the next message will be {}; --partition "
          "reads one partition only",
          partition, asked, has, end);
    }
    offsets[partition] = asked;
  }
  return offsets;
}

}  // namespace penstock::cli
