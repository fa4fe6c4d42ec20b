// Metadata (3): brokers, topics, partitions and their leaders. May create topics.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

// What a field of authorized operations says when the client did not ask for them.
inline constexpr std::int32_t kOperationsNotAsked = std::numeric_limits<std::int32_t>::min();

struct MetadataResponse;

struct MetadataRequest {
  static constexpr ApiKey kApi = ApiKey::kMetadata;
  static constexpr std::string_view kName = "MetadataRequest";
  using Response = MetadataResponse;

  // Up to version 9 by name; from 10 with an id beside it; from 12 by either.
  struct Topic {
    Uuid topic_id{};
    std::optional<std::string> name = "";

    static void fields(auto& io) {
      io("TopicId", &Topic::topic_id, {.versions = "10+"});
      io("Name", &Topic::name, {.versions = "0+", .nullable = "10+"});
    }
    bool operator==(const Topic&) const = default;
  };

  // Null asks for all topics, empty for none; but in version 0 empty asks for all.
  std::optional<std::vector<Topic>> topics = std::vector<Topic>();
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static void fields(auto& io) {
    using M = MetadataRequest;
    io("Topics", &M::topics, {.versions = "0+", .nullable = "1+"});
    io("AllowAutoTopicCreation", &M::allow_auto_topic_creation, {.versions = "4+"});
    io("IncludeClusterAuthorizedOperations", &M::include_cluster_authorized_operations,
       {.versions = "8-10"});
    io("IncludeTopicAuthorizedOperations", &M::include_topic_authorized_operations, {.versions = "8+"});
  }
  bool operator==(const MetadataRequest&) const = default;
};

struct MetadataResponse {
  static constexpr ApiKey kApi = ApiKey::kMetadata;
  static constexpr std::string_view kName = "MetadataResponse";

  struct Broker {
    std::int32_t node_id = 0;
    std::string host{};
    std::int32_t port = 0;
    std::optional<std::string> rack{};

    static void fields(auto& io) {
      io("NodeId", &Broker::node_id, {.versions = "0+"});
      io("Host", &Broker::host, {.versions = "0+"});
      io("Port", &Broker::port, {.versions = "0+"});
      io("Rack", &Broker::rack, {.versions = "1+", .nullable = "1+"});
    }
    bool operator==(const Broker&) const = default;
  };

  struct Partition {
    KafkaError error_code = KafkaError::kNone;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;  // -1: none, with error kLeaderNotAvailable
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes{};
    std::vector<std::int32_t> isr_nodes{};
    std::vector<std::int32_t> offline_replicas{};

    static void fields(auto& io) {
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("LeaderId", &Partition::leader_id, {.versions = "0+"});
      io("LeaderEpoch", &Partition::leader_epoch, {.versions = "7+"});
      io("ReplicaNodes", &Partition::replica_nodes, {.versions = "0+"});
      io("IsrNodes", &Partition::isr_nodes, {.versions = "0+"});
      io("OfflineReplicas", &Partition::offline_replicas, {.versions = "5+"});
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
      io("Name", &Topic::name, {.versions = "0+", .nullable = "12+"});
      io("TopicId", &Topic::topic_id, {.versions = "10+"});
      io("IsInternal", &Topic::is_internal, {.versions = "1+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
      io("TopicAuthorizedOperations", &Topic::topic_authorized_operations, {.versions = "8+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers{};
  std::optional<std::string> cluster_id{};
  std::int32_t controller_id = -1;
  std::vector<Topic> topics{};
  std::int32_t cluster_authorized_operations = kOperationsNotAsked;

  static void fields(auto& io) {
    using M = MetadataResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "3+"});
    io("Brokers", &M::brokers, {.versions = "0+"});
    io("ClusterId", &M::cluster_id, {.versions = "2+", .nullable = "2+"});
    io("ControllerId", &M::controller_id, {.versions = "1+"});
    io("Topics", &M::topics, {.versions = "0+"});
    io("ClusterAuthorizedOperations", &M::cluster_authorized_operations, {.versions = "8-10"});
  }
  bool operator==(const MetadataResponse&) const = default;
};

}  // namespace penstock::kafka
