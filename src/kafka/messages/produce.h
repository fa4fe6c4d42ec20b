// Produce (0): append record batches. One batch per partition; see record_batch.h for what is inside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/messages/leaders.h"
#include "kafka/records.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct ProduceResponse;

// With acks 0 the client expects no response at all.
struct ProduceRequest {
  static constexpr ApiKey kApi = ApiKey::kProduce;
  static constexpr std::string_view kName = "ProduceRequest";
  using Response = ProduceResponse;

  struct Partition {
    std::int32_t index = 0;
    Records records{};

    static void fields(auto& io) {
      io("Index", &Partition::index, {.versions = "0+"});
      io("Records", &Partition::records, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name{};
    std::vector<Partition> partition_data{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("PartitionData", &Topic::partition_data, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::string> transactional_id{};
  std::int16_t acks = 0;  // -1: all in-sync replicas, 1: the leader, 0: nobody
  std::int32_t timeout_ms = 0;
  std::vector<Topic> topic_data{};

  static void fields(auto& io) {
    using M = ProduceRequest;
    io("TransactionalId", &M::transactional_id, {.versions = "3+", .nullable = "3+"});
    io("Acks", &M::acks, {.versions = "0+"});
    io("TimeoutMs", &M::timeout_ms, {.versions = "0+"});
    io("TopicData", &M::topic_data, {.versions = "0+"});
  }
  bool operator==(const ProduceRequest&) const = default;
};

struct ProduceResponse {
  static constexpr ApiKey kApi = ApiKey::kProduce;
  static constexpr std::string_view kName = "ProduceResponse";

  struct RecordError {
    std::int32_t batch_index = 0;  // the record's index in its batch
    std::optional<std::string> batch_index_error_message{};

    static void fields(auto& io) {
      io("BatchIndex", &RecordError::batch_index, {.versions = "8+"});
      io("BatchIndexErrorMessage", &RecordError::batch_index_error_message,
         {.versions = "8+", .nullable = "8+"});
    }
    bool operator==(const RecordError&) const = default;
  };

  struct Partition {
    std::int32_t index = 0;
    KafkaError error_code = KafkaError::kNone;
    Offset base_offset{};                  // -1 with an error
    std::int64_t log_append_time_ms = -1;  // -1 where records keep the producer's time
    Offset log_start_offset{-1};
    std::vector<RecordError> record_errors{};
    std::optional<std::string> error_message{};
    LeaderIdAndEpoch current_leader{};

    static void fields(auto& io) {
      io("Index", &Partition::index, {.versions = "0+"});
      io("ErrorCode", &Partition::error_code, {.versions = "0+"});
      io("BaseOffset", &Partition::base_offset, {.versions = "0+"});
      io("LogAppendTimeMs", &Partition::log_append_time_ms, {.versions = "2+"});
      io("LogStartOffset", &Partition::log_start_offset, {.versions = "5+"});
      io("RecordErrors", &Partition::record_errors, {.versions = "8+"});
      io("ErrorMessage", &Partition::error_message, {.versions = "8+", .nullable = "8+"});
      io("CurrentLeader", &Partition::current_leader, {.versions = "10+", .tag = 0});
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name{};
    std::vector<Partition> partition_responses{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("PartitionResponses", &Topic::partition_responses, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> responses{};
  std::int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints{};

  static void fields(auto& io) {
    using M = ProduceResponse;
    io("Responses", &M::responses, {.versions = "0+"});
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("NodeEndpoints", &M::node_endpoints, {.versions = "10+", .tag = 0});
  }
  bool operator==(const ProduceResponse&) const = default;
};

}  // namespace penstock::kafka
