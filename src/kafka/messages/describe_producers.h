// DescribeProducers (61): the producers that partitions have in mind, with their open transactions.
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

struct DescribeProducersResponse;

struct DescribeProducersRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeProducers;
  static constexpr std::string_view kName = "DescribeProducersRequest";
  using Response = DescribeProducersResponse;

  struct Topic {
    std::string name{};
    std::vector<std::int32_t> partition_indexes{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("PartitionIndexes", &Topic::partition_indexes, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = DescribeProducersRequest;
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const DescribeProducersRequest&) const = default;
};

struct DescribeProducersResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeProducers;
  static constexpr std::string_view kName = "DescribeProducersResponse";

  struct Producer {
    std::int64_t producer_id = 0;
    std::int32_t producer_epoch = 0;
    std::int32_t last_sequence = -1;
    std::int64_t last_timestamp = -1;
    std::int32_t coordinator_epoch = 0;
    Offset current_txn_start_offset{-1};  // -1: no open transaction

    static void fields(auto& io) {
      io("ProducerId", &Producer::producer_id, {.versions = "0+"});
      io("ProducerEpoch", &Producer::producer_epoch, {.versions = "0+"});
      io("LastSequence", &Producer::last_sequence, {.versions = "0+"});
      io("LastTimestamp", &Producer::last_timestamp, {.versions = "0+"});
      io("CoordinatorEpoch", &Producer::coordinator_epoch, {.versions = "0+"});
      io("CurrentTxnStartOffset", &Producer::current_txn_start_offset, {.versions = "0+"});
    }
    bool operator==(const Producer&) const = default;
  };

  struct Partition {
    std::int32_t partition_index = 0;
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message{};
    std::vector<Producer> active_producers{};

    static void fields(auto& io) {
      io("PartitionIndex", &Partition::partition_index, {.versions = "0+"});
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
      io("ErrorMessage", &Partition::error_message, {.versions = "0+", .nullable = "0+"});
      io("ActiveProducers", &Partition::active_producers, {.versions = "0+"});
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
    using M = DescribeProducersResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const DescribeProducersResponse&) const = default;
};

}  // namespace penstock::kafka
