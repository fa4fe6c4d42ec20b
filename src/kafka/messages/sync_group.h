// SyncGroup (14): hands in the leader's assignment, and gives every member its part of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct SyncGroupResponse;

struct SyncGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kSyncGroup;
  static constexpr std::string_view kName = "SyncGroupRequest";
  using Response = SyncGroupResponse;

  struct Assignment {
    std::string member_id{};
    std::vector<std::byte> assignment{};  // the server does not look inside

    static void fields(auto& io) {
      io("MemberId", &Assignment::member_id, {.versions = "0+"});
      io("Assignment", &Assignment::assignment, {.versions = "0+"});
    }
    bool operator==(const Assignment&) const = default;
  };

  std::string group_id{};
  std::int32_t generation_id = 0;
  std::string member_id{};
  std::optional<std::string> group_instance_id{};  // null: not a static member
  std::optional<std::string> protocol_type{};
  std::optional<std::string> protocol_name{};
  std::vector<Assignment> assignments{};  // the leader's, for all members; the others send none

  static void fields(auto& io) {
    using M = SyncGroupRequest;
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("GenerationId", &M::generation_id, {.versions = "0+"});
    io("MemberId", &M::member_id, {.versions = "0+"});
    io("GroupInstanceId", &M::group_instance_id, {.versions = "3+", .nullable = "3+"});
    io("ProtocolType", &M::protocol_type, {.versions = "5+", .nullable = "5+"});
    io("ProtocolName", &M::protocol_name, {.versions = "5+", .nullable = "5+"});
    io("Assignments", &M::assignments, {.versions = "0+"});
  }
  bool operator==(const SyncGroupRequest&) const = default;
};

struct SyncGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kSyncGroup;
  static constexpr std::string_view kName = "SyncGroupResponse";

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::optional<std::string> protocol_type{};
  std::optional<std::string> protocol_name{};
  std::vector<std::byte> assignment{};

  static void fields(auto& io) {
    using M = SyncGroupResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("ProtocolType", &M::protocol_type, {.versions = "5+", .nullable = "5+"});
    io("ProtocolName", &M::protocol_name, {.versions = "5+", .nullable = "5+"});
    io("Assignment", &M::assignment, {.versions = "0+"});
  }
  bool operator==(const SyncGroupResponse&) const = default;
};

}  // namespace penstock::kafka
