// OffsetDelete (47): deletes what a group has committed for partitions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct OffsetDeleteResponse;

struct OffsetDeleteRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetDelete;
  static constexpr std::string_view kName = "OffsetDeleteRequest";
  using Response = OffsetDeleteResponse;

  struct Partition {
    std::int32_t partition_index = 0;

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
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
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = OffsetDeleteRequest;
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const OffsetDeleteRequest&) const = default;
};

struct OffsetDeleteResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetDelete;
  static constexpr std::string_view kName = "OffsetDeleteResponse";

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

  KafkaError error_code = KafkaError::kNone;
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = OffsetDeleteResponse;
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const OffsetDeleteResponse&) const = default;
};

}  // namespace penstock::kafka
