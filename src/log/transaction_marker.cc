#include "log/transaction_marker.h"

#include <array>

#include "base/batch_layout.h"
#include "base/crc32c.h"

namespace penstock::log {

namespace {

namespace layout = batch_layout;

constexpr std::int16_t kAttributes = (1 << 4) | (1 << 5);  // transactional, control

// The record. All of its lengths are below 64, so that each of its zigzag varints is one byte.
constexpr std::size_t kLengthAt = layout::kRecords;
constexpr std::size_t kKeyLengthAt = kLengthAt + 4;  // behind attributes and two deltas
constexpr std::size_t kKeyAt = kKeyLengthAt + 1;
constexpr std::size_t kOutcomeAt = kKeyAt + 2;
constexpr std::size_t kKeyBytes = 4;
constexpr std::size_t kValueLengthAt = kKeyAt + kKeyBytes;
constexpr std::size_t kValueAt = kValueLengthAt + 1;
constexpr std::size_t kValueBytes = 6;
constexpr std::size_t kHeaderCountAt = kValueAt + kValueBytes;
constexpr std::size_t kBatchBytes = kHeaderCountAt + 1;

constexpr std::byte varint(std::size_t value) { return static_cast<std::byte>(value << 1); }

}  // namespace

std::vector<std::byte> encode_marker(const TransactionMarker& marker) {
  std::vector<std::byte> batch(kBatchBytes);
  store_be<std::int32_t>(batch, layout::kBatchLength,
                         static_cast<std::int32_t>(kBatchBytes - layout::kUncounted));
  store_be<std::int8_t>(batch, layout::kMagic, 2);
  store_be<std::int16_t>(batch, layout::kAttributes, kAttributes);
  store_be<std::int64_t>(batch, layout::kBaseTimestamp, marker.timestamp_ms);
  store_be<std::int64_t>(batch, layout::kMaxTimestamp, marker.timestamp_ms);
  store_be<std::int64_t>(batch, layout::kProducerId, marker.producer_id);
  store_be<std::int16_t>(batch, layout::kProducerEpoch, marker.producer_epoch);
  store_be<std::int32_t>(batch, layout::kBaseSequence, -1);
  store_be<std::int32_t>(batch, layout::kRecordCount, 1);
  batch[kLengthAt] = varint(kBatchBytes - kLengthAt - 1);
  batch[kKeyLengthAt] = varint(kKeyBytes);
  store_be<std::int16_t>(batch, kOutcomeAt, static_cast<std::int16_t>(marker.outcome));
  batch[kValueLengthAt] = varint(kValueBytes);
  store_be<std::int32_t>(batch, kValueAt + 2, marker.coordinator_epoch);
  store_be<std::uint32_t>(batch, layout::kCrc, crc32c(ByteView(batch).subspan(layout::kAttributes)));
  return batch;
}

std::optional<TransactionOutcome> marker_outcome(ByteView batch) {
  if (batch.size() != kBatchBytes || batch[kKeyLengthAt] != varint(kKeyBytes)) return std::nullopt;
  switch (load_be<std::int16_t>(batch, kOutcomeAt)) {
    case 0: return TransactionOutcome::kAbort;
    case 1: return TransactionOutcome::kCommit;
    default: return std::nullopt;
  }
}

}  // namespace penstock::log
