// OffsetFetch (9): what groups have committed. One group up to version 7, a list from version 8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct OffsetFetchResponse;

struct OffsetFetchRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetFetch;
  static constexpr std::string_view kName = "OffsetFetchRequest";
  using Response = OffsetFetchResponse;

  // Up to version 7.
  struct Topic {
    std::string name{};
    std::vector<std::int32_t> partition_indexes{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0-7"});
      io("PartitionIndexes", &Topic::partition_indexes, {.versions = "0-7"});
    }
    bool operator==(const Topic&) const = default;
  };

  // From version 8, as the group it is in.
  struct GroupTopic {
    std::string name{};
    std::vector<std::int32_t> partition_indexes{};

    static void fields(auto& io) {
      io("Name", &GroupTopic::name, {.versions = "8+"});
      io("PartitionIndexes", &GroupTopic::partition_indexes, {.versions = "8+"});
    }
    bool operator==(const GroupTopic&) const = default;
  };

  struct Group {
    std::string group_id{};
    std::optional<std::string> member_id{};  // of a member of the new protocol (KIP-848)
    std::int32_t member_epoch = -1;
    // Null asks for all that the group has committed.
    std::optional<std::vector<GroupTopic>> topics = std::vector<GroupTopic>();

    static void fields(auto& io) {
      io("GroupId", &Group::group_id, {.versions = "8+"});
      io("MemberId", &Group::member_id, {.versions = "9+", .nullable = "9+"});
      io("MemberEpoch", &Group::member_epoch, {.versions = "9+"});
      io("Topics", &Group::topics, {.versions = "8+", .nullable = "8+"});
    }
    bool operator==(const Group&) const = default;
  };

  std::string group_id{};
  // Null asks for all that the group has committed; version 1 cannot.
  std::optional<std::vector<Topic>> topics = std::vector<Topic>();
  std::vector<Group> groups{};
  bool require_stable = false;  // kUnstableOffsetCommit while a transaction commits offsets

  static void fields(auto& io) {
    using M = OffsetFetchRequest;
    io("GroupId", &M::group_id, {.versions = "0-7"});
    io("Topics", &M::topics, {.versions = "0-7", .nullable = "2-7"});
    io("Groups", &M::groups, {.versions = "8+"});
    io("RequireStable", &M::require_stable, {.versions = "7+"});
  }
  bool operator==(const OffsetFetchRequest&) const = default;
};

struct OffsetFetchResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetFetch;
  static constexpr std::string_view kName = "OffsetFetchResponse";

  // Up to version 7, as the topic around it.
  struct Partition {
    std::int32_t partition_index = 0;
    Offset committed_offset{};                 // of the next record to read; -1: nothing committed
    std::int32_t committed_leader_epoch = -1;  // -1: not known
    std::optional<std::string> metadata = "";
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0-7"});
      io("CommittedOffset", &Partition::committed_offset, {.versions = "0-7"});
      io("CommittedLeaderEpoch", &Partition::committed_leader_epoch, {.versions = "5-7"});
      io("Metadata", &Partition::metadata, {.versions = "0-7", .nullable = "0-7"});
      io("ErrorCode", &Partition::error_code, {.versions = "0-7"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name{};
    std::vector<Partition> partitions{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0-7"});
      io("Partitions", &Topic::partitions, {.versions = "0-7"});
    }
    bool operator==(const Topic&) const = default;
  };

  // From version 8, as the topic and the group around it.
  struct GroupPartition {
    std::int32_t partition_index = 0;
    Offset committed_offset{};                 // of the next record to read; -1: nothing committed
    std::int32_t committed_leader_epoch = -1;  // -1: not known
    std::optional<std::string> metadata = "";
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("PartitionIndex", &GroupPartition::partition_index, {.versions = "8+"});
      io("CommittedOffset", &GroupPartition::committed_offset, {.versions = "8+"});
      io("CommittedLeaderEpoch", &GroupPartition::committed_leader_epoch, {.versions = "8+"});
      io("Metadata", &GroupPartition::metadata, {.versions = "8+", .nullable = "8+"});
      io("ErrorCode", &GroupPartition::error_code, {.versions = "8+"});
    }
    bool operator==(const GroupPartition&) const = default;
  };

  struct GroupTopic {
    std::string name{};
    std::vector<GroupPartition> partitions{};

    static void fields(auto& io) {
      io("Name", &GroupTopic::name, {.versions = "8+"});
      io("Partitions", &GroupTopic::partitions, {.versions = "8+"});
    }
    bool operator==(const GroupTopic&) const = default;
  };

  struct Group {
    std::string group_id{};
    std::vector<GroupTopic> topics{};
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("GroupId", &Group::group_id, {.versions = "8+"});
      io("Topics", &Group::topics, {.versions = "8+"});
      io("ErrorCode", &Group::error_code, {.versions = "8+"});
    }
    bool operator==(const Group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics{};
  KafkaError error_code = KafkaError::kNone;  // the group's, up to version 7
  std::vector<Group> groups{};

  static void fields(auto& io) {
    using M = OffsetFetchResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "3+"});
    io("Topics", &M::topics, {.versions = "0-7"});
    io("ErrorCode", &M::error_code, {.versions = "2-7"});
    io("Groups", &M::groups, {.versions = "8+"});
  }
  bool operator==(const OffsetFetchResponse&) const = default;
};

}  // namespace penstock::kafka
