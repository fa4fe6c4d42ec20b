// Membership of consumer groups: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

#include "broker/group_call.h"
#include "broker/handlers.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;

// Of one member; what it tells the others in all its protocols.
constexpr std::size_t kMaxProtocolBytes = kMiB;
// Clients have two or three.
constexpr std::size_t kMaxProtocols = 64;

group::JoinRequest to_join(const kafka::JoinGroupRequest& request, std::int16_t version,
                           const Caller& caller) {
  constexpr std::int16_t kFirstThatIsGivenItsId = 4;
  constexpr std::int16_t kFirstThatSkips = 9;
  group::JoinRequest join;
  join.member = {request.member_id, request.group_instance_id};
  join.client_id = caller.client_id;
  join.client_host = caller.client.host;
  join.session_timeout = milliseconds(request.session_timeout_ms);
  join.rebalance_timeout = milliseconds(
      request.rebalance_timeout_ms < 0 ? request.session_timeout_ms : request.rebalance_timeout_ms);
  join.protocol_type = request.protocol_type;
  for (const auto& protocol : request.protocols)
    join.protocols.push_back({protocol.name, protocol.metadata});
  join.must_know_its_id = version >= kFirstThatIsGivenItsId;
  join.can_skip_assignment = version >= kFirstThatSkips;
  return join;
}

std::size_t protocol_bytes(const kafka::JoinGroupRequest& request) {
  std::size_t bytes = request.protocol_type.size();
  for (const auto& protocol : request.protocols)
    bytes += protocol.name.size() + protocol.metadata.size();
  return bytes;
}

}  // namespace

Task<kafka::JoinGroupResponse> answer(Broker& broker, const kafka::JoinGroupRequest& request,
                                      std::int16_t version, const Caller& caller) {
  kafka::JoinGroupResponse response;
  response.member_id = request.member_id;
  response.error_code = check_group_id(request.group_id, EmptyGroupId::kRefused);
  if (request.protocols.size() > kMaxProtocols || protocol_bytes(request) > kMaxProtocolBytes)
    response.error_code = KafkaError::kInvalidRequest;
  if (response.error_code != KafkaError::kNone) co_return response;
  const auto place = broker.waiting().enter(caller.client, caller.request_bytes);
  if (!place) {
    response.error_code = KafkaError::kCoordinatorNotAvailable;
    co_return response;
  }
  auto join = [&](group::GroupCoordinator& groups, AbortSource& gone) {
    group::JoinRequest asked = to_join(request, version, caller);
    asked.gone = &gone;
    return groups.join(request.group_id, std::move(asked));
  };
  group::JoinAnswer answer =
      co_await on_coordinator_while_there(broker, caller.client, request.group_id, join);
  response.error_code = answer.error;
  response.member_id = std::move(answer.member_id);
  response.generation_id = answer.generation;
  response.protocol_type = std::move(answer.protocol_type);
  response.protocol_name = std::move(answer.protocol);
  response.leader = std::move(answer.leader);
  response.skip_assignment = answer.skip_assignment;
  for (group::JoinedMember& member : answer.members) {
    kafka::JoinGroupResponse::Member& joined = response.members.emplace_back();
    joined.member_id = std::move(member.member_id);
    joined.group_instance_id = std::move(member.instance_id);
    joined.metadata = std::move(member.metadata);
  }
  co_return response;
}

Task<kafka::SyncGroupResponse> answer(Broker& broker, const kafka::SyncGroupRequest& request,
                                      std::int16_t, const Caller& caller) {
  kafka::SyncGroupResponse response;
  response.error_code = check_group_id(request.group_id, EmptyGroupId::kRefused);
  if (response.error_code != KafkaError::kNone) co_return response;
  const auto place = broker.waiting().enter(caller.client, caller.request_bytes);
  if (!place) {
    response.error_code = KafkaError::kCoordinatorNotAvailable;
    co_return response;
  }
  auto sync = [&](group::GroupCoordinator& groups, AbortSource& gone) {
    group::SyncRequest asked;
    asked.gone = &gone;
    asked.member = {request.member_id, request.group_instance_id};
    asked.generation = request.generation_id;
    asked.protocol_type = request.protocol_type;
    asked.protocol = request.protocol_name;
    for (const auto& given : request.assignments)
      asked.assignments.push_back({given.member_id, given.assignment});
    return groups.sync(request.group_id, std::move(asked));
  };
  group::SyncAnswer answer =
      co_await on_coordinator_while_there(broker, caller.client, request.group_id, sync);
  response.error_code = answer.error;
  response.protocol_type = std::move(answer.protocol_type);
  response.protocol_name = std::move(answer.protocol);
  response.assignment = std::move(answer.assignment);
  co_return response;
}

Task<kafka::HeartbeatResponse> answer(Broker& broker, const kafka::HeartbeatRequest& request,
                                      std::int16_t) {
  kafka::HeartbeatResponse response;
  response.error_code = check_group_id(request.group_id, EmptyGroupId::kRefused);
  if (response.error_code != KafkaError::kNone) co_return response;
  auto beat = [&](group::GroupCoordinator& groups) -> Task<KafkaError> {
    co_return groups.heartbeat(request.group_id, {request.member_id, request.group_instance_id},
                               request.generation_id);
  };
  response.error_code = co_await on_coordinator(broker, request.group_id, beat);
  co_return response;
}

Task<kafka::LeaveGroupResponse> answer(Broker& broker, const kafka::LeaveGroupRequest& request,
                                       std::int16_t version) {
  constexpr std::int16_t kFirstWithMembers = 3;
  kafka::LeaveGroupResponse response;
  response.error_code = check_group_id(request.group_id, EmptyGroupId::kRefused);
  if (response.error_code != KafkaError::kNone) co_return response;
  std::vector<group::LeavingMember> leaving;
  if (version < kFirstWithMembers) leaving.push_back({request.member_id, std::nullopt});
  for (const auto& member : request.members)
    leaving.push_back({member.member_id, member.group_instance_id});
  auto leave = [&](group::GroupCoordinator& groups) -> Task<std::vector<KafkaError>> {
    co_return groups.leave(request.group_id, leaving);
  };
  const std::vector<KafkaError> errors = co_await on_coordinator(broker, request.group_id, leave);
  if (version < kFirstWithMembers) {
    response.error_code = errors.front();
    co_return response;
  }
  for (std::size_t i = 0; i < leaving.size(); ++i) {
    kafka::LeaveGroupResponse::Member& member = response.members.emplace_back();
    member.member_id = leaving[i].member_id;
    member.group_instance_id = leaving[i].instance_id;
    member.error_code = errors[i];
  }
  co_return response;
}

}  // namespace penstock::broker
