#include "log/batch.h"

#include "base/crc32c.h"

namespace penstock::log {

namespace {

constexpr std::size_t kBaseOffsetAt = 0;
constexpr std::size_t kLengthAt = 8;  // counts the bytes after itself
constexpr std::size_t kBytesBeforeLengthEnds = 12;
constexpr std::size_t kLeaderEpochAt = 12;
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kChecksumAt = 17;
constexpr std::size_t kChecksummedFrom = 21;
constexpr std::size_t kLastOffsetDeltaAt = 23;
constexpr std::size_t kBaseTimestampAt = 27;
constexpr std::size_t kMaxTimestampAt = 35;
constexpr std::byte kMagic{2};

}  // namespace

Result<BatchHeader> BatchHeader::parse(ByteView batch) {
  if (batch.size() < kBatchHeaderBytes) {
    return fail(ErrorCode::kCorrupt, "a record batch of {} bytes is shorter than its header of {}",
                batch.size(), kBatchHeaderBytes);
  }
  if (batch[kMagicAt] != kMagic) {
    return fail(ErrorCode::kCorrupt, "record batch magic {}, expected 2",
                std::to_integer<int>(batch[kMagicAt]));
  }
  BatchHeader header;
  const auto length = load_be<std::int32_t>(batch, kLengthAt);
  if (length < 0 || static_cast<std::uint64_t>(length) + kBytesBeforeLengthEnds != batch.size()) {
    return fail(ErrorCode::kCorrupt, "record batch length field {}, but the batch has {} bytes", length,
                batch.size());
  }
  header.total_bytes = static_cast<std::uint32_t>(batch.size());
  header.base_offset = Offset{load_be<std::int64_t>(batch, kBaseOffsetAt)};
  header.leader_epoch = load_be<std::int32_t>(batch, kLeaderEpochAt);
  header.checksum = load_be<std::uint32_t>(batch, kChecksumAt);
  header.last_offset_delta = load_be<std::int32_t>(batch, kLastOffsetDeltaAt);
  header.base_timestamp_ms = load_be<std::int64_t>(batch, kBaseTimestampAt);
  header.max_timestamp_ms = load_be<std::int64_t>(batch, kMaxTimestampAt);
  if (header.last_offset_delta < 0 || header.base_offset.value < 0) {
    return fail(ErrorCode::kCorrupt, "record batch at offset {} with last offset delta {}",
                header.base_offset, header.last_offset_delta);
  }
  return header;
}

bool batch_checksum_is_right(ByteView batch) {
  return crc32c(batch.subspan(kChecksummedFrom)) == load_be<std::uint32_t>(batch, kChecksumAt);
}

void stamp_batch(MutableBytes batch, Offset base_offset, std::int32_t leader_epoch) {
  store_be(batch, kBaseOffsetAt, base_offset.value);
  store_be(batch, kLeaderEpochAt, leader_epoch);
}

}  // namespace penstock::log
