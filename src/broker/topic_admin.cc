#include <algorithm>
#include <set>

#include "broker/handlers.h"
#include "task/remote.h"

namespace penstock::broker {

namespace {

using kafka::CreateTopicsRequest;
using kafka::CreateTopicsResponse;
using kafka::DeleteTopicsRequest;
using kafka::DeleteTopicsResponse;
using kafka::KafkaError;

constexpr std::int16_t kOnlyReplicationFactor = 1;

struct Refusal {
  KafkaError error = KafkaError::kNone;
  std::string message;
};

// How many partitions the request asks for, or why it cannot be done whatever the name.
Refusal read_layout(const CreateTopicsRequest::Topic& asked, const Settings& settings,
                    std::int32_t& partition_count) {
  partition_count = asked.num_partitions == -1 ? settings.default_partitions : asked.num_partitions;
  if (asked.assignments.empty()) {
    if (asked.replication_factor != -1 && asked.replication_factor != kOnlyReplicationFactor) {
      return {KafkaError::kInvalidReplicationFactor,
              fmt::format("replication factor {}: there is one broker, so it can only be 1",
                          asked.replication_factor)};
    }
    return {};
  }
  if (asked.num_partitions != -1 || asked.replication_factor != -1) {
    return {KafkaError::kInvalidRequest,
            "with assignments, partitions and replication factor must be -1"};
  }
  std::set<std::int32_t> indexes;
  for (const CreateTopicsRequest::Assignment& assignment : asked.assignments) {
    indexes.insert(assignment.partition_index);
    if (assignment.broker_ids != std::vector{settings.node_id}) {
      return {KafkaError::kInvalidReplicaAssignment,
              fmt::format("partition {}: the only broker is {}", assignment.partition_index,
                          settings.node_id)};
    }
  }
  partition_count = static_cast<std::int32_t>(asked.assignments.size());
  const bool gapless = std::ssize(indexes) == partition_count && *indexes.begin() == 0 &&
                       *indexes.rbegin() == partition_count - 1;
  if (!gapless) {
    return {KafkaError::kInvalidReplicaAssignment, "partitions must be numbered from 0 without gaps"};
  }
  return {};
}

std::vector<CreateTopicsResponse::Config> describe(const TopicSettings& settings,
                                                   const Settings& defaults) {
  std::vector<CreateTopicsResponse::Config> configs;
  for (DescribedSetting& setting : settings.describe(defaults)) {
    const kafka::ConfigSource source = setting.source();
    configs.push_back({.name = std::string(setting.name),
                       .value = std::move(setting.value),
                       .config_source = static_cast<std::int8_t>(source)});
  }
  return configs;
}

// The settings that the request carries, or why they cannot be had. One without a value is the
// broker's.
Refusal read_settings(const CreateTopicsRequest::Topic& asked, TopicSettings& settings) {
  for (const CreateTopicsRequest::Config& config : asked.configs) {
    if (!config.value) continue;
    if (auto done = settings.set(config.name, *config.value); !done)
      return {KafkaError::kInvalidConfig, done.error().message()};
  }
  return {};
}

}  // namespace

Task<CreateTopicsResponse> answer(Broker& broker, const CreateTopicsRequest& request, std::int16_t) {
  CreateTopicsResponse response;
  std::map<std::string_view, int> times_asked;
  for (const CreateTopicsRequest::Topic& asked : request.topics) ++times_asked[asked.name];

  for (const CreateTopicsRequest::Topic& asked : request.topics) {
    CreateTopicsResponse::Topic result;
    result.name = asked.name;
    TopicSpec spec;
    spec.name = asked.name;
    spec.validate_only = request.validate_only;
    Refusal refusal = read_layout(asked, broker.settings(), spec.partition_count);
    if (refusal.error == KafkaError::kNone) refusal = read_settings(asked, spec.settings);
    if (times_asked[asked.name] > 1) {
      refusal = {KafkaError::kInvalidRequest, "the topic stands in the request more than once"};
    }
    if (refusal.error == KafkaError::kNone) {
      auto create = [&broker, &spec] { return broker.controller().create_topic(spec); };
      const TopicOutcome outcome =
          co_await call_on(broker.scheduler(), broker.controller_scheduler(), create);
      refusal = {outcome.error, outcome.message};
      result.topic_id = outcome.topic.id;
      result.num_partitions = outcome.topic.partition_count;
      result.replication_factor = kOnlyReplicationFactor;
      if (outcome.error == KafkaError::kNone)
        result.configs = describe(outcome.topic.settings, broker.settings());
    }
    if (refusal.error == KafkaError::kNone) {
      result.error_message = std::nullopt;
    } else {
      result.error_code = refusal.error;
      result.error_message = refusal.message;
      result.topic_id = {};
      result.num_partitions = -1;
      result.replication_factor = -1;
    }
    response.topics.push_back(std::move(result));
  }
  co_return response;
}

Task<DeleteTopicsResponse> answer(Broker& broker, const DeleteTopicsRequest& request,
                                  std::int16_t version) {
  constexpr std::int16_t kFirstWithIds = 6;
  std::vector<DeleteTopicsRequest::Topic> asked = request.topics;
  if (version < kFirstWithIds) {
    asked.clear();
    for (const std::string& name : request.topic_names) {
      DeleteTopicsRequest::Topic topic;
      topic.name = name;
      asked.push_back(std::move(topic));
    }
  }

  DeleteTopicsResponse response;
  for (const DeleteTopicsRequest::Topic& one : asked) {
    DeleteTopicsResponse::Topic result;
    result.name = one.name;
    result.topic_id = one.topic_id;
    const TopicTableRef table = broker.topics();
    const Topic* topic = one.name ? table->find(*one.name) : table->find(one.topic_id);
    if (topic == nullptr) {
      result.error_code = one.name ? KafkaError::kUnknownTopicOrPartition : KafkaError::kUnknownTopicId;
      result.error_message = "there is no such topic";
    } else {
      result.name = topic->name;
      result.topic_id = topic->id;
      const std::string name = topic->name;
      auto remove = [&broker, &name] { return broker.controller().delete_topic(name); };
      const TopicOutcome outcome =
          co_await call_on(broker.scheduler(), broker.controller_scheduler(), remove);
      result.error_code = outcome.error;
      if (outcome.error != KafkaError::kNone) result.error_message = outcome.message;
    }
    response.responses.push_back(std::move(result));
  }
  co_return response;
}

}  // namespace penstock::broker
