// What the catalog holds of transactions: one record per transactional id, and one that says which
// producer ids were given out.
//
// docs/format.md, "The catalog", is the specification. A record that was written by a newer version is
// refused, not guessed at.
//
// Threading: plain functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"

namespace penstock::transaction {

// A producer, in one of its lives.
struct ProducerIdentity {
  std::int64_t id = -1;
  std::int16_t epoch = -1;

  friend bool operator==(const ProducerIdentity&, const ProducerIdentity&) = default;
};

enum class TransactionState : std::int8_t {
  kEmpty = 0,  // none yet
  kOngoing = 1,
  kPrepareCommit = 2,  // decided: its markers are being written
  kPrepareAbort = 3,
  kCompleteCommit = 4,
  kCompleteAbort = 5,
};

// Kafka's name, for example "PrepareCommit".
std::string_view to_string(TransactionState state);

// A partition that a transaction writes to. By the topic's id: a topic that is made again is another.
struct TransactionPartition {
  kafka::Uuid topic_id{};
  std::int32_t partition = 0;

  static void fields(auto& io) {
    io("TopicId", &TransactionPartition::topic_id, {.versions = "0+"});
    io("Partition", &TransactionPartition::partition, {.versions = "0+"});
  }
  friend auto operator<=>(const TransactionPartition&, const TransactionPartition&) = default;
};

struct TransactionRecord {
  static constexpr std::string_view kName = "TransactionRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  // As a producer knows itself whose request for a new epoch was done and not answered.
  std::int64_t last_producer_id = -1;
  std::int16_t last_producer_epoch = -1;
  std::int32_t timeout_ms = 0;
  TransactionState state = TransactionState::kEmpty;
  std::int64_t started_ms = -1;                    // the newest transaction; milliseconds since 1970
  std::int64_t changed_ms = -1;                    // the state
  std::vector<TransactionPartition> partitions{};  // of the transaction that is not complete
  std::vector<std::string> groups{};               // whose offsets it commits

  ProducerIdentity producer() const { return {producer_id, producer_epoch}; }
  ProducerIdentity last_producer() const { return {last_producer_id, last_producer_epoch}; }

  static void fields(auto& io) {
    using M = TransactionRecord;
    io("ProducerId", &M::producer_id, {.versions = "0+"});
    io("ProducerEpoch", &M::producer_epoch, {.versions = "0+"});
    io("LastProducerId", &M::last_producer_id, {.versions = "0+"});
    io("LastProducerEpoch", &M::last_producer_epoch, {.versions = "0+"});
    io("TimeoutMs", &M::timeout_ms, {.versions = "0+"});
    io("State", &M::state, {.versions = "0+"});
    io("StartedMs", &M::started_ms, {.versions = "0+"});
    io("ChangedMs", &M::changed_ms, {.versions = "0+"});
    io("Partitions", &M::partitions, {.versions = "0+"});
    io("Groups", &M::groups, {.versions = "0+"});
  }
  bool operator==(const TransactionRecord&) const = default;
};

inline constexpr std::string_view kTransactionPrefix = "x";
// The only key of producer ids.
inline constexpr std::string_view kProducerIdsKey = "p";
// Longer ones are refused before they get here.
inline constexpr std::size_t kMaxTransactionalIdBytes = 32'767;

std::string transaction_key(std::string_view transactional_id);
// kCorrupt: not such a key.
Result<std::string> decode_transaction_key(std::string_view key);

std::string encode(const TransactionRecord& record);
// kCorrupt; kNotSupported (of a newer version).
Result<TransactionRecord> decode_transaction(std::string_view value);

// The first producer id that was not given out.
struct ProducerIdsRecord {
  static constexpr std::string_view kName = "ProducerIdsRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  std::int64_t next_id = 0;

  static void fields(auto& io) { io("NextId", &ProducerIdsRecord::next_id, {.versions = "0+"}); }
  bool operator==(const ProducerIdsRecord&) const = default;
};
std::string encode(const ProducerIdsRecord& record);
Result<ProducerIdsRecord> decode_producer_ids(std::string_view value);

}  // namespace penstock::transaction
