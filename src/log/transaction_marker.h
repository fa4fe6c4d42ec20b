// Transaction markers: the control batches by which a coordinator says how a transaction ended in a
// partition. They take an offset of their own; consumers are not shown them.
//
// One record, whose key is a version (int16, 0) and the outcome (int16), and whose value is a version
// (int16, 0) and the coordinator's epoch (int32), as Kafka's EndTransactionMarker.
//
// Threading: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace penstock::log {

enum class TransactionOutcome : std::int16_t { kAbort = 0, kCommit = 1 };

struct TransactionMarker {
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  TransactionOutcome outcome = TransactionOutcome::kAbort;
  std::int32_t coordinator_epoch = 0;
  std::int64_t timestamp_ms = 0;
};

// The whole record batch, with base offset 0.
std::vector<std::byte> encode_marker(const TransactionMarker& marker);

// What a control batch that parses says; nothing if it is not one of encode_marker()'s.
std::optional<TransactionOutcome> marker_outcome(ByteView batch);

}  // namespace penstock::log
