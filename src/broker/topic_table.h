// TopicTable: which topics there are. A snapshot, never changed once it is made.
//
// Every shard holds the current one; the controller makes the next one from it and hands it to all
// shards. Ownership: shared. Threading: immutable, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "broker/topic_settings.h"
#include "kafka/uuid.h"
#include "log/format.h"

namespace penstock::broker {

struct Topic {
  kafka::Uuid id;
  std::string name;
  std::int32_t partition_count = 0;
  std::int32_t leader_epoch = 0;  // stamped into every batch; grows when leadership changes hands
  std::int64_t created_ms = 0;
  TopicSettings settings;

  bool has_partition(std::int32_t index) const { return index >= 0 && index < partition_count; }
  log::PartitionId partition_id(std::int32_t index) const { return {id.bytes, index, name}; }
  // Which of `shard_count` shards a partition lives on: neighbours on different ones.
  std::size_t shard_of(std::int32_t index, std::size_t shard_count) const;
};

class TopicTable {
 public:
  using Topics = std::map<std::string, Topic, std::less<>>;

  TopicTable() = default;
  explicit TopicTable(Topics topics);
  TopicTable(const TopicTable&) = delete;
  TopicTable& operator=(const TopicTable&) = delete;

  const Topic* find(std::string_view name) const;
  const Topic* find(const kafka::Uuid& id) const;
  const Topics& topics() const { return topics_; }
  std::int64_t partition_total() const;

  std::shared_ptr<const TopicTable> with(Topic topic) const;
  std::shared_ptr<const TopicTable> without(const std::string& name) const;

 private:
  Topics topics_;
  std::map<kafka::Uuid, const Topic*> by_id_;  // into topics_
};

using TopicTableRef = std::shared_ptr<const TopicTable>;

// Kafka's rule for names: 1 to 249 of [a-zA-Z0-9._-], not "." or "..".
bool is_valid_topic_name(std::string_view name);

}  // namespace penstock::broker
