// AddOffsetsToTxn (25): announces that a transaction is about to commit offsets of a group.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct AddOffsetsToTxnResponse;

struct AddOffsetsToTxnRequest {
  static constexpr ApiKey kApi = ApiKey::kAddOffsetsToTxn;
  static constexpr std::string_view kName = "AddOffsetsToTxnRequest";
  using Response = AddOffsetsToTxnResponse;

  std::string transactional_id{};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::string group_id{};

  static void fields(auto& io) {
    using M = AddOffsetsToTxnRequest;
    io("TransactionalId", &M::transactional_id, {.versions = "0+"});
    io("ProducerId", &M::producer_id, {.versions = "0+"});
    io("ProducerEpoch", &M::producer_epoch, {.versions = "0+"});
    io("GroupId", &M::group_id, {.versions = "0+"});
  }
  bool operator==(const AddOffsetsToTxnRequest&) const = default;
};

struct AddOffsetsToTxnResponse {
  static constexpr ApiKey kApi = ApiKey::kAddOffsetsToTxn;
  static constexpr std::string_view kName = "AddOffsetsToTxnResponse";

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;

  static void fields(auto& io) {
    using M = AddOffsetsToTxnResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
  }
  bool operator==(const AddOffsetsToTxnResponse&) const = default;
};

}  // namespace penstock::kafka
