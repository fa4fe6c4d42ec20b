// Producers' ids and transactions: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn.

#include "broker/group_call.h"
#include "broker/handlers.h"
#include "broker/transaction_call.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;
using transaction::InitAnswer;
using transaction::ProducerIdentity;
using transaction::TransactionCoordinator;
using transaction::TransactionPartition;

// Clients of old versions know of no fencing; to them it is an epoch like any other that is too old.
KafkaError for_version(KafkaError error, std::int16_t version, std::int16_t first_with_fencing) {
  const bool is_unknown = error == KafkaError::kProducerFenced && version < first_with_fencing;
  return is_unknown ? KafkaError::kInvalidProducerEpoch : error;
}
constexpr std::int16_t kFencingInInit = 4;
constexpr std::int16_t kFencingInOthers = 2;

bool can_name_transactions(const std::string& id) {
  return !id.empty() && id.size() <= transaction::kMaxTransactionalIdBytes;
}

Task<InitAnswer> init_idempotent(Broker& broker) {
  auto id = co_await broker.next_producer_id();
  if (!id) co_return InitAnswer{KafkaError::kCoordinatorNotAvailable, {}};
  co_return InitAnswer{KafkaError::kNone, {*id, 0}};
}

Task<InitAnswer> init_transactional(Broker& broker, const kafka::InitProducerIdRequest& request) {
  const std::string& id = *request.transactional_id;
  const ProducerIdentity known{request.producer_id, request.producer_epoch};
  const bool is_half_known = (known.id < 0) != (known.epoch < 0);
  if (!can_name_transactions(id) || is_half_known)
    co_return InitAnswer{KafkaError::kInvalidRequest, {}};
  auto init = [&](TransactionCoordinator& transactions) {
    return transactions.init_producer(id, request.transaction_timeout_ms, known);
  };
  co_return co_await on_transactions(broker, id, init);
}

// What is asked for in AddPartitionsToTxn, and what each partition is told.
struct Announcement {
  std::vector<TransactionPartition> partitions;
  kafka::AddPartitionsToTxnResponse response;
  bool has_unknown = false;
};

Announcement announcement_of(const kafka::AddPartitionsToTxnRequest& request, const TopicTable& table) {
  Announcement announced;
  for (const auto& asked : request.topics) {
    auto& told = announced.response.results_by_topic.emplace_back();
    told.name = asked.name;
    const Topic* topic = table.find(asked.name);
    for (const std::int32_t index : asked.partitions) {
      auto& result = told.results_by_partition.emplace_back();
      result.partition_index = index;
      if (topic != nullptr && topic->has_partition(index)) {
        announced.partitions.push_back({topic->id, index});
      } else {
        result.partition_error_code = KafkaError::kUnknownTopicOrPartition;
        announced.has_unknown = true;
      }
    }
  }
  return announced;
}

// All but those that are told something else already.
void tell_others(kafka::AddPartitionsToTxnResponse& response, KafkaError error) {
  for (auto& topic : response.results_by_topic) {
    for (auto& result : topic.results_by_partition) {
      if (result.partition_error_code == KafkaError::kNone) result.partition_error_code = error;
    }
  }
}

}  // namespace

Task<kafka::InitProducerIdResponse> answer(Broker& broker, const kafka::InitProducerIdRequest& request,
                                           std::int16_t version) {
  InitAnswer begun;
  if (request.transactional_id) {
    begun = co_await init_transactional(broker, request);
  } else {
    begun = co_await init_idempotent(broker);
  }
  kafka::InitProducerIdResponse response;
  response.error_code = for_version(begun.error, version, kFencingInInit);
  response.producer_id = begun.producer.id;
  response.producer_epoch = begun.producer.epoch;
  co_return response;
}

// All partitions, or none.
Task<kafka::AddPartitionsToTxnResponse> answer(Broker& broker,
                                               const kafka::AddPartitionsToTxnRequest& request,
                                               std::int16_t version) {
  Announcement announced = announcement_of(request, *broker.topics());
  if (announced.has_unknown) {
    tell_others(announced.response, KafkaError::kOperationNotAttempted);
    co_return std::move(announced.response);
  }
  KafkaError error = KafkaError::kInvalidRequest;
  if (can_name_transactions(request.transactional_id)) {
    const ProducerIdentity producer{request.producer_id, request.producer_epoch};
    auto add = [&](TransactionCoordinator& transactions) {
      return transactions.add_partitions(request.transactional_id, producer,
                                         std::move(announced.partitions));
    };
    error = co_await on_transactions(broker, request.transactional_id, add);
  }
  tell_others(announced.response, for_version(error, version, kFencingInOthers));
  co_return std::move(announced.response);
}

Task<kafka::AddOffsetsToTxnResponse> answer(Broker& broker,
                                            const kafka::AddOffsetsToTxnRequest& request,
                                            std::int16_t version) {
  kafka::AddOffsetsToTxnResponse response;
  response.error_code = check_group_id(request.group_id, EmptyGroupId::kRefused);
  if (!can_name_transactions(request.transactional_id))
    response.error_code = KafkaError::kInvalidRequest;
  if (response.error_code != KafkaError::kNone) co_return response;
  const ProducerIdentity producer{request.producer_id, request.producer_epoch};
  auto add = [&](TransactionCoordinator& transactions) {
    return transactions.add_group(request.transactional_id, producer, request.group_id);
  };
  const KafkaError error = co_await on_transactions(broker, request.transactional_id, add);
  response.error_code = for_version(error, version, kFencingInOthers);
  co_return response;
}

Task<kafka::EndTxnResponse> answer(Broker& broker, const kafka::EndTxnRequest& request,
                                   std::int16_t version) {
  kafka::EndTxnResponse response;
  if (!can_name_transactions(request.transactional_id)) {
    response.error_code = KafkaError::kInvalidRequest;
    co_return response;
  }
  const ProducerIdentity producer{request.producer_id, request.producer_epoch};
  const auto outcome = request.committed ? transaction::Outcome::kCommit : transaction::Outcome::kAbort;
  auto end = [&](TransactionCoordinator& transactions) {
    return transactions.end(request.transactional_id, producer, outcome);
  };
  const KafkaError error = co_await on_transactions(broker, request.transactional_id, end);
  response.error_code = for_version(error, version, kFencingInOthers);
  co_return response;
}

}  // namespace penstock::broker
