// InitProducerId (22): an id and an epoch for a producer, which make its batches idempotent. For a
// transactional producer it fences older ones and ends what they left open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct InitProducerIdResponse;

struct InitProducerIdRequest {
  static constexpr ApiKey kApi = ApiKey::kInitProducerId;
  static constexpr std::string_view kName = "InitProducerIdRequest";
  using Response = InitProducerIdResponse;

  std::optional<std::string> transactional_id = "";  // null: idempotent only
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;  // -1: has none yet
  std::int16_t producer_epoch = -1;

  static void fields(auto& io) {
    using M = InitProducerIdRequest;
    io("TransactionalId", &M::transactional_id, {.versions = "0+", .nullable = "0+"});
    io("TransactionTimeoutMs", &M::transaction_timeout_ms, {.versions = "0+"});
    io("ProducerId", &M::producer_id, {.versions = "3+"});
    io("ProducerEpoch", &M::producer_epoch, {.versions = "3+"});
  }
  bool operator==(const InitProducerIdRequest&) const = default;
};

struct InitProducerIdResponse {
  static constexpr ApiKey kApi = ApiKey::kInitProducerId;
  static constexpr std::string_view kName = "InitProducerIdResponse";

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;

  static void fields(auto& io) {
    using M = InitProducerIdResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("ProducerId", &M::producer_id, {.versions = "0+"});
    io("ProducerEpoch", &M::producer_epoch, {.versions = "0+"});
  }
  bool operator==(const InitProducerIdResponse&) const = default;
};

}  // namespace penstock::kafka
