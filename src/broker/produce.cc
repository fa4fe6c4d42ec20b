#include <algorithm>
#include <optional>

#include "broker/handlers.h"
#include "broker/owner_call.h"
#include "broker/transaction_call.h"
#include "kafka/batch_validation.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;
using kafka::ProduceRequest;
using kafka::ProduceResponse;

constexpr std::int16_t kAcksAll = -1;
constexpr std::int16_t kAcksLeader = 1;
constexpr std::int16_t kAcksNone = 0;

// One partition's batch, on its way to the shard of its partition and back.
struct Append {
  Peer* owner = nullptr;  // null: refused before it got that far
  PartitionKey key;
  std::int32_t leader_epoch = 0;
  ByteView batch;
  std::vector<std::byte> stamped;  // the batch with the broker's time, if the topic wants that
  // Of a batch that is part of a transaction: whose, and in which life.
  const std::string* transactional_id = nullptr;
  transaction::ProducerIdentity producer;
  ProduceResponse::Partition result;
};

void refuse(Append& append, KafkaError error, std::string message) {
  append.owner = nullptr;
  append.result.error_code = error;
  append.result.error_message = std::move(message);
  append.result.base_offset = Offset{-1};
  append.result.log_append_time_ms = -1;
}

void refuse(Append& append, const Error& error) {
  refuse(append, to_kafka_error(error), error.message());
}

Append prepare(Broker& broker, const ProduceRequest& request, const std::string& topic_name,
               const ProduceRequest::Partition& partition, std::int16_t version) {
  Append append;
  append.result.index = partition.index;
  if (request.acks != kAcksAll && request.acks != kAcksLeader && request.acks != kAcksNone) {
    refuse(append, KafkaError::kInvalidRequiredAcks,
           fmt::format("acks={} is not -1, 0 or 1", request.acks));
    return append;
  }
  const TopicTableRef table = broker.topics();
  const Topic* topic = table->find(topic_name);
  if (topic == nullptr || !topic->has_partition(partition.index)) {
    refuse(append, KafkaError::kUnknownTopicOrPartition,
           fmt::format("there is no {}/{}", topic_name, partition.index));
    return append;
  }
  kafka::ProduceLimits limits;
  limits.produce_version = version;
  limits.max_message_bytes = topic->settings.message_bytes_max(broker.settings());
  const auto batch = kafka::validate_produced(partition.records.view(), limits);
  if (!batch) {
    refuse(append, batch.error().error, batch.error().message);
    if (batch.error().record_index >= 0) {
      ProduceResponse::RecordError record_error;
      record_error.batch_index = batch.error().record_index;
      record_error.batch_index_error_message = batch.error().message;
      append.result.record_errors.push_back(std::move(record_error));
    }
    return append;
  }
  if (batch->is_transactional()) {
    if (!request.transactional_id) {
      refuse(append, KafkaError::kTransactionalIdAuthorizationFailed,
             "a batch of a transaction in a request without a transactional id");
      return append;
    }
    append.transactional_id = &*request.transactional_id;
    append.producer = {batch->producer_id(), batch->producer_epoch()};
  }
  append.owner = &broker.owner_of(*topic, partition.index);
  append.key = PartitionKey{topic->id, partition.index};
  append.leader_epoch = topic->leader_epoch;
  append.batch = batch->bytes();
  if (topic->settings.has_append_time()) {
    append.result.log_append_time_ms = broker.scheduler().clock().wall_ms();
    append.stamped = kafka::with_append_time(*batch, append.result.log_append_time_ms);
    append.batch = append.stamped;
  } else if (batch->is_log_append_time()) {
    refuse(append, KafkaError::kInvalidTimestamp,
           "the batch says that its time is the broker's, which the topic does not want "
           "(message.timestamp.type)");
  }
  return append;
}

// A batch that was taken in, until it is durable.
struct Pending {
  PartitionRef partition;
  std::optional<log::Partition::Ticket> ticket;
};

// --- Transactions --------------------------------------------------------------------------------

// How often a marker may overtake the answer about a transaction before its batch is refused.
constexpr int kVerificationsMax = 3;

Task<KafkaError> verify(Broker& owner, const Append& append) {
  const transaction::TransactionPartition partition{append.key.topic_id, append.key.index};
  auto ask = [&](transaction::TransactionCoordinator& transactions) -> Task<KafkaError> {
    co_return transactions.verify(*append.transactional_id, append.producer, partition);
  };
  co_return co_await on_transactions(owner, *append.transactional_id, ask);
}

// Whether the transaction's coordinator is to be asked about a batch before it is refused: of the first
// one of a transaction in a partition, whether there is such a transaction. One that is out of order
// may only have overtaken that first one, while its question was on its way: the answer to the same
// question comes behind the first one's.
bool needs_verification(const Append& append, const log::Partition::Ticket& ticket) {
  return ticket.verdict == log::ProducerCheck::kUnverified ||
         (ticket.verdict == log::ProducerCheck::kOutOfOrder && append.transactional_id != nullptr);
}

Task<Result<log::Partition::Ticket>> append_verified(Broker& owner, log::Partition& partition,
                                                     Append& append) {
  auto ticket = co_await partition.append(append.batch, append.leader_epoch);
  for (int tries = 0; tries < kVerificationsMax; ++tries) {
    if (!ticket || !needs_verification(append, *ticket)) break;
    const log::TransactionGuard guard = partition.producers().guard(append.producer.id);
    const KafkaError refusal = co_await verify(owner, append);
    if (refusal == KafkaError::kInvalidProducerEpoch) ticket->verdict = log::ProducerCheck::kStaleEpoch;
    if (refusal != KafkaError::kNone) break;
    ticket = co_await partition.append(append.batch, append.leader_epoch, guard);
  }
  co_return ticket;
}

// What a producer that numbers its batches is told of one that was not taken in.
void refuse(Append& append, log::ProducerCheck verdict) {
  switch (verdict) {
    case log::ProducerCheck::kNext:
    case log::ProducerCheck::kDuplicate: return;
    case log::ProducerCheck::kOutOfOrder:
      refuse(append, KafkaError::kOutOfOrderSequenceNumber,
             "the producer's batch in front of this one is not there");
      return;
    case log::ProducerCheck::kStaleEpoch:
      refuse(append, KafkaError::kInvalidProducerEpoch, "the producer has begun a later life");
      return;
    case log::ProducerCheck::kOutsideTransaction:
      refuse(append, KafkaError::kInvalidTxnState, "the producer has a transaction open");
      return;
    case log::ProducerCheck::kUnverified:
      refuse(append, KafkaError::kInvalidTxnState,
             "the producer has no transaction open that was announced for this partition");
      return;
  }
}

// --- On the shard of the partitions --------------------------------------------------------------

Task<void> append_one(Broker& owner, Append& append, Pending& pending) {
  PartitionRef partition = owner.find_partition(append.key);
  if (!partition) {
    refuse(append, KafkaError::kKafkaStorageError,
           "the partition could not be opened; see the server's log");
    co_return;
  }
  auto ticket = co_await append_verified(owner, *partition, append);
  if (!ticket) {
    refuse(append, ticket.error());
    co_return;
  }
  const bool is_there =
      ticket->verdict == log::ProducerCheck::kNext || ticket->verdict == log::ProducerCheck::kDuplicate;
  if (!is_there) {
    refuse(append, ticket->verdict);
    co_return;
  }
  append.result.base_offset = ticket->base_offset;
  append.result.log_start_offset = partition->marks().log_start;
  pending.partition = std::move(partition);
  pending.ticket = std::move(*ticket);
}

// On the shard of the partitions: takes all batches in first, so that they can share commits, then
// waits. They stand in line at their partitions all at once: were one to wait for another partition's
// turn, a later request of the same connection could overtake it.
Task<void> append_here(Broker& owner, std::vector<Append*>& appends, bool wait, Instant deadline) {
  std::vector<Pending> pending(appends.size());
  std::vector<Task<void>> taking_in;
  for (std::size_t i = 0; i < appends.size(); ++i) {
    taking_in.push_back(append_one(owner, *appends[i], pending[i]));
  }
  co_await join(owner.scheduler(), std::move(taking_in));
  if (!wait) co_return;
  for (std::size_t i = 0; i < appends.size(); ++i) {
    if (!pending[i].ticket) continue;
    auto durable =
        co_await pending[i].partition->wait_acknowledged(std::move(*pending[i].ticket), deadline);
    if (!durable) refuse(*appends[i], durable.error());
  }
}

}  // namespace

KafkaError to_kafka_error(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kOutOfRange: return KafkaError::kOffsetOutOfRange;
    case ErrorCode::kCorrupt: return KafkaError::kCorruptMessage;
    case ErrorCode::kTooLarge: return KafkaError::kRecordListTooLarge;
    case ErrorCode::kTimeout: return KafkaError::kRequestTimedOut;
    case ErrorCode::kClosed: return KafkaError::kNotLeaderOrFollower;
    case ErrorCode::kNoSpace:
    case ErrorCode::kIo:
    case ErrorCode::kFenced:
    case ErrorCode::kPermission:
    case ErrorCode::kNotFound:
    case ErrorCode::kBusy:
    case ErrorCode::kNotSupported: return KafkaError::kKafkaStorageError;
    case ErrorCode::kInvalidArgument: return KafkaError::kInvalidRequest;
    case ErrorCode::kExists: return KafkaError::kUnknownServerError;
  }
  return KafkaError::kUnknownServerError;
}

Task<ProduceResponse> answer(Broker& broker, const ProduceRequest& request, std::int16_t version) {
  std::vector<Append> appends;
  for (const ProduceRequest::Topic& topic : request.topic_data) {
    for (const ProduceRequest::Partition& partition : topic.partition_data) {
      appends.push_back(prepare(broker, request, topic.name, partition, version));
    }
  }
  const bool wait = request.acks != kAcksNone;
  const Instant deadline =
      broker.scheduler().now() + std::chrono::milliseconds(std::max(0, request.timeout_ms));
  auto append = [wait, deadline](Broker& owner, std::vector<Append*>& here) {
    return append_here(owner, here, wait, deadline);
  };
  co_await on_owners(broker, appends, append);

  ProduceResponse response;
  auto next = appends.begin();
  for (const ProduceRequest::Topic& topic : request.topic_data) {
    ProduceResponse::Topic& results = response.responses.emplace_back();
    results.name = topic.name;
    for (std::size_t i = 0; i < topic.partition_data.size(); ++i) {
      results.partition_responses.push_back(std::move((next++)->result));
    }
  }
  co_return response;
}

}  // namespace penstock::broker
