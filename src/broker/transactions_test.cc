// Idempotent and transactional producers, as a client sees them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/testing/transactions_fixture.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TransactionsTest : public TransactionsFixture {};

// ---- idempotent producers

TEST_F(TransactionsTest, ABatchThatIsSentTwiceIsThereOnce) {
  const Producer one = producer();
  const Producer other = producer();
  EXPECT_NE(one.id, other.id);
  EXPECT_EQ(send(one, 0, 0, "a", false).base_offset, Offset{0});
  EXPECT_EQ(send(one, 0, 1, "b", false).base_offset, Offset{1});
  const auto again = send(one, 0, 0, "a", false);
  EXPECT_EQ(again.error_code, KafkaError::kNone);
  EXPECT_EQ(again.base_offset, Offset{0});
  EXPECT_EQ(send(one, 0, 3, "d", false).error_code, KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(send(other, 0, 0, "x", false).base_offset, Offset{2});
  restart(SimCrash::kPowerCut);
  EXPECT_EQ(send(one, 0, 1, "b", false).base_offset, Offset{1});
  EXPECT_EQ(send(one, 0, 2, "c", false).base_offset, Offset{3});
  EXPECT_EQ(all_values(0), (std::vector<std::string>{"a", "b", "x", "c"}));
  EXPECT_GT(producer().id, other.id) << "ids are never given again";
}

TEST_F(TransactionsTest, AnOldEpochIsToldSo) {
  const Producer old = producer(kId);
  const Producer next = producer(kId);
  EXPECT_EQ(next.epoch, old.epoch + 1);
  EXPECT_EQ(send(next, 0, 0, "b", false).error_code, KafkaError::kNone);
  EXPECT_EQ(send(old, 0, 0, "a", false).error_code, KafkaError::kInvalidProducerEpoch);
}

TEST_F(TransactionsTest, WhatInitProducerIdCannotDoIsRefused) {
  EXPECT_EQ(init("").error_code, KafkaError::kInvalidRequest);
  EXPECT_EQ(init(kId, 4, {5, -1, {}, kId}).error_code, KafkaError::kInvalidRequest);
  const Producer first = producer(kId);
  producer(kId);
  EXPECT_EQ(init(kId, 4, first).error_code, KafkaError::kProducerFenced);
  EXPECT_EQ(init(kId, 3, first).error_code, KafkaError::kInvalidProducerEpoch);
}

// ---- transactions

TEST_F(TransactionsTest, OverPartitionsOfAllShardsIsSeenWholeOrNotAtAll) {
  Producer one = producer(kId);
  for (const bool committed : {true, false, true}) {
    const std::string value = committed ? "yes" : "no";
    for (std::int32_t partition = 0; partition < 4; ++partition) {
      ASSERT_EQ(announce(one, partition), KafkaError::kNone);
      ASSERT_EQ(add(one, partition, value), KafkaError::kNone);
      ASSERT_EQ(add(one, partition, value), KafkaError::kNone);
    }
    ASSERT_EQ(end(one, committed), KafkaError::kNone);
  }
  for (std::int32_t partition = 0; partition < 4; ++partition) {
    EXPECT_EQ(committed_values(partition), std::vector<std::string>(4, "yes"));
    EXPECT_EQ(latest(partition, true), Offset{9});
    EXPECT_EQ(fetch(partition).aborted_transactions->size(), 1U);
    EXPECT_FALSE(fetch(partition, Offset{0}, false).aborted_transactions.has_value());
  }
}

TEST_F(TransactionsTest, NothingBehindAnOpenOneIsShownToThoseWhoAskForCommittedOnes) {
  const Producer plain = producer();
  EXPECT_EQ(send(plain, 0, 0, "before", false).error_code, KafkaError::kNone);
  Producer one = producer(kId);
  announce(one, 0);
  EXPECT_EQ(add(one, 0, "open"), KafkaError::kNone);
  EXPECT_EQ(send(plain, 0, 1, "behind", false).error_code, KafkaError::kNone);
  const auto fetched = fetch(0);
  EXPECT_EQ(fetched.last_stable_offset, Offset{1});
  EXPECT_EQ(fetched.high_watermark, Offset{3});
  EXPECT_EQ(values_of(fetched.records), std::vector<std::string>{"before"});
  EXPECT_TRUE(fetch(0, Offset{1}).records.view().empty());
  EXPECT_EQ(fetch(0, Offset{4}).error_code, KafkaError::kOffsetOutOfRange);
  EXPECT_EQ(values_of(fetch(0, Offset{0}, false).records).size(), 3U);
  EXPECT_EQ(latest(0, true), Offset{1});
  EXPECT_EQ(latest(0, false), Offset{3});
  EXPECT_EQ(end(one, true), KafkaError::kNone);
  EXPECT_EQ(committed_values(0), (std::vector<std::string>{"before", "open", "behind"}));
}

TEST_F(TransactionsTest, AConsumerOfCommittedOnesIsWokenByTheMarker) {
  Producer one = producer(kId);
  announce(one, 0);
  ASSERT_EQ(add(one, 0, "a"), KafkaError::kNone);
  auto request = BrokerMachine::fetch_request("orders", Offset{0}, 0);
  request.isolation_level = 1;
  request.max_wait_ms = 60'000;
  BackgroundAnswer<kafka::FetchResponse> waiting;
  machine_->start_asking(waiting, request, 11);
  machine_->sleep(seconds(1));
  EXPECT_FALSE(waiting.is_there());
  EXPECT_EQ(end(one, true), KafkaError::kNone);
  machine_->sleep(milliseconds(10));
  ASSERT_TRUE(waiting.is_there());
  EXPECT_FALSE(waiting->responses.at(0).partitions.at(0).records.view().empty());
}

TEST_F(TransactionsTest, ABatchOfNoTransactionThatIsOpenHereIsRefused) {
  Producer one = producer(kId);
  EXPECT_EQ(add(one, 0, "a"), KafkaError::kInvalidTxnState) << "not announced";
  announce(one, 0);
  EXPECT_EQ(add(one, 1, "a"), KafkaError::kInvalidTxnState) << "announced for another partition";
  EXPECT_EQ(add(one, 0, "a"), KafkaError::kNone);
  EXPECT_EQ(send(one, 0, 1, "b", false).error_code, KafkaError::kInvalidTxnState) << "beside it";
  EXPECT_EQ(end(one, false), KafkaError::kNone);
  EXPECT_EQ(add(one, 0, "late"), KafkaError::kInvalidTxnState);
  EXPECT_EQ(fetch(0).last_stable_offset, Offset{2});
  EXPECT_EQ(committed_values(0), std::vector<std::string>{});
  const auto without_id = batch(one, 1, "b", true);
  EXPECT_EQ(machine_->produce("orders", without_id).error_code,
            KafkaError::kTransactionalIdAuthorizationFailed);
}

TEST_F(TransactionsTest, AnUnknownPartitionAnnouncesNothing) {
  const Producer one = producer(kId);
  kafka::AddPartitionsToTxnRequest request;
  request.transactional_id = kId;
  request.producer_id = one.id;
  request.producer_epoch = one.epoch;
  request.topics.push_back({"orders", {0, 9}});
  const auto told = machine_->ask(request, 3).results_by_topic.at(0).results_by_partition;
  EXPECT_EQ(told.at(0).partition_error_code, KafkaError::kOperationNotAttempted);
  EXPECT_EQ(told.at(1).partition_error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(end(one, true), KafkaError::kInvalidTxnState);
}

TEST_F(TransactionsTest, ALaterLifeFencesTheEarlierOneOffAndAbortsWhatItLeft) {
  Producer old = producer(kId);
  announce(old, 0);
  ASSERT_EQ(add(old, 0, "old"), KafkaError::kNone);
  Producer next = producer(kId);
  EXPECT_EQ(add(old, 0, "zombie"), KafkaError::kInvalidProducerEpoch);
  EXPECT_EQ(announce(old, 0), KafkaError::kProducerFenced);
  EXPECT_EQ(end(old, true), KafkaError::kProducerFenced);
  EXPECT_EQ(end(old, true, 1), KafkaError::kInvalidProducerEpoch);
  announce(next, 0);
  ASSERT_EQ(add(next, 0, "new"), KafkaError::kNone);
  ASSERT_EQ(end(next, true), KafkaError::kNone);
  EXPECT_EQ(committed_values(0), std::vector<std::string>{"new"});
}

TEST_F(TransactionsTest, OneThatTakesTooLongIsAborted) {
  Producer one = producer(kId);
  announce(one, 0);
  ASSERT_EQ(add(one, 0, "slow"), KafkaError::kNone);
  machine_->sleep(seconds(62));
  EXPECT_EQ(fetch(0).last_stable_offset, Offset{2});
  EXPECT_EQ(committed_values(0), std::vector<std::string>{});
  EXPECT_EQ(end(one, true), KafkaError::kProducerFenced);
}

TEST_F(TransactionsTest, ATopicThatIsDeletedMeanwhileHoldsNothingUp) {
  Producer one = producer(kId);
  ASSERT_EQ(machine_->create_topic("gone"), KafkaError::kNone);
  announce(one, 0, "gone");
  announce(one, 1);
  ASSERT_EQ(add(one, 1, "a"), KafkaError::kNone);
  ASSERT_EQ(machine_->delete_topic("gone"), KafkaError::kNone);
  EXPECT_EQ(end(one, true), KafkaError::kNone);
  EXPECT_EQ(committed_values(1), std::vector<std::string>{"a"});
}

// ---- for operators

TEST_F(TransactionsTest, ProducersAndTransactionsAreDescribed) {
  Producer one = producer(kId);
  announce(one, 2);
  ASSERT_EQ(add(one, 2, "a"), KafkaError::kNone);
  machine_->sleep(seconds(5));

  kafka::DescribeProducersRequest producers;
  producers.topics.push_back({"orders", {2, 0, 9, 2}});
  const auto described = machine_->ask(producers, 0).topics.at(0).partitions;
  ASSERT_EQ(described.size(), 4U);
  ASSERT_EQ(described[0].active_producers.size(), 1U);
  EXPECT_EQ(described[0].active_producers[0].producer_id, one.id);
  EXPECT_EQ(described[0].active_producers[0].last_sequence, 0);
  EXPECT_EQ(described[0].active_producers[0].current_txn_start_offset, Offset{0});
  EXPECT_TRUE(described[1].active_producers.empty());
  EXPECT_EQ(described[2].error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(described[3].error_code, KafkaError::kInvalidRequest) << "asked twice";

  kafka::DescribeTransactionsRequest transactions;
  transactions.transactional_ids = {kId, "unknown"};
  const auto states = machine_->ask(transactions, 0).transaction_states;
  ASSERT_EQ(states.size(), 2U);
  EXPECT_EQ(states[0].transaction_state, "Ongoing");
  EXPECT_EQ(states[0].producer_id, one.id);
  ASSERT_EQ(states[0].topics.size(), 1U);
  EXPECT_EQ(states[0].topics[0].topic, "orders");
  EXPECT_EQ(states[0].topics[0].partitions, std::vector<std::int32_t>{2});
  EXPECT_EQ(states[1].error_code, KafkaError::kTransactionalIdNotFound);

  const auto list = [this](std::vector<std::string> filters, std::int64_t longer_than_ms) {
    kafka::ListTransactionsRequest request;
    request.state_filters = std::move(filters);
    request.duration_filter = longer_than_ms;
    return machine_->ask(request, 1);
  };
  EXPECT_EQ(list({}, -1).transaction_states.size(), 1U);
  EXPECT_EQ(list({"Ongoing"}, 4000).transaction_states.size(), 1U);
  EXPECT_EQ(list({}, 60'000).transaction_states.size(), 0U);
  const auto none = list({"CompleteCommit", "Nonsense"}, -1);
  EXPECT_TRUE(none.transaction_states.empty());
  EXPECT_EQ(none.unknown_state_filters, std::vector<std::string>{"Nonsense"});
}

// ---- over deaths

TEST_F(TransactionsTest, GoOnOverEveryKindOfEnd) {
  Producer one = producer(kId);
  std::vector<std::string> expected;
  for (const std::optional<SimCrash> end_of_life :
       {std::optional<SimCrash>(), std::optional(SimCrash::kKill),
        std::optional(SimCrash::kPowerCut)}) {
    ASSERT_EQ(announce(one, 2), KafkaError::kNone);
    ASSERT_EQ(add(one, 2, "a"), KafkaError::kNone);
    restart(end_of_life);
    EXPECT_EQ(committed_values(2), expected);
    ASSERT_EQ(add(one, 2, "b"), KafkaError::kNone);
    ASSERT_EQ(end(one, true), KafkaError::kNone);
    expected.insert(expected.end(), {"a", "b"});
    EXPECT_EQ(committed_values(2), expected);
  }
}

// Whenever the machine dies: what was answered holds, the transaction is seen in both partitions or in
// none, and nothing is held up afterwards.
TEST_F(TransactionsTest, AtEveryStepOfACommitADeathLeavesAllOrNothing) {
  for (const SimCrash how : {SimCrash::kKill, SimCrash::kPowerCut}) {
    for (std::uint64_t step = 1;; ++step) {
      SCOPED_TRACE(step);
      (void)machine_->stop();
      machine_.reset();
      storage_ = std::make_unique<BrokerStorage>();
      start();
      ASSERT_EQ(machine_->create_topic("orders", 4), KafkaError::kNone);
      Producer one = producer(kId);
      for (const std::int32_t partition : {0, 1}) {
        ASSERT_EQ(announce(one, partition), KafkaError::kNone);
        ASSERT_EQ(add(one, partition, "a"), KafkaError::kNone);
      }
      machine_->disk.crash_after(machine_->disk.steps() + step, how);
      kafka::EndTxnRequest request;
      request.transactional_id = kId;
      request.producer_id = one.id;
      request.producer_epoch = one.epoch;
      request.committed = true;
      BackgroundAnswer<kafka::EndTxnResponse> ending;
      machine_->start_asking(ending, request, 3);
      machine_->sleep(seconds(1));
      const bool is_answered = ending.is_there() && *ending.outcome && **ending.outcome &&
                               ending->error_code == KafkaError::kNone;
      const bool has_died = machine_->disk.has_crashed();
      (void)machine_->stop();
      machine_.reset();
      start();
      machine_->sleep(seconds(2));
      EXPECT_EQ(committed_values(0), committed_values(1));
      if (is_answered) EXPECT_EQ(committed_values(0), std::vector<std::string>{"a"});
      EXPECT_EQ(end(one, true), KafkaError::kNone) << "asked again";
      EXPECT_EQ(committed_values(0), std::vector<std::string>{"a"});
      EXPECT_EQ(latest(0, true), latest(0, false));
      if (!has_died) break;
    }
  }
}

// ---- offsets within transactions

TEST_F(TransactionsTest, OffsetsAreCommittedWithTheTransaction) {
  for (const bool is_committed : {true, false}) {
    Producer one = producer(kId);
    EXPECT_EQ(commit_offset(one, 0, 5), KafkaError::kInvalidTxnState) << "not announced";
    EXPECT_EQ(announce_group(one), KafkaError::kNone);
    EXPECT_EQ(commit_offset(one, 0, is_committed ? 5 : 6), KafkaError::kNone);
    EXPECT_EQ(commit_offset(one, 9, 5), KafkaError::kUnknownTopicOrPartition);
    EXPECT_EQ(committed(0, true).error_code, KafkaError::kUnstableOffsetCommit);
    EXPECT_EQ(committed(0, false).error_code, KafkaError::kNone);
    EXPECT_EQ(committed(1, true).error_code, KafkaError::kNone);
    restart(SimCrash::kKill);
    EXPECT_EQ(committed(0, true).error_code, KafkaError::kUnstableOffsetCommit);
    EXPECT_EQ(end(one, is_committed), KafkaError::kNone);
    EXPECT_EQ(committed(0, true).committed_offset, Offset{5});
  }
}

}  // namespace
}  // namespace penstock::broker::testing
