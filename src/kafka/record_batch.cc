#include "kafka/record_batch.h"

#include <limits>

#include "base/crc32c.h"

namespace penstock::kafka {

std::string_view to_string(Compression compression) {
  switch (compression) {
    case Compression::kNone: return "none";
    case Compression::kGzip: return "gzip";
    case Compression::kSnappy: return "snappy";
    case Compression::kLz4: return "lz4";
    case Compression::kZstd: return "zstd";
  }
  return "unknown";
}

namespace {

constexpr std::int16_t kLogAppendTimeBit = 1 << 3;

std::uint32_t crc_of(ByteView batch) { return crc32c(batch.subspan(batch_layout::kAttributes)); }

}  // namespace

Result<RecordBatchView> RecordBatchView::parse(ByteView bytes) {
  // An older format is told apart first: it may be shorter than a header of this one.
  if (bytes.size() <= batch_layout::kMagic) {
    return fail(ErrorCode::kCorrupt, "record batch of {} bytes; a header has {}", bytes.size(),
                kBatchHeaderBytes);
  }
  if (const auto magic = load_be<std::int8_t>(bytes, batch_layout::kMagic); magic != kBatchMagic) {
    return fail(ErrorCode::kNotSupported, "record batch of format version {}; only {} is supported",
                magic, kBatchMagic);
  }
  const auto length = load_be<std::int32_t>(bytes, batch_layout::kBatchLength);
  if (length < static_cast<std::int32_t>(kBatchHeaderBytes - batch_layout::kUncounted)) {
    return fail(ErrorCode::kCorrupt, "record batch of length {}, too short for its header", length);
  }
  const std::size_t size_bytes = batch_layout::kUncounted + static_cast<std::size_t>(length);
  if (size_bytes > bytes.size()) {
    return fail(ErrorCode::kCorrupt, "record batch of {} bytes, but {} are there", size_bytes,
                bytes.size());
  }
  // So that adding a delta to it never overflows.
  constexpr std::int64_t kMaxBaseOffset =
      std::numeric_limits<std::int64_t>::max() - (std::int64_t{1} << 32);
  const auto base_offset = load_be<std::int64_t>(bytes, batch_layout::kBaseOffset);
  if (base_offset < 0 || base_offset > kMaxBaseOffset) {
    return fail(ErrorCode::kCorrupt, "record batch with base offset {}", base_offset);
  }
  return RecordBatchView(bytes.first(size_bytes));
}

std::uint32_t RecordBatchView::computed_crc() const { return crc_of(bytes_); }

std::vector<std::byte> with_append_time(const RecordBatchView& batch, std::int64_t append_time_ms) {
  std::vector<std::byte> stamped(batch.bytes().begin(), batch.bytes().end());
  const auto attributes = static_cast<std::int16_t>(batch.attributes() | kLogAppendTimeBit);
  store_be<std::int16_t>(stamped, batch_layout::kAttributes, attributes);
  store_be<std::int64_t>(stamped, batch_layout::kMaxTimestamp, append_time_ms);
  store_be<std::uint32_t>(stamped, batch_layout::kCrc, crc_of(stamped));
  return stamped;
}

Result<std::vector<RecordBatchView>> split_batches(ByteView records) {
  std::vector<RecordBatchView> batches;
  while (records.size() >= batch_layout::kUncounted) {
    const auto length = load_be<std::int32_t>(records, batch_layout::kBatchLength);
    if (length > 0 && static_cast<std::size_t>(length) > records.size() - batch_layout::kUncounted)
      break;
    const Result<RecordBatchView> batch = RecordBatchView::parse(records);
    if (!batch.has_value()) return Unexpected(batch.error());
    batches.push_back(*batch);
    records = records.subspan(batch->size());
  }
  return batches;
}

}  // namespace penstock::kafka
