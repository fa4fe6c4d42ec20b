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
#include "log/partition.h"

namespace penstock::broker {

struct TopicSettings {
  // retention.ms: how long records are kept at least, in milliseconds; -1: for ever.
  std::optional<std::int64_t> retention_ms;
  // retention.bytes: how much of each partition is kept at least; -1: all.
  std::optional<std::int64_t> retention_bytes;
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

  bool operator==(const TopicSettings&) const = default;

  // Sets one by its name. kNotSupported: no such setting here; kInvalidArgument: not such a value. The
  // message says which are possible.
  Result<void> set(std::string_view name, std::string_view value);
  // Those that are set, by name.
  std::vector<std::pair<std::string, std::string>> entries() const;

  log::Retention retention(const Settings& defaults) const;
  log::PartitionOptions partition_options(const Settings& defaults) const;
};

}  // namespace penstock::broker
