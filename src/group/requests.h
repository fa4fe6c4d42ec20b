// What members ask a group for, and what they are told, apart from how the wire says it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "group/assignment.h"
#include "group/records.h"
#include "kafka/errors.h"
#include "task/abort_source.h"
#include "task/clock.h"

namespace penstock::group {

// Who speaks. A member's id is the broker's to give; an instance id is configured at the client, and
// keeps its place in the group over restarts (KIP-345).
struct MemberIdentity {
  std::string member_id{};
  std::optional<std::string> instance_id{};
};

struct JoinRequest {
  MemberIdentity member{};  // without an id: a new one
  std::string client_id{};
  std::string client_host{};
  Duration session_timeout{};
  Duration rebalance_timeout{};
  std::string protocol_type{};
  std::vector<Protocol> protocols{};  // the ones that it prefers first
  // A new member is given its id, and joins with it (KIP-394).
  bool must_know_its_id = false;
  // A leader can be told that its assignment holds (KIP-814).
  bool can_skip_assignment = false;
  // Aborted when whoever asks has gone; null: it stays.
  AbortSource* gone = nullptr;
};

struct JoinedMember {
  std::string member_id{};
  std::optional<std::string> instance_id{};
  std::vector<std::byte> metadata{};  // in the protocol that was chosen
};

struct JoinAnswer {
  static JoinAnswer refused(kafka::KafkaError error, std::string member_id) {
    JoinAnswer answer;
    answer.error = error;
    answer.member_id = std::move(member_id);
    return answer;
  }

  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string member_id{};
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type{};
  std::optional<std::string> protocol{};
  std::string leader{};
  bool skip_assignment = false;
  std::vector<JoinedMember> members{};  // the leader is told
};

struct MemberAssignment {
  std::string member_id{};
  std::vector<std::byte> assignment{};
};

struct SyncRequest {
  MemberIdentity member{};
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type{};  // nothing: not checked
  std::optional<std::string> protocol{};
  std::vector<MemberAssignment> assignments{};  // the leader's
  AbortSource* gone = nullptr;                  // as of a JoinRequest
};

struct SyncAnswer {
  static SyncAnswer refused(kafka::KafkaError error) {
    SyncAnswer answer;
    answer.error = error;
    return answer;
  }

  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::optional<std::string> protocol_type{};
  std::optional<std::string> protocol{};
  std::vector<std::byte> assignment{};
};

// An operator removes a static member by its instance id alone.
struct LeavingMember {
  std::string member_id{};
  std::optional<std::string> instance_id{};
};

// Who commits offsets or asks for them.
struct OffsetsCaller {
  MemberIdentity member{};
  std::int32_t generation = -1;  // of a member of the new protocol: its epoch
  // Whether what was sent can carry an epoch: before version 9 it cannot.
  bool knows_epochs = false;
};

// --- The new protocol (KIP-848) ---

// Instead of a member's epoch.
inline constexpr std::int32_t kJoinEpoch = 0;
inline constexpr std::int32_t kLeaveEpoch = -1;
inline constexpr std::int32_t kLeaveForAWhileEpoch = -2;  // a static member that will come back

// What is not there has not changed since it was last said.
struct ConsumerHeartbeat {
  MemberIdentity member{};  // joining without an id: a new one
  std::int32_t epoch = kJoinEpoch;
  std::string client_id{};
  std::string client_host{};
  std::optional<std::string> rack_id{};
  std::optional<Duration> rebalance_timeout{};
  std::optional<std::set<std::string>> topic_names{};
  std::optional<std::string> assignor{};
  std::optional<Assignment> owned{};
};

struct ConsumerHeartbeatAnswer {
  static ConsumerHeartbeatAnswer refused(kafka::KafkaError error, std::string message) {
    ConsumerHeartbeatAnswer answer;
    answer.error = error;
    answer.message = std::move(message);
    return answer;
  }

  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string message{};  // why, when it was refused
  std::string member_id{};
  std::int32_t epoch = 0;
  Duration heartbeat_interval{};
  std::optional<Assignment> assigned{};  // when it is news
};

}  // namespace penstock::group
