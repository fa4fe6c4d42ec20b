#include "broker/topic_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace penstock::broker {

namespace {

constexpr std::int64_t kUnlimited = -1;

struct Setting {
  std::string_view name;
  std::optional<std::int64_t> TopicSettings::* value;
};
constexpr std::array kSettings{
    Setting{"retention.ms", &TopicSettings::retention_ms},
    Setting{"retention.bytes", &TopicSettings::retention_bytes},
};

// A duration that the clock can count: Kafka allows more, and means for ever by it.
constexpr std::int64_t kMaxMilliseconds =
    std::chrono::floor<std::chrono::milliseconds>(Duration::max()).count();

}  // namespace

Result<void> TopicSettings::set(std::string_view name, std::string_view value) {
  const auto* known = std::ranges::find(kSettings, name, &Setting::name);
  if (known == kSettings.end()) {
    return fail(ErrorCode::kNotSupported, "topic setting {} is not supported; {} and {} are", name,
                kSettings[0].name, kSettings[1].name);
  }
  std::int64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size() || number < kUnlimited) {
    return fail(ErrorCode::kInvalidArgument, "{} is a number from 0 on, or -1 for no limit; not '{}'",
                name, value);
  }
  this->*(known->value) = number;
  return {};
}

std::vector<std::pair<std::string, std::string>> TopicSettings::entries() const {
  std::vector<std::pair<std::string, std::string>> set;
  for (const Setting& setting : kSettings) {
    if (const auto& value = this->*(setting.value))
      set.emplace_back(setting.name, std::to_string(*value));
  }
  return set;
}

log::Retention TopicSettings::retention(const Settings& defaults) const {
  log::Retention keep;
  if (!retention_ms) {
    if (defaults.retention_time > Duration::zero()) keep.time = defaults.retention_time;
  } else if (*retention_ms != kUnlimited && *retention_ms <= kMaxMilliseconds) {
    keep.time = std::chrono::milliseconds(*retention_ms);
  }
  if (!retention_bytes) {
    if (defaults.retention_bytes > 0) keep.bytes = defaults.retention_bytes;
  } else if (*retention_bytes != kUnlimited) {
    keep.bytes = static_cast<std::uint64_t>(*retention_bytes);
  }
  return keep;
}

}  // namespace penstock::broker
