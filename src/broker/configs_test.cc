// Settings of topics through their requests: described, changed, and in effect.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::ConfigOperation;
using kafka::ConfigResourceType;
using kafka::ConfigSource;
using kafka::KafkaError;
using Described = kafka::DescribeConfigsResponse::Config;

using Edits = std::vector<std::pair<std::string, std::optional<std::string>>>;

class Configs : public ::testing::Test {
 protected:
  Configs() : machine_(storage_, options()) {
    machine_.start();
    machine_.create_topic("orders", 3);
  }
  static BrokerMachineOptions options() {
    BrokerMachineOptions options;
    options.shard_count = 2;
    return options;
  }

  kafka::DescribeConfigsResponse::Result describe(ConfigResourceType type = ConfigResourceType::kTopic,
                                                  const std::string& name = "orders",
                                                  std::vector<std::string> keys = {}) {
    kafka::DescribeConfigsRequest request;
    request.include_synonyms = request.include_documentation = true;
    kafka::DescribeConfigsRequest::Resource resource;
    resource.resource_type = type;
    resource.resource_name = name;
    resource.configuration_keys = std::move(keys);
    request.resources.push_back(std::move(resource));
    return machine_.ask(request, 4, 1).results.at(0);
  }
  Described described(const std::string& key) {
    const auto configs = describe(ConfigResourceType::kTopic, "orders", {key}).configs;
    EXPECT_EQ(configs.size(), 1U) << key;
    return configs.empty() ? Described() : configs.front();
  }
  // Nothing as a value deletes.
  kafka::IncrementalAlterConfigsRequest edit_request(const Edits& edits) {
    kafka::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = ConfigResourceType::kTopic;
    resource.resource_name = "orders";
    for (const auto& [name, value] : edits) {
      auto& config = resource.configs.emplace_back();
      config.name = name;
      config.value = value;
      config.config_operation = value ? ConfigOperation::kSet : ConfigOperation::kDelete;
    }
    return request;
  }
  kafka::IncrementalAlterConfigsResponse::ResourceResponse alter(
      const kafka::IncrementalAlterConfigsRequest& request) {
    return machine_.ask(request, 1, 1).responses.at(0);
  }
  void edit(const Edits& edits) {
    const auto altered = alter(edit_request(edits));
    EXPECT_EQ(altered.error_code, KafkaError::kNone) << altered.error_message.value_or("");
  }
  // Of everything.
  kafka::AlterConfigsResponse::ResourceResponse replace(const Edits& edits) {
    kafka::AlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = ConfigResourceType::kTopic;
    resource.resource_name = "orders";
    for (const auto& [name, value] : edits) {
      auto& config = resource.configs.emplace_back();
      config.name = name;
      config.value = value;
    }
    return machine_.ask(request, 2).responses.at(0);
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(Configs, ATopicIsDescribedWithDefaultsAndWhereTheyComeFrom) {
  const auto all = describe();
  ASSERT_EQ(all.error_code, KafkaError::kNone);
  std::vector<std::string> names;
  for (const Described& config : all.configs) {
    names.push_back(config.name);
    EXPECT_EQ(config.config_source, ConfigSource::kDefaultConfig) << config.name;
    EXPECT_FALSE(config.read_only) << config.name;
    EXPECT_FALSE(config.documentation.value_or("").empty()) << config.name;
    ASSERT_EQ(config.synonyms.size(), 1U) << config.name;
    EXPECT_EQ(config.synonyms[0].value, config.value) << config.name;
  }
  for (const char* name :
       {"retention.ms", "retention.bytes", "segment.bytes", "segment.ms", "max.message.bytes",
        "message.timestamp.type", "flush.messages", "flush.ms", "min.insync.replicas", "cleanup.policy",
        "compression.type", "commit", "tail", "persist.bytes"}) {
    EXPECT_NE(std::ranges::find(names, name), names.end()) << name;
  }
  EXPECT_EQ(described("retention.ms").value, "604800000");
  EXPECT_EQ(described("retention.ms").config_type, kafka::ConfigType::kLong);
  EXPECT_EQ(described("message.timestamp.type").value, "CreateTime");
  EXPECT_EQ(described("max.message.bytes").value, "1048588");
  EXPECT_EQ(described("cleanup.policy").value, "delete");
}

TEST_F(Configs, WhatIsSetIsTheTopicsAndTheBrokersValueIsItsSynonym) {
  edit({{"retention.ms", "1000"}});
  const Described config = described("retention.ms");
  EXPECT_EQ(config.value, "1000");
  EXPECT_EQ(config.config_source, ConfigSource::kDynamicTopicConfig);
  ASSERT_EQ(config.synonyms.size(), 2U);
  EXPECT_EQ(config.synonyms[0].source, ConfigSource::kDynamicTopicConfig);
  EXPECT_EQ(config.synonyms[1].name, "retention.time");
  EXPECT_EQ(config.synonyms[1].value, "604800000");
  machine_.settings().retention_time = std::chrono::hours(1);
  EXPECT_EQ(described("retention.ms").synonyms.at(1).source, ConfigSource::kStaticBrokerConfig);
  edit({{"retention.ms", std::nullopt}});
  EXPECT_EQ(described("retention.ms").config_source, ConfigSource::kStaticBrokerConfig);
  EXPECT_EQ(described("retention.ms").value, "3600000");
}

TEST_F(Configs, ABrokerIsDescribedReadOnly) {
  const auto broker = describe(ConfigResourceType::kBroker, "1");
  ASSERT_EQ(broker.error_code, KafkaError::kNone);
  EXPECT_FALSE(broker.configs.empty());
  for (const Described& config : broker.configs) EXPECT_TRUE(config.read_only) << config.name;
  const auto one = describe(ConfigResourceType::kBroker, "1", {"message.max.bytes"}).configs;
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].value, "1048588");
  EXPECT_TRUE(describe(ConfigResourceType::kBroker, "").configs.empty());
  EXPECT_EQ(describe(ConfigResourceType::kBroker, "2").error_code, KafkaError::kInvalidRequest);
}

TEST_F(Configs, WhatIsNotThereIsRefused) {
  EXPECT_EQ(describe(ConfigResourceType::kTopic, "none").error_code,
            KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(describe(ConfigResourceType::kGroup, "g").error_code, KafkaError::kInvalidRequest);
  EXPECT_TRUE(describe(ConfigResourceType::kTopic, "orders", {"nothing"}).configs.empty());
  auto request = edit_request({{"retention.ms", "1"}});
  request.resources[0].resource_name = "none";
  EXPECT_EQ(alter(request).error_code, KafkaError::kUnknownTopicOrPartition);
  request.resources[0].resource_type = ConfigResourceType::kBroker;
  const auto broker = alter(request);
  EXPECT_EQ(broker.error_code, KafkaError::kInvalidRequest);
  EXPECT_TRUE(broker.error_message->contains("configuration file")) << *broker.error_message;
  request.resources[0].resource_type = ConfigResourceType{99};
  EXPECT_EQ(alter(request).error_code, KafkaError::kInvalidRequest);
}

TEST_F(Configs, WhatCannotBeHonouredIsRefusedByNameAndNothingIsChanged) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"cleanup.policy", "compact"},
                                                        {"compression.type", "gzip"},
                                                        {"min.insync.replicas", "2"},
                                                        {"preallocate", "true"},
                                                        {"segment.ms", "10"},
                                                        {"segment.bytes", "1000"},
                                                        {"max.message.bytes", "0"},
                                                        {"message.timestamp.type", "Whenever"}}) {
    const auto refused = alter(edit_request({{"retention.ms", "5"}, {name, value}}));
    EXPECT_EQ(refused.error_code, KafkaError::kInvalidConfig) << name;
    EXPECT_TRUE(refused.error_message->contains(name)) << *refused.error_message;
  }
  EXPECT_EQ(described("retention.ms").config_source, ConfigSource::kDefaultConfig);
  for (const char* name : {"cleanup.policy", "compression.type", "min.insync.replicas"}) {
    edit({{name, *described(name).value}});
    EXPECT_EQ(described(name).config_source, ConfigSource::kDynamicTopicConfig) << name;
  }
}

TEST_F(Configs, ImpossibleRequestsAreRefused) {
  EXPECT_EQ(alter(edit_request({{"retention.ms", "1"}, {"retention.ms", "2"}})).error_code,
            KafkaError::kInvalidRequest);
  auto request = edit_request({{"retention.ms", "1"}});
  request.resources[0].configs[0].value.reset();
  EXPECT_EQ(alter(request).error_code, KafkaError::kInvalidRequest);
  request = edit_request({{"cleanup.policy", "delete"}});
  request.resources[0].configs[0].config_operation = ConfigOperation::kAppend;
  EXPECT_EQ(alter(request).error_code, KafkaError::kInvalidConfig);
  request.resources[0].configs[0].config_operation = ConfigOperation{9};
  EXPECT_EQ(alter(request).error_code, KafkaError::kInvalidRequest);
  request = edit_request({{"retention.ms", "1"}});
  request.resources.push_back(request.resources[0]);
  EXPECT_EQ(alter(request).error_code, KafkaError::kInvalidRequest);
  EXPECT_EQ(replace({{"retention.ms", std::nullopt}}).error_code, KafkaError::kInvalidRequest);
}

TEST_F(Configs, OnlyValidatingChangesNothing) {
  auto request = edit_request({{"retention.ms", "7"}});
  request.validate_only = true;
  EXPECT_EQ(alter(request).error_code, KafkaError::kNone);
  EXPECT_EQ(described("retention.ms").config_source, ConfigSource::kDefaultConfig);
  request = edit_request({{"retention.ms", "x"}});
  request.validate_only = true;
  EXPECT_EQ(alter(request).error_code, KafkaError::kInvalidConfig);
}

TEST_F(Configs, AlterConfigsReplacesAllAndTheIncrementalOneLeavesTheRest) {
  edit({{"retention.ms", "7"}, {"commit", "batch"}});
  edit({{"retention.bytes", "9"}, {"commit", std::nullopt}});
  EXPECT_EQ(described("retention.ms").value, "7");
  EXPECT_EQ(described("retention.bytes").value, "9");
  EXPECT_EQ(described("commit").value, "sync");
  EXPECT_EQ(replace({{"flush.ms", "3"}}).error_code, KafkaError::kNone);
  EXPECT_EQ(described("flush.ms").value, "3");
  EXPECT_EQ(described("retention.ms").config_source, ConfigSource::kDefaultConfig);
}

TEST_F(Configs, ChangesAreThereAfterARestart) {
  edit({{"segment.ms", "60000"}, {"message.timestamp.type", "LogAppendTime"}});
  machine_.die(SimCrash::kPowerCut);
  BrokerStorage copy;
  copy.catalog = storage_.catalog;
  BrokerMachine again(copy, options());
  again.start();
  const Topic* topic = again.broker().topics()->find("orders");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->settings.segment_ms, 60'000);
  EXPECT_TRUE(topic->settings.has_append_time());
}

TEST_F(Configs, AFullCatalogRefusesAChangeAndNothingIsChanged) {
  machine_.catalog().fail_with(Error(ErrorCode::kNoSpace, "full"));
  EXPECT_EQ(alter(edit_request({{"retention.ms", "7"}})).error_code, KafkaError::kKafkaStorageError);
  machine_.catalog().fail_with(std::nullopt);
  EXPECT_EQ(described("retention.ms").config_source, ConfigSource::kDefaultConfig);
}

// ---- in effect

TEST_F(Configs, ASmallerMaximumOfMessagesHoldsAtOnce) {
  const auto batch = batch_of({std::string(1000, 'x')});
  EXPECT_EQ(machine_.produce("orders", batch).error_code, KafkaError::kNone);
  edit({{"max.message.bytes", "500"}});
  const auto refused = machine_.produce("orders", batch, 0, 1);
  EXPECT_EQ(refused.error_code, KafkaError::kMessageTooLarge);
  EXPECT_TRUE(refused.error_message->contains("500")) << *refused.error_message;
  edit({{"max.message.bytes", "2000000"}});
  EXPECT_EQ(machine_.produce("orders", batch_of({std::string(1'500'000, 'x')})).error_code,
            KafkaError::kNone)
      << "more than the broker's own maximum";
}

TEST_F(Configs, WithLogAppendTimeRecordsHaveTheBrokersTime) {
  EXPECT_EQ(machine_.produce("orders", batch_of({"old"})).log_append_time_ms, -1);
  edit({{"message.timestamp.type", "LogAppendTime"}});
  const std::int64_t now_ms = machine_.clock.wall_ms();
  const auto produced = machine_.produce("orders", batch_of({"a", "b"}));
  EXPECT_EQ(produced.error_code, KafkaError::kNone);
  EXPECT_GE(produced.log_append_time_ms, now_ms);
  const auto fetched = machine_.fetch("orders", Offset{1});
  EXPECT_EQ(values_of(fetched.records), (std::vector<std::string>{"a", "b"}));
  const auto batch = kafka::RecordBatchView::parse(fetched.records.view());
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->crc_matches());
  EXPECT_TRUE(batch->is_log_append_time());
  kafka::RecordReader reader(*batch);
  EXPECT_EQ((**reader.next()).timestamp_ms, produced.log_append_time_ms);

  const std::vector<std::byte> stamped(batch->bytes().begin(), batch->bytes().end());
  std::vector<std::byte> sent = stamped;
  store_be<std::int64_t>(sent, 0, 0);
  EXPECT_EQ(machine_.produce("orders", sent).error_code, KafkaError::kNone);
  edit({{"message.timestamp.type", "CreateTime"}});
  EXPECT_EQ(machine_.produce("orders", sent).error_code, KafkaError::kInvalidTimestamp);
}

TEST_F(Configs, ACommitPolicyHoldsOnRunningPartitionsOfAllShards) {
  edit({{"commit", "batch"}, {"flush.ms", "3600000"}, {"flush.messages", "1000000"}});
  machine_.sleep(std::chrono::seconds(1));
  const auto produce_everywhere = [this] {
    for (std::int32_t partition = 0; partition < 3; ++partition)
      EXPECT_EQ(machine_.produce("orders", batch_of({"x"}), partition).error_code, KafkaError::kNone);
  };
  const auto unwritten = [this] {
    std::int64_t count = 0;
    for (std::size_t shard = 0; shard < 2; ++shard) {
      for (const PartitionRef& partition : machine_.broker(shard).partitions())
        count += partition->marks().high_watermark - partition->marks().durable_end;
    }
    return count;
  };
  produce_everywhere();
  EXPECT_EQ(unwritten(), 3);
  edit({{"commit", std::nullopt}});
  EXPECT_EQ(unwritten(), 0);
  produce_everywhere();
  EXPECT_EQ(unwritten(), 0);
}

// ---- at a topic's creation

TEST_F(Configs, CreateTopicsTakesThemAndTellsThem) {
  kafka::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "new";
  topic.num_partitions = topic.replication_factor = -1;
  topic.configs.push_back({.name = "segment.ms", .value = "60000"});
  topic.configs.push_back({.name = "cleanup.policy", .value = "delete"});
  const auto created = machine_.ask(request, 7).topics.at(0);
  ASSERT_EQ(created.error_code, KafkaError::kNone) << created.error_message.value_or("");
  const auto told =
      std::ranges::find(*created.configs, "segment.ms", &kafka::CreateTopicsResponse::Config::name);
  ASSERT_NE(told, created.configs->end());
  EXPECT_EQ(told->value, "60000");
  EXPECT_EQ(told->config_source, 1);
  request.topics[0].name = "compacted";
  request.topics[0].configs[1].value = "compact";
  EXPECT_EQ(machine_.ask(request, 7).topics.at(0).error_code, KafkaError::kInvalidConfig);
}

// ---- CreatePartitions

class Partitions : public Configs {
 protected:
  kafka::CreatePartitionsResponse::Result add(std::int32_t count, bool validate_only = false,
                                              const std::string& name = "orders") {
    kafka::CreatePartitionsRequest request;
    request.validate_only = validate_only;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.count = count;
    topic.assignments.reset();
    return machine_.ask(request, 3, 1).results.at(0);
  }
  std::int32_t count() { return machine_.broker(1).topics()->find("orders")->partition_count; }
};

TEST_F(Partitions, AreAddedAndServedAndStay) {
  const auto added = add(5);
  EXPECT_EQ(added.error_code, KafkaError::kNone) << added.error_message.value_or("");
  EXPECT_EQ(count(), 5);
  for (std::int32_t partition = 0; partition < 5; ++partition)
    EXPECT_EQ(machine_.produce("orders", batch_of({"x"}), partition, 1).error_code, KafkaError::kNone);
  EXPECT_EQ(machine_.produce("orders", batch_of({"x"}), 5).error_code,
            KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(machine_.delete_topic("orders"), KafkaError::kNone);
}

TEST_F(Partitions, CanOnlyBecomeMore) {
  for (const std::int32_t wanted : {3, 2, 0, -1}) {
    const auto refused = add(wanted);
    EXPECT_EQ(refused.error_code, KafkaError::kInvalidPartitions) << wanted;
    EXPECT_TRUE(refused.error_message->contains("has 3 partitions")) << *refused.error_message;
  }
  EXPECT_EQ(add(4, false, "none").error_code, KafkaError::kUnknownTopicOrPartition);
  machine_.settings().max_partitions = 4;
  EXPECT_EQ(add(5).error_code, KafkaError::kInvalidPartitions);
  EXPECT_EQ(add(4, true).error_code, KafkaError::kNone);
  EXPECT_EQ(count(), 3) << "only validated";
}

TEST_F(Partitions, AreAssignedToTheOneBrokerThereIs) {
  kafka::CreatePartitionsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "orders";
  topic.count = 5;
  const auto ask = [&] { return machine_.ask(request, 3).results.at(0).error_code; };
  topic.assignments = {{.broker_ids = {1}}};
  EXPECT_EQ(ask(), KafkaError::kInvalidReplicaAssignment) << "of one of two";
  topic.assignments = {{.broker_ids = {1}}, {.broker_ids = {2}}};
  EXPECT_EQ(ask(), KafkaError::kInvalidReplicaAssignment);
  topic.assignments = {{.broker_ids = {1}}, {.broker_ids = {1}}};
  request.topics.push_back(request.topics[0]);
  EXPECT_EQ(ask(), KafkaError::kInvalidRequest) << "twice";
  request.topics.pop_back();
  EXPECT_EQ(ask(), KafkaError::kNone);
  EXPECT_EQ(count(), 5);
}

}  // namespace
}  // namespace penstock::broker::testing
