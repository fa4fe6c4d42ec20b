// PendingOffsets: offsets that transactions have committed in groups, in force once these are committed
// (KIP-98, KIP-447).
//
// Ownership: the coordinator's. Threading: a plain value. Durability: each is in the catalog when its
// commit is answered; see pending_offset_key().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "group/records.h"

namespace penstock::group {

// What a producer's open transaction has committed in one group. It ends once; whoever still holds it
// then adds nothing more.
struct PendingTransaction {
  std::map<TopicPartition, OffsetRecord> offsets;
  std::size_t commits_under_way = 0;
  bool is_over = false;
};
using PendingTransactionRef = std::shared_ptr<PendingTransaction>;

class PendingOffsets {
 public:
  // Null when the producer has none there.
  PendingTransactionRef find(const std::string& group, std::int64_t producer_id) const;
  PendingTransactionRef find_or_make(const std::string& group, std::int64_t producer_id);
  // Its transaction has ended.
  void end(const std::string& group, std::int64_t producer_id);
  // Lets go of one in which nothing is and nobody commits.
  void drop_if_unused(const std::string& group, std::int64_t producer_id);

  bool has_any(const std::string& group) const { return by_group_.contains(group); }
  // Whether an open transaction has committed an offset for the partition.
  bool holds(const std::string& group, const TopicPartition& partition) const;
  void forget_group(const std::string& group);
  // Of a topic that was deleted; the keys are those in the catalog.
  std::vector<std::string> keys_of_topic(const std::string& topic) const;
  void forget_topic(const std::string& topic);
  // What they hold in memory, about.
  std::uint64_t held_bytes() const;

 private:
  using Transactions = std::map<std::int64_t, PendingTransactionRef>;  // by producer id

  std::map<std::string, Transactions> by_group_;
};

}  // namespace penstock::group
