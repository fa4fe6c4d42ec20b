// What consumer groups have committed: OffsetCommit, TxnOffsetCommit, OffsetFetch, OffsetDelete.

#include <expected>
#include <set>

#include "broker/group_call.h"
#include "broker/handlers.h"
#include "broker/transaction_call.h"

namespace penstock::broker {

namespace {

using group::CommittedOffset;
using group::TopicPartition;
using kafka::KafkaError;

bool exists(const TopicTable& table, const std::string& topic_name, std::int32_t partition) {
  const Topic* topic = table.find(topic_name);
  return topic != nullptr && topic->has_partition(partition);
}

// From here on members of the new protocol can say their epoch.
constexpr std::int16_t kFirstWithEpochs = 9;

// The same for OffsetCommit and TxnOffsetCommit, but for the generation.
template <typename Request>
group::CommitRequest to_commit(const Request& request, std::int32_t generation,
                               const TopicTable& table) {
  group::CommitRequest commit;
  commit.caller = {.member = {request.member_id, request.group_instance_id},
                   .generation = generation,
                   .knows_epochs = true};
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      group::CommitRequest::Part& part = commit.parts.emplace_back();
      part.partition = {topic.name, partition.partition_index};
      part.record.offset = partition.committed_offset;
      part.record.leader_epoch = partition.committed_leader_epoch;
      part.record.metadata = partition.committed_metadata.value_or("");
      if (!exists(table, topic.name, partition.partition_index))
        part.error = KafkaError::kUnknownTopicOrPartition;
    }
  }
  return commit;
}

void refuse_all(group::CommitRequest& commit, KafkaError error) {
  for (group::CommitRequest::Part& part : commit.parts) part.error = error;
}

template <typename Request>
typename Request::Response committed_response(const Request& request,
                                              const group::CommitRequest& commit) {
  typename Request::Response response;
  auto part = commit.parts.begin();
  for (const auto& topic : request.topics) {
    auto& told = response.topics.emplace_back();
    told.name = topic.name;
    for (const auto& partition : topic.partitions) {
      auto& result = told.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code = (part++)->error;
    }
  }
  return response;
}

// The same for the structures of versions up to 7 and of later ones, which have the same fields.
template <typename AskedTopics>
std::optional<std::vector<TopicPartition>> wanted_of(const std::optional<AskedTopics>& topics) {
  if (!topics) return std::nullopt;
  std::set<TopicPartition> seen;  // each is told once
  std::vector<TopicPartition> wanted;
  for (const auto& topic : *topics) {
    for (const std::int32_t partition : topic.partition_indexes) {
      if (seen.insert({topic.name, partition}).second) wanted.push_back({topic.name, partition});
    }
  }
  return wanted;
}

template <typename ToldTopics>
void tell(std::vector<CommittedOffset> offsets, bool require_stable, ToldTopics& topics) {
  for (CommittedOffset& committed : offsets) {
    if (topics.empty() || topics.back().name != committed.partition.topic)
      topics.emplace_back().name = committed.partition.topic;
    auto& partition = topics.back().partitions.emplace_back();
    partition.partition_index = committed.partition.partition;
    partition.committed_offset = Offset{-1};
    if (require_stable && committed.is_unstable) {
      partition.error_code = KafkaError::kUnstableOffsetCommit;
      continue;
    }
    if (!committed.record) continue;
    partition.committed_offset = committed.record->offset;
    partition.committed_leader_epoch = committed.record->leader_epoch;
    partition.metadata = std::move(committed.record->metadata);
  }
}

// Or why `caller` may not know.
using Committed = std::expected<std::vector<CommittedOffset>, KafkaError>;

Task<Committed> committed_by(Broker& broker, const std::string& group,
                             std::optional<std::vector<TopicPartition>> wanted,
                             group::OffsetsCaller caller = {}) {
  auto look = [&](group::GroupCoordinator& groups) -> Task<Committed> {
    const KafkaError error = groups.check_fetch(group, caller);
    if (error != KafkaError::kNone) co_return std::unexpected(error);
    co_return groups.committed(group, wanted);
  };
  co_return co_await on_coordinator(broker, group, look);
}

}  // namespace

Task<kafka::OffsetCommitResponse> answer(Broker& broker, const kafka::OffsetCommitRequest& request,
                                         std::int16_t version) {
  group::CommitRequest commit =
      to_commit(request, request.generation_id_or_member_epoch, *broker.topics());
  commit.caller.knows_epochs = version >= kFirstWithEpochs;
  const KafkaError refusal = check_group_id(request.group_id, EmptyGroupId::kTaken);
  if (refusal != KafkaError::kNone) {
    refuse_all(commit, refusal);
  } else {
    auto write = [&](group::GroupCoordinator& groups) -> Task<bool> {
      co_await groups.commit(request.group_id, commit);
      co_return true;
    };
    co_await on_coordinator(broker, request.group_id, write);
  }
  co_return committed_response(request, commit);
}

Task<kafka::TxnOffsetCommitResponse> answer(Broker& broker,
                                            const kafka::TxnOffsetCommitRequest& request,
                                            std::int16_t) {
  group::CommitRequest commit = to_commit(request, request.generation_id, *broker.topics());
  const KafkaError refusal = check_group_id(request.group_id, EmptyGroupId::kRefused);
  if (refusal != KafkaError::kNone) {
    refuse_all(commit, refusal);
    co_return committed_response(request, commit);
  }
  const transaction::ProducerIdentity producer{request.producer_id, request.producer_epoch};
  Peer& peer = broker.coordinator_of(request.group_id);
  auto ask = [&](transaction::TransactionCoordinator& transactions) -> Task<KafkaError> {
    co_return transactions.verify(request.transactional_id, producer, request.group_id);
  };
  const group::GroupCoordinator::Verify verify = [&]() -> Task<KafkaError> {
    co_return co_await on_transactions(*peer.broker, request.transactional_id, ask);
  };
  auto write = [&](group::GroupCoordinator& groups) -> Task<bool> {
    co_await groups.commit_in_transaction(request.group_id, request.producer_id, commit, verify);
    co_return true;
  };
  co_await on_coordinator(broker, request.group_id, write);
  co_return committed_response(request, commit);
}

Task<kafka::OffsetFetchResponse> answer(Broker& broker, const kafka::OffsetFetchRequest& request,
                                        std::int16_t version) {
  constexpr std::int16_t kFirstWithGroups = 8;
  kafka::OffsetFetchResponse response;
  if (version < kFirstWithGroups) {
    response.error_code = check_group_id(request.group_id, EmptyGroupId::kTaken);
    if (response.error_code != KafkaError::kNone) co_return response;
    auto committed = co_await committed_by(broker, request.group_id, wanted_of(request.topics));
    if (!committed) response.error_code = committed.error();
    if (committed) tell(std::move(*committed), request.require_stable, response.topics);
    co_return response;
  }
  std::set<std::string> seen;  // each is told once
  for (const auto& group : request.groups) {
    if (!seen.insert(group.group_id).second) continue;
    kafka::OffsetFetchResponse::Group& told = response.groups.emplace_back();
    told.group_id = group.group_id;
    told.error_code = check_group_id(group.group_id, EmptyGroupId::kTaken);
    if (told.error_code != KafkaError::kNone) continue;
    group::OffsetsCaller caller{.member = {group.member_id.value_or(""), std::nullopt},
                                .generation = group.member_epoch,
                                .knows_epochs = version >= kFirstWithEpochs};
    auto committed =
        co_await committed_by(broker, group.group_id, wanted_of(group.topics), std::move(caller));
    if (!committed) told.error_code = committed.error();
    if (committed) tell(std::move(*committed), request.require_stable, told.topics);
  }
  co_return response;
}

Task<kafka::OffsetDeleteResponse> answer(Broker& broker, const kafka::OffsetDeleteRequest& request,
                                         std::int16_t) {
  kafka::OffsetDeleteResponse response;
  response.error_code = check_group_id(request.group_id, EmptyGroupId::kTaken);
  if (response.error_code != KafkaError::kNone) co_return response;
  std::vector<TopicPartition> partitions;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions)
      partitions.push_back({topic.name, partition.partition_index});
  }
  std::vector<KafkaError> errors;
  auto erase = [&](group::GroupCoordinator& groups) {
    return groups.delete_offsets(request.group_id, partitions, errors);
  };
  response.error_code = co_await on_coordinator(broker, request.group_id, erase);
  if (response.error_code != KafkaError::kNone) co_return response;
  const TopicTableRef table = broker.topics();
  auto error = errors.begin();
  for (const auto& topic : request.topics) {
    kafka::OffsetDeleteResponse::Topic& told = response.topics.emplace_back();
    told.name = topic.name;
    for (const auto& partition : topic.partitions) {
      auto& result = told.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code = *error++;
      if (!exists(*table, topic.name, partition.partition_index))
        result.error_code = KafkaError::kUnknownTopicOrPartition;
    }
  }
  co_return response;
}

}  // namespace penstock::broker
