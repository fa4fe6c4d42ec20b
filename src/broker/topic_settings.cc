#include "broker/topic_settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <limits>

namespace penstock::broker {

namespace {

constexpr std::int64_t kUnlimited = -1;
constexpr std::int64_t kNoMaximum = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
// Smaller segments would be little more than their headers' metadata.
constexpr std::int64_t kSegmentBytesMin = kMiB;
// A segment is a file of some MiB, which has to be made and sealed.
constexpr std::int64_t kSegmentMsMin = 1000;

// A duration that the clock can count: Kafka allows more, and means for ever by it.
constexpr std::int64_t kMaxMilliseconds =
    std::chrono::floor<std::chrono::milliseconds>(Duration::max()).count();

std::int64_t count_ms(Duration duration) {
  return std::chrono::floor<std::chrono::milliseconds>(duration).count();
}
std::int64_t as_signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }

struct NumberSetting {
  std::string_view name;
  std::string_view alias;  // empty: none
  std::optional<std::int64_t> TopicSettings::* value;
  std::int64_t min;
  std::int64_t max;
  kafka::ConfigType type;
  std::string_view broker_name;
  std::int64_t (*broker_value)(const Settings&);
  std::string_view documentation;
};
constexpr auto kInt = kafka::ConfigType::kInt;
constexpr auto kLong = kafka::ConfigType::kLong;
constexpr std::array kNumbers{
    NumberSetting{"retention.ms", "", &TopicSettings::retention_ms, kUnlimited, kNoMaximum, kLong,
                  "retention.time",
                  [](const Settings& broker) {
                    return broker.retention_time > Duration::zero() ? count_ms(broker.retention_time)
                                                                    : kUnlimited;
                  },
                  "How long records are kept at least, in milliseconds; -1: for ever."},
    NumberSetting{"retention.bytes", "", &TopicSettings::retention_bytes, kUnlimited, kNoMaximum, kLong,
                  "retention.bytes",
                  [](const Settings& broker) {
                    return broker.retention_bytes > 0 ? as_signed(broker.retention_bytes) : kUnlimited;
                  },
                  "How many bytes of each partition are kept at least; -1: all."},
    NumberSetting{"segment.bytes", "", &TopicSettings::segment_bytes, kSegmentBytesMin, kMaxInt, kInt,
                  "storage.segment_bytes",
                  [](const Settings& broker) { return as_signed(broker.partition.segment_bytes); },
                  "The largest segment file; what is no power of two counts as the next smaller one."},
    NumberSetting{"segment.ms", "", &TopicSettings::segment_ms, kSegmentMsMin, kNoMaximum, kLong, "",
                  [](const Settings&) { return kNoMaximum; },
                  "So many milliseconds after its first append a segment takes no more of them."},
    NumberSetting{"max.message.bytes", "", &TopicSettings::max_message_bytes, 1, log::kMaxBatchBytes,
                  kInt, "broker.max_message_bytes",
                  [](const Settings& broker) { return std::int64_t{broker.max_message_bytes}; },
                  "The largest record batch that producers may send, compressed as they send it."},
    NumberSetting{
        "flush.messages", "persist.messages", &TopicSettings::persist_records, 1, kNoMaximum, kLong, "",
        [](const Settings& broker) { return as_signed(broker.partition.persist.records); },
        "With commit=batch: at so many acknowledged records, they are written to the device."},
    NumberSetting{
        "flush.ms", "persist.interval.ms", &TopicSettings::persist_interval_ms, 0, kNoMaximum, kLong,
        "", [](const Settings& broker) { return count_ms(broker.partition.persist.interval); },
        "With commit=batch: so many milliseconds after the oldest of them was acknowledged, they "
        "are written."},
    NumberSetting{"persist.bytes", "", &TopicSettings::persist_bytes, log::kPersistBytesMin,
                  log::kPersistBytesMax, kLong, "",
                  [](const Settings& broker) { return as_signed(broker.partition.persist.bytes); },
                  "With commit=batch: at so many bytes of them, they are written."},
    NumberSetting{"min.insync.replicas", "", &TopicSettings::min_insync_replicas, 1, 1, kInt, "",
                  [](const Settings&) { return std::int64_t{1}; },
                  "There is one broker, so one replica is in sync."},
};

template <typename Choice>
struct NamedChoice {
  std::string_view name;
  Choice choice;
};
constexpr std::array kCommitPolicies{
    NamedChoice<log::CommitPolicy>{"sync", log::CommitPolicy::kSync},
    NamedChoice<log::CommitPolicy>{"batch", log::CommitPolicy::kBatch},
};
constexpr std::array kTailPolicies{
    NamedChoice<log::TailPolicy>{"pad", log::TailPolicy::kPad},
    NamedChoice<log::TailPolicy>{"rewrite", log::TailPolicy::kRewrite},
};
constexpr std::array kTimestampTypes{
    NamedChoice<TimestampType>{"CreateTime", TimestampType::kCreateTime},
    NamedChoice<TimestampType>{"LogAppendTime", TimestampType::kLogAppendTime},
};
constexpr std::array kCleanupPolicies{
    NamedChoice<CleanupPolicy>{"delete", CleanupPolicy::kDelete},
};
constexpr std::array kCompressionTypes{
    NamedChoice<CompressionType>{"producer", CompressionType::kProducer},
};

template <typename Choice, std::size_t kCount>
struct ChoiceSetting {
  std::string_view name;
  const std::array<NamedChoice<Choice>, kCount>& choices;
  std::optional<Choice> TopicSettings::* value;
  kafka::ConfigType type;
  Choice (*broker_value)(const Settings&);
  std::string_view documentation;
};

constexpr ChoiceSetting kCommit{
    "commit",
    kCommitPolicies,
    &TopicSettings::commit,
    kafka::ConfigType::kString,
    +[](const Settings& broker) { return broker.partition.commit; },
    "When a message is acknowledged: on the device (sync), or in memory that outlives the process "
    "(batch)."};
constexpr ChoiceSetting kTail{
    "tail",
    kTailPolicies,
    &TopicSettings::tail,
    kafka::ConfigType::kString,
    +[](const Settings& broker) { return broker.partition.tail; },
    "Where a commit starts: at the next block (pad), or where the one before ended (rewrite)."};
constexpr ChoiceSetting kTimestampType{
    "message.timestamp.type",
    kTimestampTypes,
    &TopicSettings::timestamp_type,
    kafka::ConfigType::kString,
    +[](const Settings&) { return TimestampType::kCreateTime; },
    "Whose times records have: the producer's, or the broker's, of the append."};
constexpr ChoiceSetting kCleanupPolicy{
    "cleanup.policy",
    kCleanupPolicies,
    &TopicSettings::cleanup_policy,
    kafka::ConfigType::kList,
    +[](const Settings&) { return CleanupPolicy::kDelete; },
    "What is not kept is deleted; compaction by key is not there yet."};
constexpr ChoiceSetting kCompressionType{"compression.type",
                                         kCompressionTypes,
                                         &TopicSettings::compression_type,
                                         kafka::ConfigType::kString,
                                         +[](const Settings&) { return CompressionType::kProducer; },
                                         "Records are kept as the producer has compressed them."};

// Calls visit(choice setting) for each of them, until one call returns true; returns whether one did.
bool visit_choices(const auto& visit) {
  return visit(kCommit) || visit(kTail) || visit(kTimestampType) || visit(kCleanupPolicy) ||
         visit(kCompressionType);
}

const NumberSetting* find_number(std::string_view name) {
  const auto* known = std::ranges::find_if(kNumbers, [&](const NumberSetting& setting) {
    return name == setting.name || (!setting.alias.empty() && name == setting.alias);
  });
  return known == kNumbers.end() ? nullptr : known;
}

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  visit_choices([&all](const auto& setting) {
    all.push_back(setting.name);
    return false;
  });
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
  if (setting.min == setting.max) {
    return fail(ErrorCode::kInvalidArgument, "{} can only be {}; not '{}'", setting.name, setting.min,
                value);
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

Error unknown(std::string_view name) {
  return {ErrorCode::kNotSupported, fmt::format("topic setting {} is not supported; there are {}", name,
                                                fmt::join(names(), ", "))};
}

std::chrono::milliseconds milliseconds(std::int64_t count) {
  return std::chrono::milliseconds(std::min(count, kMaxMilliseconds));
}

}  // namespace

Result<void> TopicSettings::set(std::string_view name, std::string_view value) {
  Result<void> chosen;
  const bool is_choice = visit_choices([&](const auto& setting) {
    if (name != setting.name) return false;
    chosen = choose(setting.name, setting.choices, value, this->*(setting.value));
    return true;
  });
  if (is_choice) return chosen;
  const NumberSetting* known = find_number(name);
  if (known == nullptr) return Unexpected(unknown(name));
  const auto number = parse_number(*known, value);
  if (!number) return Unexpected(number.error());
  this->*(known->value) = *number;
  return {};
}

Result<void> TopicSettings::unset(std::string_view name) {
  const bool is_choice = visit_choices([&](const auto& setting) {
    if (name != setting.name) return false;
    (this->*(setting.value)).reset();
    return true;
  });
  if (is_choice) return {};
  const NumberSetting* known = find_number(name);
  if (known == nullptr) return Unexpected(unknown(name));
  (this->*(known->value)).reset();
  return {};
}

std::vector<std::pair<std::string, std::string>> TopicSettings::entries() const {
  std::vector<std::pair<std::string, std::string>> set;
  visit_choices([&](const auto& setting) {
    if (const auto& value = this->*(setting.value))
      set.emplace_back(setting.name, name_of(setting.choices, *value));
    return false;
  });
  for (const NumberSetting& setting : kNumbers) {
    if (const auto& value = this->*(setting.value))
      set.emplace_back(setting.name, std::to_string(*value));
  }
  return set;
}

std::vector<DescribedSetting> TopicSettings::describe(const Settings& defaults) const {
  const Settings unconfigured;
  std::vector<DescribedSetting> all;
  visit_choices([&](const auto& setting) {
    DescribedSetting described{.name = setting.name,
                               .value = name_of(setting.choices, setting.broker_value(defaults)),
                               .set_value = std::nullopt,
                               .broker_value = {},
                               .broker_name = {},
                               .type = setting.type,
                               .documentation = setting.documentation};
    described.broker_value = described.value;
    if (const auto& value = this->*(setting.value))
      described.set_value = described.value = name_of(setting.choices, *value);
    all.push_back(std::move(described));
    return false;
  });
  for (const NumberSetting& setting : kNumbers) {
    const std::int64_t broker_value = setting.broker_value(defaults);
    const auto& value = this->*(setting.value);
    all.push_back({.name = setting.name,
                   .value = std::to_string(value.value_or(broker_value)),
                   .set_value = value ? std::optional(std::to_string(*value)) : std::nullopt,
                   .broker_value = std::to_string(broker_value),
                   .broker_name = setting.broker_name,
                   .is_broker_default = broker_value == setting.broker_value(unconfigured),
                   .type = setting.type,
                   .documentation = setting.documentation});
  }
  return all;
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
  if (segment_bytes) options.segment_bytes = std::bit_floor(static_cast<std::uint64_t>(*segment_bytes));
  if (segment_ms) options.segment_age = milliseconds(*segment_ms);
  return options;
}

std::int32_t TopicSettings::message_bytes_max(const Settings& defaults) const {
  return max_message_bytes ? static_cast<std::int32_t>(*max_message_bytes) : defaults.max_message_bytes;
}

}  // namespace penstock::broker
