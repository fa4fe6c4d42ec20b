// BatchHeader: what the log needs to know of a Kafka record batch (magic 2).
//
// The log stores a batch byte for byte as the producer sent it; only base offset and leader epoch,
// which the batch's own CRC leaves out, are stamped. Whether a batch is acceptable is the broker's to
// decide.
#pragma once

#include <cstdint>

#include "base/batch_layout.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"

namespace penstock::log {

// Length of the fixed header, before the records.
inline constexpr std::size_t kBatchHeaderBytes = batch_layout::kRecords;

// The batch's first bytes up to and including its own CRC: what an entry's checksum covers of it.
inline constexpr std::size_t kBatchPrefixBytes = batch_layout::kAttributes;

struct BatchHeader {
  Offset base_offset;
  std::uint32_t total_bytes = 0;  // header and records
  std::int32_t leader_epoch = 0;
  std::uint32_t checksum = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp_ms = 0;
  std::int64_t max_timestamp_ms = 0;
  std::int64_t producer_id = -1;  // -1: of no producer that numbers its batches
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;  // the first record's number; the others follow
  bool is_transactional = false;
  bool is_control = false;  // a transaction's end: see transaction_marker.h

  // Whether its producer is idempotent or transactional.
  bool has_producer() const { return producer_id >= 0; }
  Offset next_offset() const { return base_offset + last_offset_delta + 1; }

  // Reads the header of the batch that fills `batch`. kCorrupt when its structure is impossible:
  // another magic, a length that is not batch.size(), a negative offset delta.
  static Result<BatchHeader> parse(ByteView batch);
};

// Whether the batch's own CRC is right. `batch` is a whole batch that parses.
bool batch_checksum_is_right(ByteView batch);

// Stamps the two fields that a broker owns; the batch's CRC does not cover them.
void stamp_batch(MutableBytes batch, Offset base_offset, std::int32_t leader_epoch);

}  // namespace penstock::log
