#include "cli/kafka_client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "cli/testing/fake_broker.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/offset_fetch.h"

namespace penstock::cli {
namespace {

using kafka::ApiKey;
using kafka::KafkaError;
using kafka::RequestFrame;
using Bytes = std::optional<std::vector<std::byte>>;

constexpr auto kTimeout = std::chrono::seconds(10);

std::vector<kafka::ApiVersionsResponse::ApiVersion> modern_apis() {
  return {{ApiKey::kMetadata, 0, 12},
          {ApiKey::kListOffsets, 0, 8},
          {ApiKey::kCreateTopics, 2, 7},
          {ApiKey::kDeleteTopics, 1, 6},
          {ApiKey::kDeleteRecords, 0, 2}};
}

Result<KafkaClient> connect(const FakeBroker& broker, std::chrono::milliseconds timeout = kTimeout) {
  return KafkaClient::connect({{.host = "127.0.0.1", .port = broker.port()}}, Deadline(timeout));
}

template <typename Response>
Bytes respond(const RequestFrame& request, const Response& response) {
  return kafka::encode_response_frame(response, request.header.api_version,
                                      request.header.correlation_id)
      .flatten();
}

template <typename Request>
Request read(const RequestFrame& request) {
  return kafka::decode<Request>(request.body, request.header.api_version).value();
}

// Metadata of a one-broker cluster with the topic "orders" of two partitions.
kafka::MetadataResponse metadata(std::uint16_t port) {
  kafka::MetadataResponse response{.controller_id = 1};
  response.brokers.push_back({.node_id = 1, .host = "127.0.0.1", .port = port});
  auto& topic = response.topics.emplace_back();
  topic.name = "orders";
  for (const std::int32_t index : {1, 0}) {
    topic.partitions.push_back(
        {.partition_index = index, .leader_id = 1, .replica_nodes = {1}, .isr_nodes = {1}});
  }
  return response;
}

TEST(KafkaClient, ABrokerThatRefusesOurApiVersionsIsAskedInOneThatItHas) {
  for (const std::int16_t newest : {std::int16_t{0}, std::int16_t{1}, std::int16_t{2}}) {
    FakeBroker broker({.newest_api_versions = newest, .apis = modern_apis(), .raw_answer = ""},
                      [](const RequestFrame& request) { return respond(request, metadata(0)); });
    auto client = connect(broker);
    ASSERT_TRUE(client.has_value()) << client.error().message();
    EXPECT_EQ(broker.asked_api_versions(), (std::vector<std::int16_t>{3, newest}));
    EXPECT_EQ(client->all_topics().value().topics.size(), 1U);
  }
}

TEST(KafkaClient, SpeaksTheNewestVersionThatBothSidesHave) {
  for (const std::int16_t newest : {std::int16_t{4}, std::int16_t{9}, std::int16_t{99}}) {
    std::atomic<std::int16_t> asked{-1};
    FakeBroker broker(
        {.newest_api_versions = 3, .apis = {{ApiKey::kMetadata, 0, newest}}, .raw_answer = ""},
        [&asked](const RequestFrame& request) {
          asked = request.header.api_version;
          return respond(request, metadata(0));
        });
    ASSERT_TRUE(connect(broker).value().all_topics().has_value());
    EXPECT_EQ(asked, std::min<std::int16_t>(newest, 12));
  }
}

TEST(KafkaClient, ABrokerWithoutACommonVersionIsNamedWithBothRanges) {
  FakeBroker broker({.newest_api_versions = 3, .apis = {{ApiKey::kMetadata, 40, 41}}, .raw_answer = ""},
                    [](const RequestFrame&) { return Bytes(); });
  const auto topics = connect(broker).value().all_topics();
  ASSERT_FALSE(topics.has_value());
  EXPECT_EQ(topics.error().code(), ErrorCode::kNotSupported);
  EXPECT_NE(topics.error().message().find("40 to 41, this program 0 to 12"), std::string::npos)
      << topics.error().message();
}

TEST(KafkaClient, WhatIsNotAKafkaBrokerIsSaidToBeNone) {
  FakeBroker broker(
      {.newest_api_versions = 3, .apis = {}, .raw_answer = "HTTP/1.1 400 Bad Request\r\n\r\n"},
      [](const RequestFrame&) { return Bytes(); });
  const auto client = connect(broker);
  ASSERT_FALSE(client.has_value());
  EXPECT_NE(client.error().message().find("does not answer like a Kafka broker"), std::string::npos)
      << client.error().message();
}

TEST(KafkaClient, ABrokerThatDoesNotAnswerIsGivenUpByTheDeadline) {
  std::atomic<bool> stop{false};
  FakeBroker broker({.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
                    [&stop](const RequestFrame&) {
                      while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(5));
                      return Bytes();
                    });
  auto client = connect(broker, std::chrono::milliseconds(300));
  ASSERT_TRUE(client.has_value());
  const auto topics = client->all_topics();
  stop = true;
  ASSERT_FALSE(topics.has_value());
  EXPECT_EQ(topics.error().code(), ErrorCode::kTimeout);
}

TEST(KafkaClient, ABrokerThatIsNotThereIsNamedAndTheNextOneIsTried) {
  FakeBroker broker({.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
                    [](const RequestFrame& request) { return respond(request, metadata(0)); });
  const server::Address nobody{.host = "127.0.0.1", .port = 1};
  const auto alone = KafkaClient::connect({nobody}, Deadline(kTimeout));
  ASSERT_FALSE(alone.has_value());
  EXPECT_NE(alone.error().message().find("127.0.0.1:1"), std::string::npos);
  EXPECT_TRUE(
      KafkaClient::connect({nobody, {.host = "127.0.0.1", .port = broker.port()}}, Deadline(kTimeout))
          .has_value());
}

TEST(KafkaClient, AskingForATopicNeverCreatesIt) {
  FakeBroker broker({.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
                    [](const RequestFrame& request) {
                      const auto asked = read<kafka::MetadataRequest>(request);
                      EXPECT_FALSE(asked.allow_auto_topic_creation);
                      kafka::MetadataResponse response;
                      response.topics.push_back({.error_code = KafkaError::kUnknownTopicOrPartition,
                                                 .name = asked.topics->front().name});
                      return respond(request, response);
                    });
  const auto topic = connect(broker).value().topic("nowhere");
  ASSERT_FALSE(topic.has_value());
  EXPECT_EQ(topic.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(topic.error().message().find("UNKNOWN_TOPIC_OR_PARTITION"), std::string::npos);
}

TEST(KafkaClient, AnOldBrokerThatWouldCreateTheTopicIsAskedForAllOfThem) {
  FakeBroker broker({.newest_api_versions = 3, .apis = {{ApiKey::kMetadata, 0, 3}}, .raw_answer = ""},
                    [](const RequestFrame& request) {
                      EXPECT_EQ(read<kafka::MetadataRequest>(request).topics, std::nullopt);
                      return respond(request, metadata(0));
                    });
  auto client = connect(broker).value();
  EXPECT_TRUE(client.topic("orders").has_value());
  EXPECT_EQ(client.topic("nowhere").error().code(), ErrorCode::kNotFound);
}

TEST(KafkaClient, OffsetsComeFromTheLeaderAndErrorsStayWithTheirPartition) {
  std::atomic<std::uint16_t> port{0};
  FakeBroker broker(
      {.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
      [&port](const RequestFrame& request) {
        if (request.header.api_key == ApiKey::kMetadata) return respond(request, metadata(port));
        const auto asked = read<kafka::ListOffsetsRequest>(request);
        EXPECT_EQ(asked.replica_id, -1);
        kafka::ListOffsetsResponse response;
        auto& topic = response.topics.emplace_back();
        topic.name = asked.topics.front().name;
        for (const auto& partition : asked.topics.front().partitions) {
          const bool fails = partition.partition_index == 1;
          topic.partitions.push_back(
              {.partition_index = partition.partition_index,
               .error_code = fails ? KafkaError::kKafkaStorageError : KafkaError::kNone,
               .offset = Offset{partition.timestamp == kafka::kEarliestTimestamp ? 10 : 20}});
        }
        return respond(request, response);
      });
  port = broker.port();
  auto client = connect(broker).value();
  const auto topic = client.topic("orders").value();
  const auto offsets = client.offsets(topic).value();
  ASSERT_EQ(offsets.size(), 2U);
  EXPECT_EQ(offsets[0].earliest, Offset{10});
  EXPECT_EQ(offsets[0].latest, Offset{20});
  EXPECT_FALSE(offsets[0].error.has_value());
  ASSERT_TRUE(offsets[1].error.has_value());
  EXPECT_NE(offsets[1].error->message().find("KAFKA_STORAGE_ERROR"), std::string::npos);
}

TEST(KafkaClient, ATopicIsCreatedAtTheControllerWhichMayMoveMeanwhile) {
  std::atomic<std::uint16_t> other_port{0};
  std::atomic<int> created{0};
  FakeBroker controller(
      {.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
      [&created](const RequestFrame& request) {
        const auto asked = read<kafka::CreateTopicsRequest>(request);
        EXPECT_EQ(asked.topics.front().num_partitions, 4);
        kafka::CreateTopicsResponse response;
        const bool moved = ++created == 1;
        response.topics.push_back({.name = "orders",
                                   .error_code = moved ? KafkaError::kNotController : KafkaError::kNone,
                                   .num_partitions = 4});
        return respond(request, response);
      });
  FakeBroker broker({.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
                    [&other_port](const RequestFrame& request) {
                      EXPECT_EQ(request.header.api_key, ApiKey::kMetadata);
                      return respond(request, metadata(other_port));
                    });
  other_port = controller.port();
  const auto partitions = connect(broker).value().create_topic("orders", 4);
  ASSERT_TRUE(partitions.has_value()) << partitions.error().message();
  EXPECT_EQ(*partitions, 4);
  EXPECT_EQ(created, 2);
}

TEST(KafkaClient, RecordsAreDeletedAtTheLeaderPartitionByPartition) {
  std::atomic<std::uint16_t> port{0};
  FakeBroker broker(
      {.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
      [&port](const RequestFrame& request) {
        if (request.header.api_key == ApiKey::kMetadata) return respond(request, metadata(port));
        const auto asked = read<kafka::DeleteRecordsRequest>(request);
        EXPECT_EQ(asked.topics.at(0).name, "orders");
        kafka::DeleteRecordsResponse response;
        auto& topic = response.topics.emplace_back();
        topic.name = "orders";
        for (const auto& partition : asked.topics.at(0).partitions) {
          EXPECT_EQ(partition.offset, Offset{70});
          const bool refused = partition.partition_index == 1;
          topic.partitions.push_back(
              {.partition_index = partition.partition_index,
               .low_watermark = Offset{refused ? -1 : 70},
               .error_code = refused ? KafkaError::kOffsetOutOfRange : KafkaError::kNone});
        }
        return respond(request, response);
      });
  port = broker.port();
  auto client = connect(broker).value();
  const auto topic = client.topic("orders");
  ASSERT_TRUE(topic.has_value()) << topic.error().message();
  const auto starts = client.delete_records(*topic, Offset{70});
  ASSERT_TRUE(starts.has_value()) << starts.error().message();
  ASSERT_EQ(starts->size(), 2U);
  EXPECT_EQ(starts->at(0).start, Offset{70});
  EXPECT_FALSE(starts->at(0).error);
  ASSERT_TRUE(starts->at(1).error);
  EXPECT_EQ(starts->at(1).error->code(), ErrorCode::kOutOfRange);
}

TEST(KafkaClient, WhatTheBrokerRefusesIsSaidInKafkasNameAndItsOwnWords) {
  std::atomic<std::uint16_t> port{0};
  FakeBroker broker({.newest_api_versions = 3, .apis = modern_apis(), .raw_answer = ""},
                    [&port](const RequestFrame& request) {
                      if (request.header.api_key == ApiKey::kMetadata)
                        return respond(request, metadata(port));
                      if (request.header.api_key == ApiKey::kDeleteTopics) {
                        kafka::DeleteTopicsResponse response;
                        response.responses.push_back(
                            {.name = "orders", .error_code = KafkaError::kTopicDeletionDisabled});
                        return respond(request, response);
                      }
                      kafka::CreateTopicsResponse response;
                      response.topics.push_back({.name = "orders",
                                                 .error_code = KafkaError::kTopicAlreadyExists,
                                                 .error_message = "there is one"});
                      return respond(request, response);
                    });
  port = broker.port();
  auto client = connect(broker).value();
  const auto created = client.create_topic("orders", KafkaClient::kBrokersDefault);
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().code(), ErrorCode::kExists);
  EXPECT_NE(created.error().message().find("TOPIC_ALREADY_EXISTS"), std::string::npos);
  EXPECT_NE(created.error().message().find("there is one"), std::string::npos);
  const auto deleted = client.delete_topic("orders");
  ASSERT_FALSE(deleted.has_value());
  EXPECT_NE(deleted.error().message().find("TOPIC_DELETION_DISABLED"), std::string::npos);
}

// ---- settings and partitions of topics

// A broker on which "orders" has one setting of its own, which can be taken back, and nothing else.
Bytes answer_about_settings(const RequestFrame& request, std::uint16_t port) {
  switch (request.header.api_key) {
    case ApiKey::kMetadata: return respond(request, metadata(port));
    case ApiKey::kDescribeConfigs: {
      kafka::DescribeConfigsResponse response;
      auto& result = response.results.emplace_back();
      result.error_message.reset();
      result.configs.push_back({.name = "retention.ms",
                                .value = "7",
                                .config_source = kafka::ConfigSource::kDynamicTopicConfig,
                                .documentation = "how long"});
      result.configs.push_back({.name = "password",
                                .value = std::nullopt,
                                .config_source = kafka::ConfigSource::kDefaultConfig,
                                .documentation = std::nullopt});
      return respond(request, response);
    }
    case ApiKey::kIncrementalAlterConfigs: {
      const auto asked = read<kafka::IncrementalAlterConfigsRequest>(request);
      const auto& config = asked.resources.at(0).configs.at(0);
      EXPECT_EQ(asked.resources[0].resource_name, "orders");
      kafka::IncrementalAlterConfigsResponse response;
      auto& result = response.responses.emplace_back();
      result.error_message.reset();
      if (config.config_operation == kafka::ConfigOperation::kSet) {
        EXPECT_EQ(config.value, "8");
        result.error_code = KafkaError::kInvalidConfig;
        result.error_message = "not 8";
      }
      return respond(request, response);
    }
    case ApiKey::kCreatePartitions: {
      const auto asked = read<kafka::CreatePartitionsRequest>(request);
      EXPECT_FALSE(asked.topics.at(0).assignments) << "where they go is the broker's choice";
      kafka::CreatePartitionsResponse response;
      auto& result = response.results.emplace_back();
      if (asked.topics[0].count < 3) result.error_code = KafkaError::kInvalidPartitions;
      return respond(request, response);
    }
    default: return std::nullopt;
  }
}

TEST(KafkaClient, SettingsAndPartitionsOfATopicAreShownAndChanged) {
  std::atomic<std::uint16_t> port{0};
  FakeBroker broker(
      {.newest_api_versions = 3,
       .apis = {{ApiKey::kMetadata, 0, 12},
                {ApiKey::kDescribeConfigs, 0, 4},
                {ApiKey::kIncrementalAlterConfigs, 0, 1},
                {ApiKey::kCreatePartitions, 0, 3}},
       .raw_answer = ""},
      [&port](const RequestFrame& request) { return answer_about_settings(request, port); });
  port = broker.port();
  auto client = connect(broker).value();
  const auto settings = client.topic_settings("orders");
  ASSERT_TRUE(settings) << settings.error().message();
  ASSERT_EQ(settings->size(), 2U);
  EXPECT_EQ(settings->at(0).value, "7");
  EXPECT_TRUE(settings->at(0).is_topics_own);
  EXPECT_EQ(settings->at(0).documentation, "how long");
  EXPECT_FALSE(settings->at(1).value);
  EXPECT_FALSE(settings->at(1).is_topics_own);

  EXPECT_TRUE(client.change_topic_settings("orders", {{"retention.ms", std::nullopt}}));
  const auto refused = client.change_topic_settings("orders", {{"retention.ms", "8"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(refused.error().message().contains("not 8")) << refused.error().message();

  EXPECT_TRUE(client.set_partition_count("orders", 3));
  EXPECT_EQ(client.set_partition_count("orders", 2).error().code(), ErrorCode::kInvalidArgument);
}

// ---- groups

// A broker that is its own coordinator, and has the group "billing" with one offset.
Bytes answer_about_groups(const RequestFrame& request, std::uint16_t port) {
  switch (request.header.api_key) {
    case ApiKey::kFindCoordinator: {
      kafka::FindCoordinatorResponse response{.node_id = 1, .host = "127.0.0.1", .port = port};
      response.coordinators = {{.key = "billing", .node_id = 1, .host = "127.0.0.1", .port = port}};
      return respond(request, response);
    }
    case ApiKey::kOffsetFetch: {
      kafka::OffsetFetchResponse response;
      response.topics = {{"orders",
                          {{.partition_index = 1, .committed_offset = Offset{-1}},
                           {.partition_index = 0, .committed_offset = Offset{7}}}}};
      response.groups = {{.group_id = "billing",
                          .topics = {{"orders",
                                      {{.partition_index = 1, .committed_offset = Offset{-1}},
                                       {.partition_index = 0, .committed_offset = Offset{7}}}}}}};
      return respond(request, response);
    }
    case ApiKey::kDeleteGroups: {
      kafka::DeleteGroupsResponse response;
      response.results = {{.group_id = "billing", .error_code = KafkaError::kNonEmptyGroup}};
      return respond(request, response);
    }
    default: return std::nullopt;
  }
}

TEST(KafkaClient, WhatAGroupHasCommittedIsAskedOfItsCoordinatorInOldAndNewVersions) {
  for (const std::int16_t newest : {std::int16_t{3}, std::int16_t{8}}) {
    std::uint16_t port = 0;
    FakeBroker broker(
        {.newest_api_versions = 3,
         .apis = {{ApiKey::kFindCoordinator, 0, newest},
                  {ApiKey::kOffsetFetch, 0, newest},
                  {ApiKey::kDeleteGroups, 0, 2}},
         .raw_answer = ""},
        [&port](const RequestFrame& request) { return answer_about_groups(request, port); });
    port = broker.port();
    auto client = connect(broker);
    ASSERT_TRUE(client) << client.error().message();
    const auto committed = client->committed_offsets("billing");
    ASSERT_TRUE(committed) << committed.error().message();
    EXPECT_EQ(*committed, (std::vector<GroupOffset>{{"orders", 0, Offset{7}}}));
    const auto deleted = client->delete_group("billing");
    ASSERT_FALSE(deleted);
    EXPECT_TRUE(deleted.error().message().contains("NON_EMPTY_GROUP")) << deleted.error().message();
  }
}

}  // namespace
}  // namespace penstock::cli
