// ListGroups (16): the groups that the server looks after.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct ListGroupsResponse;

struct ListGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kListGroups;
  static constexpr std::string_view kName = "ListGroupsRequest";
  using Response = ListGroupsResponse;

  std::vector<std::string> states_filter{};  // empty: all
  std::vector<std::string> types_filter{};   // empty: all

  static void fields(auto& io) {
    using M = ListGroupsRequest;
    io("StatesFilter", &M::states_filter, {.versions = "4+"});
    io("TypesFilter", &M::types_filter, {.versions = "5+"});
  }
  bool operator==(const ListGroupsRequest&) const = default;
};

struct ListGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kListGroups;
  static constexpr std::string_view kName = "ListGroupsResponse";

  struct Group {
    std::string group_id{};
    std::string protocol_type{};
    std::string group_state{};  // for example "Stable"
    std::string group_type{};   // "classic" or "consumer"

    static void fields(auto& io) {
      io("GroupId", &Group::group_id, {.versions = "0+"});
      io("ProtocolType", &Group::protocol_type, {.versions = "0+"});
      io("GroupState", &Group::group_state, {.versions = "4+"});
      io("GroupType", &Group::group_type, {.versions = "5+"});
    }
    bool operator==(const Group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::vector<Group> groups{};

  static void fields(auto& io) {
    using M = ListGroupsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("Groups", &M::groups, {.versions = "0+"});
  }
  bool operator==(const ListGroupsResponse&) const = default;
};

}  // namespace penstock::kafka
