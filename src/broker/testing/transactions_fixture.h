// TransactionsFixture: transactional and idempotent producers of a simulated broker with several
// shards, and what consumers of committed transactions make of what they wrote.
//
// Ownership, threading: the test's.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {

inline const std::string kId = "payments";
inline const std::string kGroup = "billing";

// A producer, and what it has sent to each partition.
struct Producer {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  std::map<std::int32_t, std::int32_t> next{};
  std::string transactional_id = kId;
};

class TransactionsFixture : public ::testing::Test {
 protected:
  static BrokerMachineOptions options() {
    BrokerMachineOptions options;
    options.shard_count = 3;
    return options;
  }
  void start() {
    machine_ = std::make_unique<BrokerMachine>(*storage_, options());
    machine_->start();
  }
  void restart(std::optional<SimCrash> how = std::nullopt) {
    if (how) {
      machine_->die(*how);
    } else {
      EXPECT_TRUE(machine_->stop());
    }
    machine_.reset();
    start();
  }
  void SetUp() override {
    start();
    ASSERT_EQ(machine_->create_topic("orders", 4), kafka::KafkaError::kNone);
  }

  kafka::InitProducerIdResponse init(std::optional<std::string> id, std::int16_t version = 4,
                                     Producer known = {}) {
    kafka::InitProducerIdRequest request;
    request.transactional_id = std::move(id);
    request.transaction_timeout_ms = 60'000;
    request.producer_id = known.id;
    request.producer_epoch = known.epoch;
    return machine_->ask(request, version);
  }
  Producer producer(std::optional<std::string> id = std::nullopt) {
    const auto begun = init(id);
    EXPECT_EQ(begun.error_code, kafka::KafkaError::kNone);
    return {begun.producer_id, begun.producer_epoch, {}, id.value_or("")};
  }
  kafka::KafkaError announce(const Producer& producer, std::int32_t partition,
                             const std::string& topic = "orders") {
    kafka::AddPartitionsToTxnRequest request;
    request.transactional_id = producer.transactional_id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.topics.push_back({topic, {partition}});
    return machine_->ask(request, 3)
        .results_by_topic.at(0)
        .results_by_partition.at(0)
        .partition_error_code;
  }
  static std::vector<std::byte> batch(const Producer& producer, std::int32_t sequence,
                                      const std::string& value, bool is_transactional) {
    kafka::BatchOptions options;
    options.producer_id = producer.id;
    options.producer_epoch = producer.epoch;
    options.base_sequence = sequence;
    options.transactional = is_transactional;
    return batch_of({value}, 1000, options);
  }
  kafka::ProduceResponse::Partition send(const Producer& producer, std::int32_t partition,
                                         std::int32_t sequence, const std::string& value,
                                         bool is_transactional) {
    const auto bytes = batch(producer, sequence, value, is_transactional);
    auto request = BrokerMachine::produce_request("orders", bytes, partition);
    if (is_transactional) request.transactional_id = producer.transactional_id;
    return machine_->ask(request, 9).responses.at(0).partition_responses.at(0);
  }
  // The next one of its transaction.
  kafka::KafkaError add(Producer& producer, std::int32_t partition, const std::string& value) {
    const auto sent = send(producer, partition, producer.next[partition], value, true);
    if (sent.error_code == kafka::KafkaError::kNone) ++producer.next[partition];
    return sent.error_code;
  }
  kafka::KafkaError end(const Producer& producer, bool committed, std::int16_t version = 3) {
    kafka::EndTxnRequest request;
    request.transactional_id = producer.transactional_id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.committed = committed;
    return machine_->ask(request, version).error_code;
  }
  kafka::FetchResponse::Partition fetch(std::int32_t partition, Offset from = Offset{0},
                                        bool only_committed = true) {
    auto request = BrokerMachine::fetch_request("orders", from, partition);
    request.isolation_level = only_committed ? 1 : 0;
    request.min_bytes = 0;
    return machine_->ask(request, 11).responses.at(0).partitions.at(0);
  }
  struct Stored {
    Offset offset;
    std::string value;
  };
  // What a consumer makes of a partition: markers are left out, and for one of committed transactions
  // the batches of aborted ones too, up to their markers.
  std::vector<Stored> stored(std::int32_t partition, bool only_committed) {
    std::vector<Stored> messages;
    std::set<std::int64_t> skipped;
    for (Offset from; from < latest(partition, only_committed);) {
      const auto fetched = fetch(partition, from, only_committed);
      EXPECT_EQ(fetched.error_code, kafka::KafkaError::kNone);
      if (fetched.records.view().empty()) {
        ADD_FAILURE() << "nothing at " << from.value;
        break;
      }
      from = add_stored(fetched, skipped, messages);
    }
    return messages;
  }
  std::vector<std::string> committed_values(std::int32_t partition) {
    std::vector<std::string> values;
    for (Stored& message : stored(partition, true)) values.push_back(std::move(message.value));
    return values;
  }
  // Returns where it goes on.
  static Offset add_stored(const kafka::FetchResponse::Partition& fetched,
                           std::set<std::int64_t>& skipped, std::vector<Stored>& messages) {
    std::map<std::int64_t, std::vector<Offset>> aborted;
    if (fetched.aborted_transactions) {
      for (const auto& one : *fetched.aborted_transactions)
        aborted[one.producer_id].push_back(one.first_offset);
    }
    Offset next;
    ByteView rest = fetched.records.view();
    while (!rest.empty()) {
      const std::size_t size = 12 + static_cast<std::size_t>(load_be<std::int32_t>(rest, 8));
      const auto view = kafka::RecordBatchView::parse(rest.first(size));
      EXPECT_TRUE(view);
      auto& starts = aborted[view->producer_id()];
      if (!starts.empty() && starts.front() <= view->base_offset()) {
        skipped.insert(view->producer_id());
        starts.erase(starts.begin());
      }
      if (view->is_control()) {
        skipped.erase(view->producer_id());
      } else if (!skipped.contains(view->producer_id())) {
        kafka::RecordReader reader(*view);
        Offset offset = view->base_offset();
        for (auto record = reader.next(); record && *record; record = reader.next()) {
          messages.push_back({offset, std::string(as_text(*(*record)->value))});
          offset = offset + 1;
        }
      }
      next = view->base_offset() + view->last_offset_delta() + 1;
      rest = rest.subspan(size);
    }
    return next;
  }
  // All of them, as of now.
  std::vector<std::string> all_values(std::int32_t partition) {
    std::vector<std::string> values;
    for (Offset from; from < latest(partition, false);) {
      const auto fetched = fetch(partition, from, false);
      const auto found = values_of(fetched.records);
      EXPECT_FALSE(found.empty());
      if (found.empty()) break;
      values.insert(values.end(), found.begin(), found.end());
      from = from + static_cast<std::int64_t>(found.size());
    }
    return values;
  }
  Offset latest(std::int32_t partition, bool only_committed) {
    kafka::ListOffsetsRequest request;
    request.isolation_level = only_committed ? 1 : 0;
    kafka::ListOffsetsRequest::Partition asked;
    asked.partition_index = partition;
    asked.timestamp = kafka::kLatestTimestamp;
    request.topics.push_back({"orders", {asked}});
    return machine_->ask(request, 7).topics.at(0).partitions.at(0).offset;
  }

  kafka::KafkaError announce_group(const Producer& producer) {
    kafka::AddOffsetsToTxnRequest request;
    request.transactional_id = producer.transactional_id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.group_id = kGroup;
    return machine_->ask(request, 3).error_code;
  }
  kafka::KafkaError commit_offset(const Producer& producer, std::int32_t partition,
                                  std::int64_t offset) {
    kafka::TxnOffsetCommitRequest request;
    request.transactional_id = producer.transactional_id;
    request.group_id = kGroup;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    kafka::TxnOffsetCommitRequest::Partition part;
    part.partition_index = partition;
    part.committed_offset = Offset{offset};
    request.topics.push_back({"orders", {part}});
    return machine_->ask(request, 3).topics.at(0).partitions.at(0).error_code;
  }
  kafka::OffsetFetchResponse::Partition committed(std::int32_t partition, bool require_stable) {
    kafka::OffsetFetchRequest request;
    request.group_id = kGroup;
    request.require_stable = require_stable;
    request.topics.emplace();
    request.topics->push_back({"orders", {partition}});
    return machine_->ask(request, 7).topics.at(0).partitions.at(0);
  }

  std::unique_ptr<BrokerStorage> storage_ = std::make_unique<BrokerStorage>();
  std::unique_ptr<BrokerMachine> machine_;
};

}  // namespace penstock::broker::testing
