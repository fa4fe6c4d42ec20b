#include "cli/kafka_cluster.h"

#include <poll.h>

#include <algorithm>
#include <set>

#include "cli/kafka_advice.h"
#include "cli/kafka_retry.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/init_producer_id.h"

namespace penstock::cli {

namespace {

using kafka::KafkaError;

// From here on a metadata request can say that it must not create the topic.
constexpr std::int16_t kFirstMetadataWithoutCreation = 4;
// From here on coordinators are asked for in a list.
constexpr std::int16_t kFirstFindOfMany = 4;
// How long a topic that was just asked for may stay unknown.
constexpr auto kCreationPatience = std::chrono::seconds(2);

std::string where(std::int32_t node_id, const server::Address& address) {
  return fmt::format("the cluster says that broker {} is reached at {}", node_id,
                     server::to_string(address));
}

}  // namespace

bool sleep_before_retry(std::chrono::milliseconds pause, const Deadline& deadline) {
  const Deadline until = deadline.at_most(pause);
  while (!until.has_passed()) {
    const Interrupt* interrupt = deadline.interrupt();
    pollfd signals{
        .fd = interrupt == nullptr ? -1 : interrupt->descriptor(), .events = POLLIN, .revents = 0};
    if (::poll(&signals, 1, static_cast<int>(until.remaining().count())) > 0) interrupt->drain();
  }
  return !deadline.has_passed();
}

Result<KafkaConnection*> KafkaCluster::connect(const server::Address& address,
                                               const Deadline& deadline) {
  auto& connection = connections_[server::to_string(address)];
  if (!connection) {
    Result<KafkaConnection> opened = KafkaConnection::open(address, deadline);
    if (!opened) return Unexpected(opened.error());
    connection = std::make_unique<KafkaConnection>(std::move(*opened));
  }
  return connection.get();
}

std::vector<server::Address> KafkaCluster::candidates() const {
  std::vector<server::Address> connected;
  std::vector<server::Address> others;
  std::set<std::string> seen;
  const auto add = [&](const server::Address& address) {
    const std::string name = server::to_string(address);
    if (!seen.insert(name).second) return;
    const auto found = connections_.find(name);
    const bool is_connected = found != connections_.end() && found->second != nullptr;
    (is_connected ? connected : others).push_back(address);
  };
  for (const server::Address& address : bootstrap_) add(address);
  for (const auto& [node_id, address] : brokers_) add(address);
  connected.insert(connected.end(), others.begin(), others.end());
  return connected;
}

Result<KafkaConnection*> KafkaCluster::any(const Deadline& deadline) {
  Error last_error(ErrorCode::kInvalidArgument, "no broker was named");
  const std::vector<server::Address> known = candidates();
  for (std::size_t i = 0; i < known.size(); ++i) {
    // One that does not answer leaves time for the others.
    const auto share = deadline.remaining() / static_cast<std::int64_t>(known.size() - i);
    Result<KafkaConnection*> connection = connect(known[i], deadline.at_most(share));
    if (connection) return connection;
    last_error = connection.error();
  }
  return Unexpected(last_error);
}

Result<server::Address> KafkaCluster::address_of(std::int32_t node_id) const {
  const auto broker = brokers_.find(node_id);
  if (broker == brokers_.end()) return fail(ErrorCode::kNotFound, "no broker with node id {}", node_id);
  return broker->second;
}

Result<KafkaConnection*> KafkaCluster::connection_to(std::int32_t node_id, const Deadline& deadline) {
  const auto address = address_of(node_id);
  if (!address) return Unexpected(address.error());
  Result<KafkaConnection*> connection = connect(*address, deadline);
  if (!connection) return Unexpected(connection.error().context(where(node_id, *address)));
  return connection;
}

Result<KafkaConnection> KafkaCluster::own_connection_to(std::int32_t node_id,
                                                        const Deadline& deadline) {
  const auto address = address_of(node_id);
  if (!address) return Unexpected(address.error());
  Result<KafkaConnection> connection = KafkaConnection::open(*address, deadline);
  if (!connection) return Unexpected(connection.error().context(where(node_id, *address)));
  return connection;
}

void KafkaCluster::drop(const KafkaConnection* connection) {
  std::erase_if(connections_,
                [connection](const auto& kept) { return kept.second.get() == connection; });
}

Result<KafkaConnection*> OwnConnections::to(std::int32_t node_id, const Deadline& deadline) {
  auto& connection = connections_[node_id];
  if (!connection) {
    Result<KafkaConnection> opened = cluster_->own_connection_to(node_id, deadline);
    if (!opened) return Unexpected(opened.error());
    connection = std::make_unique<KafkaConnection>(std::move(*opened));
  }
  return connection.get();
}

void OwnConnections::drop(const KafkaConnection* connection) {
  std::erase_if(connections_,
                [connection](const auto& kept) { return kept.second.get() == connection; });
}

template <typename Request>
Result<typename Request::Response> KafkaCluster::ask_any(const Request& request,
                                                         const Deadline& deadline) {
  const std::size_t attempts = candidates().size();
  Error last_error(ErrorCode::kInvalidArgument, "no broker was named");
  for (std::size_t i = 0; i < attempts && !deadline.has_passed(); ++i) {
    const Result<KafkaConnection*> connection = any(deadline);
    if (!connection) return Unexpected(connection.error());
    auto response = (*connection)->call(request, deadline);
    if (response) return response;
    last_error = response.error();
    drop(*connection);
  }
  return Unexpected(last_error);
}

Result<kafka::MetadataResponse> KafkaCluster::metadata(const kafka::MetadataRequest& request,
                                                       const Deadline& deadline) {
  auto metadata = ask_any(request, deadline);
  if (!metadata) return metadata;
  brokers_.clear();
  for (const auto& broker : metadata->brokers)
    brokers_[broker.node_id] = {.host = broker.host, .port = static_cast<std::uint16_t>(broker.port)};
  return metadata;
}

Result<KafkaCluster::Topic> KafkaCluster::look_up(const std::string& name, Missing missing,
                                                  const Deadline& deadline) {
  const Result<KafkaConnection*> connection = any(deadline);
  if (!connection) return Unexpected(connection.error());
  const auto version = (*connection)->version_of(kafka::ApiKey::kMetadata);
  if (!version) return Unexpected(version.error());
  kafka::MetadataRequest request{.allow_auto_topic_creation = missing == Missing::kCreated};
  if (missing == Missing::kCreated || *version >= kFirstMetadataWithoutCreation) {
    request.topics->push_back({.name = name});
  } else if (*version > 0) {
    request.topics.reset();  // all: to ask for one that does not exist would create it
  }
  auto metadata = this->metadata(request, deadline);
  if (!metadata) return Unexpected(metadata.error());
  const auto found = std::ranges::find(metadata->topics, name, &Topic::name);
  if (found != metadata->topics.end()) return std::move(*found);
  return Topic{.error_code = KafkaError::kUnknownTopicOrPartition, .name = name};
}

Result<KafkaCluster::Topic> KafkaCluster::topic(const std::string& name, Missing missing,
                                                const Deadline& deadline) {
  Backoff backoff;
  const Deadline creation = deadline.at_most(kCreationPatience);
  while (true) {
    auto topic = look_up(name, missing, deadline);
    if (!topic) return topic;
    // A topic without some of its leaders has this error, and its partitions tell which.
    const KafkaError error = topic->error_code;
    const bool is_usable = error == KafkaError::kNone || error == KafkaError::kLeaderNotAvailable;
    if (is_usable && !topic->partitions.empty()) {
      std::ranges::sort(topic->partitions, {}, &kafka::MetadataResponse::Partition::partition_index);
      return topic;
    }
    const bool is_coming = error == KafkaError::kLeaderNotAvailable ||
                           (error == KafkaError::kUnknownTopicOrPartition &&
                            missing == Missing::kCreated && !creation.has_passed());
    if (!is_coming || !sleep_before_retry(backoff.next(), deadline))
      return Unexpected(to_error(error, fmt::format("look up topic '{}'", name)));
  }
}

Result<KafkaError> KafkaCluster::list_offsets_at(std::int32_t leader,
                                                 const kafka::ListOffsetsRequest& request,
                                                 std::map<std::int32_t, Offset>& offsets,
                                                 const Deadline& deadline) {
  const Result<KafkaConnection*> connection = connection_to(leader, deadline);
  if (!connection) return Unexpected(connection.error());
  const auto response = (*connection)->call(request, deadline);
  if (!response) {
    drop(*connection);
    return Unexpected(response.error());
  }
  KafkaError passing = KafkaError::kNone;
  for (const auto& topic : response->topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code == KafkaError::kNone) {
        offsets[partition.partition_index] = partition.offset;
      } else if (!may_pass(partition.error_code)) {
        return Unexpected(
            to_error(partition.error_code, fmt::format("list the offsets of '{}'", topic.name)));
      } else {
        passing = partition.error_code;
      }
    }
  }
  return passing;
}

Result<std::map<std::int32_t, Offset>> KafkaCluster::list_offsets(Topic topic, std::int64_t timestamp,
                                                                  Isolation isolation,
                                                                  const Deadline& deadline) {
  const std::string name = topic.name.value_or("");
  const std::string doing = fmt::format("list the offsets of '{}'", name);
  std::map<std::int32_t, Offset> offsets;
  Backoff backoff;
  while (true) {
    std::map<std::int32_t, kafka::ListOffsetsRequest> by_leader;
    for (const auto& partition : topic.partitions) {
      if (partition.leader_id < 0 || offsets.contains(partition.partition_index)) continue;
      auto& request = by_leader[partition.leader_id];
      request.replica_id = -1;
      request.isolation_level = static_cast<std::int8_t>(isolation);
      if (request.topics.empty()) request.topics.push_back({.name = name});
      request.topics.front().partitions.push_back(
          {.partition_index = partition.partition_index, .timestamp = timestamp});
    }
    Error why = to_error(KafkaError::kLeaderNotAvailable, doing);
    for (const auto& [leader, request] : by_leader) {
      const Result<KafkaError> passing = list_offsets_at(leader, request, offsets, deadline);
      if (!passing && !is_lost_connection(passing.error())) return Unexpected(passing.error());
      if (!passing) why = passing.error();
      if (passing && *passing != KafkaError::kNone) why = to_error(*passing, doing);
    }
    if (offsets.size() == topic.partitions.size()) return offsets;
    if (!sleep_before_retry(backoff.next(), deadline)) return Unexpected(why);
    auto again = look_up(name, Missing::kRefused, deadline);
    if (!again) continue;  // until the deadline
    for (auto& partition : topic.partitions) {
      const auto found = std::ranges::find(again->partitions, partition.partition_index,
                                           &kafka::MetadataResponse::Partition::partition_index);
      if (found != again->partitions.end()) partition.leader_id = found->leader_id;
    }
  }
}

Result<ProducerIdentity> KafkaCluster::new_producer(const Deadline& deadline) {
  Backoff backoff;
  while (true) {
    const Result<KafkaConnection*> connection = any(deadline);
    if (!connection) return Unexpected(connection.error());
    if (!(*connection)->version_of(kafka::ApiKey::kInitProducerId)) return ProducerIdentity();
    kafka::InitProducerIdRequest request;
    request.transactional_id = std::nullopt;
    const auto response = ask_any(request, deadline);
    if (!response) return Unexpected(response.error());
    if (response->error_code == KafkaError::kNone)
      return ProducerIdentity{.id = response->producer_id, .epoch = response->producer_epoch};
    if (!may_pass(response->error_code) || !sleep_before_retry(backoff.next(), deadline))
      return Unexpected(
          to_error(response->error_code, "ask for a producer id (--no-idempotence does without)"));
  }
}

Result<std::int32_t> KafkaCluster::coordinator_of(const std::string& group, const Deadline& deadline) {
  const std::string doing = fmt::format("find the coordinator of group '{}'", group);
  Backoff backoff;
  while (true) {
    const Result<KafkaConnection*> connection = any(deadline);
    if (!connection) return Unexpected(connection.error());
    const auto version = (*connection)->version_of(kafka::ApiKey::kFindCoordinator);
    if (!version) return Unexpected(version.error());
    kafka::FindCoordinatorRequest request{.key = group};
    if (*version >= kFirstFindOfMany) request.coordinator_keys = {group};
    const auto response = ask_any(request, deadline);
    if (!response) return Unexpected(response.error());
    kafka::FindCoordinatorResponse::Coordinator found{.node_id = response->node_id,
                                                      .host = response->host,
                                                      .port = response->port,
                                                      .error_code = response->error_code};
    if (!response->coordinators.empty()) found = response->coordinators.front();
    if (found.error_code == KafkaError::kNone && !found.host.empty()) {
      brokers_[found.node_id] = {.host = found.host, .port = static_cast<std::uint16_t>(found.port)};
      return found.node_id;
    }
    if (found.error_code == KafkaError::kNone) found.error_code = KafkaError::kCoordinatorNotAvailable;
    if (!may_pass(found.error_code) || !sleep_before_retry(backoff.next(), deadline))
      return Unexpected(to_error(found.error_code, doing));
  }
}

}  // namespace penstock::cli
