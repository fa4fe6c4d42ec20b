#include "log/checkpoint.h"

#include "base/crc32c.h"

namespace penstock::log {

namespace {

// From Checkpoint::kAt on.
constexpr std::uint32_t kMagic = 0x4B484350;  // "PCHK", little endian
constexpr std::size_t kChecksumAt = 4;
constexpr std::size_t kNumberAt = 8;
constexpr std::size_t kNextOffsetAt = 16;
constexpr std::size_t kDataEndAt = 24;
constexpr std::size_t kCommitSequenceAt = 32;
constexpr std::size_t kBaseOffsetAt = 40;
constexpr std::size_t kMaxTimestampAt = 48;
constexpr std::size_t kPlaceCountAt = 56;
constexpr std::size_t kEntryBytesAt = 64;
constexpr std::size_t kPlacesAt = 72;
static_assert(Checkpoint::kAt + kPlacesAt + Checkpoint::kPlacesMax * SegmentIndex::kPlaceBytes <=
              kBlockBytes);

std::uint32_t checksum(ByteView checkpoint, Salt salt, std::size_t place_count) {
  std::array<std::byte, 8> of_segment;
  store_le<std::uint64_t>(of_segment, 0, salt);
  const std::size_t end = kPlacesAt + place_count * SegmentIndex::kPlaceBytes;
  return crc32c(checkpoint.subspan(kNumberAt, end - kNumberAt), crc32c(of_segment));
}

}  // namespace

void Checkpoint::encode(MutableBytes block, Salt salt) const {
  const MutableBytes bytes = block.subspan(kAt);
  const std::size_t place_count = index.places().size();
  PENSTOCK_ASSERT(place_count <= kPlacesMax, "a checkpoint's index has been thinned");
  store_le<std::uint32_t>(bytes, 0, kMagic);
  store_le<std::uint64_t>(bytes, kNumberAt, number);
  store_le<std::int64_t>(bytes, kNextOffsetAt, next_offset.value);
  store_le<std::uint64_t>(bytes, kDataEndAt, data_end.value);
  store_le<std::uint64_t>(bytes, kCommitSequenceAt, commit_sequence);
  store_le<std::int64_t>(bytes, kBaseOffsetAt, base_offset.value);
  store_le<std::int64_t>(bytes, kMaxTimestampAt, index.max_timestamp_ms());
  store_le<std::uint64_t>(bytes, kPlaceCountAt, place_count);
  store_le<std::uint64_t>(bytes, kEntryBytesAt, entry_bytes);
  index.encode_places(bytes.subspan(kPlacesAt));
  store_le<std::uint32_t>(bytes, kChecksumAt, checksum(bytes, salt, place_count));
}

std::optional<Checkpoint> Checkpoint::decode(ByteView block, Salt salt) {
  if (block.size() < kBlockBytes) return std::nullopt;
  const ByteView bytes = block.subspan(kAt);
  const std::uint64_t place_count = load_le<std::uint64_t>(bytes, kPlaceCountAt);
  const bool is_one = load_le<std::uint32_t>(bytes, 0) == kMagic && place_count <= kPlacesMax &&
                      load_le<std::uint32_t>(bytes, kChecksumAt) == checksum(bytes, salt, place_count);
  if (!is_one) return std::nullopt;
  Checkpoint found;
  found.number = load_le<std::uint64_t>(bytes, kNumberAt);
  found.next_offset = Offset{load_le<std::int64_t>(bytes, kNextOffsetAt)};
  found.data_end = FilePosition{load_le<std::uint64_t>(bytes, kDataEndAt)};
  found.commit_sequence = load_le<std::uint64_t>(bytes, kCommitSequenceAt);
  found.entry_bytes = load_le<std::uint64_t>(bytes, kEntryBytesAt);
  found.base_offset = Offset{load_le<std::int64_t>(bytes, kBaseOffsetAt)};
  found.index = SegmentIndex::decode_places(bytes.subspan(kPlacesAt), place_count,
                                            load_le<std::int64_t>(bytes, kMaxTimestampAt));
  return found;
}

}  // namespace penstock::log
