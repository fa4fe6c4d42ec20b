// LeaveGroup (13): one member leaves its group up to version 2, a list of members from version 3.
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

struct LeaveGroupResponse;

struct LeaveGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kLeaveGroup;
  static constexpr std::string_view kName = "LeaveGroupRequest";
  using Response = LeaveGroupResponse;

  struct Member {
    std::string member_id{};                         // empty: whoever has the group instance id
    std::optional<std::string> group_instance_id{};  // null: not a static member
    std::optional<std::string> reason{};

    static void fields(auto& io) {
      io("MemberId", &Member::member_id, {.versions = "3+"});
      io("GroupInstanceId", &Member::group_instance_id, {.versions = "3+", .nullable = "3+"});
      io("Reason", &Member::reason, {.versions = "5+", .nullable = "5+"});
    }
    bool operator==(const Member&) const = default;
  };

  std::string group_id{};
  std::string member_id{};
  std::vector<Member> members{};

  static void fields(auto& io) {
    using M = LeaveGroupRequest;
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("MemberId", &M::member_id, {.versions = "0-2"});
    io("Members", &M::members, {.versions = "3+"});
  }
  bool operator==(const LeaveGroupRequest&) const = default;
};

struct LeaveGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kLeaveGroup;
  static constexpr std::string_view kName = "LeaveGroupResponse";

  struct Member {
    std::string member_id{};
    std::optional<std::string> group_instance_id = "";
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("MemberId", &Member::member_id, {.versions = "3+"});
      io("GroupInstanceId", &Member::group_instance_id, {.versions = "3+", .nullable = "3+"});
      io("ErrorCode", &Member::error_code, {.versions = "3+"});
    }
    bool operator==(const Member&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::vector<Member> members{};

  static void fields(auto& io) {
    using M = LeaveGroupResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("Members", &M::members, {.versions = "3+"});
  }
  bool operator==(const LeaveGroupResponse&) const = default;
};

}  // namespace penstock::kafka
