#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Produce : public ::testing::Test {
 protected:
  void start(BrokerMachineOptions options = {}, std::int32_t partitions = 2) {
    machine_.emplace(storage_, std::move(options));
    machine_->start();
    ASSERT_EQ(machine_->create_topic("orders", partitions), KafkaError::kNone);
  }
  KafkaError error_of(const std::vector<std::byte>& batch, std::int16_t version = 9) {
    const auto response = machine_->ask(BrokerMachine::produce_request("orders", batch), version);
    return response.responses.at(0).partition_responses.at(0).error_code;
  }

  BrokerStorage storage_;
  std::optional<BrokerMachine> machine_;
};

TEST_F(Produce, AnswersTheOffsetOfTheFirstRecordAndWhatIsAnsweredIsDurable) {
  start();
  EXPECT_EQ(machine_->produce("orders", batch_of({"a", "b", "c"})).base_offset, Offset{0});
  const auto second = machine_->produce("orders", batch_of({"d"}));
  EXPECT_EQ(second.error_code, KafkaError::kNone);
  EXPECT_EQ(second.base_offset, Offset{3});
  EXPECT_EQ(second.log_start_offset, Offset{0});
  EXPECT_EQ(second.log_append_time_ms, -1);
  machine_->die(SimCrash::kPowerCut);
  machine_.reset();
  BrokerMachine machine(storage_);
  machine.start();
  EXPECT_EQ(values_of(machine.fetch("orders", Offset{0}).records),
            (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST_F(Produce, EveryServedVersionWorks) {
  start();
  std::int64_t next = 0;
  for (std::int16_t version = 3; version <= 11; ++version) {
    const auto batch = batch_of({"v" + std::to_string(version)});
    const auto response = machine_->ask(BrokerMachine::produce_request("orders", batch), version);
    EXPECT_EQ(response.responses.at(0).partition_responses.at(0).base_offset, Offset{next++})
        << version;
  }
}

TEST_F(Produce, ErrorsAreKafkas) {
  BrokerMachineOptions options;
  options.settings.max_message_bytes = 1000;
  start(options);
  const auto good = batch_of({"a"});

  EXPECT_EQ(machine_->produce("orders", good, 2).error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(machine_->produce("orders", good, -1).error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(machine_->produce("nothing", good).error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(machine_->produce("nothing", good).base_offset, Offset{-1});

  const auto bad_acks = machine_->ask(BrokerMachine::produce_request("orders", good, 0, 2), 9);
  EXPECT_EQ(bad_acks.responses[0].partition_responses[0].error_code, KafkaError::kInvalidRequiredAcks);

  auto damaged = good;
  damaged.back() ^= std::byte{1};
  EXPECT_EQ(error_of(damaged), KafkaError::kCorruptMessage);

  auto old_format = good;
  old_format[16] = std::byte{1};
  EXPECT_EQ(error_of(old_format), KafkaError::kInvalidRecord);

  auto two = good;
  two.insert(two.end(), good.begin(), good.end());
  EXPECT_EQ(error_of(two), KafkaError::kInvalidRecord);

  EXPECT_EQ(error_of({}), KafkaError::kInvalidRecord);
  EXPECT_EQ(error_of(batch_of({std::string(2000, 'x')})), KafkaError::kMessageTooLarge);
  // Nothing of all that is in the log.
  EXPECT_EQ(machine_->fetch("orders", Offset{0}).high_watermark, Offset{0});
}

TEST_F(Produce, TransactionalBatchesAreRefused) {
  start();
  kafka::BatchOptions transactional;
  transactional.producer_id = 1;
  transactional.producer_epoch = 0;
  transactional.base_sequence = 0;
  transactional.transactional = true;
  kafka::RecordBatchBuilder builder(transactional);
  builder.add(kafka::NewRecord{});
  EXPECT_EQ(error_of(std::move(builder).build()), KafkaError::kTransactionalIdAuthorizationFailed);
}

TEST_F(Produce, OnePartitionsErrorDoesNotTouchTheOthers) {
  start();
  const auto batch = batch_of({"a"});
  auto request = BrokerMachine::produce_request("orders", batch, 0);
  auto& partitions = request.topic_data[0].partition_data;
  partitions.push_back(partitions[0]);
  partitions[1].index = 7;
  partitions.push_back(partitions[0]);
  partitions[2].index = 1;
  const auto response = machine_->ask(request, 9);
  const auto& results = response.responses.at(0).partition_responses;
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].error_code, KafkaError::kNone);
  EXPECT_EQ(results[1].error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(results[1].index, 7);
  EXPECT_EQ(results[2].error_code, KafkaError::kNone);
  EXPECT_EQ(values_of(machine_->fetch("orders", Offset{0}, 1).records), std::vector<std::string>{"a"});
}

TEST_F(Produce, WithoutAcksNothingIsAnsweredAndTheRecordsAreKept) {
  start();
  const auto batch = batch_of({"a"});
  const auto answered = machine_->try_ask(BrokerMachine::produce_request("orders", batch, 0, 0), 9);
  ASSERT_TRUE(answered) << answered.error().message();
  EXPECT_FALSE(*answered);
  machine_->sleep(seconds(1));
  EXPECT_EQ(values_of(machine_->fetch("orders", Offset{0}).records), std::vector<std::string>{"a"});
}

TEST_F(Produce, WithoutAcksAnErrorClosesTheConnection) {
  start();
  const auto batch = batch_of({"a"});
  EXPECT_FALSE(machine_->try_ask(BrokerMachine::produce_request("nothing", batch, 0, 0), 9));
}

TEST_F(Produce, ThatIsNotDurableInTimeIsAnsweredAsTimedOut) {
  BrokerMachineOptions options;
  options.disk.latency_min = options.disk.latency_max = milliseconds(50);
  start(options);
  machine_->produce("orders", batch_of({"first"}));
  const auto batch = batch_of({"slow"});
  auto request = BrokerMachine::produce_request("orders", batch);
  request.timeout_ms = 10;
  const Instant before = machine_->scheduler.now();
  const auto response = machine_->ask(request, 9);
  EXPECT_EQ(response.responses[0].partition_responses[0].error_code, KafkaError::kRequestTimedOut);
  EXPECT_EQ(machine_->scheduler.now() - before, milliseconds(10));
}

TEST_F(Produce, AFailedDeviceIsAStorageErrorAndReadsGoOn) {
  start();
  machine_->produce("orders", batch_of({"a"}));
  machine_->disk.inject({.op = SimOp::kWrite, .path_part = "/pool/"});
  EXPECT_EQ(machine_->produce("orders", batch_of({"b"})).error_code, KafkaError::kKafkaStorageError);
  EXPECT_EQ(machine_->produce("orders", batch_of({"c"})).error_code, KafkaError::kKafkaStorageError);
  EXPECT_EQ(values_of(machine_->fetch("orders", Offset{0}).records), std::vector<std::string>{"a"});
  EXPECT_EQ(machine_->produce("orders", batch_of({"d"}), 1).error_code, KafkaError::kNone)
      << "another partition goes on";
}

TEST_F(Produce, AFullDiskIsAStorageErrorUntilThereIsSpaceAgain) {
  start();
  storage_.set_capacity(0);
  EXPECT_EQ(machine_->produce("orders", batch_of({"a"})).error_code, KafkaError::kKafkaStorageError);
  storage_.set_capacity(kGiB);
  const auto produced = machine_->produce("orders", batch_of({"b"}));
  EXPECT_EQ(produced.error_code, KafkaError::kNone);
  EXPECT_EQ(produced.base_offset, Offset{0});
}

TEST_F(Produce, ToATopicThatIsBeingDeletedEndsWithAnErrorOrAnAcknowledgement) {
  for (std::uint64_t delay_us = 0; delay_us < 2000; delay_us += 100) {
    BrokerStorage storage;
    BrokerMachine machine(storage);
    machine.start();
    machine.create_topic("orders");
    machine.produce("orders", batch_of({"a"}));
    const auto batch = batch_of({"b"});
    std::vector<BackgroundAnswer<kafka::ProduceResponse>> answers(5);
    for (auto& answer : answers) {
      machine.start_asking(answer, BrokerMachine::produce_request("orders", batch), 9);
      machine.sleep(microseconds(delay_us / 5));
    }
    EXPECT_EQ(machine.delete_topic("orders"), KafkaError::kNone);
    machine.sleep(seconds(1));
    for (const auto& answer : answers) ASSERT_TRUE(answer.is_there());
  }
}

// Kafka keeps the order of one connection's requests to a partition, whatever else they carry.
TEST_F(Produce, RequestsToAPartitionKeepTheirOrderWhenAnotherPartitionIsBackedUp) {
  BrokerMachineOptions options;
  options.settings.partition.pending_bytes = 2000;
  start(options);
  const auto filler = batch_of({std::string(1900, 'x')});
  const auto first = batch_of({"first"});
  const auto second = batch_of({"second"});

  BackgroundAnswer<kafka::ProduceResponse> backed_up;
  machine_->start_asking(backed_up, BrokerMachine::produce_request("orders", filler, 0), 9);
  auto both = BrokerMachine::produce_request("orders", filler, 0);
  both.topic_data[0].partition_data.push_back({.index = 1, .records = kafka::Records::borrow(first)});
  BackgroundAnswer<kafka::ProduceResponse> one;
  BackgroundAnswer<kafka::ProduceResponse> two;
  machine_->start_asking(one, both, 9);
  machine_->start_asking(two, BrokerMachine::produce_request("orders", second, 1), 9);
  machine_->sleep(seconds(1));
  ASSERT_TRUE(one.is_there() && two.is_there());
  EXPECT_EQ(values_of(machine_->fetch("orders", Offset{0}, 1).records),
            (std::vector<std::string>{"first", "second"}));
}

}  // namespace
}  // namespace penstock::broker::testing
