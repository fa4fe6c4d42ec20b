#include "log/segment_index.h"

#include <algorithm>

#include "base/crc32c.h"

namespace penstock::log {

namespace {

constexpr std::uint64_t kMagic = 0x31584449534E4550;  // "PENSIDX1", little endian
constexpr std::size_t kHeaderBytes = 72;
constexpr std::size_t kRangeBytes = 24;
constexpr std::size_t kChecksumBytes = 4;

}  // namespace

void SegmentIndex::note(const BatchHeader& batch, FilePosition position, bool force) {
  max_timestamp_ms_ = std::max(max_timestamp_ms_, batch.max_timestamp_ms);
  if (force || places_.empty() || position - places_.back().position >= kIndexStrideBytes) {
    places_.push_back(Place{batch.base_offset, position, max_timestamp_ms_});
  } else {
    places_.back().max_timestamp_ms = max_timestamp_ms_;
  }
}

std::optional<SegmentIndex::Place> SegmentIndex::find(Offset offset) const {
  const auto after = std::ranges::upper_bound(places_, offset, {}, &Place::offset);
  if (after == places_.begin()) return std::nullopt;
  return *std::prev(after);
}

std::optional<SegmentIndex::Place> SegmentIndex::find_time(std::int64_t timestamp_ms) const {
  const auto place = std::ranges::lower_bound(places_, timestamp_ms, {}, &Place::max_timestamp_ms);
  if (place == places_.end()) return std::nullopt;
  return *place;
}

SegmentIndex SegmentIndex::thinned(std::size_t place_count) const {
  PENSTOCK_ASSERT(place_count > 0, "an index has a place to start at");
  SegmentIndex thin;
  thin.max_timestamp_ms_ = max_timestamp_ms_;
  const std::size_t stride = (places_.size() + place_count - 1) / place_count;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (i % stride == 0) {
      thin.places_.push_back(places_[i]);
    } else {
      thin.places_.back().max_timestamp_ms = places_[i].max_timestamp_ms;
    }
  }
  return thin;
}

void SegmentIndex::encode_places(MutableBytes into) const {
  std::size_t at = 0;
  for (const Place& place : places_) {
    store_le<std::int64_t>(into, at, place.offset.value);
    store_le<std::uint64_t>(into, at + 8, place.position.value);
    store_le<std::int64_t>(into, at + 16, place.max_timestamp_ms);
    at += kPlaceBytes;
  }
}

SegmentIndex SegmentIndex::decode_places(ByteView from, std::size_t place_count,
                                         std::int64_t max_timestamp_ms) {
  SegmentIndex index;
  index.max_timestamp_ms_ = max_timestamp_ms;
  index.places_.reserve(place_count);
  for (std::size_t at = 0; index.places_.size() < place_count; at += kPlaceBytes) {
    index.places_.push_back(Place{Offset{load_le<std::int64_t>(from, at)},
                                  FilePosition{load_le<std::uint64_t>(from, at + 8)},
                                  load_le<std::int64_t>(from, at + 16)});
  }
  return index;
}

std::vector<std::byte> SealedIndex::encode() const {
  const std::size_t place_bytes = index.places().size() * SegmentIndex::kPlaceBytes;
  std::vector<std::byte> file(kHeaderBytes + place_bytes + damaged.size() * kRangeBytes +
                              kChecksumBytes);
  store_le<std::uint64_t>(file, 0, kMagic);
  store_le<std::uint64_t>(file, 8, segment_number);
  store_le<std::uint64_t>(file, 16, salt);
  store_le<std::int64_t>(file, 24, base_offset.value);
  store_le<std::int64_t>(file, 32, next_offset.value);
  store_le<std::uint64_t>(file, 40, data_end.value);
  store_le<std::int64_t>(file, 48, index.max_timestamp_ms());
  store_le<std::uint32_t>(file, 56, static_cast<std::uint32_t>(index.places().size()));
  store_le<std::uint32_t>(file, 60, static_cast<std::uint32_t>(damaged.size()));
  store_le<std::uint64_t>(file, 64, entry_bytes);
  index.encode_places(MutableBytes(file).subspan(kHeaderBytes));
  std::size_t at = kHeaderBytes + place_bytes;
  for (const DamagedRange& range : damaged) {
    store_le<std::int64_t>(file, at, range.first.value);
    store_le<std::int64_t>(file, at + 8, range.next.value);
    store_le<std::uint64_t>(file, at + 16, range.position.value);
    at += kRangeBytes;
  }
  store_le<std::uint32_t>(file, at, crc32c(ByteView(file).first(at)));
  return file;
}

Result<SealedIndex> SealedIndex::decode(ByteView file) {
  if (file.size() < kHeaderBytes + kChecksumBytes || load_le<std::uint64_t>(file, 0) != kMagic) {
    return fail(ErrorCode::kCorrupt, "not an index file");
  }
  const std::uint64_t place_count = load_le<std::uint32_t>(file, 56);
  const std::uint64_t range_count = load_le<std::uint32_t>(file, 60);
  const std::uint64_t expected_bytes = kHeaderBytes + place_count * SegmentIndex::kPlaceBytes +
                                       range_count * kRangeBytes + kChecksumBytes;
  if (file.size() != expected_bytes) {
    return fail(ErrorCode::kCorrupt, "index file of {} bytes where {} are expected", file.size(),
                expected_bytes);
  }
  const std::size_t checksum_at = file.size() - kChecksumBytes;
  if (crc32c(file.first(checksum_at)) != load_le<std::uint32_t>(file, checksum_at)) {
    return fail(ErrorCode::kCorrupt, "index file checksum mismatch");
  }
  SealedIndex sealed;
  sealed.segment_number = load_le<std::uint64_t>(file, 8);
  sealed.salt = load_le<std::uint64_t>(file, 16);
  sealed.base_offset = Offset{load_le<std::int64_t>(file, 24)};
  sealed.next_offset = Offset{load_le<std::int64_t>(file, 32)};
  sealed.data_end = FilePosition{load_le<std::uint64_t>(file, 40)};
  sealed.entry_bytes = load_le<std::uint64_t>(file, 64);
  sealed.index = SegmentIndex::decode_places(file.subspan(kHeaderBytes), place_count,
                                             load_le<std::int64_t>(file, 48));
  std::size_t at = kHeaderBytes + place_count * SegmentIndex::kPlaceBytes;
  for (std::uint64_t i = 0; i < range_count; ++i, at += kRangeBytes) {
    sealed.damaged.push_back(DamagedRange{Offset{load_le<std::int64_t>(file, at)},
                                          Offset{load_le<std::int64_t>(file, at + 8)},
                                          FilePosition{load_le<std::uint64_t>(file, at + 16)}});
  }
  return sealed;
}

}  // namespace penstock::log
