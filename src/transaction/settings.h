// TransactionSettings: what an operator decides about transactions, as values that have been checked.
#pragma once

#include <chrono>
#include <cstddef>

#include "task/clock.h"

namespace penstock::transaction {

struct TransactionSettings {
  // The longest that a producer may ask for, after which its transaction is aborted. Kafka's
  // transaction.max.timeout.ms.
  Duration max_timeout = std::chrono::minutes(15);
  // How often transactions that took too long are looked for, and how long a marker that could not be
  // written waits for its next try.
  Duration check_interval = std::chrono::seconds(1);
  // How long a transactional id is remembered without a transaction. Kafka's
  // transactional.id.expiration.ms.
  Duration id_expiration = std::chrono::hours(7 * 24);
  // The most transactional ids of a shard, and the most partitions and groups of one transaction.
  std::size_t max_ids = 100'000;
  std::size_t max_partitions = 10'000;
  std::size_t max_groups = 1'000;
};

}  // namespace penstock::transaction
