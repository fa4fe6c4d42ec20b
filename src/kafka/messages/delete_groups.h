// DeleteGroups (42): deletes groups that have no members, and what they have committed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct DeleteGroupsResponse;

struct DeleteGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteGroups;
  static constexpr std::string_view kName = "DeleteGroupsRequest";
  using Response = DeleteGroupsResponse;

  std::vector<std::string> groups_names{};

  static void fields(auto& io) {
    using M = DeleteGroupsRequest;
    io("GroupsNames", &M::groups_names, {.versions = "0+"});
  }
  bool operator==(const DeleteGroupsRequest&) const = default;
};

struct DeleteGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteGroups;
  static constexpr std::string_view kName = "DeleteGroupsResponse";

  struct Result {
    std::string group_id{};
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& io) {
      io("GroupId", &Result::group_id, {.versions = "0+"});
      io("ErrorCode", &Result::error_code, {.versions = "0+"});
    }
    bool operator==(const Result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Result> results{};

  static void fields(auto& io) {
    using M = DeleteGroupsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Results", &M::results, {.versions = "0+"});
  }
  bool operator==(const DeleteGroupsResponse&) const = default;
};

}  // namespace penstock::kafka
