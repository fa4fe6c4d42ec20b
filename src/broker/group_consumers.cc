// Consumer groups of the new protocol (KIP-848): ConsumerGroupHeartbeat, ConsumerGroupDescribe.

#include "broker/group_call.h"
#include "broker/handlers.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;

// Of one member: the names of all topics that it subscribes to.
constexpr std::size_t kMaxSubscriptionBytes = kMiB;
// Of what a member calls itself, its instance, its rack.
constexpr std::size_t kMaxNameBytes = 1024;

bool is_wrong(const std::string& name) { return name.empty() || name.size() > kMaxNameBytes; }
bool is_wrong(const std::optional<std::string>& name) { return name && is_wrong(*name); }

std::size_t subscription_bytes(const kafka::ConsumerGroupHeartbeatRequest& request) {
  std::size_t bytes = 0;
  if (!request.subscribed_topic_names) return bytes;
  for (const std::string& name : *request.subscribed_topic_names) bytes += name.size();
  return bytes;
}

// What is wrong with who asks; nothing when it can be asked for.
std::optional<std::string_view> find_fault(const kafka::ConsumerGroupHeartbeatRequest& request) {
  if (request.group_id.empty()) return "GroupId must not be empty";
  if (request.group_id.size() > group::kMaxGroupIdBytes) return "GroupId is too long";
  const bool needs_member_id = request.member_epoch != group::kJoinEpoch;
  if (needs_member_id && request.member_id.empty()) return "MemberId must not be empty";
  if (request.member_id.size() > kMaxNameBytes) return "MemberId is too long";
  if (is_wrong(request.instance_id)) return "InstanceId must not be empty, nor longer than 1024 bytes";
  if (is_wrong(request.rack_id)) return "RackId must not be empty, nor longer than 1024 bytes";
  if (request.member_epoch < group::kLeaveForAWhileEpoch) return "MemberEpoch is none";
  if (request.member_epoch == group::kLeaveForAWhileEpoch && !request.instance_id)
    return "InstanceId must be set by a static member that leaves";
  if (request.rebalance_timeout_ms < -1) return "RebalanceTimeoutMs must not be negative";
  if (subscription_bytes(request) > kMaxSubscriptionBytes)
    return "SubscribedTopicNames is longer than 1 MiB in all";
  if (request.member_epoch != group::kJoinEpoch) return std::nullopt;
  if (request.rebalance_timeout_ms < 0) return "RebalanceTimeoutMs must be set to join";
  if (!request.subscribed_topic_names) return "SubscribedTopicNames must be set to join";
  if (!request.topic_partitions || !request.topic_partitions->empty())
    return "TopicPartitions must be empty to join";
  return std::nullopt;
}

group::ConsumerHeartbeat to_heartbeat(const kafka::ConsumerGroupHeartbeatRequest& request,
                                      const Caller& caller) {
  group::ConsumerHeartbeat heartbeat;
  heartbeat.member = {request.member_id, request.instance_id};
  heartbeat.epoch = request.member_epoch;
  heartbeat.client_id = caller.client_id;
  heartbeat.client_host = caller.client.host;
  heartbeat.rack_id = request.rack_id;
  if (request.rebalance_timeout_ms >= 0)
    heartbeat.rebalance_timeout = milliseconds(request.rebalance_timeout_ms);
  if (const auto& names = request.subscribed_topic_names)
    heartbeat.topic_names = std::set<std::string>(names->begin(), names->end());
  heartbeat.assignor = request.server_assignor;
  if (!request.topic_partitions) return heartbeat;
  heartbeat.owned.emplace();
  for (const auto& topic : *request.topic_partitions) {
    if (!topic.partitions.empty())
      (*heartbeat.owned)[topic.topic_id].insert(topic.partitions.begin(), topic.partitions.end());
  }
  return heartbeat;
}

kafka::ConsumerGroupDescribeResponse::Assignment tell(const TopicTable& table,
                                                      const group::Assignment& assignment) {
  kafka::ConsumerGroupDescribeResponse::Assignment told;
  for (const auto& [id, partitions] : assignment) {
    const Topic* topic = table.find(id);
    if (topic == nullptr) continue;  // deleted, and the group has not noticed yet
    auto& of_topic = told.topic_partitions.emplace_back();
    of_topic.topic_id = id;
    of_topic.topic_name = topic->name;
    of_topic.partitions = {partitions.begin(), partitions.end()};
  }
  return told;
}

kafka::ConsumerGroupDescribeResponse::Group tell(const TopicTable& table,
                                                 group::ConsumerGroupDescription described) {
  kafka::ConsumerGroupDescribeResponse::Group group;
  group.error_code = described.error;
  if (described.error != KafkaError::kNone) group.error_message = std::move(described.message);
  group.group_id = std::move(described.id);
  group.group_state = std::move(described.state);
  group.group_epoch = described.epoch;
  group.assignment_epoch = described.assignment_epoch;
  group.assignor_name = std::move(described.assignor);
  for (auto& from : described.members) {
    auto& member = group.members.emplace_back();
    member.member_id = std::move(from.member_id);
    member.instance_id = std::move(from.instance_id);
    member.rack_id = std::move(from.rack_id);
    member.member_epoch = from.epoch;
    member.client_id = std::move(from.client_id);
    member.client_host = std::move(from.client_host);
    member.subscribed_topic_names = std::move(from.topic_names);
    member.assignment = tell(table, from.assigned);
    member.target_assignment = tell(table, from.target);
  }
  return group;
}

}  // namespace

Task<kafka::ConsumerGroupHeartbeatResponse> answer(Broker& broker,
                                                   const kafka::ConsumerGroupHeartbeatRequest& request,
                                                   std::int16_t, const Caller& caller) {
  kafka::ConsumerGroupHeartbeatResponse response;
  if (const auto fault = find_fault(request)) {
    response.error_code = KafkaError::kInvalidRequest;
    response.error_message = *fault;
    co_return response;
  }
  if (request.server_assignor && !group::assignor_named(*request.server_assignor)) {
    response.error_code = KafkaError::kUnsupportedAssignor;
    response.error_message = "ServerAssignor must be uniform or range";
    co_return response;
  }
  auto beat = [&](group::GroupCoordinator& groups) {
    return groups.consumer_heartbeat(request.group_id, to_heartbeat(request, caller));
  };
  group::ConsumerHeartbeatAnswer answer = co_await on_coordinator(broker, request.group_id, beat);
  response.error_code = answer.error;
  if (answer.error != KafkaError::kNone) {
    response.error_message = std::move(answer.message);
    co_return response;
  }
  response.member_id = std::move(answer.member_id);
  response.member_epoch = answer.epoch;
  response.heartbeat_interval_ms = static_cast<std::int32_t>(
      std::chrono::duration_cast<milliseconds>(answer.heartbeat_interval).count());
  if (!answer.assigned) co_return response;
  kafka::ConsumerGroupHeartbeatResponse::Assignment assignment;
  for (const auto& [id, partitions] : *answer.assigned)
    assignment.topic_partitions.push_back({id, {partitions.begin(), partitions.end()}});
  response.assignment = std::move(assignment);
  co_return response;
}

Task<kafka::ConsumerGroupDescribeResponse> answer(Broker& broker,
                                                  const kafka::ConsumerGroupDescribeRequest& request,
                                                  std::int16_t) {
  kafka::ConsumerGroupDescribeResponse response;
  for (const std::string& id : each_once(request.group_ids)) {
    group::ConsumerGroupDescription described;
    described.id = id;
    described.error = check_group_id(id, EmptyGroupId::kRefused);
    described.message = "the group's id is empty or too long";
    if (described.error == KafkaError::kNone) {
      auto describe = [&id](group::GroupCoordinator& groups) -> Task<group::ConsumerGroupDescription> {
        co_return groups.describe_consumer_group(id);
      };
      described = co_await on_coordinator(broker, id, describe);
    }
    response.groups.push_back(tell(*broker.topics(), std::move(described)));
  }
  co_return response;
}

}  // namespace penstock::broker
