// JoinGroup (11): asks for a place in the next generation of a group. The answer waits for the other
// members.
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

struct JoinGroupResponse;

struct JoinGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kJoinGroup;
  static constexpr std::string_view kName = "JoinGroupRequest";
  using Response = JoinGroupResponse;

  // A way of sharing out partitions, for example "range".
  struct Protocol {
    std::string name{};
    std::vector<std::byte> metadata{};  // for the leader; the server does not look inside

    static void fields(auto& io) {
      io("Name", &Protocol::name, {.versions = "0+"});
      io("Metadata", &Protocol::metadata, {.versions = "0+"});
    }
    bool operator==(const Protocol&) const = default;
  };

  std::string group_id{};
  std::int32_t session_timeout_ms = 0;     // a member that is silent for longer is dead
  std::int32_t rebalance_timeout_ms = -1;  // what members have to join again; -1: the session timeout
  std::string member_id{};                 // empty: a new member
  std::optional<std::string> group_instance_id{};  // null: not a static member
  std::string protocol_type{};                     // for example "consumer"
  std::vector<Protocol> protocols{};               // the preferred one first
  std::optional<std::string> reason{};

  static void fields(auto& io) {
    using M = JoinGroupRequest;
    io("GroupId", &M::group_id, {.versions = "0+"});
    io("SessionTimeoutMs", &M::session_timeout_ms, {.versions = "0+"});
    io("RebalanceTimeoutMs", &M::rebalance_timeout_ms, {.versions = "1+"});
    io("MemberId", &M::member_id, {.versions = "0+"});
    io("GroupInstanceId", &M::group_instance_id, {.versions = "5+", .nullable = "5+"});
    io("ProtocolType", &M::protocol_type, {.versions = "0+"});
    io("Protocols", &M::protocols, {.versions = "0+"});
    io("Reason", &M::reason, {.versions = "8+", .nullable = "8+"});
  }
  bool operator==(const JoinGroupRequest&) const = default;
};

struct JoinGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kJoinGroup;
  static constexpr std::string_view kName = "JoinGroupResponse";

  struct Member {
    std::string member_id{};
    std::optional<std::string> group_instance_id{};
    std::vector<std::byte> metadata{};  // what the member sent with the chosen protocol

    static void fields(auto& io) {
      io("MemberId", &Member::member_id, {.versions = "0+"});
      io("GroupInstanceId", &Member::group_instance_id, {.versions = "5+", .nullable = "5+"});
      io("Metadata", &Member::metadata, {.versions = "0+"});
    }
    bool operator==(const Member&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::int32_t generation_id = -1;
  std::optional<std::string> protocol_type{};
  std::optional<std::string> protocol_name = "";  // one that all members have
  std::string leader{};                           // that member's id
  bool skip_assignment = false;                   // the leader is told the members, but does not assign
  std::string member_id{};                        // that of who asked
  std::vector<Member> members{};                  // for the leader; the others get none

  static void fields(auto& io) {
    using M = JoinGroupResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "2+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("GenerationId", &M::generation_id, {.versions = "0+"});
    io("ProtocolType", &M::protocol_type, {.versions = "7+", .nullable = "7+"});
    io("ProtocolName", &M::protocol_name, {.versions = "0+", .nullable = "7+"});
    io("Leader", &M::leader, {.versions = "0+"});
    io("SkipAssignment", &M::skip_assignment, {.versions = "9+"});
    io("MemberId", &M::member_id, {.versions = "0+"});
    io("Members", &M::members, {.versions = "0+"});
  }
  bool operator==(const JoinGroupResponse&) const = default;
};

}  // namespace penstock::kafka
