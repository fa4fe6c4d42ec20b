#include "log/batch.h"

#include "base/batch_layout.h"
#include "base/crc32c.h"

namespace penstock::log {

namespace {

namespace layout = batch_layout;

constexpr std::byte kMagic{2};
constexpr std::int16_t kTransactionalBit = 1 << 4;
constexpr std::int16_t kControlBit = 1 << 5;

}  // namespace

Result<BatchHeader> BatchHeader::parse(ByteView batch) {
  if (batch.size() < kBatchHeaderBytes) {
    return fail(ErrorCode::kCorrupt, "a record batch of {} bytes is shorter than its header of {}",
                batch.size(), kBatchHeaderBytes);
  }
  if (batch[layout::kMagic] != kMagic) {
    return fail(ErrorCode::kCorrupt, "record batch magic {}, expected 2",
                std::to_integer<int>(batch[layout::kMagic]));
  }
  BatchHeader header;
  const auto length = load_be<std::int32_t>(batch, layout::kBatchLength);
  if (length < 0 || static_cast<std::uint64_t>(length) + layout::kUncounted != batch.size()) {
    return fail(ErrorCode::kCorrupt, "record batch length field {}, but the batch has {} bytes", length,
                batch.size());
  }
  header.total_bytes = static_cast<std::uint32_t>(batch.size());
  header.base_offset = Offset{load_be<std::int64_t>(batch, layout::kBaseOffset)};
  header.leader_epoch = load_be<std::int32_t>(batch, layout::kPartitionLeaderEpoch);
  header.checksum = load_be<std::uint32_t>(batch, layout::kCrc);
  header.last_offset_delta = load_be<std::int32_t>(batch, layout::kLastOffsetDelta);
  header.base_timestamp_ms = load_be<std::int64_t>(batch, layout::kBaseTimestamp);
  header.max_timestamp_ms = load_be<std::int64_t>(batch, layout::kMaxTimestamp);
  header.producer_id = load_be<std::int64_t>(batch, layout::kProducerId);
  header.producer_epoch = load_be<std::int16_t>(batch, layout::kProducerEpoch);
  header.base_sequence = load_be<std::int32_t>(batch, layout::kBaseSequence);
  const auto attributes = load_be<std::int16_t>(batch, layout::kAttributes);
  header.is_transactional = (attributes & kTransactionalBit) != 0;
  header.is_control = (attributes & kControlBit) != 0;
  if (header.last_offset_delta < 0 || header.base_offset.value < 0) {
    return fail(ErrorCode::kCorrupt, "record batch at offset {} with last offset delta {}",
                header.base_offset, header.last_offset_delta);
  }
  return header;
}

bool batch_checksum_is_right(ByteView batch) {
  return crc32c(batch.subspan(layout::kAttributes)) == load_be<std::uint32_t>(batch, layout::kCrc);
}

void stamp_batch(MutableBytes batch, Offset base_offset, std::int32_t leader_epoch) {
  store_be(batch, layout::kBaseOffset, base_offset.value);
  store_be(batch, layout::kPartitionLeaderEpoch, leader_epoch);
}

}  // namespace penstock::log
