// DescribeTopicPartitions (75): the partitions of topics, page by page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/messages/metadata.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

struct DescribeTopicPartitionsResponse;

struct DescribeTopicPartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeTopicPartitions;
  static constexpr std::string_view kName = "DescribeTopicPartitionsRequest";
  using Response = DescribeTopicPartitionsResponse;

  struct Topic {
    std::string name{};

    static void fields(auto& io) { io("Name", &Topic::name, {.versions = "0+"}); }
    bool operator==(const Topic&) const = default;
  };

  struct Cursor {
    std::string topic_name{};
    std::int32_t partition_index = 0;

    static void fields(auto& io) {
      io("TopicName", &Cursor::topic_name, {.versions = "0+"});
      io("PartitionIndex", &Cursor::partition_index, {.versions = "0+"});
    }
    bool operator==(const Cursor&) const = default;
  };

  std::vector<Topic> topics{};
  std::int32_t response_partition_limit = 2000;
  std::optional<Cursor> cursor{};  // null: from the first topic

  static void fields(auto& io) {
    using M = DescribeTopicPartitionsRequest;
    io("Topics", &M::topics, {.versions = "0+"});
    io("ResponsePartitionLimit", &M::response_partition_limit, {.versions = "0+"});
    io("Cursor", &M::cursor, {.versions = "0+", .nullable = "0+"});
  }
  bool operator==(const DescribeTopicPartitionsRequest&) const = default;
};

struct DescribeTopicPartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeTopicPartitions;
  static constexpr std::string_view kName = "DescribeTopicPartitionsResponse";

  struct Partition {
    KafkaError error_code = KafkaError::kNone;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes{};
    std::vector<std::int32_t> isr_nodes{};
    std::optional<std::vector<std::int32_t>> eligible_leader_replicas{};
    std::optional<std::vector<std::int32_t>> last_known_elr{};
    std::vector<std::int32_t> offline_replicas{};

    static void fields(auto& io) {
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("LeaderId", &Partition::leader_id, {.versions = "0+"});
      io("LeaderEpoch", &Partition::leader_epoch, {.versions = "0+"});
      io("ReplicaNodes", &Partition::replica_nodes, {.versions = "0+"});
      io("IsrNodes", &Partition::isr_nodes, {.versions = "0+"});
      io("EligibleLeaderReplicas", &Partition::eligible_leader_replicas,
         {.versions = "0+", .nullable = "0+"});
      io("LastKnownElr", &Partition::last_known_elr, {.versions = "0+", .nullable = "0+"});
      io("OfflineReplicas", &Partition::offline_replicas, {.versions = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> name = "";
    Uuid topic_id{};
    bool is_internal = false;
    std::vector<Partition> partitions{};
    std::int32_t topic_authorized_operations = kOperationsNotAsked;

    static void fields(auto& io) {
      io("ErrorCode", &Topic::error_code, {.versions = "0+"});
      io("Name", &Topic::name, {.versions = "0+", .nullable = "0+"});
      io("TopicId", &Topic::topic_id, {.versions = "0+"});
      io("IsInternal", &Topic::is_internal, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
      io("TopicAuthorizedOperations", &Topic::topic_authorized_operations, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  struct Cursor {
    std::string topic_name{};
    std::int32_t partition_index = 0;

    static void fields(auto& io) {
      io("TopicName", &Cursor::topic_name, {.versions = "0+"});
      io("PartitionIndex", &Cursor::partition_index, {.versions = "0+"});
    }
    bool operator==(const Cursor&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics{};
  std::optional<Cursor> next_cursor{};  // null: nothing is left

  static void fields(auto& io) {
    using M = DescribeTopicPartitionsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Topics", &M::topics, {.versions = "0+"});
    io("NextCursor", &M::next_cursor, {.versions = "0+", .nullable = "0+"});
  }
  bool operator==(const DescribeTopicPartitionsResponse&) const = default;
};

}  // namespace penstock::kafka
