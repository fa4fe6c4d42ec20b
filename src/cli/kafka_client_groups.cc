// Consumer groups, as a client asks for them: each at its coordinator.

#include <algorithm>

#include "cli/kafka_advice.h"
#include "cli/kafka_client.h"
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/offset_fetch.h"

namespace penstock::cli {

namespace {

using kafka::KafkaError;

// From here on several groups are asked for at once, in other fields.
constexpr std::int16_t kFirstFindOfMany = 4;
constexpr std::int16_t kFirstFetchOfMany = 8;

// As brokers tell it.
constexpr std::string_view kNoSuchGroup = "Dead";

std::string doing(std::string_view verb, std::string_view group) {
  return fmt::format("{} group '{}'", verb, group);
}

template <typename Topics>
std::vector<GroupOffset> offsets_in(const Topics& topics) {
  std::vector<GroupOffset> offsets;
  for (const auto& topic : topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.committed_offset < Offset{0}) continue;
      offsets.push_back({topic.name, partition.partition_index, partition.committed_offset});
    }
  }
  std::ranges::sort(offsets);
  return offsets;
}

}  // namespace

Result<KafkaConnection*> KafkaClient::coordinator_of(const std::string& group) {
  const auto version = first_->version_of(kafka::ApiKey::kFindCoordinator);
  if (!version) return Unexpected(version.error());
  kafka::FindCoordinatorRequest request{.key = group};
  if (*version >= kFirstFindOfMany) request.coordinator_keys = {group};
  const auto response = first_->call(request, deadline_);
  if (!response) return Unexpected(response.error());
  kafka::FindCoordinatorResponse::Coordinator found{.node_id = response->node_id,
                                                    .host = response->host,
                                                    .port = response->port,
                                                    .error_code = response->error_code};
  if (*version >= kFirstFindOfMany && response->coordinators.empty())
    found.error_code = KafkaError::kUnknownServerError;
  if (!response->coordinators.empty()) found = response->coordinators.front();
  if (found.error_code != KafkaError::kNone)
    return Unexpected(to_error(found.error_code, doing("find the coordinator of", group)));
  brokers_[found.node_id] = {.host = found.host, .port = static_cast<std::uint16_t>(found.port)};
  return connection_to(found.node_id);
}

Result<std::vector<KafkaClient::GroupListing>> KafkaClient::list_groups() {
  kafka::MetadataRequest brokers_only{.allow_auto_topic_creation = false};
  if (auto metadata = fetch_metadata(brokers_only); !metadata) return Unexpected(metadata.error());
  std::vector<GroupListing> groups;
  for (const auto& [node_id, address] : brokers_) {
    const Result<KafkaConnection*> connection = connection_to(node_id);
    if (!connection) return Unexpected(connection.error());
    auto response = (*connection)->call(kafka::ListGroupsRequest{}, deadline_);
    if (!response) return Unexpected(response.error());
    if (response->error_code != KafkaError::kNone)
      return Unexpected(to_error(response->error_code, "list groups"));
    std::ranges::move(response->groups, std::back_inserter(groups));
  }
  std::ranges::sort(groups, {}, &GroupListing::group_id);
  return groups;
}

Result<KafkaClient::GroupDetails> KafkaClient::describe_group(const std::string& group) {
  const Result<KafkaConnection*> coordinator = coordinator_of(group);
  if (!coordinator) return Unexpected(coordinator.error());
  auto response = (*coordinator)->call(kafka::DescribeGroupsRequest{.groups = {group}}, deadline_);
  if (!response) return Unexpected(response.error());
  if (response->groups.empty())
    return fail(ErrorCode::kCorrupt, "the broker told nothing of the group");
  GroupDetails& details = response->groups.front();
  if (details.error_code != KafkaError::kNone)
    return Unexpected(to_error(details.error_code, doing("describe", group)));
  if (details.group_state != kNoSuchGroup) return std::move(details);
  return describe_consumer_group(**coordinator, group);
}

// A broker tells a group of the new protocol (KIP-848) as dead to who asks for a classic one.
Result<KafkaClient::GroupDetails> KafkaClient::describe_consumer_group(KafkaConnection& coordinator,
                                                                       const std::string& group) {
  GroupDetails none{.group_id = group, .group_state = std::string(kNoSuchGroup)};
  if (!coordinator.version_of(kafka::ApiKey::kConsumerGroupDescribe)) return none;
  auto response =
      coordinator.call(kafka::ConsumerGroupDescribeRequest{.group_ids = {group}}, deadline_);
  if (!response) return Unexpected(response.error());
  if (response->groups.empty())
    return fail(ErrorCode::kCorrupt, "the broker told nothing of the group");
  auto& told = response->groups.front();
  if (told.error_code == KafkaError::kGroupIdNotFound) return none;
  if (told.error_code != KafkaError::kNone)
    return Unexpected(to_error(told.error_code, doing("describe", group)));
  GroupDetails details{.group_id = group,
                       .group_state = std::move(told.group_state),
                       .protocol_type = "consumer",
                       .protocol_data = std::move(told.assignor_name)};
  for (auto& member : told.members) {
    details.members.push_back({.member_id = std::move(member.member_id),
                               .group_instance_id = std::move(member.instance_id),
                               .client_id = std::move(member.client_id),
                               .client_host = std::move(member.client_host)});
  }
  return details;
}

Result<std::vector<GroupOffset>> KafkaClient::committed_offsets(const std::string& group) {
  const Result<KafkaConnection*> coordinator = coordinator_of(group);
  if (!coordinator) return Unexpected(coordinator.error());
  const auto version = (*coordinator)->version_of(kafka::ApiKey::kOffsetFetch);
  if (!version) return Unexpected(version.error());
  kafka::OffsetFetchRequest request{.group_id = group};
  request.topics.reset();  // all of them
  request.groups.push_back({.group_id = group, .topics = std::nullopt});
  const auto response = (*coordinator)->call(request, deadline_);
  if (!response) return Unexpected(response.error());
  const bool is_of_many = *version >= kFirstFetchOfMany && !response->groups.empty();
  const KafkaError error = is_of_many ? response->groups.front().error_code : response->error_code;
  if (error != KafkaError::kNone)
    return Unexpected(to_error(error, doing("read the offsets of", group)));
  return is_of_many ? offsets_in(response->groups.front().topics) : offsets_in(response->topics);
}

Result<void> KafkaClient::delete_group(const std::string& group) {
  const Result<KafkaConnection*> coordinator = coordinator_of(group);
  if (!coordinator) return Unexpected(coordinator.error());
  const auto response =
      (*coordinator)->call(kafka::DeleteGroupsRequest{.groups_names = {group}}, deadline_);
  if (!response) return Unexpected(response.error());
  const KafkaError error = response->results.empty() ? KafkaError::kUnknownServerError
                                                     : response->results.front().error_code;
  if (error != KafkaError::kNone) return Unexpected(to_error(error, doing("delete", group)));
  return {};
}

}  // namespace penstock::cli
