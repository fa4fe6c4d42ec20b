#include "group/pending_offsets.h"

#include <algorithm>
#include <ranges>

#include "group/group_memory.h"

namespace penstock::group {

PendingTransactionRef PendingOffsets::find(const std::string& group, std::int64_t producer_id) const {
  const auto transactions = by_group_.find(group);
  if (transactions == by_group_.end()) return nullptr;
  const auto place = transactions->second.find(producer_id);
  return place == transactions->second.end() ? nullptr : place->second;
}

PendingTransactionRef PendingOffsets::find_or_make(const std::string& group, std::int64_t producer_id) {
  PendingTransactionRef& transaction = by_group_[group][producer_id];
  if (!transaction) transaction = std::make_shared<PendingTransaction>();
  return transaction;
}

void PendingOffsets::end(const std::string& group, std::int64_t producer_id) {
  const auto transactions = by_group_.find(group);
  if (transactions == by_group_.end()) return;
  const auto place = transactions->second.find(producer_id);
  if (place == transactions->second.end()) return;
  place->second->is_over = true;
  transactions->second.erase(place);
  if (transactions->second.empty()) by_group_.erase(transactions);
}

void PendingOffsets::drop_if_unused(const std::string& group, std::int64_t producer_id) {
  const PendingTransactionRef transaction = find(group, producer_id);
  if (transaction && transaction->offsets.empty() && transaction->commits_under_way == 0)
    end(group, producer_id);
}

bool PendingOffsets::holds(const std::string& group, const TopicPartition& partition) const {
  const auto transactions = by_group_.find(group);
  if (transactions == by_group_.end()) return false;
  return std::ranges::any_of(
      transactions->second | std::views::values,
      [&partition](const auto& transaction) { return transaction->offsets.contains(partition); });
}

void PendingOffsets::forget_group(const std::string& group) {
  const auto transactions = by_group_.find(group);
  if (transactions == by_group_.end()) return;
  for (const auto& transaction : transactions->second | std::views::values) transaction->is_over = true;
  by_group_.erase(transactions);
}

std::vector<std::string> PendingOffsets::keys_of_topic(const std::string& topic) const {
  std::vector<std::string> keys;
  for (const auto& [group, transactions] : by_group_) {
    for (const auto& [producer_id, transaction] : transactions) {
      for (const auto& partition : transaction->offsets | std::views::keys) {
        if (partition.topic == topic) keys.push_back(pending_offset_key(group, producer_id, partition));
      }
    }
  }
  return keys;
}

void PendingOffsets::forget_topic(const std::string& topic) {
  for (const auto& transactions : by_group_ | std::views::values) {
    for (const auto& transaction : transactions | std::views::values) {
      std::erase_if(transaction->offsets,
                    [&topic](const auto& entry) { return entry.first.topic == topic; });
    }
  }
}

std::uint64_t PendingOffsets::held_bytes() const {
  std::uint64_t bytes = 0;
  for (const Transactions& transactions : by_group_ | std::views::values) {
    for (const PendingTransactionRef& transaction : transactions | std::views::values)
      bytes += kEntryBytes + group::held_bytes(transaction->offsets);
  }
  return bytes;
}

}  // namespace penstock::group
