#include "kafka/batch_validation.h"

#include <optional>
#include <utility>

#include "kafka/record.h"

namespace penstock::kafka {
namespace {

// KIP-110.
constexpr std::int16_t kFirstVersionWithZstd = 7;

using Verdict = std::optional<ProduceRejection>;  // nullopt: nothing wrong

template <typename... Args>
ProduceRejection reject(KafkaError error, fmt::format_string<Args...> format, Args&&... args) {
  return {.error = error, .message = fmt::format(format, std::forward<Args>(args)...)};
}

// Sizes and format, as far as they can be seen before there is a batch to look at.
Verdict check_extent(ByteView records) {
  if (records.empty()) return reject(KafkaError::kInvalidRecord, "no records");
  if (records.size() <= batch_layout::kMagic) {
    return reject(KafkaError::kCorruptMessage, "{} bytes are no record batch", records.size());
  }
  const auto magic = load_be<std::int8_t>(records, batch_layout::kMagic);
  if (magic != kBatchMagic) {
    return reject(KafkaError::kInvalidRecord, "record format version {}; this API version needs {}",
                  magic, kBatchMagic);
  }
  return std::nullopt;
}

Verdict check_compression(const RecordBatchView& batch, const ProduceLimits& limits) {
  const Compression compression = batch.compression();
  if (compression > Compression::kZstd) {
    return reject(KafkaError::kUnsupportedCompressionType, "compression type {} does not exist",
                  static_cast<int>(compression));
  }
  if (compression == Compression::kZstd && limits.produce_version < kFirstVersionWithZstd) {
    return reject(KafkaError::kUnsupportedCompressionType, "zstd needs Produce version {}, this is {}",
                  kFirstVersionWithZstd, limits.produce_version);
  }
  return std::nullopt;
}

Verdict check_header(const RecordBatchView& batch) {
  const std::int64_t offsets = std::int64_t{batch.last_offset_delta()} + 1;
  if (batch.record_count() <= 0 || offsets != batch.record_count()) {
    return reject(KafkaError::kInvalidRecord, "{} records, but offsets for {}", batch.record_count(),
                  offsets);
  }
  if (batch.is_control()) {
    return reject(KafkaError::kInvalidRecord, "control batches are the broker's own");
  }
  if (batch.is_idempotent() && batch.base_sequence() < 0) {
    return reject(KafkaError::kInvalidRecord, "producer id {} with sequence {}", batch.producer_id(),
                  batch.base_sequence());
  }
  return std::nullopt;
}

Verdict check_records(const RecordBatchView& batch) {
  if (batch.compression() != Compression::kNone) return std::nullopt;
  RecordReader reader(batch);
  while (true) {
    const auto record = reader.next();
    if (!record.has_value()) {
      return ProduceRejection{.error = KafkaError::kInvalidRecord,
                              .message = record.error().message(),
                              .record_index = reader.index()};
    }
    if (!record->has_value()) return std::nullopt;
    const std::int32_t index = reader.index() - 1;
    if ((*record)->offset - batch.base_offset() != index) {
      return ProduceRejection{
          .error = KafkaError::kInvalidRecord,
          .message = fmt::format("record {} has offset {}", index, (*record)->offset),
          .record_index = index};
    }
  }
}

}  // namespace

std::expected<RecordBatchView, ProduceRejection> validate_produced(ByteView records,
                                                                   const ProduceLimits& limits) {
  if (Verdict verdict = check_extent(records)) return std::unexpected(*std::move(verdict));
  const Result<RecordBatchView> batch = RecordBatchView::parse(records);
  if (!batch.has_value()) {
    return std::unexpected(reject(KafkaError::kCorruptMessage, "{}", batch.error().message()));
  }
  if (batch->size() != records.size()) {
    return std::unexpected(reject(KafkaError::kInvalidRecord,
                                  "{} bytes after the batch; only one is allowed",
                                  records.size() - batch->size()));
  }
  if (Verdict verdict = check_compression(*batch, limits)) return std::unexpected(*std::move(verdict));
  if (batch->base_offset() != Offset{0}) {
    return std::unexpected(
        reject(KafkaError::kInvalidRecord, "base offset {}, not 0", batch->base_offset()));
  }
  if (std::cmp_greater(batch->size(), limits.max_message_bytes)) {
    return std::unexpected(reject(KafkaError::kMessageTooLarge,
                                  "batch of {} bytes; max.message.bytes is {}", batch->size(),
                                  limits.max_message_bytes));
  }
  if (!batch->crc_matches()) {
    return std::unexpected(reject(KafkaError::kCorruptMessage,
                                  "checksum {:08x}, but the batch says {:08x}", batch->computed_crc(),
                                  batch->crc()));
  }
  if (Verdict verdict = check_header(*batch)) return std::unexpected(*std::move(verdict));
  if (Verdict verdict = check_records(*batch)) return std::unexpected(*std::move(verdict));
  return *batch;
}

}  // namespace penstock::kafka
