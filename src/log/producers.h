// Producers: a partition's idempotent and transactional producers, from append to durability.
//
// Batches are checked as of the append end, where others are still on their way to the device and may
// yet be refused; what is written down (producers_file.h) is as of the durable end. So there is a table
// as of the durable end, the batches behind it, and, for producers that have some, their state with
// them.
//
// It also knows which transactions are open and where others were aborted, for consumers that read what
// is committed: they see nothing at or behind the last stable offset.
//
// Ownership: the partition's. Threading: a plain value.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "log/producer_table.h"

namespace penstock::log {

// A transaction that was aborted: its producer's batches from `first` up to its marker do not count.
struct AbortedTransaction {
  std::int64_t producer_id = 0;
  Offset first;
  Offset marker;
  Offset last_stable;  // the last stable offset, once the marker was durable

  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

// All that is known as of an offset.
struct ProducersAt {
  Offset offset;
  ProducerTable table;
  std::vector<AbortedTransaction> aborted;  // in the order of their markers
};

class Producers {
 public:
  // Of a partition that has begun or was recovered: what was written down as of an offset.
  explicit Producers(ProducersAt known = {});

  // Whether there is anything to be known.
  bool empty() const { return table_.size() == 0 && pending_.empty() && aborted_.empty(); }

  // `batch` has a producer; its base offset does not matter yet. `verified` says that its transaction
  // is open.
  ProducerState::Checked check(const BatchHeader& batch,
                               std::optional<TransactionGuard> verified = std::nullopt) const;
  // To be taken before it is asked whether the producer has a transaction open.
  TransactionGuard guard(std::int64_t producer_id) const;
  // A batch that has a producer was given its offsets, which are behind all others'. `bytes` is the
  // batch.
  void add(const BatchHeader& batch, ByteView bytes, std::int64_t now_ms);
  // Everything below is durable; readers may see everything below `high_watermark`.
  void advance(Offset durable_end, Offset high_watermark);
  // Everything from `end` on was never written.
  void roll_back(Offset end);

  // Behind which nothing is decided: the first offset of the oldest transaction that is open, as a
  // reader sees it, or the high watermark.
  Offset last_stable_offset(Offset high_watermark) const;
  // Those that a reader of [from, next) has to skip batches of, in the order of their markers.
  std::vector<AbortedTransaction> aborted_within(Offset from, Offset next) const;

  // As of the append end.
  const ProducerState* find(std::int64_t producer_id) const;
  const ProducerTable& durable() const { return table_; }
  // As of the durable end, without what lies below `log_start` or has been silent for long.
  ProducersAt durable_state(Offset durable_end, Offset log_start, std::int64_t now_ms);

 private:
  struct Pending {
    BatchHeader batch;
    std::optional<TransactionOutcome> outcome;
    std::int64_t now_ms = 0;
  };
  // A producer with batches that are pending.
  struct Ahead {
    ProducerState state;
    std::size_t pending_count = 0;
  };
  // A transaction of which a reader does not see the end yet.
  struct Open {
    std::int64_t producer_id = 0;
    std::optional<Offset> marker;
  };

  void end_transaction(const ProducerState& state, const Pending& marker);

  ProducerTable table_;  // as of the durable end
  std::deque<Pending> pending_;
  std::unordered_map<std::int64_t, Ahead> ahead_;
  std::map<Offset, Open> open_;  // by their first offsets
  std::vector<AbortedTransaction> aborted_;
};

}  // namespace penstock::log
