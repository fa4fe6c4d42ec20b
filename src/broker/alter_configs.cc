#include <map>
#include <set>
#include <utility>

#include "broker/handlers.h"
#include "task/remote.h"

namespace penstock::broker {

namespace {

using kafka::AlterConfigsRequest;
using kafka::AlterConfigsResponse;
using kafka::ConfigOperation;
using kafka::ConfigResourceType;
using kafka::IncrementalAlterConfigsRequest;
using kafka::IncrementalAlterConfigsResponse;
using kafka::KafkaError;

struct Refusal {
  KafkaError error = KafkaError::kNone;
  std::string message;
};

Refusal read_edit(const AlterConfigsRequest::Config& config, SettingEdit& edit) {
  if (!config.value) return {KafkaError::kInvalidRequest, fmt::format("{} has no value", config.name)};
  edit.value = config.value;
  return {};
}

Refusal read_edit(const IncrementalAlterConfigsRequest::Config& config, SettingEdit& edit) {
  switch (config.config_operation) {
    case ConfigOperation::kSet:
      if (!config.value) {
        return {KafkaError::kInvalidRequest,
                fmt::format("{} is to be set, and has no value", config.name)};
      }
      edit.value = config.value;
      return {};
    case ConfigOperation::kDelete: return {};
    case ConfigOperation::kAppend:
    case ConfigOperation::kSubtract:
      return {KafkaError::kInvalidConfig,
              fmt::format("{}: no topic setting is a list to which values can be added: use SET",
                          config.name)};
  }
  return {KafkaError::kInvalidRequest, fmt::format("{}: operation {} does not exist", config.name,
                                                   static_cast<int>(config.config_operation))};
}

// The change that is asked for, or why it cannot be.
template <typename Resource>
Refusal read_change(const Resource& asked, SettingsChange& change) {
  if (asked.resource_type == ConfigResourceType::kBroker) {
    return {KafkaError::kInvalidRequest,
            "a broker's settings are read when it starts: change its configuration file, or its flags, "
            "and start it again"};
  }
  if (asked.resource_type != ConfigResourceType::kTopic) {
    return {KafkaError::kInvalidRequest, fmt::format("resource type {}: only topics (2) can be changed",
                                                     static_cast<int>(asked.resource_type))};
  }
  change.topic = asked.resource_name;
  std::set<std::string_view> names;
  for (const auto& config : asked.configs) {
    if (!names.insert(config.name).second) {
      return {KafkaError::kInvalidRequest,
              fmt::format("{} stands in the request more than once", config.name)};
    }
    SettingEdit edit{.name = config.name, .value = std::nullopt};
    if (Refusal refusal = read_edit(config, edit); refusal.error != KafkaError::kNone) return refusal;
    change.edits.push_back(std::move(edit));
  }
  return {};
}

// Both requests, which differ in what they say of a setting.
template <typename Request>
Task<typename Request::Response> alter(Broker& broker, const Request& request, bool replaces_all) {
  typename Request::Response response;
  std::map<std::pair<ConfigResourceType, std::string_view>, int> times_asked;
  for (const auto& asked : request.resources) ++times_asked[{asked.resource_type, asked.resource_name}];

  for (const auto& asked : request.resources) {
    SettingsChange change;
    change.replaces_all = replaces_all;
    change.validate_only = request.validate_only;
    Refusal refusal = read_change(asked, change);
    if (times_asked[{asked.resource_type, asked.resource_name}] > 1) {
      refusal = {KafkaError::kInvalidRequest, "the resource stands in the request more than once"};
    }
    if (refusal.error == KafkaError::kNone) {
      auto apply = [&broker, &change] { return broker.controller().change_settings(change); };
      const TopicOutcome outcome =
          co_await call_on(broker.scheduler(), broker.controller_scheduler(), apply);
      refusal = {outcome.error, outcome.message};
    }
    typename Request::Response::ResourceResponse result;
    result.error_code = refusal.error;
    result.error_message.reset();
    if (refusal.error != KafkaError::kNone) result.error_message = refusal.message;
    result.resource_type = asked.resource_type;
    result.resource_name = asked.resource_name;
    response.responses.push_back(std::move(result));
  }
  co_return response;
}

}  // namespace

Task<AlterConfigsResponse> answer(Broker& broker, const AlterConfigsRequest& request, std::int16_t) {
  return alter(broker, request, /*replaces_all=*/true);
}

Task<IncrementalAlterConfigsResponse> answer(Broker& broker,
                                             const IncrementalAlterConfigsRequest& request,
                                             std::int16_t) {
  return alter(broker, request, /*replaces_all=*/false);
}

}  // namespace penstock::broker
