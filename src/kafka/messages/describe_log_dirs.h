// DescribeLogDirs (35): the directories that partitions are in, and their sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct DescribeLogDirsResponse;

struct DescribeLogDirsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeLogDirs;
  static constexpr std::string_view kName = "DescribeLogDirsRequest";
  using Response = DescribeLogDirsResponse;

  struct Topic {
    std::string topic{};
    std::vector<std::int32_t> partitions{};

    static void fields(auto& io) {
      io("Topic", &Topic::topic, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::vector<Topic>> topics = std::vector<Topic>();  // null: all

  static void fields(auto& io) {
    using M = DescribeLogDirsRequest;
    io("Topics", &M::topics, {.versions = "0+", .nullable = "0+"});
  }
  bool operator==(const DescribeLogDirsRequest&) const = default;
};

struct DescribeLogDirsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeLogDirs;
  static constexpr std::string_view kName = "DescribeLogDirsResponse";

  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t partition_size = 0;  // bytes
    std::int64_t offset_lag = 0;      // behind the high watermark
    bool is_future_key = false;       // is being moved here from another directory

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("PartitionSize", &Partition::partition_size, {.versions = "0+"});
      io("OffsetLag", &Partition::offset_lag, {.versions = "0+"});
      io("IsFutureKey", &Partition::is_future_key, {.versions = "0+"});
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

  struct Result {
    KafkaError error_code = KafkaError::kNone;
    std::string log_dir{};
    std::vector<Topic> topics{};
    std::int64_t total_bytes = -1;   // of the file system
    std::int64_t usable_bytes = -1;  // of the file system

    static void fields(auto& io) {
      io("ErrorCode", &Result::error_code, {.versions = "0+"});
      io("LogDir", &Result::log_dir, {.versions = "0+"});
      io("Topics", &Result::topics, {.versions = "0+"});
      io("TotalBytes", &Result::total_bytes, {.versions = "4+"});
      io("UsableBytes", &Result::usable_bytes, {.versions = "4+"});
    }
    bool operator==(const Result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::vector<Result> results{};

  static void fields(auto& io) {
    using M = DescribeLogDirsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ErrorCode", &M::error_code, {.versions = "3+"});
    io("Results", &M::results, {.versions = "0+"});
  }
  bool operator==(const DescribeLogDirsResponse&) const = default;
};

}  // namespace penstock::kafka
