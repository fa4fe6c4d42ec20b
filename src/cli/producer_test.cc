#include "cli/producer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cli/testing/fake_topic.h"
#include "kafka/partitioner.h"

namespace penstock::cli {
namespace {

using kafka::ApiKey;
using kafka::Compression;
using kafka::KafkaError;
using std::chrono::milliseconds;
using Fault = FakeTopic::Fault;
using Texts = std::vector<std::string>;

constexpr milliseconds kTestTimeout{20'000};

void add(Producer& producer, std::string_view value, std::optional<std::string_view> key = {}) {
  ProducedMessage message{.timestamp_ms = 1, .value = as_bytes(value)};
  if (key) message.key = as_bytes(*key);
  message.line = producer.stats().added + 1;
  producer.add(message);
}

void run(Producer& producer) {
  const Deadline deadline(kTestTimeout);
  while (!producer.is_idle()) {
    ASSERT_FALSE(deadline.has_passed());
    producer.step();
    std::vector<pollfd> poll_set;
    producer.add_to(poll_set);
    if (!producer.is_idle())
      ::poll(poll_set.data(), poll_set.size(), static_cast<int>(producer.next_step_in().count()));
  }
}

void send_numbers(Producer& producer, int count) {
  for (int i = 0; i < count; ++i) add(producer, std::to_string(i));
  producer.finish();
  run(producer);
}

Texts numbers(int count) {
  Texts texts;
  for (int i = 0; i < count; ++i) texts.push_back(std::to_string(i));
  return texts;
}

Producer open(KafkaCluster& cluster, const ProducerOptions& options = {}) {
  auto producer = Producer::open(cluster, FakeTopic::kName, options);
  EXPECT_TRUE(producer) << (producer ? "" : producer.error().message());
  return std::move(*producer);
}

TEST(Producer, MessagesArriveInTheirOrderWithEveryCodec) {
  for (const auto codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                           Compression::kLz4, Compression::kZstd}) {
    FakeTopic topic(1);
    KafkaCluster cluster(topic.bootstrap());
    Producer producer = open(cluster, {.compression = codec, .batch_bytes = 2000});
    send_numbers(producer, 1000);
    EXPECT_FALSE(producer.failure());
    EXPECT_EQ(producer.stats().acknowledged, 1000U);
    EXPECT_FALSE(producer.first_unacknowledged());
    EXPECT_EQ(topic.records_of(0), numbers(1000));
    EXPECT_GT(topic.batches_of(0).size(), 2U);
    for (const auto& batch : topic.batches_of(0)) {
      EXPECT_EQ(kafka::RecordBatchView::parse(batch).value().compression(), codec);
      EXPECT_TRUE(kafka::RecordBatchView::parse(batch).value().crc_matches());
    }
  }
}

TEST(Producer, KeysGoWhereTheJavaClientPutsThem) {
  constexpr std::int32_t kPartitions = 5;
  FakeTopic topic(kPartitions);
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster);
  for (int i = 0; i < 50; ++i) add(producer, "v", std::to_string(i));
  producer.finish();
  run(producer);
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    Texts expected;
    for (int i = 0; i < 50; ++i) {
      const std::string key = std::to_string(i);
      if (kafka::partition_of_key(as_bytes(key), kPartitions) == partition)
        expected.push_back(key + "=v");
    }
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(topic.records_of(partition), expected);
  }
}

TEST(Producer, MessagesWithoutAKeyFillOneBatchAfterTheOther) {
  FakeTopic topic(3);
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster, {.batch_bytes = 1000});
  send_numbers(producer, 300);
  std::size_t batches = 0;
  for (std::int32_t partition = 0; partition < 3; ++partition) {
    EXPECT_GT(topic.batches_of(partition).size(), 0U);
    batches += topic.batches_of(partition).size();
  }
  EXPECT_LT(batches, 12U);  // 300 records of about 10 bytes, and room for 40 more each
  EXPECT_EQ(producer.stats().acknowledged, 300U);
}

TEST(Producer, APartitionThatIsNotThereIsRefused) {
  FakeTopic topic(2);
  KafkaCluster cluster(topic.bootstrap());
  const auto producer = Producer::open(cluster, FakeTopic::kName, {.partition = 2});
  ASSERT_FALSE(producer);
  EXPECT_EQ(producer.error().code(), ErrorCode::kOutOfRange);
}

TEST(Producer, ALeaderThatMovesIsFollowed) {
  FakeTopic topic(1, 2);
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster, {.batch_bytes = 200});
  topic.lead(1);
  send_numbers(producer, 100);
  EXPECT_FALSE(producer.failure());
  EXPECT_EQ(topic.records_of(0), numbers(100));
}

TEST(Producer, ALostConnectionIsOpenedAgainAndOrderIsKept) {
  FakeTopic topic(1);
  int requests = 0;
  topic.fail_as([&requests](ApiKey, std::int32_t, std::int32_t, ByteView) {
    return Fault{.closes = ++requests % 3 == 1};
  });
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster, {.batch_bytes = 500});
  send_numbers(producer, 100);
  EXPECT_FALSE(producer.failure());
  EXPECT_EQ(topic.records_of(0), numbers(100));
}

TEST(Producer, WhatIsSentAgainIsThereOnceUnlessBatchesAreNotNumbered) {
  for (const bool is_idempotent : {true, false}) {
    FakeTopic topic(1);
    int requests = 0;
    topic.fail_as([&requests](ApiKey api, std::int32_t, std::int32_t, ByteView) {
      return Fault{.loses_answer = api == ApiKey::kProduce && ++requests % 3 == 1};
    });
    KafkaCluster cluster(topic.bootstrap());
    Producer producer = open(cluster, {.batch_bytes = 500, .is_idempotent = is_idempotent});
    EXPECT_EQ(producer.is_idempotent(), is_idempotent);
    send_numbers(producer, 100);
    EXPECT_FALSE(producer.failure());
    if (is_idempotent) EXPECT_EQ(topic.records_of(0), numbers(100));
    if (!is_idempotent) EXPECT_GT(topic.records_of(0).size(), 100U);
  }
}

TEST(Producer, ABatchThatIsTooLargeIsSentInHalves) {
  for (const auto codec : {Compression::kNone, Compression::kZstd}) {
    FakeTopic topic(1);
    topic.fail_as([](ApiKey, std::int32_t, std::int32_t, ByteView records) {
      return Fault{.error = records.size() > 150 ? KafkaError::kMessageTooLarge : KafkaError::kNone};
    });
    KafkaCluster cluster(topic.bootstrap());
    Producer producer = open(cluster, {.compression = codec});
    send_numbers(producer, 100);
    EXPECT_FALSE(producer.failure());
    EXPECT_EQ(topic.records_of(0), numbers(100));
  }
}

TEST(Producer, AMessageThatIsTooLargeByItselfIsNamedAndWhatIsBehindItIsNotSent) {
  FakeTopic topic(1);
  topic.fail_as([](ApiKey, std::int32_t, std::int32_t, ByteView records) {
    return Fault{.error = records.size() > 150 ? KafkaError::kMessageTooLarge : KafkaError::kNone};
  });
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster);
  for (const std::string& value :
       {std::string("1"), std::string("2"), std::string(500, 'x'), std::string("4")})
    add(producer, value);
  producer.finish();
  run(producer);
  ASSERT_TRUE(producer.failure());
  const std::string& message = producer.failure()->message();
  EXPECT_TRUE(message.contains("message 3 was not sent")) << message;
  EXPECT_TRUE(message.contains("max.message.bytes")) << message;
  EXPECT_EQ(topic.records_of(0), (Texts{"1", "2"}));
  EXPECT_EQ(producer.stats().acknowledged, 2U);
  EXPECT_EQ(producer.first_unacknowledged(), 3U);
  EXPECT_FALSE(producer.has_room());
}

TEST(Producer, WhatDoesNotPassIsGivenUpWhenItsTimeIsOver) {
  FakeTopic topic(1);
  topic.fail_as([](ApiKey, std::int32_t, std::int32_t, ByteView) {
    return Fault{.error = KafkaError::kNotEnoughReplicas};
  });
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster, {.timeout = milliseconds(400)});
  send_numbers(producer, 3);
  ASSERT_TRUE(producer.failure());
  EXPECT_TRUE(producer.failure()->message().contains("messages 1 to 3"))
      << producer.failure()->message();
  EXPECT_TRUE(producer.failure()->message().contains("NOT_ENOUGH_REPLICAS"));
  EXPECT_EQ(producer.first_unacknowledged(), 1U);
}

TEST(Producer, ABrokerThatDoesNotAnswerIsGivenUpWhenItsTimeIsOver) {
  FakeTopic topic(1);
  topic.fail_as([](ApiKey, std::int32_t, std::int32_t, ByteView) { return Fault{.is_silent = true}; });
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster, {.timeout = milliseconds(300)});
  send_numbers(producer, 1);
  ASSERT_TRUE(producer.failure());
  EXPECT_EQ(producer.failure()->code(), ErrorCode::kTimeout);
}

TEST(Producer, WhatABrokerRefusesForGoodIsNotTriedAgain) {
  FakeTopic topic(1);
  int requests = 0;
  topic.fail_as([&requests](ApiKey, std::int32_t, std::int32_t, ByteView) {
    ++requests;
    return Fault{.error = KafkaError::kTopicAuthorizationFailed};
  });
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster);
  send_numbers(producer, 1);
  ASSERT_TRUE(producer.failure());
  EXPECT_EQ(producer.failure()->code(), ErrorCode::kPermission);
  EXPECT_EQ(requests, 1);
}

TEST(Producer, NoMoreIsTakenThanTheBufferHolds) {
  FakeTopic topic(1);
  topic.fail_as([](ApiKey, std::int32_t, std::int32_t, ByteView) { return Fault{.is_silent = true}; });
  KafkaCluster cluster(topic.bootstrap());
  constexpr std::size_t kBufferBytes = 10'000;
  Producer producer = open(
      cluster, {.batch_bytes = 1000, .timeout = milliseconds(300), .max_buffered_bytes = kBufferBytes});
  const std::string value(100, 'x');
  while (producer.has_room()) {
    add(producer, value);
    producer.step();
    ASSERT_LE(producer.stats().bytes, kBufferBytes);
  }
  EXPECT_GT(producer.stats().bytes, kBufferBytes / 2);
  run(producer);
  EXPECT_TRUE(producer.failure());
}

TEST(Producer, WithoutAcksNothingIsWaitedFor) {
  FakeTopic topic(1);
  KafkaCluster cluster(topic.bootstrap());
  Producer producer = open(cluster, {.acks = Acks::kNone, .batch_bytes = 500});
  send_numbers(producer, 100);
  EXPECT_EQ(producer.stats().acknowledged, 100U);
  const Deadline deadline(kTestTimeout);
  while (topic.records_of(0).size() < 100 && !deadline.has_passed())
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(topic.records_of(0), numbers(100));
}

}  // namespace
}  // namespace penstock::cli
