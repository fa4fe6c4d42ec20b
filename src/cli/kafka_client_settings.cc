// Topic settings and numbers of partitions, as a client asks for them.

#include "cli/kafka_advice.h"
#include "cli/kafka_client.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/incremental_alter_configs.h"

namespace penstock::cli {

namespace {

using kafka::ConfigOperation;
using kafka::ConfigResourceType;
using kafka::ConfigSource;
using kafka::KafkaError;

std::string doing(std::string_view verb, std::string_view topic) {
  return fmt::format("{} topic '{}'", verb, topic);
}

// The one part of an answer to a question about one thing, and its error.
template <typename Parts>
Result<typename Parts::value_type> only_part(const Parts& parts, const std::string& what) {
  if (parts.empty()) return fail(ErrorCode::kCorrupt, "{}: the broker answered nothing", what);
  const auto& part = parts.front();
  if (part.error_code != KafkaError::kNone)
    return Unexpected(to_error(part.error_code, what, part.error_message));
  return part;
}

}  // namespace

Result<std::vector<TopicSetting>> KafkaClient::topic_settings(const std::string& name) {
  kafka::DescribeConfigsRequest request;
  request.include_documentation = true;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = ConfigResourceType::kTopic;
  resource.resource_name = name;
  resource.configuration_keys.reset();
  const auto response = first_->call(request, deadline_);
  if (!response) return Unexpected(response.error());
  auto result = only_part(response->results, doing("read the settings of", name));
  if (!result) return Unexpected(result.error());
  std::vector<TopicSetting> settings;
  for (auto& config : result->configs) {
    settings.push_back({.name = std::move(config.name),
                        .value = std::move(config.value),
                        .is_topics_own = config.config_source == ConfigSource::kDynamicTopicConfig,
                        .documentation = config.documentation.value_or("")});
  }
  return settings;
}

Result<void> KafkaClient::change_topic_settings(const std::string& name, const TopicEdits& edits) {
  kafka::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = ConfigResourceType::kTopic;
  resource.resource_name = name;
  for (const auto& [setting, value] : edits) {
    resource.configs.push_back(
        {.name = setting,
         .config_operation = value ? ConfigOperation::kSet : ConfigOperation::kDelete,
         .value = value});
  }
  const Result<KafkaConnection*> connection = controller();
  if (!connection) return Unexpected(connection.error());
  const auto response = (*connection)->call(request, deadline_);
  if (!response) return Unexpected(response.error());
  const auto changed = only_part(response->responses, doing("change the settings of", name));
  if (!changed) return Unexpected(changed.error());
  return {};
}

Result<void> KafkaClient::set_partition_count(const std::string& name, std::int32_t count) {
  kafka::CreatePartitionsRequest request{.timeout_ms = server_timeout_ms()};
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.count = count;
  topic.assignments.reset();
  const Result<KafkaConnection*> connection = controller();
  if (!connection) return Unexpected(connection.error());
  const auto response = (*connection)->call(request, deadline_);
  if (!response) return Unexpected(response.error());
  const auto added = only_part(response->results, doing("add partitions to", name));
  if (!added) return Unexpected(added.error());
  return {};
}

}  // namespace penstock::cli
