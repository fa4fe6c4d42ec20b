// OffsetForLeaderEpoch (23): where the records of a leader epoch end, with which a client finds out
// whether the log was truncated under it (KIP-320).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct OffsetForLeaderEpochResponse;

struct OffsetForLeaderEpochRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetForLeaderEpoch;
  static constexpr std::string_view kName = "OffsetForLeaderEpochRequest";
  using Response = OffsetForLeaderEpochResponse;

  struct Partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;  // -1: not checked
    std::int32_t leader_epoch = 0;

    static void fields(auto& io) {
      io("Partition", &Partition::partition, {.versions = "0+"});
      io("CurrentLeaderEpoch", &Partition::current_leader_epoch, {.versions = "2+"});
      io("LeaderEpoch", &Partition::leader_epoch, {.versions = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic{};
    std::vector<Partition> partitions{};

    static void fields(auto& io) {
      io("Topic", &Topic::topic, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t replica_id = -2;  // -1: a consumer; -2: a debugging one
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = OffsetForLeaderEpochRequest;
    io("ReplicaId", &M::replica_id, {.versions = "3+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const OffsetForLeaderEpochRequest&) const = default;
};

struct OffsetForLeaderEpochResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetForLeaderEpoch;
  static constexpr std::string_view kName = "OffsetForLeaderEpochResponse";

  struct Partition {
    KafkaError error_code = KafkaError::kNone;
    std::int32_t partition = 0;
    std::int32_t leader_epoch = -1;
    Offset end_offset{-1};  // exclusive

    static void fields(auto& io) {
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
      io("Partition", &Partition::partition, {.versions = "0+"});
      io("LeaderEpoch", &Partition::leader_epoch, {.versions = "1+"});
      io("EndOffset", &Partition::end_offset, {.versions = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic{};
    std::vector<Partition> partitions{};

    static void fields(auto& io) {
      io("Topic", &Topic::topic, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = OffsetForLeaderEpochResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "2+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const OffsetForLeaderEpochResponse&) const = default;
};

}  // namespace penstock::kafka
