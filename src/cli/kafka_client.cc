#include "cli/kafka_client.h"

#include <algorithm>
#include <ranges>
#include <thread>

#include "cli/kafka_advice.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/list_offsets.h"

namespace penstock::cli {

namespace {

using kafka::KafkaError;
using kafka::MetadataRequest;

// From here on a metadata request can say that it must not create the topic.
constexpr std::int16_t kFirstMetadataWithoutCreation = 4;
// From here on the broker's own defaults can be asked for (KIP-464).
constexpr std::int16_t kFirstCreateWithDefaults = 4;

constexpr int kControllerAttempts = 5;
constexpr auto kControllerPause = std::chrono::milliseconds(200);

std::string doing(std::string_view verb, std::string_view topic) {
  return fmt::format("{} topic '{}'", verb, topic);
}

}  // namespace

Result<KafkaClient> KafkaClient::connect(const std::vector<server::Address>& brokers,
                                         Deadline deadline) {
  Error last_error(ErrorCode::kInvalidArgument, "no broker was named");
  for (const server::Address& address : brokers) {
    Result<KafkaConnection> connection = KafkaConnection::open(address, deadline);
    if (connection)
      return KafkaClient(std::make_unique<KafkaConnection>(std::move(*connection)), deadline);
    last_error = connection.error();
  }
  return Unexpected(last_error);
}

Result<KafkaClient::Metadata> KafkaClient::all_topics() {
  const auto version = first_->version_of(kafka::ApiKey::kMetadata);
  if (!version) return Unexpected(version.error());
  MetadataRequest request{.allow_auto_topic_creation = false};
  request.topics.reset();
  if (*version == 0) request.topics.emplace();  // version 0 has no null, and means all by none
  return fetch_metadata(request);
}

Result<KafkaClient::Metadata::Topic> KafkaClient::topic(const std::string& name) {
  const auto version = first_->version_of(kafka::ApiKey::kMetadata);
  if (!version) return Unexpected(version.error());
  Result<Metadata> metadata;
  if (*version < kFirstMetadataWithoutCreation) {
    metadata = all_topics();  // to ask for one that does not exist would create it
  } else {
    MetadataRequest request{.allow_auto_topic_creation = false};
    request.topics->push_back({.name = name});
    metadata = fetch_metadata(request);
  }
  if (!metadata) return Unexpected(metadata.error());
  const auto found = std::ranges::find(metadata->topics, name, &Metadata::Topic::name);
  const KafkaError error =
      found == metadata->topics.end() ? KafkaError::kUnknownTopicOrPartition : found->error_code;
  // A topic without some of its leaders has this error, and its partitions tell which.
  const bool usable = error == KafkaError::kNone || error == KafkaError::kLeaderNotAvailable;
  if (!usable || found->partitions.empty()) return Unexpected(to_error(error, doing("describe", name)));
  std::ranges::sort(found->partitions, {}, &Metadata::Partition::partition_index);
  return std::move(*found);
}

Result<KafkaClient::Metadata> KafkaClient::fetch_metadata(const MetadataRequest& request) {
  auto metadata = first_->call(request, deadline_);
  if (!metadata) return metadata;
  brokers_.clear();
  for (const auto& broker : metadata->brokers) {
    brokers_[broker.node_id] = {.host = broker.host, .port = static_cast<std::uint16_t>(broker.port)};
  }
  controller_id_ = metadata->controller_id;
  return metadata;
}

Result<KafkaConnection*> KafkaClient::connection_to(std::int32_t node_id) {
  const auto broker = brokers_.find(node_id);
  if (broker == brokers_.end()) return fail(ErrorCode::kNotFound, "no broker with node id {}", node_id);
  const std::string address = server::to_string(broker->second);
  const std::string first_address = server::to_string(first_->address());
  if (address == first_address) return first_.get();
  auto& connection = connections_[address];
  if (!connection) {
    Result<KafkaConnection> opened = KafkaConnection::open(broker->second, deadline_);
    if (!opened) {
      return Unexpected(opened.error().context(
          fmt::format("{} says that broker {} is reached at {}", first_address, node_id, address)));
    }
    connection = std::make_unique<KafkaConnection>(std::move(*opened));
  }
  return connection.get();
}

// Where the metadata name no controller (version 0, or none is elected), any broker may pass it on.
Result<KafkaConnection*> KafkaClient::controller() {
  MetadataRequest brokers_only{.allow_auto_topic_creation = false};
  if (auto metadata = fetch_metadata(brokers_only); !metadata) return Unexpected(metadata.error());
  if (!brokers_.contains(controller_id_)) return first_.get();
  return connection_to(controller_id_);
}

template <typename Request, typename OutcomeOf>
Result<typename Request::Response> KafkaClient::ask_controller(const Request& request,
                                                               OutcomeOf outcome_of) {
  for (int attempt = 1;; ++attempt) {
    const Result<KafkaConnection*> connection = controller();
    if (!connection) return Unexpected(connection.error());
    auto response = (*connection)->call(request, deadline_);
    if (!response) return response;
    const bool moved = outcome_of(*response) == KafkaError::kNotController;
    if (!moved || attempt == kControllerAttempts || deadline_.remaining() < kControllerPause)
      return response;
    std::this_thread::sleep_for(kControllerPause);
  }
}

Result<std::int32_t> KafkaClient::create_topic(const std::string& name, std::int32_t partitions,
                                               const TopicSettings& settings) {
  const auto version = first_->version_of(kafka::ApiKey::kCreateTopics);
  if (!version) return Unexpected(version.error());
  const bool has_defaults = *version >= kFirstCreateWithDefaults;
  const std::int32_t asked_partitions = partitions == kBrokersDefault && !has_defaults ? 1 : partitions;
  const auto replication_factor = static_cast<std::int16_t>(has_defaults ? kBrokersDefault : 1);
  kafka::CreateTopicsRequest request{.timeout_ms = server_timeout_ms()};
  request.topics.push_back(
      {.name = name, .num_partitions = asked_partitions, .replication_factor = replication_factor});
  for (const auto& [setting, value] : settings)
    request.topics.front().configs.push_back({.name = setting, .value = value});
  const auto outcome_of = [](const kafka::CreateTopicsResponse& response) {
    return response.topics.empty() ? KafkaError::kUnknownServerError
                                   : response.topics.front().error_code;
  };
  const auto response = ask_controller(request, outcome_of);
  if (!response) return Unexpected(response.error());
  if (outcome_of(*response) != KafkaError::kNone) {
    const auto message =
        response->topics.empty() ? std::nullopt : response->topics.front().error_message;
    return Unexpected(to_error(outcome_of(*response), doing("create", name), message));
  }
  const std::int32_t made_partitions =
      response->topics.front().num_partitions;  // not told before version 5
  return made_partitions > 0 ? made_partitions : asked_partitions;
}

Result<void> KafkaClient::delete_topic(const std::string& name) {
  kafka::DeleteTopicsRequest request{.timeout_ms = server_timeout_ms()};
  request.topics.push_back({.name = name});  // from version 6
  request.topic_names.push_back(name);       // before
  const auto outcome_of = [](const kafka::DeleteTopicsResponse& response) {
    return response.responses.empty() ? KafkaError::kUnknownServerError
                                      : response.responses.front().error_code;
  };
  const auto response = ask_controller(request, outcome_of);
  if (!response) return Unexpected(response.error());
  if (outcome_of(*response) == KafkaError::kNone) return {};
  const auto message =
      response->responses.empty() ? std::nullopt : response->responses.front().error_message;
  return Unexpected(to_error(outcome_of(*response), doing("delete", name), message));
}

Result<std::vector<PartitionStart>> KafkaClient::delete_records(const Metadata::Topic& topic,
                                                                Offset below) {
  std::map<std::int32_t, kafka::DeleteRecordsRequest> by_leader;
  std::vector<PartitionStart> starts;
  for (const auto& partition : topic.partitions) {
    if (partition.leader_id < 0) {
      starts.push_back({.partition = partition.partition_index,
                        .start = {},
                        .error = to_error(KafkaError::kLeaderNotAvailable, "no leader")});
      continue;
    }
    auto& request = by_leader[partition.leader_id];
    request.timeout_ms = server_timeout_ms();
    if (request.topics.empty()) request.topics.push_back({.name = topic.name.value_or("")});
    request.topics.front().partitions.push_back(
        {.partition_index = partition.partition_index, .offset = below});
  }
  for (const auto& [leader, request] : by_leader) {
    if (auto asked = delete_records_at(leader, request, starts); !asked)
      return Unexpected(asked.error());
  }
  std::ranges::sort(starts, {}, &PartitionStart::partition);
  return starts;
}

Result<void> KafkaClient::delete_records_at(std::int32_t leader,
                                            const kafka::DeleteRecordsRequest& request,
                                            std::vector<PartitionStart>& starts) {
  const Result<KafkaConnection*> connection = connection_to(leader);
  if (!connection) return Unexpected(connection.error());
  const auto response = (*connection)->call(request, deadline_);
  if (!response) return Unexpected(response.error());
  for (const auto& topic : response->topics) {
    for (const auto& partition : topic.partitions) {
      PartitionStart& start = starts.emplace_back();
      start.partition = partition.partition_index;
      start.start = partition.low_watermark;
      if (partition.error_code != KafkaError::kNone)
        start.error = to_error(partition.error_code, doing("delete records of", topic.name));
    }
  }
  return {};
}

Result<std::vector<PartitionOffsets>> KafkaClient::offsets(const Metadata::Topic& topic) {
  std::vector<PartitionOffsets> offsets;
  offsets.reserve(topic.partitions.size());
  for (const auto& partition : topic.partitions) {
    offsets.push_back(
        {.partition = partition.partition_index, .earliest = {}, .latest = {}, .error = {}});
  }
  std::map<std::int32_t, std::vector<PartitionOffsets*>> by_leader;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const auto& partition = topic.partitions[i];
    if (partition.leader_id >= 0) {
      by_leader[partition.leader_id].push_back(&offsets[i]);
    } else {
      offsets[i].error = to_error(KafkaError::kLeaderNotAvailable, "no leader");
    }
  }
  const std::string name = topic.name.value_or("");
  for (auto& [leader, partitions] : by_leader) {
    Result<void> listed = list_offsets(name, leader, kafka::kEarliestTimestamp, partitions);
    if (listed) listed = list_offsets(name, leader, kafka::kLatestTimestamp, partitions);
    if (listed) continue;
    for (PartitionOffsets* partition : partitions) partition->error = listed.error();
  }
  return offsets;
}

Result<void> KafkaClient::list_offsets(const std::string& topic, std::int32_t leader,
                                       std::int64_t timestamp,
                                       std::vector<PartitionOffsets*>& partitions) {
  const Result<KafkaConnection*> connection = connection_to(leader);
  if (!connection) return Unexpected(connection.error());
  kafka::ListOffsetsRequest request{.replica_id = -1};
  auto& asked = request.topics.emplace_back();
  asked.name = topic;
  for (const PartitionOffsets* partition : partitions) {
    asked.partitions.push_back({.partition_index = partition->partition, .timestamp = timestamp});
  }
  const auto response = (*connection)->call(request, deadline_);
  if (!response) return Unexpected(response.error());
  for (PartitionOffsets* partition : partitions) {
    const kafka::ListOffsetsResponse::Partition* answer = nullptr;
    for (const auto& answered : response->topics) {
      const auto found = std::ranges::find(answered.partitions, partition->partition,
                                           &kafka::ListOffsetsResponse::Partition::partition_index);
      if (found != answered.partitions.end()) answer = &*found;
    }
    const KafkaError error =
        answer == nullptr ? KafkaError::kUnknownTopicOrPartition : answer->error_code;
    if (error != KafkaError::kNone) {
      partition->error = to_error(error, "list offsets");
    } else if (timestamp == kafka::kEarliestTimestamp) {
      partition->earliest = answer->offset;
    } else {
      partition->latest = answer->offset;
    }
  }
  return {};
}

// Less than we wait ourselves, so that the broker's answer "not yet done" still arrives.
std::int32_t KafkaClient::server_timeout_ms() const {
  return static_cast<std::int32_t>(std::max<std::int64_t>(1, deadline_.remaining().count() / 2));
}

}  // namespace penstock::cli
