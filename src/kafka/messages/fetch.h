// Fetch (1): read record batches from an offset, waiting for them if need be.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/messages/leaders.h"
#include "kafka/records.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

struct FetchResponse;

// Topics go by name up to version 12 and by id from this one on.
inline constexpr std::int16_t kFirstFetchWithIds = 13;

struct FetchRequest {
  static constexpr ApiKey kApi = ApiKey::kFetch;
  static constexpr std::string_view kName = "FetchRequest";
  using Response = FetchResponse;

  struct ReplicaState {
    std::int32_t replica_id = -1;
    std::int64_t replica_epoch = -1;

    static void fields(auto& io) {
      io("ReplicaId", &ReplicaState::replica_id, {.versions = "15+"});
      io("ReplicaEpoch", &ReplicaState::replica_epoch, {.versions = "15+"});
    }
    bool operator==(const ReplicaState&) const = default;
  };

  struct Partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;  // -1: not checked
    Offset fetch_offset{};
    std::int32_t last_fetched_epoch = -1;
    Offset log_start_offset{-1};  // a follower's; -1 from a consumer
    std::int32_t partition_max_bytes = 0;

    static void fields(auto& io) {
      io("Partition", &Partition::partition, {.versions = "0+"});
      io("CurrentLeaderEpoch", &Partition::current_leader_epoch, {.versions = "9+"});
      io("FetchOffset", &Partition::fetch_offset, {.versions = "0+"});
      io("LastFetchedEpoch", &Partition::last_fetched_epoch, {.versions = "12+"});
      io("LogStartOffset", &Partition::log_start_offset, {.versions = "5+"});
      io("PartitionMaxBytes", &Partition::partition_max_bytes, {.versions = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic{};
    Uuid topic_id{};
    std::vector<Partition> partitions{};

    static void fields(auto& io) {
      io("Topic", &Topic::topic, {.versions = "0-12"});
      io("TopicId", &Topic::topic_id, {.versions = "13+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  struct ForgottenTopic {
    std::string topic{};
    Uuid topic_id{};
    std::vector<std::int32_t> partitions{};

    static void fields(auto& io) {
      io("Topic", &ForgottenTopic::topic, {.versions = "7-12"});
      io("TopicId", &ForgottenTopic::topic_id, {.versions = "13+"});
      io("Partitions", &ForgottenTopic::partitions, {.versions = "7+"});
    }
    bool operator==(const ForgottenTopic&) const = default;
  };

  std::optional<std::string> cluster_id{};
  std::int32_t replica_id = -1;  // -1: a consumer
  ReplicaState replica_state{};
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = std::numeric_limits<std::int32_t>::max();
  std::int8_t isolation_level = 0;  // 0: read uncommitted, 1: read committed
  std::int32_t session_id = 0;
  // (0, -1): a full fetch outside of any session. Epoch 0 asks for a new session, -1 for none, and both
  // end the one that is named.
  std::int32_t session_epoch = -1;
  std::vector<Topic> topics{};
  std::vector<ForgottenTopic> forgotten_topics_data{};
  std::string rack_id{};

  static void fields(auto& io) {
    using M = FetchRequest;
    io("ClusterId", &M::cluster_id, {.versions = "12+", .nullable = "12+", .tag = 0});
    io("ReplicaId", &M::replica_id, {.versions = "0-14"});
    io("ReplicaState", &M::replica_state, {.versions = "15+", .tag = 1});
    io("MaxWaitMs", &M::max_wait_ms, {.versions = "0+"});
    io("MinBytes", &M::min_bytes, {.versions = "0+"});
    io("MaxBytes", &M::max_bytes, {.versions = "3+"});
    io("IsolationLevel", &M::isolation_level, {.versions = "4+"});
    io("SessionId", &M::session_id, {.versions = "7+"});
    io("SessionEpoch", &M::session_epoch, {.versions = "7+"});
    io("Topics", &M::topics, {.versions = "0+"});
    io("ForgottenTopicsData", &M::forgotten_topics_data, {.versions = "7+"});
    io("RackId", &M::rack_id, {.versions = "11+"});
  }
  bool operator==(const FetchRequest&) const = default;
};

struct FetchResponse {
  static constexpr ApiKey kApi = ApiKey::kFetch;
  static constexpr std::string_view kName = "FetchResponse";

  struct EpochEndOffset {
    std::int32_t epoch = -1;
    Offset end_offset{-1};

    static void fields(auto& io) {
      io("Epoch", &EpochEndOffset::epoch, {.versions = "12+"});
      io("EndOffset", &EpochEndOffset::end_offset, {.versions = "12+"});
    }
    bool operator==(const EpochEndOffset&) const = default;
  };

  struct SnapshotId {
    Offset end_offset{-1};
    std::int32_t epoch = -1;

    static void fields(auto& io) {
      io("EndOffset", &SnapshotId::end_offset, {.versions = "0+"});
      io("Epoch", &SnapshotId::epoch, {.versions = "0+"});
    }
    bool operator==(const SnapshotId&) const = default;
  };

  struct AbortedTransaction {
    std::int64_t producer_id = 0;
    Offset first_offset{};

    static void fields(auto& io) {
      io("ProducerId", &AbortedTransaction::producer_id, {.versions = "4+"});
      io("FirstOffset", &AbortedTransaction::first_offset, {.versions = "4+"});
    }
    bool operator==(const AbortedTransaction&) const = default;
  };

  struct Partition {
    std::int32_t partition_index = 0;
    KafkaError error_code = KafkaError::kNone;
    Offset high_watermark{};
    Offset last_stable_offset{-1};
    Offset log_start_offset{-1};
    EpochEndOffset diverging_epoch{};
    LeaderIdAndEpoch current_leader{};
    SnapshotId snapshot_id{};
    // Null answers a request with isolation level 0.
    std::optional<std::vector<AbortedTransaction>> aborted_transactions =
        std::vector<AbortedTransaction>();
    std::int32_t preferred_read_replica = -1;
    Records records{};

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
      io("HighWatermark", &Partition::high_watermark, {.versions = "0+"});
      io("LastStableOffset", &Partition::last_stable_offset, {.versions = "4+"});
      io("LogStartOffset", &Partition::log_start_offset, {.versions = "5+"});
      io("DivergingEpoch", &Partition::diverging_epoch, {.versions = "12+", .tag = 0});
      io("CurrentLeader", &Partition::current_leader, {.versions = "12+", .tag = 1});
      io("SnapshotId", &Partition::snapshot_id, {.versions = "12+", .tag = 2});
      io("AbortedTransactions", &Partition::aborted_transactions, {.versions = "4+", .nullable = "4+"});
      io("PreferredReadReplica", &Partition::preferred_read_replica, {.versions = "11+"});
      io("Records", &Partition::records, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic{};
    Uuid topic_id{};
    std::vector<Partition> partitions{};

    static void fields(auto& io) {
      io("Topic", &Topic::topic, {.versions = "0-12"});
      io("TopicId", &Topic::topic_id, {.versions = "13+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::int32_t session_id = 0;
  std::vector<Topic> responses{};
  std::vector<NodeEndpoint> node_endpoints{};

  static void fields(auto& io) {
    using M = FetchResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("ErrorCode", &M::error_code, {.versions = "7+"});
    io("SessionId", &M::session_id, {.versions = "7+"});
    io("Responses", &M::responses, {.versions = "0+"});
    io("NodeEndpoints", &M::node_endpoints, {.versions = "16+", .tag = 0});
  }
  bool operator==(const FetchResponse&) const = default;
};

}  // namespace penstock::kafka
