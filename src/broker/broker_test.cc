// The broker as a client sees it: topics, versions, and what survives a restart.
#include "broker/broker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::ApiKey;
using kafka::KafkaError;
using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- ApiVersions

TEST(ApiVersions, SaysWhatTheTableOfApisSays) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  for (std::int16_t version = 0; version <= 3; ++version) {
    kafka::ApiVersionsRequest request;
    request.client_software_name = "test-client.x";
    request.client_software_version = "1.0";
    const auto response = machine.ask(request, version);
    EXPECT_EQ(response.error_code, KafkaError::kNone);
    std::vector<kafka::ApiInfo> served;
    std::ranges::copy_if(kafka::kApis, std::back_inserter(served), &kafka::ApiInfo::is_served);
    ASSERT_EQ(response.api_keys.size(), served.size());
    for (std::size_t i = 0; i < served.size(); ++i) {
      EXPECT_EQ(response.api_keys[i].api_key, served[i].key);
      EXPECT_EQ(response.api_keys[i].min_version, served[i].advertised.first);
      EXPECT_EQ(response.api_keys[i].max_version, served[i].advertised.last);
    }
  }
}

TEST(ApiVersions, InAnUnknownVersionIsAnsweredInVersion0) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  // Key 18, version 9, correlation id 77, no client id; the rest nobody here can read.
  const std::vector<std::uint8_t> bytes = {0, 18, 0, 9, 0, 0, 0, 77, 0xFF, 0xFF, 0, 1, 2, 3};
  const auto answered = machine.handle(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(answered) << answered.error().message();
  const auto frame = (*answered)->flatten();
  const auto response = kafka::decode_response_frame<kafka::ApiVersionsRequest>(
      ByteView(frame).subspan(kafka::kFrameSizeBytes), 0, 77);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->error_code, KafkaError::kUnsupportedVersion);
  ASSERT_EQ(response->api_keys.size(), 1U);
  EXPECT_EQ(response->api_keys[0].api_key, ApiKey::kApiVersions);
}

TEST(ApiVersions, AClientNameThatKafkaRefusesIsRefused) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  for (const std::string name : {"", "-a", "a-", "a b", "a/b", "a\n"}) {
    kafka::ApiVersionsRequest request;
    request.client_software_name = name;
    request.client_software_version = "1.0";
    EXPECT_EQ(machine.ask(request, 3).error_code, KafkaError::kInvalidRequest) << name;
  }
}

// ---- what ends a connection

// A request with nothing after its header.
std::vector<std::byte> bare_request(ApiKey key, std::int16_t version) {
  const kafka::RequestHeader header{.api_key = key, .api_version = version};
  return kafka::encode(header, kafka::request_header_version(key, version)).flatten();
}

TEST(BrokerRequest, AnUnknownApiOrVersionClosesTheConnection) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  const auto closes = [&machine](ApiKey key, std::int16_t version) {
    return !machine.handle(bare_request(key, version));
  };
  EXPECT_TRUE(closes(ApiKey{71}, 0));
  for (const kafka::ApiInfo& api : kafka::kApis) {
    if (api.is_served()) continue;
    EXPECT_TRUE(closes(api.key, api.implemented.last)) << api.name;
  }
  EXPECT_TRUE(closes(ApiKey::kProduce, 2)) << "Produce 0 is advertised and not served";
  EXPECT_TRUE(closes(ApiKey::kProduce, 12));
  EXPECT_TRUE(closes(ApiKey::kFetch, 3));
  EXPECT_TRUE(closes(ApiKey::kMetadata, 13));
}

TEST(BrokerRequest, WhateverIsAdvertisedHasAHandler) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  for (const kafka::ApiInfo& api : kafka::kApis) {
    if (!api.is_served()) continue;
    const auto answered = machine.handle(bare_request(api.key, api.implemented.first));
    if (!answered) EXPECT_FALSE(answered.error().message().contains("handler")) << api.name;
  }
}

TEST(BrokerRequest, BytesThatAreNoRequestCloseTheConnection) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  EXPECT_FALSE(machine.handle({}));
  const std::vector<std::uint8_t> truncated = {0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0, 0};
  EXPECT_FALSE(machine.handle(std::as_bytes(std::span(truncated))));
}

// ---- topics

TEST(Topics, AreCreatedDescribedAndDeleted) {
  BrokerStorage storage;
  BrokerMachineOptions options;
  options.settings.advertised_host = "broker.example";
  options.settings.node_id = 3;
  BrokerMachine machine(storage, options);
  machine.start();
  EXPECT_EQ(machine.create_topic("orders", 2), KafkaError::kNone);
  EXPECT_EQ(machine.create_topic("orders", 2), KafkaError::kTopicAlreadyExists);

  kafka::MetadataRequest all;
  all.topics = std::nullopt;
  const auto metadata = machine.ask(all, 12);
  ASSERT_EQ(metadata.brokers.size(), 1U);
  EXPECT_EQ(metadata.brokers[0].host, "broker.example");
  EXPECT_EQ(metadata.controller_id, 3);
  ASSERT_EQ(metadata.topics.size(), 1U);
  EXPECT_EQ(metadata.topics[0].name, "orders");
  EXPECT_FALSE(metadata.topics[0].topic_id.is_zero());
  ASSERT_EQ(metadata.topics[0].partitions.size(), 2U);
  EXPECT_EQ(metadata.topics[0].partitions[1].partition_index, 1);
  EXPECT_EQ(metadata.topics[0].partitions[1].leader_id, 3);

  EXPECT_EQ(machine.delete_topic("orders"), KafkaError::kNone);
  EXPECT_EQ(machine.delete_topic("orders"), KafkaError::kUnknownTopicOrPartition);
  EXPECT_TRUE(machine.ask(all, 12).topics.empty());
  EXPECT_TRUE(machine.scheduler.run(machine.disk.list("/data/topics"))->empty());
}

TEST(Topics, ADeletedNameCanBeUsedAgainAndIsEmpty) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  machine.create_topic("orders");
  machine.produce("orders", batch_of({"old"}));
  machine.delete_topic("orders");
  EXPECT_EQ(machine.create_topic("orders"), KafkaError::kNone);
  EXPECT_EQ(machine.fetch("orders", Offset{0}).high_watermark, Offset{0});
  EXPECT_EQ(machine.produce("orders", batch_of({"new"})).base_offset, Offset{0});
  EXPECT_EQ(values_of(machine.fetch("orders", Offset{0}).records), std::vector<std::string>{"new"});
}

TEST(Topics, BadRequestsAreRefusedWithKafkasCodes) {
  BrokerStorage storage;
  BrokerMachineOptions options;
  options.settings.max_partitions = 10;
  BrokerMachine machine(storage, options);
  machine.start();
  EXPECT_EQ(machine.create_topic("a/b"), KafkaError::kInvalidTopicException);
  EXPECT_EQ(machine.create_topic("."), KafkaError::kInvalidTopicException);
  EXPECT_EQ(machine.create_topic("none", 0), KafkaError::kInvalidPartitions);
  EXPECT_EQ(machine.create_topic("many", 11), KafkaError::kInvalidPartitions);

  kafka::CreateTopicsRequest request;
  request.topics.emplace_back();
  request.topics[0].name = "t";
  request.topics[0].num_partitions = 1;
  request.topics[0].replication_factor = 3;
  EXPECT_EQ(machine.ask(request, 7).topics[0].error_code, KafkaError::kInvalidReplicationFactor);
  request.topics[0].replication_factor = -1;
  request.topics[0].configs.emplace_back();
  request.topics[0].configs[0].name = "retention.ms";
  EXPECT_EQ(machine.ask(request, 7).topics[0].error_code, KafkaError::kInvalidConfig);
  request.topics[0].configs.clear();
  request.topics[0].assignments = {{.partition_index = 0, .broker_ids = {1}},
                                   {.partition_index = 2, .broker_ids = {1}}};
  EXPECT_EQ(machine.ask(request, 7).topics[0].error_code, KafkaError::kInvalidRequest);
  request.topics[0].num_partitions = -1;
  EXPECT_EQ(machine.ask(request, 7).topics[0].error_code, KafkaError::kInvalidReplicaAssignment);
  request.topics[0].assignments[1].partition_index = 1;
  EXPECT_EQ(machine.ask(request, 7).topics[0].num_partitions, 2);

  kafka::CreateTopicsRequest twice;
  twice.topics.resize(2);
  for (auto& topic : twice.topics) {
    topic.name = "twin";
    topic.num_partitions = 1;
    topic.replication_factor = 1;
  }
  for (const auto& topic : machine.ask(twice, 7).topics)
    EXPECT_EQ(topic.error_code, KafkaError::kInvalidRequest);
}

TEST(Topics, ValidateOnlyCreatesNothing) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  kafka::CreateTopicsRequest request;
  request.validate_only = true;
  request.topics.emplace_back();
  request.topics[0].name = "t";
  request.topics[0].num_partitions = 4;
  request.topics[0].replication_factor = 1;
  const auto response = machine.ask(request, 7);
  EXPECT_EQ(response.topics[0].error_code, KafkaError::kNone);
  EXPECT_EQ(response.topics[0].num_partitions, 4);
  EXPECT_EQ(machine.fetch("t", Offset{0}).error_code, KafkaError::kUnknownTopicOrPartition);
}

TEST(Topics, AskingForAMissingOneCreatesItIfThatIsAllowed) {
  BrokerStorage storage;
  BrokerMachineOptions options;
  options.settings.default_partitions = 3;
  BrokerMachine machine(storage, options);
  machine.start();
  kafka::MetadataRequest request;
  request.topics = {{.name = "new"}, {.name = "not/valid"}};
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(machine.ask(request, 9).topics[0].error_code, KafkaError::kUnknownTopicOrPartition);
  request.allow_auto_topic_creation = true;
  const auto response = machine.ask(request, 9);
  EXPECT_EQ(response.topics[0].error_code, KafkaError::kNone);
  EXPECT_EQ(response.topics[0].partitions.size(), 3U);
  EXPECT_EQ(response.topics[1].error_code, KafkaError::kInvalidTopicException);

  machine.settings().auto_create_topics = false;
  request.topics = {{.name = "other"}};
  EXPECT_EQ(machine.ask(request, 9).topics[0].error_code, KafkaError::kUnknownTopicOrPartition);
}

TEST(Topics, AreFoundByIdWithAnEmptyNameBesideItOrNone) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  machine.create_topic("a");
  kafka::MetadataRequest request;
  request.topics = {{.name = "a"}};
  const kafka::Uuid id = machine.ask(request, 12).topics[0].topic_id;
  const kafka::Uuid other{{std::byte{1}}};
  for (const std::optional<std::string>& name : {std::optional<std::string>(), {""}}) {
    request.topics = {{.topic_id = id, .name = name}, {.topic_id = other, .name = name}};
    const auto response = machine.ask(request, 12);
    EXPECT_EQ(response.topics[0].name, "a");
    EXPECT_EQ(response.topics[0].error_code, KafkaError::kNone);
    EXPECT_EQ(response.topics[1].name, std::nullopt);
    EXPECT_EQ(response.topics[1].topic_id, other);
    EXPECT_EQ(response.topics[1].error_code, KafkaError::kUnknownTopicId);
  }
}

TEST(Topics, NullMeansAllOfThemAndEmptyMeansNoneExceptInVersion0) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  machine.create_topic("a");
  machine.create_topic("b");
  kafka::MetadataRequest none;
  none.topics.emplace();
  EXPECT_EQ(machine.ask(none, 0).topics.size(), 2U);
  EXPECT_EQ(machine.ask(none, 1).topics.size(), 0U);
  kafka::MetadataRequest all;
  all.topics = std::nullopt;
  EXPECT_EQ(machine.ask(all, 1).topics.size(), 2U);
}

// ---- restarts

TEST(Topics, AFullCatalogRefusesADeletionAndTheTopicIsServedAsBefore) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  ASSERT_EQ(machine.create_topic("orders"), KafkaError::kNone);
  machine.catalog().fail_with(Error(ErrorCode::kNoSpace, "full"));
  kafka::DeleteTopicsRequest request;
  request.topic_names = {"orders"};
  const auto refused = machine.ask(request, 5).responses.at(0);
  EXPECT_EQ(refused.error_code, KafkaError::kKafkaStorageError);
  EXPECT_TRUE(refused.error_message->contains("DeleteRecords")) << *refused.error_message;
  EXPECT_EQ(machine.produce("orders", batch_of({"x"})).error_code, KafkaError::kNone);
  EXPECT_EQ(machine.create_topic("more"), KafkaError::kKafkaStorageError);
  machine.catalog().fail_with(std::nullopt);
  EXPECT_EQ(machine.delete_topic("orders"), KafkaError::kNone);
}

TEST(BrokerRestart, TopicsAndAcknowledgedRecordsAreThereAgain) {
  // So large that one batch has no next segment prepared.
  const BrokerMachineOptions options{.smallest_segment_bytes = 64 * kKiB};
  for (const bool clean : {true, false}) {
    BrokerStorage storage;
    {
      BrokerMachine machine(storage, options);
      machine.start();
      machine.create_topic("orders", 3);
      for (std::int32_t partition = 0; partition < 3; ++partition) {
        const std::string value = "value " + std::to_string(partition);
        EXPECT_EQ(machine.produce("orders", batch_of({value}), partition).error_code,
                  KafkaError::kNone);
      }
      if (clean) {
        EXPECT_TRUE(machine.stop());
      } else {
        machine.die(SimCrash::kPowerCut);
      }
    }
    BrokerMachine machine(storage);
    const StartReport report = machine.start();
    EXPECT_EQ(report.topic_count, 1U);
    EXPECT_EQ(report.partition_count, 3U);
    EXPECT_EQ(report.recovery.scanned_segment_count, clean ? 0U : 3U);
    EXPECT_TRUE(report.recovery.findings.empty());
    for (std::int32_t partition = 0; partition < 3; ++partition) {
      EXPECT_EQ(values_of(machine.fetch("orders", Offset{0}, partition).records),
                std::vector<std::string>{"value " + std::to_string(partition)});
    }
  }
}

TEST(BrokerRestart, ATopicThatWasBeingDeletedIsThereOrIsNot) {
  for (std::uint64_t step = 0; step < 60; ++step) {
    BrokerStorage storage;
    bool acknowledged = false;
    {
      BrokerMachine machine(storage);
      machine.start();
      machine.create_topic("orders", 2);
      machine.produce("orders", batch_of({"kept"}));
      machine.disk.crash_after(machine.disk.steps() + step, SimCrash::kPowerCut);
      acknowledged = machine.delete_topic("orders") == KafkaError::kNone;
      if (!machine.disk.has_crashed()) machine.disk.crash(SimCrash::kPowerCut);
      (void)machine.stop();
    }
    BrokerMachine machine(storage);
    const StartReport report = machine.start();
    EXPECT_TRUE(report.recovery.findings.empty()) << step;
    const auto part = machine.fetch("orders", Offset{0});
    if (part.error_code == KafkaError::kUnknownTopicOrPartition) {
      EXPECT_EQ(machine.create_topic("orders", 2), KafkaError::kNone) << step;
    } else {
      EXPECT_FALSE(acknowledged) << step;
      EXPECT_EQ(values_of(part.records), std::vector<std::string>{"kept"}) << step;
    }
  }
}

TEST(BrokerRestart, APartitionThatCannotBeOpenedDoesNotKeepTheOthersFromBeingServed) {
  BrokerStorage storage;
  {
    BrokerMachine machine(storage);
    machine.start();
    machine.create_topic("orders", 2);
    machine.produce("orders", batch_of({"a"}), 0);
    machine.produce("orders", batch_of({"b"}), 1);
  }
  BrokerMachine machine(storage);
  machine.disk.inject({.op = SimOp::kRead, .path_part = "orders/0/"});
  const StartReport report = machine.start();
  ASSERT_EQ(report.recovery.findings.size(), 1U);
  EXPECT_NE(report.recovery.findings[0].find("orders/0: not served"), std::string::npos);
  EXPECT_EQ(machine.fetch("orders", Offset{0}, 0).error_code, KafkaError::kKafkaStorageError);
  EXPECT_EQ(machine.produce("orders", batch_of({"c"}), 0).error_code, KafkaError::kKafkaStorageError);
  EXPECT_EQ(values_of(machine.fetch("orders", Offset{0}, 1).records), std::vector<std::string>{"b"});
}

// ---- FindCoordinator

TEST(FindCoordinator, OfAGroupAndOfATransactionIsThisBroker) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  kafka::FindCoordinatorRequest request;
  request.key = "group";
  const auto oldest = machine.ask(request, 0);
  EXPECT_EQ(oldest.error_code, KafkaError::kNone);
  EXPECT_EQ(oldest.node_id, machine.settings().node_id);
  EXPECT_EQ(oldest.host, machine.settings().advertised_host);
  EXPECT_EQ(oldest.port, machine.settings().advertised_port);
  request.coordinator_keys = {"a", "b"};
  const auto response = machine.ask(request, 4);
  ASSERT_EQ(response.coordinators.size(), 2U);
  EXPECT_EQ(response.coordinators[1].key, "b");
  EXPECT_EQ(response.coordinators[1].error_code, KafkaError::kNone);
  EXPECT_EQ(response.coordinators[1].node_id, machine.settings().node_id);
  request.key_type = kafka::CoordinatorKeyType::kTransaction;
  const auto of_transactions = machine.ask(request, 4);
  EXPECT_EQ(of_transactions.coordinators[0].error_code, KafkaError::kNone);
  EXPECT_EQ(of_transactions.coordinators[0].node_id, machine.settings().node_id);
  request.key_type = kafka::CoordinatorKeyType{7};
  EXPECT_EQ(machine.ask(request, 4).coordinators[0].error_code, KafkaError::kInvalidRequest);
}

}  // namespace
}  // namespace penstock::broker::testing
