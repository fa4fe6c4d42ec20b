// TxnOffsetCommit (28): stores how far a group has come in partitions, in force once the transaction
// commits.
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

struct TxnOffsetCommitResponse;

struct TxnOffsetCommitRequest {
  static constexpr ApiKey kApi = ApiKey::kTxnOffsetCommit;
  static constexpr std::string_view kName = "TxnOffsetCommitRequest";
  using Response = TxnOffsetCommitResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    Offset committed_offset{};                 // of the next record to read
    std::int32_t committed_leader_epoch = -1;  // of the last record read; -1: not known
    std::optional<std::string> committed_metadata = "";

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("CommittedOffset", &Partition::committed_offset, {.versions = "0+"});
      io("CommittedLeaderEpoch", &Partition::committed_leader_epoch, {.versions = "2+"});
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

  std::string transactional_id{};
  std::string group_id{};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::int32_t generation_id = -1;  // -1: not as a member
  std::string member_id{};
  std::optional<std::string> group_instance_id{};  // null: not a static member
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = TxnOffsetCommitRequest;
    io("TransactionalId", &M::transactional_id, {.versions = "0+"});
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("ProducerId", &M::producer_id, {.versions = "0+"});
    io("ProducerEpoch", &M::producer_epoch, {.versions = "0+"});
    io("GenerationId", &M::generation_id, {.versions = "3+"});
    io("MemberId", &M::member_id, {.versions = "3+"});
    io("GroupInstanceId", &M::group_instance_id, {.versions = "3+", .nullable = "3+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const TxnOffsetCommitRequest&) const = default;
};

struct TxnOffsetCommitResponse {
  static constexpr ApiKey kApi = ApiKey::kTxnOffsetCommit;
  static constexpr std::string_view kName = "TxnOffsetCommitResponse";

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
    using M = TxnOffsetCommitResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const TxnOffsetCommitResponse&) const = default;
};

}  // namespace penstock::kafka
