#include <gtest/gtest.h>

#include <array>

#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::FetchRequest;
using kafka::FetchResponse;
using kafka::KafkaError;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A batch of one record and about `size_bytes`.
std::vector<std::byte> batch_of_size(std::size_t size_bytes) {
  return batch_of({std::string(size_bytes - 75, 'x')});
}

class Fetch : public ::testing::Test {
 protected:
  Fetch() : machine_(storage_) {
    machine_.start();
    machine_.create_topic("orders", 3);
  }
  static FetchRequest request(Offset from, std::int32_t partition = 0) {
    return BrokerMachine::fetch_request("orders", from, partition);
  }
  // As requests name it from version 13 on.
  FetchRequest::Topic by_id(FetchRequest::Topic named) {
    named.topic_id = machine_.broker().topics()->find(named.topic)->id;
    named.topic.clear();
    return named;
  }
  // All three partitions, from their start.
  static FetchRequest request_of_all() {
    FetchRequest all = request(Offset{0}, 0);
    auto& partitions = all.topics[0].partitions;
    partitions.resize(3, partitions[0]);
    for (std::int32_t i = 0; i < 3; ++i) partitions[static_cast<std::size_t>(i)].partition = i;
    return all;
  }
  std::vector<std::size_t> sizes_of(const FetchRequest& asked) {
    std::vector<std::size_t> sizes;
    const FetchResponse response = machine_.ask(asked, 11);
    for (const auto& partition : response.responses.at(0).partitions)
      sizes.push_back(partition.records.size());
    return sizes;
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(Fetch, ServesWholeBatchesAsTheProducerSentThemAtTheirOffsets) {
  const auto batch = batch_of({"a", "b"});
  machine_.produce("orders", batch_of({"0"}));
  machine_.produce("orders", batch);
  const auto part = machine_.fetch("orders", Offset{1});
  EXPECT_EQ(part.error_code, KafkaError::kNone);
  EXPECT_EQ(part.high_watermark, Offset{3});
  EXPECT_EQ(part.last_stable_offset, Offset{3});
  EXPECT_EQ(part.log_start_offset, Offset{0});
  ASSERT_EQ(part.records.size(), batch.size());
  auto expected = batch;
  log::stamp_batch(expected, Offset{1}, 0);
  EXPECT_TRUE(std::ranges::equal(part.records.view(), expected));
  // In the middle of a batch: the whole of it.
  EXPECT_EQ(machine_.fetch("orders", Offset{2}).records.size(), batch.size());
}

TEST_F(Fetch, EveryServedVersionWorks) {
  machine_.produce("orders", batch_of({"a"}));
  for (std::int16_t version = 4; version <= 16; ++version) {
    FetchRequest asked = request(Offset{0});
    if (version >= kafka::kFirstFetchWithIds) asked.topics[0] = by_id(asked.topics[0]);
    const auto response = machine_.ask(asked, version);
    EXPECT_EQ(response.responses.at(0).topic, asked.topics[0].topic);
    EXPECT_EQ(response.responses.at(0).topic_id, asked.topics[0].topic_id);
    EXPECT_EQ(values_of(response.responses.at(0).partitions.at(0).records),
              std::vector<std::string>{"a"})
        << version;
  }
}

TEST_F(Fetch, OutsideOfTheLogIsOutOfRange) {
  machine_.produce("orders", batch_of({"a"}));
  for (const Offset outside : {Offset{-1}, Offset{2}}) {
    const auto part = machine_.fetch("orders", outside);
    EXPECT_EQ(part.error_code, KafkaError::kOffsetOutOfRange);
    EXPECT_EQ(part.high_watermark, Offset{-1});
    EXPECT_TRUE(part.records.view().empty());
  }
}

TEST_F(Fetch, AnUnknownPartitionIsAnErrorAtOnceAndTheOthersAreServed) {
  machine_.produce("orders", batch_of({"a"}), 1);
  FetchRequest asked = request_of_all();
  asked.topics[0].partitions[0].partition = 9;
  asked.max_wait_ms = 60'000;
  asked.min_bytes = 1 << 20;
  const Instant before = machine_.scheduler.now();
  const auto response = machine_.ask(asked, 11);
  EXPECT_LT(machine_.scheduler.now() - before, milliseconds(100));
  const auto& partitions = response.responses.at(0).partitions;
  EXPECT_EQ(partitions[0].error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(partitions[0].high_watermark, Offset{-1});
  EXPECT_EQ(values_of(partitions[1].records), std::vector<std::string>{"a"});
}

TEST_F(Fetch, ATopicThatWasCreatedAgainHasAnotherId) {
  machine_.produce("orders", batch_of({"a"}));
  FetchRequest asked = request(Offset{0});
  asked.topics[0] = by_id(asked.topics[0]);
  EXPECT_EQ(machine_.ask(asked, 13).responses.at(0).partitions.at(0).error_code, KafkaError::kNone);
  machine_.delete_topic("orders");
  machine_.create_topic("orders", 3);
  const auto gone = machine_.ask(asked, 13);
  EXPECT_EQ(gone.responses.at(0).topic_id, asked.topics[0].topic_id);
  EXPECT_EQ(gone.responses.at(0).partitions.at(0).error_code, KafkaError::kUnknownTopicId);
  FetchRequest without = asked;
  without.topics[0].topic_id = {};
  EXPECT_EQ(machine_.ask(without, 13).responses.at(0).partitions.at(0).error_code,
            KafkaError::kUnknownTopicId);
  // The id is right and the partition is not.
  FetchRequest beyond = request(Offset{0}, 9);
  beyond.topics[0] = by_id(beyond.topics[0]);
  EXPECT_EQ(machine_.ask(beyond, 13).responses.at(0).partitions.at(0).error_code,
            KafkaError::kUnknownTopicOrPartition);
}

TEST_F(Fetch, LeaderEpochsAreChecked) {
  const auto with_epoch = [this](std::int32_t epoch) {
    FetchRequest asked = request(Offset{0});
    asked.topics[0].partitions[0].current_leader_epoch = epoch;
    return machine_.ask(asked, 11).responses.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(with_epoch(-1), KafkaError::kNone);
  EXPECT_EQ(with_epoch(0), KafkaError::kNone);
  EXPECT_EQ(with_epoch(1), KafkaError::kUnknownLeaderEpoch);

  Topic later;
  later.leader_epoch = 5;
  EXPECT_EQ(check_leader_epoch(later, 4), KafkaError::kFencedLeaderEpoch);
  EXPECT_EQ(check_leader_epoch(later, 5), KafkaError::kNone);
  EXPECT_EQ(check_leader_epoch(later, 6), KafkaError::kUnknownLeaderEpoch);
}

TEST_F(Fetch, AbortedTransactionsAreNullForThoseWhoDoNotAskAndNoneForThoseWhoDo) {
  FetchRequest asked = request(Offset{0});
  EXPECT_FALSE(machine_.ask(asked, 11).responses[0].partitions[0].aborted_transactions);
  asked.isolation_level = 1;
  const auto response = machine_.ask(asked, 11);
  ASSERT_TRUE(response.responses[0].partitions[0].aborted_transactions);
  EXPECT_TRUE(response.responses[0].partitions[0].aborted_transactions->empty());
}

// ---- limits (KIP-74)

TEST_F(Fetch, TheFirstBatchIsServedWholeWhateverTheLimits) {
  machine_.produce("orders", batch_of_size(3000), 0);
  machine_.produce("orders", batch_of_size(3000), 1);
  FetchRequest asked = request_of_all();
  asked.max_bytes = 10;
  for (auto& partition : asked.topics[0].partitions) partition.partition_max_bytes = 10;
  const auto sizes = sizes_of(asked);
  EXPECT_GT(sizes[0], 2000U);
  EXPECT_EQ(sizes[1], 0U);
}

TEST_F(Fetch, TheFirstPartitionThatHasAnythingGetsIt) {
  machine_.produce("orders", batch_of_size(3000), 1);
  machine_.produce("orders", batch_of_size(3000), 2);
  FetchRequest asked = request_of_all();
  asked.max_bytes = 10;
  const auto sizes = sizes_of(asked);
  EXPECT_EQ(sizes[0], 0U);
  EXPECT_GT(sizes[1], 2000U);
  EXPECT_EQ(sizes[2], 0U);
}

TEST_F(Fetch, LimitsOfResponseAndPartitionHold) {
  for (int i = 0; i < 5; ++i) {
    for (std::int32_t partition = 0; partition < 3; ++partition)
      machine_.produce("orders", batch_of_size(1000), partition);
  }
  const std::size_t one = sizes_of(request(Offset{4})).at(0);
  FetchRequest asked = request_of_all();
  asked.topics[0].partitions[0].partition_max_bytes = static_cast<std::int32_t>(2 * one);
  asked.topics[0].partitions[1].partition_max_bytes = static_cast<std::int32_t>(2 * one - 1);
  EXPECT_EQ(sizes_of(asked), (std::vector<std::size_t>{2 * one, one, 5 * one}));
  asked.max_bytes = static_cast<std::int32_t>(4 * one);
  EXPECT_EQ(sizes_of(asked), (std::vector<std::size_t>{2 * one, one, one}));
  machine_.settings().max_fetch_bytes = 2 * one;
  EXPECT_EQ(sizes_of(asked), (std::vector<std::size_t>{2 * one, 0, 0}));
}

// ---- waiting

TEST_F(Fetch, AnswersAtOnceWhenItMayNotWait) {
  const Instant before = machine_.scheduler.now();
  const auto part = machine_.fetch("orders", Offset{0});
  EXPECT_EQ(part.error_code, KafkaError::kNone);
  EXPECT_TRUE(part.records.view().empty());
  EXPECT_EQ(machine_.scheduler.now(), before);
}

TEST_F(Fetch, WaitsUntilTheTimeIsOverAndThenAnswersEmpty) {
  FetchRequest asked = request(Offset{0});
  asked.max_wait_ms = 500;
  const Instant before = machine_.scheduler.now();
  const auto response = machine_.ask(asked, 11);
  EXPECT_EQ(machine_.scheduler.now() - before, milliseconds(500));
  EXPECT_EQ(response.responses[0].partitions[0].error_code, KafkaError::kNone);
  EXPECT_TRUE(response.responses[0].partitions[0].records.view().empty());
}

TEST_F(Fetch, ThatWaitsIsWokenByWhatIsProduced) {
  FetchRequest asked = request_of_all();
  asked.max_wait_ms = 60'000;
  BackgroundAnswer<FetchResponse> answer;
  machine_.start_asking(answer, asked, 11);
  machine_.sleep(milliseconds(300));
  EXPECT_FALSE(answer.is_there());
  machine_.produce("orders", batch_of({"awaited"}), 2);
  machine_.sleep(microseconds(1));
  ASSERT_TRUE(answer.is_there());
  EXPECT_EQ(values_of(answer->responses[0].partitions[2].records), std::vector<std::string>{"awaited"});
}

TEST_F(Fetch, WaitsForAsManyBytesAsAreWanted) {
  FetchRequest asked = request(Offset{0});
  asked.max_wait_ms = 60'000;
  asked.min_bytes = 2500;
  BackgroundAnswer<FetchResponse> answer;
  machine_.start_asking(answer, asked, 11);
  machine_.produce("orders", batch_of_size(1000));
  machine_.produce("orders", batch_of_size(1000));
  machine_.sleep(milliseconds(100));
  EXPECT_FALSE(answer.is_there());
  machine_.produce("orders", batch_of_size(1000));
  machine_.sleep(microseconds(1));
  ASSERT_TRUE(answer.is_there());
  EXPECT_GE(answer->responses[0].partitions[0].records.size(), 2500U);
}

TEST_F(Fetch, MoreThanTheResponseMayCarryIsNotWaitedFor) {
  FetchRequest asked = request(Offset{0});
  asked.max_wait_ms = 60'000;
  asked.min_bytes = 1 << 20;
  asked.max_bytes = 900;
  machine_.produce("orders", batch_of_size(1000));
  const Instant before = machine_.scheduler.now();
  machine_.ask(asked, 11);
  EXPECT_LT(machine_.scheduler.now() - before, milliseconds(10));
}

TEST_F(Fetch, ThatWaitsEndsWhenItsTopicIsDeleted) {
  FetchRequest asked = request(Offset{0});
  asked.max_wait_ms = 60'000;
  BackgroundAnswer<FetchResponse> answer;
  machine_.start_asking(answer, asked, 11);
  machine_.sleep(milliseconds(10));
  EXPECT_EQ(machine_.delete_topic("orders"), KafkaError::kNone);
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(answer.is_there());
  EXPECT_NE(answer->responses[0].partitions[0].error_code, KafkaError::kNone);
}

// Everything takes 1 ms, so that a test can say what happens between what.
BrokerMachineOptions in_milliseconds() {
  BrokerMachineOptions options;
  options.disk.latency_min = options.disk.latency_max = milliseconds(1);
  return options;
}

TEST(FetchEnd, NothingIsToldToAFetchThatEndedWhileItsTopicWasBeingDeleted) {
  BrokerStorage storage;
  BrokerMachine machine(storage, in_milliseconds());
  machine.start();
  machine.create_topic("orders");
  machine.produce("orders", batch_of({"a"}));

  FetchRequest asked = BrokerMachine::fetch_request("orders", Offset{1});
  asked.max_wait_ms = 3;
  BackgroundAnswer<FetchResponse> answer;
  machine.start_asking(answer, asked, 11);
  machine.sleep(microseconds(800));
  // The partition is the broker's no more after 2.8 ms ...
  kafka::DeleteTopicsRequest remove;
  remove.topic_names = {"orders"};
  BackgroundAnswer<kafka::DeleteTopicsResponse> removed;
  machine.start_asking(removed, remove, 5);
  machine.sleep(microseconds(1500));
  // ... the wait is over after 3 ms, and this becomes durable after 3.3 ms.
  const auto batch = batch_of({"b"});
  BackgroundAnswer<kafka::ProduceResponse> produced;
  machine.start_asking(produced, BrokerMachine::produce_request("orders", batch), 9);
  machine.sleep(milliseconds(50));
  ASSERT_TRUE(answer.is_there() && produced.is_there() && removed.is_there());
}

TEST(FetchEnd, NothingIsToldToAFetchThatEndsInTheTurnInWhichACommitDoes) {
  BrokerStorage storage;
  BrokerMachine machine(storage, in_milliseconds());
  machine.start();
  machine.create_topic("orders");
  machine.produce("orders", batch_of({"a"}));

  const auto batch = batch_of({"b"});
  BackgroundAnswer<kafka::ProduceResponse> produced;
  machine.start_asking(produced, BrokerMachine::produce_request("orders", batch), 9);
  // At the same instant, but after the write has begun: so it also ends just before the wait does.
  for (int turn = 0; turn < 20; ++turn) machine.sleep(Duration::zero());
  FetchRequest asked = BrokerMachine::fetch_request("orders", Offset{1});
  asked.max_wait_ms = 1;
  BackgroundAnswer<FetchResponse> answer;
  machine.start_asking(answer, asked, 11);
  machine.sleep(milliseconds(20));
  ASSERT_TRUE(answer.is_there() && produced.is_there());
}

TEST_F(Fetch, WaitingOnesAnswerWhenTheyAreReleased) {
  FetchRequest asked = request(Offset{0});
  asked.max_wait_ms = 60'000;
  BackgroundAnswer<FetchResponse> answer;
  machine_.start_asking(answer, asked, 11);
  machine_.sleep(milliseconds(10));
  machine_.broker().release_waiting();
  machine_.sleep(microseconds(1));
  EXPECT_TRUE(answer.is_there());
  const Instant before = machine_.scheduler.now();
  machine_.ask(asked, 11);
  EXPECT_EQ(machine_.scheduler.now(), before) << "and none waits any more";
}

TEST_F(Fetch, WaitingOnesEndWhenTheirClientGoesAndOthersWaitOn) {
  FetchRequest asked = request(Offset{0});
  asked.max_wait_ms = 60'000;
  Client gone{.host = "/192.0.2.2"};
  BackgroundAnswer<FetchResponse> of_gone;
  BackgroundAnswer<FetchResponse> of_other;
  machine_.start_asking(of_gone, asked, 11, 0, gone);
  machine_.start_asking(of_other, asked, 11);
  machine_.sleep(std::chrono::seconds(1));
  EXPECT_EQ(machine_.broker().stats().waiting_requests, 2U);
  EXPECT_GT(machine_.broker().stats().waiting_bytes, 100U);
  gone.gone.abort();
  machine_.sleep(std::chrono::milliseconds(1));
  ASSERT_TRUE(of_gone.is_there());
  EXPECT_EQ(of_gone->responses[0].partitions[0].error_code, KafkaError::kNone);
  EXPECT_FALSE(of_other.is_there());
  EXPECT_EQ(machine_.broker().stats().waiting_requests, 1U);
  machine_.sleep(std::chrono::seconds(60));
  EXPECT_TRUE(of_other.is_there());
  EXPECT_EQ(machine_.broker().stats().waiting_requests, 0U);
  EXPECT_EQ(machine_.broker().stats().waiting_bytes, 0U);
}

TEST_F(Fetch, ThatFindsNoPlaceToWaitIsAnsweredAtOnce) {
  machine_.settings().waiting = {.of_connection = 2, .of_shard = 3, .bytes_of_shard = kMiB};
  FetchRequest asked = request(Offset{0});
  asked.max_wait_ms = 60'000;
  Client other{.host = "/192.0.2.2"};
  std::array<BackgroundAnswer<FetchResponse>, 5> answers;
  for (int i = 0; i < 3; ++i) machine_.start_asking(answers[static_cast<std::size_t>(i)], asked, 11);
  for (int i = 3; i < 5; ++i)
    machine_.start_asking(answers[static_cast<std::size_t>(i)], asked, 11, 0, other);
  machine_.sleep(std::chrono::seconds(1));
  EXPECT_FALSE(answers[0].is_there());
  EXPECT_FALSE(answers[1].is_there());
  EXPECT_TRUE(answers[2].is_there()) << "the third of its connection";
  EXPECT_FALSE(answers[3].is_there());
  EXPECT_TRUE(answers[4].is_there()) << "the fourth of the shard";
  EXPECT_EQ(machine_.broker().stats().refused_waits, 2U);
  machine_.sleep(std::chrono::seconds(60));

  machine_.settings().waiting.bytes_of_shard = 10;
  const Instant before = machine_.scheduler.now();
  machine_.ask(asked, 11);
  EXPECT_LT(machine_.scheduler.now() - before, std::chrono::seconds(1));
}

// A batch is served whole, so it waits until there is memory for all of it.
TEST_F(Fetch, WaitsForMemoryForTheFirstBatch) {
  machine_.produce("orders", batch_of_size(600'000));
  machine_.settings().answer_bytes = kMiB;
  AnswerMemory& memory = machine_.broker().answers();
  AnswerMemory::Share other(memory, kMiB - 100'000);
  BackgroundAnswer<FetchResponse> answer;
  machine_.start_asking(answer, request(Offset{0}), 11);
  machine_.sleep(seconds(1));
  EXPECT_FALSE(answer.is_there());
  EXPECT_TRUE(memory.is_short());
  EXPECT_LE(memory.used_bytes(), kMiB);
  other.shrink(0);
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(answer.is_there());
  EXPECT_GT(answer->responses[0].partitions[0].records.size(), 599'000U);
}

TEST_F(Fetch, ThatWaitsForMemoryEndsWhenItsClientGoes) {
  machine_.produce("orders", batch_of_size(600'000));
  machine_.settings().answer_bytes = kMiB;
  const AnswerMemory::Share other(machine_.broker().answers(), kMiB);
  Client client{.host = "/192.0.2.1"};
  BackgroundAnswer<FetchResponse> answer;
  machine_.start_asking(answer, request(Offset{0}), 11, 0, client);
  machine_.sleep(seconds(1));
  EXPECT_FALSE(answer.is_there());
  client.gone.abort();
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(answer.is_there());
  EXPECT_TRUE(answer->responses[0].partitions[0].records.view().empty());
}

TEST_F(Fetch, DamageIsAnErrorAndNeverServed) {
  machine_.produce("orders", batch_of({"a"}));
  ASSERT_TRUE(machine_.stop());
  BrokerStorage& storage = storage_;
  storage.flip_bit("/data/topics/orders/0/00000000000000000001.seg", log::kFirstCommit + 100, 1);
  machine_.disk.kill();
  BrokerMachine machine(storage);
  machine.start();
  const auto part = machine.fetch("orders", Offset{0});
  EXPECT_EQ(part.error_code, KafkaError::kCorruptMessage);
  EXPECT_TRUE(part.records.view().empty());
}

}  // namespace
}  // namespace penstock::broker::testing
