// DescribeGroups (15): the state, the members and the assignment of groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/messages/metadata.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct DescribeGroupsResponse;

struct DescribeGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeGroups;
  static constexpr std::string_view kName = "DescribeGroupsRequest";
  using Response = DescribeGroupsResponse;

  std::vector<std::string> groups{};  // their ids
  bool include_authorized_operations = false;

  static void fields(auto& io) {
    using M = DescribeGroupsRequest;
    io("Groups", &M::groups, {.versions = "0+"});
    io("IncludeAuthorizedOperations", &M::include_authorized_operations, {.versions = "3+"});
  }
  bool operator==(const DescribeGroupsRequest&) const = default;
};

struct DescribeGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeGroups;
  static constexpr std::string_view kName = "DescribeGroupsResponse";

  struct Member {
    std::string member_id{};
    std::optional<std::string> group_instance_id{};  // null: not a static member
    std::string client_id{};
    std::string client_host{};
    std::vector<std::byte> member_metadata{};    // of the chosen protocol; empty unless Stable
    std::vector<std::byte> member_assignment{};  // empty unless Stable

    static void fields(auto& io) {
      io("MemberId", &Member::member_id, {.versions = "0+"});
      io("GroupInstanceId", &Member::group_instance_id, {.versions = "4+", .nullable = "4+"});
      io("ClientId", &Member::client_id, {.versions = "0+"});
      io("ClientHost", &Member::client_host, {.versions = "0+"});
      io("MemberMetadata", &Member::member_metadata, {.versions = "0+"});
      io("MemberAssignment", &Member::member_assignment, {.versions = "0+"});
    }
    bool operator==(const Member&) const = default;
  };

  struct Group {
    KafkaError error_code = KafkaError::kNone;
    std::string group_id{};
    std::string group_state{};  // for example "Stable"
    std::string protocol_type{};
    std::string protocol_data{};  // the chosen protocol; empty unless Stable
    std::vector<Member> members{};
    std::int32_t authorized_operations = kOperationsNotAsked;

    static void fields(auto& io) {
      io("ErrorCode", &Group::error_code, {.versions = "0+"});
      io("GroupId", &Group::group_id, {.versions = "0+"});
      io("GroupState", &Group::group_state, {.versions = "0+"});
      io("ProtocolType", &Group::protocol_type, {.versions = "0+"});
      io("ProtocolData", &Group::protocol_data, {.versions = "0+"});
      io("Members", &Group::members, {.versions = "0+"});
      io("AuthorizedOperations", &Group::authorized_operations, {.versions = "3+"});
    }
    bool operator==(const Group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Group> groups{};

  static void fields(auto& io) {
    using M = DescribeGroupsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("Groups", &M::groups, {.versions = "0+"});
  }
  bool operator==(const DescribeGroupsResponse&) const = default;
};

}  // namespace penstock::kafka
