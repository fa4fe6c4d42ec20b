#include <algorithm>

#include "broker/handlers.h"

namespace penstock::broker {

namespace {

using kafka::ConfigResourceType;
using kafka::ConfigSource;
using kafka::ConfigType;
using kafka::DescribeConfigsRequest;
using kafka::DescribeConfigsResponse;
using kafka::KafkaError;
using Config = DescribeConfigsResponse::Config;

Config to_config(const DescribedSetting& setting, const DescribeConfigsRequest& request) {
  Config config;
  config.name = setting.name;
  config.value = setting.value;
  config.config_source = setting.source();
  config.config_type = setting.type;
  config.documentation.reset();
  if (request.include_documentation) config.documentation = setting.documentation;
  if (!request.include_synonyms) return config;
  if (setting.set_value) {
    config.synonyms.push_back({.name = std::string(setting.name),
                               .value = setting.set_value,
                               .source = ConfigSource::kDynamicTopicConfig});
  }
  const std::string_view broker_name = setting.broker_name.empty() ? setting.name : setting.broker_name;
  config.synonyms.push_back({.name = std::string(broker_name),
                             .value = setting.broker_value,
                             .source = setting.broker_source()});
  return config;
}

// What tools ask a broker for, by Kafka's names. They are settings of the configuration file, or cannot
// be otherwise here.
std::vector<Config> broker_configs(const Settings& settings, const DescribeConfigsRequest& request) {
  using std::chrono::floor;
  using std::chrono::milliseconds;
  const Settings unconfigured;
  std::vector<Config> configs;
  const auto add = [&](std::string_view name, ConfigType type, const auto& value_of,
                       std::string_view documentation) {
    Config config;
    config.name = name;
    config.value = fmt::format("{}", value_of(settings));
    config.read_only = true;
    config.config_source = value_of(settings) == value_of(unconfigured)
                               ? ConfigSource::kDefaultConfig
                               : ConfigSource::kStaticBrokerConfig;
    config.config_type = type;
    config.documentation.reset();
    if (request.include_documentation) config.documentation = documentation;
    if (request.include_synonyms) {
      config.synonyms.push_back(
          {.name = config.name, .value = config.value, .source = config.config_source});
    }
    configs.push_back(std::move(config));
  };
  constexpr auto kInt = ConfigType::kInt;
  constexpr auto kLong = ConfigType::kLong;
  constexpr auto kBoolean = ConfigType::kBoolean;
  add(
      "broker.id", kInt, [](const Settings& s) { return s.node_id; },
      "This broker's number: broker.node_id.");
  add(
      "node.id", kInt, [](const Settings& s) { return s.node_id; },
      "This broker's number: broker.node_id.");
  add(
      "num.partitions", kInt, [](const Settings& s) { return s.default_partitions; },
      "Partitions of a topic that is created without saying how many: broker.default_partitions.");
  add("default.replication.factor", kInt, [](const Settings&) { return 1; }, "There is one broker.");
  add("min.insync.replicas", kInt, [](const Settings&) { return 1; }, "There is one broker.");
  add(
      "auto.create.topics.enable", kBoolean, [](const Settings& s) { return s.auto_create_topics; },
      "Whether using a topic that does not exist creates it: broker.auto_create_topics.");
  add("delete.topic.enable", kBoolean, [](const Settings&) { return true; }, "Topics can be deleted.");
  add(
      "unclean.leader.election.enable", kBoolean, [](const Settings&) { return false; },
      "There is one broker.");
  add(
      "message.max.bytes", kInt, [](const Settings& s) { return s.max_message_bytes; },
      "The largest record batch that producers may send: broker.max_message_bytes.");
  add(
      "fetch.max.bytes", kLong, [](const Settings& s) { return s.max_fetch_bytes; },
      "The most that one Fetch response carries: broker.max_fetch_bytes.");
  add(
      "log.retention.ms", kLong,
      [](const Settings& s) {
        return s.retention_time > Duration::zero() ? floor<milliseconds>(s.retention_time).count() : -1;
      },
      "How long records are kept at least, -1: for ever: retention.time.");
  add(
      "log.retention.bytes", kLong,
      [](const Settings& s) {
        return s.retention_bytes > 0 ? static_cast<std::int64_t>(s.retention_bytes) : -1;
      },
      "How many bytes of each partition are kept at least, -1: all: retention.bytes.");
  add(
      "log.retention.check.interval.ms", kLong,
      [](const Settings& s) { return floor<milliseconds>(s.retention_check_interval).count(); },
      "How often what is not kept any more is looked for: retention.check_interval.");
  add(
      "log.segment.bytes", kLong, [](const Settings& s) { return s.partition.segment_bytes; },
      "The largest segment file: storage.segment_bytes.");
  add(
      "log.cleanup.policy", ConfigType::kList, [](const Settings&) { return "delete"; },
      "What is not kept is deleted; compaction by key is not there yet.");
  add(
      "compression.type", ConfigType::kString, [](const Settings&) { return "producer"; },
      "Records are kept as the producer has compressed them.");
  add(
      "group.initial.rebalance.delay.ms", kInt,
      [](const Settings& s) { return floor<milliseconds>(s.groups.initial_rebalance_delay).count(); },
      "How long a new group waits for members: groups.initial_rebalance_delay.");
  return configs;
}

DescribeConfigsResponse::Result describe(Broker& broker, const DescribeConfigsRequest& request,
                                         const DescribeConfigsRequest::Resource& asked) {
  DescribeConfigsResponse::Result result;
  result.resource_type = asked.resource_type;
  result.resource_name = asked.resource_name;
  result.error_message.reset();
  const auto refuse = [&result](KafkaError error, std::string message) {
    result.error_code = error;
    result.error_message = std::move(message);
  };
  const Settings& settings = broker.settings();
  if (asked.resource_type == ConfigResourceType::kTopic) {
    const TopicTableRef table = broker.topics();
    const Topic* topic = table->find(asked.resource_name);
    if (topic == nullptr) {
      refuse(KafkaError::kUnknownTopicOrPartition,
             fmt::format("there is no topic {}", asked.resource_name));
    } else {
      for (const DescribedSetting& setting : topic->settings.describe(settings))
        result.configs.push_back(to_config(setting, request));
    }
  } else if (asked.resource_type == ConfigResourceType::kBroker) {
    // The empty name asks for what was changed for all brokers at once, which nothing is.
    if (asked.resource_name == std::to_string(settings.node_id)) {
      result.configs = broker_configs(settings, request);
    } else if (!asked.resource_name.empty()) {
      refuse(KafkaError::kInvalidRequest,
             fmt::format("this is broker {}, not '{}'", settings.node_id, asked.resource_name));
    }
  } else {
    refuse(KafkaError::kInvalidRequest,
           fmt::format("resource type {}: there are settings of topics (2) and brokers (4)",
                       static_cast<int>(asked.resource_type)));
  }
  if (asked.configuration_keys && !asked.configuration_keys->empty()) {
    std::erase_if(result.configs, [&asked](const Config& config) {
      return std::ranges::find(*asked.configuration_keys, config.name) ==
             asked.configuration_keys->end();
    });
  }
  return result;
}

}  // namespace

Task<DescribeConfigsResponse> answer(Broker& broker, const DescribeConfigsRequest& request,
                                     std::int16_t) {
  DescribeConfigsResponse response;
  for (const DescribeConfigsRequest::Resource& asked : request.resources)
    response.results.push_back(describe(broker, request, asked));
  co_return response;
}

}  // namespace penstock::broker
