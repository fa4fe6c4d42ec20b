// AddPartitionsToTxn (24): announces partitions that a transaction is about to write to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct AddPartitionsToTxnResponse;

struct AddPartitionsToTxnRequest {
  static constexpr ApiKey kApi = ApiKey::kAddPartitionsToTxn;
  static constexpr std::string_view kName = "AddPartitionsToTxnRequest";
  using Response = AddPartitionsToTxnResponse;

  struct Topic {
    std::string name{};
    std::vector<std::int32_t> partitions{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::string transactional_id{};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = AddPartitionsToTxnRequest;
    io("V3AndBelowTransactionalId", &M::transactional_id, {.versions = "0-3"});
    io("V3AndBelowProducerId", &M::producer_id, {.versions = "0-3"});
    io("V3AndBelowProducerEpoch", &M::producer_epoch, {.versions = "0-3"});
    io("V3AndBelowTopics", &M::topics, {.versions = "0-3"});
  }
  bool operator==(const AddPartitionsToTxnRequest&) const = default;
};

struct AddPartitionsToTxnResponse {
  static constexpr ApiKey kApi = ApiKey::kAddPartitionsToTxn;
  static constexpr std::string_view kName = "AddPartitionsToTxnResponse";

  struct PartitionResult {
    std::int32_t partition_index = 0;
    KafkaError partition_error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("PartitionIndex", &PartitionResult::partition_index, {.versions = "0+"});
      io("PartitionErrorCode", &PartitionResult::partition_error_code, {.versions = "0+"});
    }
    bool operator==(const PartitionResult&) const = default;
  };

  struct TopicResult {
    std::string name{};
    std::vector<PartitionResult> results_by_partition{};

    static void fields(auto& io) {
      io("Name", &TopicResult::name, {.versions = "0+"});
      io("ResultsByPartition", &TopicResult::results_by_partition, {.versions = "0+"});
    }
    bool operator==(const TopicResult&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<TopicResult> results_by_topic{};

  static void fields(auto& io) {
    using M = AddPartitionsToTxnResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ResultsByTopicV3AndBelow", &M::results_by_topic, {.versions = "0-3"});
  }
  bool operator==(const AddPartitionsToTxnResponse&) const = default;
};

}  // namespace penstock::kafka
