// Consumer groups for operators: DescribeGroups, ListGroups, DeleteGroups.

#include <algorithm>

#include "broker/group_call.h"
#include "broker/handlers.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;

// Kafka compares the names of states and types without regard to case.
bool is_among(std::string_view name, const std::vector<std::string>& filter) {
  const auto is_same_letter = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return filter.empty() || std::ranges::any_of(filter, [&](const std::string& wanted) {
           return std::ranges::equal(name, wanted, is_same_letter);
         });
}

kafka::DescribeGroupsResponse::Group tell(group::GroupDescription described) {
  kafka::DescribeGroupsResponse::Group group;
  group.error_code = described.error;
  group.group_id = std::move(described.id);
  group.group_state = std::move(described.state);
  group.protocol_type = std::move(described.protocol_type);
  group.protocol_data = std::move(described.protocol);
  for (group::GroupDescription::MemberDescription& from : described.members) {
    kafka::DescribeGroupsResponse::Member& member = group.members.emplace_back();
    member.member_id = std::move(from.member_id);
    member.group_instance_id = std::move(from.instance_id);
    member.client_id = std::move(from.client_id);
    member.client_host = std::move(from.client_host);
    member.member_metadata = std::move(from.metadata);
    member.member_assignment = std::move(from.assignment);
  }
  return group;
}

}  // namespace

Task<kafka::DescribeGroupsResponse> answer(Broker& broker, const kafka::DescribeGroupsRequest& request,
                                           std::int16_t) {
  kafka::DescribeGroupsResponse response;
  for (const std::string& id : each_once(request.groups)) {
    group::GroupDescription described;
    described.id = id;
    described.error = check_group_id(id, EmptyGroupId::kTaken);
    if (described.error == KafkaError::kNone) {
      auto describe = [&id](group::GroupCoordinator& groups) -> Task<group::GroupDescription> {
        co_return groups.describe(id);
      };
      described = co_await on_coordinator(broker, id, describe);
    }
    response.groups.push_back(tell(std::move(described)));
  }
  co_return response;
}

Task<kafka::ListGroupsResponse> answer(Broker& broker, const kafka::ListGroupsRequest& request,
                                       std::int16_t) {
  kafka::ListGroupsResponse response;
  for (const Peer& peer : broker.peers()) {
    auto list = [&peer]() -> Task<std::vector<group::GroupSummary>> {
      co_return peer.broker->groups().list();
    };
    const auto summaries = co_await call_on(broker.scheduler(), *peer.scheduler, list);
    for (const group::GroupSummary& summary : summaries) {
      const std::string_view type = group::to_string(summary.type);
      if (!is_among(summary.state, request.states_filter)) continue;
      if (!is_among(type, request.types_filter)) continue;
      kafka::ListGroupsResponse::Group& group = response.groups.emplace_back();
      group.group_id = summary.id;
      group.protocol_type = summary.protocol_type;
      group.group_state = summary.state;
      group.group_type = type;
    }
  }
  std::ranges::sort(response.groups, {}, &kafka::ListGroupsResponse::Group::group_id);
  co_return response;
}

Task<kafka::DeleteGroupsResponse> answer(Broker& broker, const kafka::DeleteGroupsRequest& request,
                                         std::int16_t) {
  kafka::DeleteGroupsResponse response;
  for (const std::string& id : each_once(request.groups_names)) {
    kafka::DeleteGroupsResponse::Result& result = response.results.emplace_back();
    result.group_id = id;
    result.error_code = check_group_id(id, EmptyGroupId::kTaken);
    if (result.error_code != KafkaError::kNone) continue;
    auto erase = [&id](group::GroupCoordinator& groups) { return groups.delete_group(id); };
    const KafkaError error = co_await on_coordinator(broker, id, erase);
    response.results.back().error_code = error;
  }
  co_return response;
}

}  // namespace penstock::broker
