// Producers and transactions for operators: DescribeProducers, DescribeTransactions, ListTransactions.

#include <algorithm>
#include <array>
#include <set>

#include "broker/group_call.h"
#include "broker/handlers.h"
#include "broker/owner_call.h"
#include "broker/transaction_call.h"

namespace penstock::broker {

namespace {

using kafka::DescribeProducersResponse;
using kafka::DescribeTransactionsResponse;
using kafka::KafkaError;
using transaction::TransactionCoordinator;
using transaction::TransactionDescription;
using transaction::TransactionRecord;

// --- DescribeProducers ---------------------------------------------------------------------------

struct Question {
  Peer* owner = nullptr;  // null: answered already
  PartitionKey key;
  DescribeProducersResponse::Partition result;
};

Question question_about(Broker& broker, const std::string& topic_name, std::int32_t index) {
  Question question;
  question.result.partition_index = index;
  const TopicTableRef table = broker.topics();
  const Topic* topic = table->find(topic_name);
  if (topic == nullptr || !topic->has_partition(index)) {
    question.result.error_code = KafkaError::kUnknownTopicOrPartition;
    question.result.error_message = fmt::format("there is no {}/{}", topic_name, index);
    return question;
  }
  question.owner = &broker.owner_of(*topic, index);
  question.key = PartitionKey{topic->id, index};
  return question;
}

// An answer is many times as large as a question.
Question asked_twice(std::int32_t index) {
  Question question;
  question.result.partition_index = index;
  question.result.error_code = KafkaError::kInvalidRequest;
  question.result.error_message = "this partition was asked about before in the same request";
  return question;
}

DescribeProducersResponse::Producer tell(std::int64_t id, const log::ProducerState& state) {
  DescribeProducersResponse::Producer producer;
  producer.producer_id = id;
  producer.producer_epoch = state.epoch;
  if (!state.batches().empty()) producer.last_sequence = state.batches().back().last_sequence;
  producer.last_timestamp = state.last_seen_ms;
  producer.coordinator_epoch = -1;  // there is one coordinator, in one life
  producer.current_txn_start_offset = state.transaction_start.value_or(Offset{-1});
  return producer;
}

Task<void> answer_here(Broker& owner, std::vector<Question*>& questions) {
  for (Question* question : questions) {
    const PartitionRef partition = owner.find_partition(question->key);
    if (!partition) {
      question->result.error_code = KafkaError::kKafkaStorageError;
      continue;
    }
    for (const auto& [id, state] : partition->producers().durable())
      question->result.active_producers.push_back(tell(id, state));
    std::ranges::sort(question->result.active_producers, {},
                      &DescribeProducersResponse::Producer::producer_id);
  }
  co_return;
}

// --- Transactions --------------------------------------------------------------------------------

// Its partitions by topic. Those of topics that were deleted meanwhile have no name any more.
std::vector<DescribeTransactionsResponse::Topic> topics_of(const TransactionRecord& record,
                                                           const TopicTable& table) {
  std::vector<transaction::TransactionPartition> partitions = record.partitions;
  std::ranges::sort(partitions);
  std::vector<DescribeTransactionsResponse::Topic> topics;
  for (const transaction::TransactionPartition& partition : partitions) {
    const Topic* topic = table.find(partition.topic_id);
    if (topic == nullptr) continue;
    if (topics.empty() || topics.back().topic != topic->name) topics.emplace_back().topic = topic->name;
    topics.back().partitions.push_back(partition.partition);
  }
  return topics;
}

// What ListTransactions looks for. State names that do not exist find nothing, and are named.
struct Filter {
  std::vector<std::string> states;
  std::vector<std::int64_t> producer_ids;
  std::int64_t longer_than_ms = -1;

  bool fits(const TransactionRecord& record, std::int64_t now_ms) const {
    const bool is_open = record.state == transaction::TransactionState::kOngoing ||
                         record.state == transaction::TransactionState::kPrepareCommit ||
                         record.state == transaction::TransactionState::kPrepareAbort;
    const bool is_long = longer_than_ms < 0 || (is_open && now_ms - record.started_ms > longer_than_ms);
    return is_long && is_among(transaction::to_string(record.state), states) &&
           is_among(record.producer_id, producer_ids);
  }
  // Nothing to choose from: everything.
  template <typename Value, typename Choice>
  static bool is_among(const Value& value, const std::vector<Choice>& choices) {
    return choices.empty() || std::ranges::find(choices, value) != choices.end();
  }
};

bool is_state_name(const std::string& name) {
  using enum transaction::TransactionState;
  return std::ranges::any_of(
      std::array{kEmpty, kOngoing, kPrepareCommit, kPrepareAbort, kCompleteCommit, kCompleteAbort},
      [&name](transaction::TransactionState state) { return transaction::to_string(state) == name; });
}

}  // namespace

Task<DescribeProducersResponse> answer(Broker& broker, const kafka::DescribeProducersRequest& request,
                                       std::int16_t) {
  std::vector<Question> questions;
  std::set<std::pair<std::string_view, std::int32_t>> seen;
  for (const auto& topic : request.topics) {
    for (const std::int32_t index : topic.partition_indexes) {
      const bool is_new = seen.emplace(topic.name, index).second;
      questions.push_back(is_new ? question_about(broker, topic.name, index) : asked_twice(index));
    }
  }
  auto work = [](Broker& owner, std::vector<Question*>& here) { return answer_here(owner, here); };
  co_await on_owners(broker, questions, work);
  DescribeProducersResponse response;
  auto next = questions.begin();
  for (const auto& topic : request.topics) {
    DescribeProducersResponse::Topic& told = response.topics.emplace_back();
    told.name = topic.name;
    for (std::size_t i = 0; i < topic.partition_indexes.size(); ++i)
      told.partitions.push_back(std::move((next++)->result));
  }
  co_return response;
}

Task<DescribeTransactionsResponse> answer(Broker& broker,
                                          const kafka::DescribeTransactionsRequest& request,
                                          std::int16_t) {
  DescribeTransactionsResponse response;
  for (const std::string& id : each_once(request.transactional_ids)) {
    auto find = [&id](TransactionCoordinator& transactions) -> Task<std::optional<TransactionRecord>> {
      const TransactionRecord* record = transactions.find(id);
      co_return record == nullptr ? std::nullopt : std::optional(*record);
    };
    const std::optional<TransactionRecord> record = co_await on_transactions(broker, id, find);
    DescribeTransactionsResponse::Transaction& told = response.transaction_states.emplace_back();
    told.transactional_id = id;
    if (!record) {
      told.error_code = KafkaError::kTransactionalIdNotFound;
      continue;
    }
    told.transaction_state = transaction::to_string(record->state);
    told.transaction_timeout_ms = record->timeout_ms;
    told.transaction_start_time_ms = record->started_ms;
    told.producer_id = record->producer_id;
    told.producer_epoch = record->producer_epoch;
    told.topics = topics_of(*record, *broker.topics());
  }
  co_return response;
}

Task<kafka::ListTransactionsResponse> answer(Broker& broker,
                                             const kafka::ListTransactionsRequest& request,
                                             std::int16_t) {
  kafka::ListTransactionsResponse response;
  for (const std::string& name : request.state_filters) {
    if (!is_state_name(name)) response.unknown_state_filters.push_back(name);
  }
  const Filter filter{request.state_filters, request.producer_id_filters, request.duration_filter};
  const std::int64_t now_ms = broker.scheduler().clock().wall_ms();
  for (const Peer& peer : broker.peers()) {
    auto list = [&peer]() -> Task<std::vector<TransactionDescription>> {
      co_return peer.broker->transactions().list();
    };
    const auto described = co_await call_on(broker.scheduler(), *peer.scheduler, list);
    for (const TransactionDescription& one : described) {
      if (!filter.fits(one.record, now_ms)) continue;
      response.transaction_states.push_back(
          {one.id, one.record.producer_id, std::string(transaction::to_string(one.record.state))});
    }
  }
  co_return response;
}

}  // namespace penstock::broker
