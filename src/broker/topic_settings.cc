#include "broker/topic_settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace penstock::broker {

namespace {

constexpr std::int64_t kUnlimited = -1;
constexpr std::int64_t kNoMaximum = std::numeric_limits<std::int64_t>::max();

// A duration that the clock can count: Kafka allows more, and means for ever by it.
constexpr std::int64_t kMaxMilliseconds =
    std::chrono::floor<std::chrono::milliseconds>(Duration::max()).count();

struct NumberSetting {
  std::string_view name;
  std::string_view alias;  // empty: none
  std::optional<std::int64_t> TopicSettings::* value;
  std::int64_t min;
  std::int64_t max;
};
constexpr std::array kNumbers{
    NumberSetting{"retention.ms", "", &TopicSettings::retention_ms, kUnlimited, kNoMaximum},
    NumberSetting{"retention.bytes", "", &TopicSettings::retention_bytes, kUnlimited, kNoMaximum},
    NumberSetting{"flush.messages", "persist.messages", &TopicSettings::persist_records, 1, kNoMaximum},
    NumberSetting{"flush.ms", "persist.interval.ms", &TopicSettings::persist_interval_ms, 0,
                  kNoMaximum},
    NumberSetting{"persist.bytes", "", &TopicSettings::persist_bytes, log::kPersistBytesMin,
                  log::kPersistBytesMax},
};

template <typename Choice>
struct NamedChoice {
  std::string_view name;
  Choice choice;
};
constexpr std::string_view kCommit = "commit";
constexpr std::array kCommitPolicies{
    NamedChoice<log::CommitPolicy>{"sync", log::CommitPolicy::kSync},
    NamedChoice<log::CommitPolicy>{"batch", log::CommitPolicy::kBatch},
};

constexpr std::string_view kTail = "tail";
constexpr std::array kTailPolicies{
    NamedChoice<log::TailPolicy>{"pad", log::TailPolicy::kPad},
    NamedChoice<log::TailPolicy>{"rewrite", log::TailPolicy::kRewrite},
};

std::vector<std::string_view> names() {
  std::vector<std::string_view> all{kCommit, kTail};
  for (const NumberSetting& setting : kNumbers) all.push_back(setting.name);
  return all;
}

Result<std::int64_t> parse_number(const NumberSetting& setting, std::string_view value) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == value.data() + value.size();
  if (is_number && number >= setting.min && number <= setting.max) return number;
  if (setting.min == kUnlimited) {
    return fail(ErrorCode::kInvalidArgument, "{} is a number from 0 on, or -1 for no limit; not '{}'",
                setting.name, value);
  }
  if (setting.max == kNoMaximum) {
    return fail(ErrorCode::kInvalidArgument, "{} is a number from {} on; not '{}'", setting.name,
                setting.min, value);
  }
  return fail(ErrorCode::kInvalidArgument, "{} is a number from {} to {}; not '{}'", setting.name,
              setting.min, setting.max, value);
}

template <typename Choices, typename Choice>
Result<void> choose(std::string_view name, const Choices& choices, std::string_view value,
                    std::optional<Choice>& setting) {
  const auto* known = std::ranges::find(choices, value, [](const auto& named) { return named.name; });
  if (known != choices.end()) {
    setting = known->choice;
    return {};
  }
  std::vector<std::string_view> possible;
  for (const auto& named : choices) possible.push_back(named.name);
  return fail(ErrorCode::kInvalidArgument, "{} is {}; not '{}'", name, fmt::join(possible, " or "),
              value);
}

template <typename Choices, typename Choice>
std::string name_of(const Choices& choices, Choice choice) {
  return std::string(
      std::ranges::find(choices, choice, [](const auto& named) { return named.choice; })->name);
}

std::chrono::milliseconds milliseconds(std::int64_t count) {
  return std::chrono::milliseconds(std::min(count, kMaxMilliseconds));
}

}  // namespace

Result<void> TopicSettings::set(std::string_view name, std::string_view value) {
  if (name == kCommit) return choose(kCommit, kCommitPolicies, value, commit);
  if (name == kTail) return choose(kTail, kTailPolicies, value, tail);
  const auto* known = std::ranges::find_if(kNumbers, [&](const NumberSetting& setting) {
    return name == setting.name || (!setting.alias.empty() && name == setting.alias);
  });
  if (known == kNumbers.end()) {
    return fail(ErrorCode::kNotSupported, "topic setting {} is not supported; there are {}", name,
                fmt::join(names(), ", "));
  }
  const auto number = parse_number(*known, value);
  if (!number) return Unexpected(number.error());
  this->*(known->value) = *number;
  return {};
}

std::vector<std::pair<std::string, std::string>> TopicSettings::entries() const {
  std::vector<std::pair<std::string, std::string>> set;
  if (commit) set.emplace_back(kCommit, name_of(kCommitPolicies, *commit));
  if (tail) set.emplace_back(kTail, name_of(kTailPolicies, *tail));
  for (const NumberSetting& setting : kNumbers) {
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

log::PartitionOptions TopicSettings::partition_options(const Settings& defaults) const {
  log::PartitionOptions options = defaults.partition;
  options.commit = commit.value_or(options.commit);
  options.tail = tail.value_or(options.tail);
  if (persist_records) options.persist.records = static_cast<std::uint64_t>(*persist_records);
  if (persist_bytes) options.persist.bytes = static_cast<std::uint64_t>(*persist_bytes);
  if (persist_interval_ms) options.persist.interval = milliseconds(*persist_interval_ms);
  return options;
}

}  // namespace penstock::broker
