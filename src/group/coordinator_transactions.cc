// What transactions commit in groups.

#include "group/coordinator.h"

namespace penstock::group {

using kafka::KafkaError;

Task<Result<void>> GroupCoordinator::load_pending_offsets(
    const std::function<bool(const std::string& group)>& is_own) {
  const auto entries = co_await catalog_.scan(scheduler_, std::string(kPendingOffsetPrefix));
  if (!entries) co_return Unexpected(entries.error());
  for (const catalog::Entry& entry : *entries) {
    auto key = decode_pending_offset_key(entry.key);
    if (!key) co_return Unexpected(key.error());
    if (!is_own(key->group)) continue;
    auto record = decode_offset(entry.value);
    if (!record)
      co_return Unexpected(record.error().context(fmt::format("an offset of group {}", key->group)));
    GroupRef& group = groups_[key->group];
    if (!group) group = std::make_shared<Group>(context_, key->group);
    pending_.find_or_make(key->group, key->producer_id)
        ->offsets.emplace(std::move(key->partition), std::move(*record));
  }
  co_return Result<void>();
}

// The place is taken before it is asked whether the transaction is open: if it ends meanwhile, the
// answer does not count.
Task<void> GroupCoordinator::commit_in_transaction(std::string id, std::int64_t producer_id,
                                                   CommitRequest& request, const Verify& verify) {
  const auto refuse_all = [&request](KafkaError error) {
    for (CommitRequest::Part& part : request.parts) part.error = error;
  };
  if (is_released_) co_return refuse_all(KafkaError::kNotCoordinator);
  const bool is_of_member = request.caller.generation >= 0 || !request.caller.member.member_id.empty();
  const GroupRef group = is_of_member ? find(id) : find_or_make(id);
  if (!group) {
    co_return refuse_all(is_of_member ? KafkaError::kIllegalGeneration
                                      : KafkaError::kCoordinatorNotAvailable);
  }
  // Producers that know nothing of members (before KIP-447) commit for a group that has some.
  const KafkaError refusal = is_of_member ? group->check_commit(request.caller) : KafkaError::kNone;
  if (refusal != KafkaError::kNone) co_return refuse_all(refusal);
  const PendingTransactionRef transaction = pending_.find_or_make(id, producer_id);
  ++transaction->commits_under_way;
  KafkaError error = co_await verify();
  if (error == KafkaError::kNone && transaction->is_over) error = KafkaError::kInvalidTxnState;
  if (error == KafkaError::kNone)
    error = co_await keep_pending(group, producer_id, transaction, request);
  --transaction->commits_under_way;
  pending_.drop_if_unused(id, producer_id);
  if (error != KafkaError::kNone) refuse_all(error);
}

Task<KafkaError> GroupCoordinator::keep_pending(GroupRef group, std::int64_t producer_id,
                                                PendingTransactionRef transaction,
                                                CommitRequest& request) {
  prepare_parts(*group, request);
  catalog::Change change;
  for (const CommitRequest::Part& part : request.parts) {
    if (part.error != KafkaError::kNone) continue;
    transaction->offsets[part.partition] = part.record;
    change.put(pending_offset_key(group->id(), producer_id, part.partition), encode(part.record));
  }
  ++commits_;
  const auto written = co_await catalog_.write(scheduler_, std::move(change));
  // What may be there after an error goes when the transaction ends.
  co_return written ? KafkaError::kNone : KafkaError::kCoordinatorNotAvailable;
}

Task<Result<void>> GroupCoordinator::end_transaction(std::string id, std::int64_t producer_id,
                                                     TransactionEnd how) {
  if (is_released_) co_return fail(ErrorCode::kClosed, "the coordinator of groups is stopping");
  const PendingTransactionRef transaction = pending_.find(id, producer_id);
  if (!transaction) co_return Result<void>();
  transaction->is_over = true;
  catalog::Change change;
  change.erase_prefix(pending_offset_prefix(id, producer_id));
  const GroupRef group = find(id);
  const bool is_kept = group && how == TransactionEnd::kCommit;
  const std::map<TopicPartition, OffsetRecord> offsets = transaction->offsets;
  if (is_kept) {
    for (const auto& [partition, record] : offsets)
      change.put(offset_key(id, partition), encode(record));
  }
  auto written = co_await catalog_.write(scheduler_, std::move(change));
  if (!written) co_return written;
  if (is_kept) {
    for (const auto& [partition, record] : offsets) group->offsets()[partition] = record;
  }
  pending_.end(id, producer_id);
  co_return written;
}

}  // namespace penstock::group
