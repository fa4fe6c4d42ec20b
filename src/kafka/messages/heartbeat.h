// Heartbeat (12): a member of a group is alive. The answer says when the group rebalances.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct HeartbeatResponse;

struct HeartbeatRequest {
  static constexpr ApiKey kApi = ApiKey::kHeartbeat;
  static constexpr std::string_view kName = "HeartbeatRequest";
  using Response = HeartbeatResponse;

  std::string group_id{};
  std::int32_t generation_id = 0;
  std::string member_id{};
  std::optional<std::string> group_instance_id{};  // null: not a static member

  static void fields(auto& io) {
    using M = HeartbeatRequest;
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("GenerationId", &M::generation_id, {.versions = "0+"});
    io("MemberId", &M::member_id, {.versions = "0+"});
    io("GroupInstanceId", &M::group_instance_id, {.versions = "3+", .nullable = "3+"});
  }
  bool operator==(const HeartbeatRequest&) const = default;
};

struct HeartbeatResponse {
  static constexpr ApiKey kApi = ApiKey::kHeartbeat;
  static constexpr std::string_view kName = "HeartbeatResponse";

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;

  static void fields(auto& io) {
    using M = HeartbeatResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
  }
  bool operator==(const HeartbeatResponse&) const = default;
};

}  // namespace penstock::kafka
