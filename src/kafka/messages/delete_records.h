// DeleteRecords (21): deletes the beginning of partitions, up to an offset.
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

// The offset that stands for the high watermark: everything that consumers can see.
inline constexpr Offset kDeleteUpToHighWatermark{-1};

struct DeleteRecordsResponse;

struct DeleteRecordsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteRecords;
  static constexpr std::string_view kName = "DeleteRecordsRequest";
  using Response = DeleteRecordsResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    Offset offset;  // the first to keep, or kDeleteUpToHighWatermark

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("Offset", &Partition::offset, {.versions = "0+"});
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

  std::vector<Topic> topics{};
  std::int32_t timeout_ms = 0;

  static void fields(auto& io) {
    using M = DeleteRecordsRequest;
    io("Topics", &M::topics, {.versions = "0+"});
    io("TimeoutMs", &M::timeout_ms, {.versions = "0+"});
  }
  bool operator==(const DeleteRecordsRequest&) const = default;
};

struct DeleteRecordsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteRecords;
  static constexpr std::string_view kName = "DeleteRecordsResponse";

  struct Partition {
    std::int32_t partition_index = 0;
    Offset low_watermark;  // where the log starts now; -1 with an error
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("LowWatermark", &Partition::low_watermark, {.versions = "0+"});
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
    using M = DeleteRecordsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const DeleteRecordsResponse&) const = default;
};

}  // namespace penstock::kafka
