// TopicSettings: what is decided for one topic, by the names that Kafka has for it, or by our own where
// Kafka has none. What is not said follows the broker's own settings.
//
// Threading: a plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "broker/settings.h"
#include "kafka/messages/configs.h"
#include "log/partition.h"

namespace penstock::broker {

// Whose times a topic's records have.
enum class TimestampType {
  kCreateTime,     // the producer's
  kLogAppendTime,  // the broker's, of the append
};
// What clients may name, and what can only be one thing here.
enum class CleanupPolicy { kDelete };
enum class CompressionType { kProducer };

// A setting as DescribeConfigs tells it.
struct DescribedSetting {
  std::string_view name;
  std::string value;
  std::optional<std::string> set_value;  // nothing: it follows the broker's
  std::string broker_value;
  std::string_view broker_name;   // of the broker's setting of the same meaning; empty: there is none
  bool is_broker_default = true;  // the broker's value is the one that it has without a configuration
  kafka::ConfigType type = kafka::ConfigType::kString;
  std::string_view documentation;

  kafka::ConfigSource broker_source() const {
    return is_broker_default ? kafka::ConfigSource::kDefaultConfig
                             : kafka::ConfigSource::kStaticBrokerConfig;
  }
  kafka::ConfigSource source() const {
    return set_value ? kafka::ConfigSource::kDynamicTopicConfig : broker_source();
  }
};

struct TopicSettings {
  // retention.ms: how long records are kept at least, in milliseconds; -1: for ever.
  std::optional<std::int64_t> retention_ms;
  // retention.bytes: how much of each partition is kept at least; -1: all.
  std::optional<std::int64_t> retention_bytes;
  // segment.bytes: the largest segment; what is no power of two counts as the next smaller one.
  std::optional<std::int64_t> segment_bytes;
  // segment.ms: how long a segment takes appends at most, from its first one on.
  std::optional<std::int64_t> segment_ms;
  // max.message.bytes: the largest record batch that producers may send.
  std::optional<std::int64_t> max_message_bytes;
  // message.timestamp.type: CreateTime or LogAppendTime.
  std::optional<TimestampType> timestamp_type;
  // commit: when an append is acknowledged: sync or batch.
  std::optional<log::CommitPolicy> commit;
  // tail: where a commit starts: pad or rewrite.
  std::optional<log::TailPolicy> tail;
  // flush.messages, persist.messages: a batch topic's records that wait for the device at most.
  std::optional<std::int64_t> persist_records;
  // flush.ms, persist.interval.ms: how long they wait at most.
  std::optional<std::int64_t> persist_interval_ms;
  // persist.bytes: how much of them there is at most.
  std::optional<std::int64_t> persist_bytes;
  // min.insync.replicas: 1.
  std::optional<std::int64_t> min_insync_replicas;
  // cleanup.policy: delete.
  std::optional<CleanupPolicy> cleanup_policy;
  // compression.type: producer.
  std::optional<CompressionType> compression_type;

  bool operator==(const TopicSettings&) const = default;

  // Sets one by its name. kNotSupported: no such setting here; kInvalidArgument: not such a value. The
  // message says which are possible.
  Result<void> set(std::string_view name, std::string_view value);
  // Lets it follow the broker's again. kNotSupported.
  Result<void> unset(std::string_view name);
  // Those that are set, by name.
  std::vector<std::pair<std::string, std::string>> entries() const;
  // All there are.
  std::vector<DescribedSetting> describe(const Settings& defaults) const;

  log::Retention retention(const Settings& defaults) const;
  log::PartitionOptions partition_options(const Settings& defaults) const;
  std::int32_t message_bytes_max(const Settings& defaults) const;
  bool has_append_time() const { return timestamp_type == TimestampType::kLogAppendTime; }
};

}  // namespace penstock::broker
