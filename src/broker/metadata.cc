#include "broker/handlers.h"
#include "task/remote.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;
using kafka::MetadataRequest;
using kafka::MetadataResponse;

MetadataResponse::Topic describe(const Topic& topic, std::int32_t node_id) {
  MetadataResponse::Topic described;
  described.name = topic.name;
  described.topic_id = topic.id;
  for (std::int32_t i = 0; i < topic.partition_count; ++i) {
    MetadataResponse::Partition partition;
    partition.partition_index = i;
    partition.leader_id = node_id;
    partition.leader_epoch = topic.leader_epoch;
    partition.replica_nodes = {node_id};
    partition.isr_nodes = {node_id};
    described.partitions.push_back(std::move(partition));
  }
  return described;
}

// The Java client sends an empty name with the id, others none.
bool is_asked_by_id(const MetadataRequest::Topic& asked) {
  return !asked.name || !asked.topic_id.is_zero();
}

MetadataResponse::Topic missing(const MetadataRequest::Topic& asked, KafkaError error) {
  MetadataResponse::Topic described;
  described.name = is_asked_by_id(asked) ? std::nullopt : asked.name;
  described.topic_id = asked.topic_id;
  described.error_code = error;
  return described;
}

Task<MetadataResponse::Topic> create_or_refuse(Broker& broker, const MetadataRequest::Topic& asked,
                                               bool may_create) {
  if (!is_valid_topic_name(*asked.name)) co_return missing(asked, KafkaError::kInvalidTopicException);
  if (!may_create) co_return missing(asked, KafkaError::kUnknownTopicOrPartition);
  TopicSpec spec;
  spec.name = *asked.name;
  spec.partition_count = broker.settings().default_partitions;
  auto create = [&broker, &spec] { return broker.controller().create_topic(spec); };
  const TopicOutcome outcome =
      co_await call_on(broker.scheduler(), broker.controller_scheduler(), create);
  const bool is_there =
      outcome.error == KafkaError::kNone || outcome.error == KafkaError::kTopicAlreadyExists;
  if (!is_there) co_return missing(asked, outcome.error);
  co_return describe(outcome.topic, broker.settings().node_id);
}

}  // namespace

Task<MetadataResponse> answer(Broker& broker, const MetadataRequest& request, std::int16_t version) {
  const Settings& settings = broker.settings();
  MetadataResponse response;
  MetadataResponse::Broker self;
  self.node_id = settings.node_id;
  self.host = settings.advertised_host;
  self.port = settings.advertised_port;
  response.brokers.push_back(std::move(self));
  response.cluster_id = settings.cluster_id;
  response.controller_id = settings.node_id;

  const bool all_topics = !request.topics || (version == 0 && request.topics->empty());
  if (all_topics) {
    const TopicTableRef table = broker.topics();
    for (const auto& [name, topic] : table->topics()) {
      response.topics.push_back(describe(topic, settings.node_id));
    }
    co_return response;
  }
  const bool may_create = settings.auto_create_topics && request.allow_auto_topic_creation;
  for (const MetadataRequest::Topic& asked : *request.topics) {
    const TopicTableRef table = broker.topics();
    const bool by_id = is_asked_by_id(asked);
    const Topic* topic = by_id ? table->find(asked.topic_id) : table->find(*asked.name);
    if (topic != nullptr) {
      response.topics.push_back(describe(*topic, settings.node_id));
    } else if (by_id) {
      response.topics.push_back(missing(asked, KafkaError::kUnknownTopicId));
    } else {
      response.topics.push_back(co_await create_or_refuse(broker, asked, may_create));
    }
  }
  co_return response;
}

}  // namespace penstock::broker
