// Opening a partition again that refuses appends: without a restart, beside everything else.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;
using Values = std::vector<std::string>;
using Outcomes = std::vector<ReopenOutcome>;

// All values of a partition, from segment to segment.
Values all_values(BrokerMachine& machine, std::int32_t partition = 0) {
  Values values;
  while (true) {
    const Offset next{static_cast<std::int64_t>(values.size())};
    const auto fetched = machine.fetch("orders", next, partition);
    EXPECT_EQ(fetched.error_code, KafkaError::kNone);
    const Values more = values_of(fetched.records);
    if (more.empty()) return values;
    values.insert(values.end(), more.begin(), more.end());
  }
}

class Reopen : public ::testing::Test {
 protected:
  static BrokerMachineOptions two_shards() {
    BrokerMachineOptions options;
    options.shard_count = 2;
    return options;
  }

  Reopen() : machine_(storage_, two_shards()) {
    machine_.start();
    EXPECT_EQ(machine_.create_topic("orders", 2), KafkaError::kNone);
    for (std::int32_t partition : {0, 1}) produce_ok("a", partition);
  }

  KafkaError produce(const std::string& value, std::int32_t partition = 0) {
    return machine_.produce("orders", batch_of({value}), partition).error_code;
  }
  void produce_ok(const std::string& value, std::int32_t partition = 0) {
    ASSERT_EQ(produce(value, partition), KafkaError::kNone);
  }
  // A device error on a commit of partition 0.
  void fence() {
    machine_.disk.inject({.op = SimOp::kWrite, .path_part = "/data/pool"});
    EXPECT_NE(produce("lost"), KafkaError::kNone);
    EXPECT_EQ(produce("refused"), KafkaError::kKafkaStorageError);
  }
  Result<Outcomes> reopen(std::optional<std::int32_t> partition = std::nullopt) {
    return machine_.scheduler.run(machine_.broker().controller().reopen("orders", partition));
  }
  // One that goes on beside the test.
  void start_reopening(std::optional<Result<Outcomes>>& outcome) {
    machine_.scheduler.spawn(reopen_beside(machine_.broker().controller(), outcome));
  }
  Values values(std::int32_t partition = 0) { return all_values(machine_, partition); }
  PartitionCounts counts() {
    PartitionCounts all;
    for (std::size_t shard : {0U, 1U}) {
      const auto one = machine_.scheduler.run(machine_.broker(shard).count_partitions());
      all.open += one.open;
      all.fenced += one.fenced;
      all.failed += one.failed;
    }
    return all;
  }

  BrokerStorage storage_;
  BrokerMachine machine_;

 private:
  static Task<void> reopen_beside(Controller& controller, std::optional<Result<Outcomes>>& outcome) {
    outcome = co_await controller.reopen("orders", 0);
  }
};

TEST_F(Reopen, AFencedPartitionTakesAppendsAgainAndHasLostNothing) {
  fence();
  EXPECT_EQ(counts().fenced, 1U);
  EXPECT_EQ(values(), Values{"a"}) << "reads go on while it is fenced";
  const auto outcomes = reopen(0);
  ASSERT_TRUE(outcomes) << outcomes.error().message();
  ASSERT_EQ(outcomes->size(), 1U);
  EXPECT_FALSE((*outcomes)[0].error);
  produce_ok("b");
  const Values now = values();
  EXPECT_EQ(now.front(), "a");
  EXPECT_EQ(now.back(), "b");
  EXPECT_EQ(counts().open, 2U);
  EXPECT_EQ(counts().fenced, 0U);
}

TEST_F(Reopen, NothingOfItIsLostByAPowerCutAfterwards) {
  fence();
  ASSERT_TRUE(reopen(0));
  produce_ok("b");
  const Values before = values();
  machine_.die(SimCrash::kPowerCut);
  BrokerMachine again(storage_, two_shards());
  again.start();
  EXPECT_EQ(all_values(again), before);
}

TEST_F(Reopen, APartitionThatIsAllRightIsLeftAlone) {
  const auto one = reopen(1);
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().code(), ErrorCode::kBusy);
  const auto all = reopen();
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code(), ErrorCode::kBusy);
}

TEST_F(Reopen, OfAWholeTopicOnlyThoseThatNeedIt) {
  fence();
  const auto outcomes = reopen();
  ASSERT_TRUE(outcomes);
  ASSERT_EQ(outcomes->size(), 1U);
  EXPECT_EQ((*outcomes)[0].partition, 0);
}

TEST_F(Reopen, WhatDoesNotExistIsNamed) {
  const auto partition = reopen(7);
  ASSERT_FALSE(partition);
  EXPECT_EQ(partition.error().code(), ErrorCode::kNotFound);
  const auto topic =
      machine_.scheduler.run(machine_.broker().controller().reopen("nothing", std::nullopt));
  ASSERT_FALSE(topic);
  EXPECT_EQ(topic.error().code(), ErrorCode::kNotFound);
}

TEST_F(Reopen, ThatFailsIsToldAndCanBeTriedAgain) {
  fence();
  machine_.disk.inject({.op = SimOp::kRead, .path_part = "/data/topics/orders/0"});
  const auto failed = reopen(0);
  ASSERT_TRUE(failed);
  ASSERT_TRUE((*failed)[0].error);
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_EQ(produce("refused"), KafkaError::kKafkaStorageError);
  const auto again = reopen(0);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_FALSE((*again)[0].error);
  produce_ok("b");
  EXPECT_EQ(values().front(), "a");
}

TEST_F(Reopen, WhoComesMeanwhileIsToldToComeAgain) {
  fence();
  // Reading takes a while, so that requests come in between.
  SimFault slow{.op = SimOp::kRead, .path_part = "/data/topics/orders/0"};
  slow.kind = SimFaultKind::kSlow;
  slow.delay = milliseconds(100);
  machine_.disk.inject(slow);
  std::optional<Result<Outcomes>> outcome;
  start_reopening(outcome);
  machine_.sleep(milliseconds(50));
  ASSERT_FALSE(outcome) << "the test is about requests in between";
  EXPECT_EQ(produce("refused"), KafkaError::kKafkaStorageError);
  EXPECT_EQ(machine_.fetch("orders", Offset{0}).error_code, KafkaError::kKafkaStorageError);
  produce_ok("elsewhere", 1);
  machine_.sleep(std::chrono::seconds(1));
  ASSERT_TRUE(outcome);
  ASSERT_TRUE(*outcome);
  produce_ok("b");
}

TEST_F(Reopen, AWaitingFetchIsNotForgotten) {
  fence();
  kafka::FetchRequest request = BrokerMachine::fetch_request("orders", Offset{1});
  request.max_wait_ms = 10'000;
  BackgroundAnswer<kafka::FetchResponse> answer;
  machine_.start_asking<kafka::FetchRequest>(answer, request, 11);
  machine_.sleep(milliseconds(10));
  ASSERT_TRUE(reopen(0));
  produce_ok("b");
  machine_.sleep(std::chrono::seconds(11));
  ASSERT_TRUE(answer.is_there());
}

// Whatever comes beside it waits for it, or the other way round; nothing is left open or in between.
TEST_F(Reopen, BesideADeletionOfTheTopicBothEnd) {
  fence();
  std::optional<Result<Outcomes>> outcome;
  start_reopening(outcome);
  EXPECT_EQ(machine_.delete_topic("orders"), KafkaError::kNone);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(counts().open + counts().fenced + counts().failed, 0U);
}

TEST_F(Reopen, BesideAStopBothEndAndLaterOnesAreRefused) {
  fence();
  std::optional<Result<Outcomes>> outcome;
  start_reopening(outcome);
  EXPECT_TRUE(machine_.stop());
  ASSERT_TRUE(outcome);
  const auto late = reopen(0);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kClosed);
  machine_.die(SimCrash::kKill);
  BrokerMachine again(storage_, two_shards());
  again.start();
  EXPECT_EQ(values_of(again.fetch("orders", Offset{0}).records).front(), "a");
}

TEST(ReopenFailure, WhateverFailsMeanwhileNothingAcknowledgedIsLost) {
  for (const SimOp op :
       {SimOp::kOpen, SimOp::kRead, SimOp::kWrite, SimOp::kSync, SimOp::kSize, SimOp::kTruncate,
        SimOp::kRename, SimOp::kRemove, SimOp::kSyncDirectory, SimOp::kList}) {
    for (std::uint64_t nth = 1; nth <= 4; ++nth) {
      BrokerStorage storage;
      {
        BrokerMachine machine(storage);
        machine.start();
        machine.create_topic("orders");
        ASSERT_EQ(machine.produce("orders", batch_of({"a"})).error_code, KafkaError::kNone);
        machine.disk.inject({.op = SimOp::kWrite, .path_part = "/data/pool"});
        ASSERT_NE(machine.produce("orders", batch_of({"lost"})).error_code, KafkaError::kNone);
        SimFault fault{.op = op, .path_part = "/data"};
        fault.nth = nth;
        machine.disk.inject(fault);
        ASSERT_TRUE(machine.scheduler.run(machine.broker().controller().reopen("orders", 0)));
        machine.die(SimCrash::kPowerCut);
      }
      BrokerMachine again(storage);
      const StartReport report = again.start();
      ASSERT_EQ(report.recovery.findings, Values{}) << to_string(op) << " " << nth;
      ASSERT_EQ(again.produce("orders", batch_of({"b"})).error_code, KafkaError::kNone);
      const Values now = all_values(again);
      ASSERT_FALSE(now.empty()) << to_string(op) << " " << nth;
      ASSERT_EQ(now.front(), "a") << to_string(op) << " " << nth;
      ASSERT_EQ(now.back(), "b") << to_string(op) << " " << nth;
    }
  }
}

TEST(ReopenBatch, WhatWasAcknowledgedFromMemoryIsThereAgain) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  kafka::CreateTopicsRequest request;
  kafka::CreateTopicsRequest::Topic topic;
  topic.name = "orders";
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  topic.configs.push_back({.name = "commit", .value = "batch"});
  request.topics.push_back(std::move(topic));
  ASSERT_EQ(machine.ask(request, 7).topics.at(0).error_code, KafkaError::kNone);
  const auto produce = [&machine](const std::string& value) {
    return machine.produce("orders", batch_of({value})).error_code;
  };
  ASSERT_EQ(produce("a"), KafkaError::kNone);
  machine.sleep(std::chrono::seconds(3));
  ASSERT_EQ(produce("b"), KafkaError::kNone);
  // The write that persists it fails.
  machine.disk.inject({.op = SimOp::kWrite, .path_part = "/data/pool"});
  machine.sleep(std::chrono::seconds(3));
  ASSERT_NE(produce("refused"), KafkaError::kNone);
  const auto reopened = machine.scheduler.run(machine.broker().controller().reopen("orders", 0));
  ASSERT_TRUE(reopened) << reopened.error().message();
  ASSERT_FALSE((*reopened)[0].error) << (*reopened)[0].error->message();
  ASSERT_EQ(produce("c"), KafkaError::kNone);
  EXPECT_EQ(all_values(machine), (Values{"a", "b", "c"}));
}

// ---- Counters

TEST_F(Reopen, IsCounted) {
  fence();
  ASSERT_TRUE(reopen(0));
  std::uint64_t reopened = 0;
  for (std::size_t shard : {0U, 1U}) reopened += machine_.broker(shard).stats().reopened_partitions;
  EXPECT_EQ(reopened, 1U);
}

TEST_F(Reopen, ErrorsInAnswersAreCountedByTheirClass) {
  fence();
  BrokerStats stats = machine_.broker().stats();
  const ApiStats& produced = stats.of(kafka::ApiKey::kProduce);
  EXPECT_EQ(produced.requests, 4U);
  EXPECT_EQ(produced.errors[static_cast<std::size_t>(ErrorClass::kStorage)], 2U);
  EXPECT_EQ(produced.errors[static_cast<std::size_t>(ErrorClass::kClient)], 0U);
  machine_.fetch("orders", Offset{99});
  stats = machine_.broker().stats();
  EXPECT_EQ(stats.of(kafka::ApiKey::kFetch).errors[static_cast<std::size_t>(ErrorClass::kClient)], 1U);
}

}  // namespace
}  // namespace penstock::broker::testing
