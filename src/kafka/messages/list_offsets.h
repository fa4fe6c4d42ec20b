// ListOffsets (2): the first, last, or by-time offset of a partition.
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

// Timestamps that are not times.
inline constexpr std::int64_t kLatestTimestamp = -1;    // the end: high watermark or last stable offset
inline constexpr std::int64_t kEarliestTimestamp = -2;  // the log start offset
inline constexpr std::int64_t kMaxTimestamp = -3;       // the record with the highest time (version 7)

struct ListOffsetsResponse;

struct ListOffsetsRequest {
  static constexpr ApiKey kApi = ApiKey::kListOffsets;
  static constexpr std::string_view kName = "ListOffsetsRequest";
  using Response = ListOffsetsResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    std::int32_t current_leader_epoch = -1;  // -1: not checked
    std::int64_t timestamp = 0;

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("CurrentLeaderEpoch", &Partition::current_leader_epoch, {.versions = "4+"});
      io("Timestamp", &Partition::timestamp, {.versions = "0+"});
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

  std::int32_t replica_id = 0;      // a consumer sends -1
  std::int8_t isolation_level = 0;  // 0: read uncommitted, 1: read committed
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = ListOffsetsRequest;
    io("ReplicaId", &M::replica_id, {.versions = "0+"});
    io("IsolationLevel", &M::isolation_level, {.versions = "2+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const ListOffsetsRequest&) const = default;
};

struct ListOffsetsResponse {
  static constexpr ApiKey kApi = ApiKey::kListOffsets;
  static constexpr std::string_view kName = "ListOffsetsResponse";

  struct Partition {
    std::int32_t partition_index = 0;
    KafkaError error_code = KafkaError::kNone;
    std::int64_t timestamp = -1;
    Offset offset{-1};
    std::int32_t leader_epoch = -1;

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
      io("Timestamp", &Partition::timestamp, {.versions = "1+"});
      io("Offset", &Partition::offset, {.versions = "1+"});
      io("LeaderEpoch", &Partition::leader_epoch, {.versions = "4+"});
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
    using M = ListOffsetsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "2+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const ListOffsetsResponse&) const = default;
};

}  // namespace penstock::kafka
