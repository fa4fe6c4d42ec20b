// ProducerTable: what a partition knows of the producers that number their batches, as of some offset.
//
// Kafka's rules (KIP-98, KIP-360): a producer numbers its records per partition; a batch that is sent
// again is found among its newest five, as many as a client has in flight; an epoch fences off what a
// producer's earlier lives send. A producer that is not known may begin with any number.
//
// Threading: a plain value. Durability: see producers_file.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "log/batch.h"
#include "log/transaction_marker.h"

namespace penstock::log {

// A batch that a producer has appended.
struct SequencedBatch {
  std::int32_t first_sequence = 0;
  std::int32_t last_sequence = 0;  // smaller than the first where the numbers began again at 0
  Offset base_offset;
  Offset next_offset;

  friend bool operator==(const SequencedBatch&, const SequencedBatch&) = default;
};

// What a batch is to its producer's earlier ones.
enum class ProducerCheck : std::uint8_t {
  kNext,                // it may be appended
  kDuplicate,           // it was appended before
  kOutOfOrder,          // another one should have come first
  kStaleEpoch,          // its producer has begun a later life
  kOutsideTransaction,  // not part of the transaction that its producer has open
  kUnverified,          // it would begin a transaction of which nobody has said yet that it is open
};

// Who wants to begin a transaction in a partition takes one, asks the transaction's coordinator whether
// it is open, and appends with it: it is refused if a marker has come meanwhile, as the answer may be
// older than the marker (the race that KIP-890 names hanging transactions).
struct TransactionGuard {
  Offset last_marker{-1};  // of the producer

  friend bool operator==(const TransactionGuard&, const TransactionGuard&) = default;
};

class ProducerState {
 public:
  static constexpr std::size_t kBatchesMax = 5;

  std::int16_t epoch = -1;
  std::int64_t last_seen_ms = 0;  // by the wall clock of the server
  // The first offset of its open transaction.
  std::optional<Offset> transaction_start;
  Offset last_marker{-1};  // of a transaction

  // The newest, in their order.
  std::span<const SequencedBatch> batches() const { return std::span(batches_).first(batch_count_); }
  void add(const SequencedBatch& batch);

  // `duplicate_of` is the batch that was there, for kDuplicate.
  struct Checked {
    ProducerCheck verdict = ProducerCheck::kNext;
    SequencedBatch duplicate_of{};
  };
  Checked check(const BatchHeader& batch) const;
  // Takes note of a batch that was appended; `outcome` is that of a control batch.
  void apply(const BatchHeader& batch, std::optional<TransactionOutcome> outcome, std::int64_t now_ms);

  friend bool operator==(const ProducerState&, const ProducerState&) = default;

 private:
  std::array<SequencedBatch, kBatchesMax> batches_{};
  std::size_t batch_count_ = 0;
};

class ProducerTable {
 public:
  // Beyond it, those that were silent for longest are forgotten, a tenth at a time. Some 250 bytes of
  // memory each.
  static constexpr std::size_t kProducersMax = 5000;
  // Kafka's producer.id.expiration.ms.
  static constexpr std::int64_t kForgottenAfterMs = 24LL * 60 * 60 * 1000;

  const ProducerState* find(std::int64_t producer_id) const;
  void put(std::int64_t producer_id, const ProducerState& state);
  // Forgets those that were silent for a day, but for those with an open transaction.
  void forget_silent(std::int64_t now_ms);

  std::size_t size() const { return states_.size(); }
  auto begin() const { return states_.begin(); }
  auto end() const { return states_.end(); }

 private:
  void make_room(std::int64_t newest_id);

  std::unordered_map<std::int64_t, ProducerState> states_;
};

// The sequence number `count` behind `first`; numbers begin again at 0 behind the largest.
std::int32_t sequence_after(std::int32_t first, std::int32_t count);

}  // namespace penstock::log
