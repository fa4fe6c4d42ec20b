// ConsumerGroupHeartbeat (68): how a member of a group of the new protocol (KIP-848) joins, says that
// it is alive, and hears what it is assigned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

struct ConsumerGroupHeartbeatResponse;

struct ConsumerGroupHeartbeatRequest {
  static constexpr ApiKey kApi = ApiKey::kConsumerGroupHeartbeat;
  static constexpr std::string_view kName = "ConsumerGroupHeartbeatRequest";
  using Response = ConsumerGroupHeartbeatResponse;

  struct TopicPartitions {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions{};

    static void fields(auto& io) {
      io("TopicId", &TopicPartitions::topic_id, {.versions = "0+"});
      io("Partitions", &TopicPartitions::partitions, {.versions = "0+"});
    }
    bool operator==(const TopicPartitions&) const = default;
  };

  // A null below has not changed since the last heartbeat.
  std::string group_id{};
  std::string member_id{};
  std::int32_t member_epoch = 0;             // 0: joins, -1: leaves, -2: a static member leaves for now
  std::optional<std::string> instance_id{};  // of a static member
  std::optional<std::string> rack_id{};
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::vector<std::string>> subscribed_topic_names{};
  std::optional<std::string> server_assignor{};
  std::optional<std::vector<TopicPartitions>> topic_partitions{};  // what the member owns

  static void fields(auto& io) {
    using M = ConsumerGroupHeartbeatRequest;
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("MemberId", &M::member_id, {.versions = "0+"});
    io("MemberEpoch", &M::member_epoch, {.versions = "0+"});
    io("InstanceId", &M::instance_id, {.versions = "0+", .nullable = "0+"});
    io("RackId", &M::rack_id, {.versions = "0+", .nullable = "0+"});
    io("RebalanceTimeoutMs", &M::rebalance_timeout_ms, {.versions = "0+"});
    io("SubscribedTopicNames", &M::subscribed_topic_names, {.versions = "0+", .nullable = "0+"});
    io("ServerAssignor", &M::server_assignor, {.versions = "0+", .nullable = "0+"});
    io("TopicPartitions", &M::topic_partitions, {.versions = "0+", .nullable = "0+"});
  }
  bool operator==(const ConsumerGroupHeartbeatRequest&) const = default;
};

struct ConsumerGroupHeartbeatResponse {
  static constexpr ApiKey kApi = ApiKey::kConsumerGroupHeartbeat;
  static constexpr std::string_view kName = "ConsumerGroupHeartbeatResponse";

  struct TopicPartitions {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions{};

    static void fields(auto& io) {
      io("TopicId", &TopicPartitions::topic_id, {.versions = "0+"});
      io("Partitions", &TopicPartitions::partitions, {.versions = "0+"});
    }
    bool operator==(const TopicPartitions&) const = default;
  };

  struct Assignment {
    std::vector<TopicPartitions> topic_partitions{};

    static void fields(auto& io) {
      io("TopicPartitions", &Assignment::topic_partitions, {.versions = "0+"});
    }
    bool operator==(const Assignment&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::optional<std::string> error_message{};
  std::optional<std::string> member_id{};
  std::int32_t member_epoch = 0;
  std::int32_t heartbeat_interval_ms = 0;
  std::optional<Assignment> assignment{};  // null: as before

  static void fields(auto& io) {
    using M = ConsumerGroupHeartbeatResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("ErrorMessage", &M::error_message, {.versions = "0+", .nullable = "0+"});
    io("MemberId", &M::member_id, {.versions = "0+", .nullable = "0+"});
    io("MemberEpoch", &M::member_epoch, {.versions = "0+"});
    io("HeartbeatIntervalMs", &M::heartbeat_interval_ms, {.versions = "0+"});
    io("Assignment", &M::assignment, {.versions = "0+", .nullable = "0+"});
  }
  bool operator==(const ConsumerGroupHeartbeatResponse&) const = default;
};

}  // namespace penstock::kafka
