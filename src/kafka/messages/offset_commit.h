// OffsetCommit (8): stores how far a group has come in partitions.
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

struct OffsetCommitResponse;

struct OffsetCommitRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetCommit;
  static constexpr std::string_view kName = "OffsetCommitRequest";
  using Response = OffsetCommitResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    Offset committed_offset{};                           // of the next record to read
    std::int32_t committed_leader_epoch = -1;            // of the last record read; -1: not known
    std::optional<std::string> committed_metadata = "";  // the client's own, handed back by OffsetFetch

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("CommittedOffset", &Partition::committed_offset, {.versions = "0+"});
      io("CommittedLeaderEpoch", &Partition::committed_leader_epoch, {.versions = "6+"});
      io("CommittedMetadata", &Partition::committed_metadata, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name{};
    std::vector<Partition> partitions{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::string group_id{};
  std::int32_t generation_id_or_member_epoch = -1;  // -1: not as a member
  std::string member_id{};
  std::optional<std::string> group_instance_id{};  // null: not a static member
  std::int64_t retention_time_ms = -1;             // -1: the server's
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = OffsetCommitRequest;
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("GenerationIdOrMemberEpoch", &M::generation_id_or_member_epoch, {.versions = "1+"});
    io("MemberId", &M::member_id, {.versions = "1+"});
    io("GroupInstanceId", &M::group_instance_id, {.versions = "7+", .nullable = "7+"});
    io("RetentionTimeMs", &M::retention_time_ms, {.versions = "2-4"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const OffsetCommitRequest&) const = default;
};

struct OffsetCommitResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetCommit;
  static constexpr std::string_view kName = "OffsetCommitResponse";

  struct Partition {
    std::int32_t partition_index = 0;
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name{};
    std::vector<Partition> partitions{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = OffsetCommitResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "3+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const OffsetCommitResponse&) const = default;
};

}  // namespace penstock::kafka
