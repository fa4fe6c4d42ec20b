// EndTxn (26): commits or aborts a transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct EndTxnResponse;

struct EndTxnRequest {
  static constexpr ApiKey kApi = ApiKey::kEndTxn;
  static constexpr std::string_view kName = "EndTxnRequest";
  using Response = EndTxnResponse;

  std::string transactional_id{};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  bool committed = false;  // false: aborted

  static void fields(auto& io) {
    using M = EndTxnRequest;
    io("TransactionalId", &M::transactional_id, {.versions = "0+"});
    io("ProducerId", &M::producer_id, {.versions = "0+"});
    io("ProducerEpoch", &M::producer_epoch, {.versions = "0+"});
    io("Committed", &M::committed, {.versions = "0+"});
  }
  bool operator==(const EndTxnRequest&) const = default;
};

struct EndTxnResponse {
  static constexpr ApiKey kApi = ApiKey::kEndTxn;
  static constexpr std::string_view kName = "EndTxnResponse";

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;

  static void fields(auto& io) {
    using M = EndTxnResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
  }
  bool operator==(const EndTxnResponse&) const = default;
};

}  // namespace penstock::kafka
