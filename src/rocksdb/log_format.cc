#include "rocksdb/log_format.h"

#include <algorithm>

#include "base/crc32c.h"

namespace penstock::rocksdb {

namespace {

constexpr std::size_t kLengthAt = 4;
constexpr std::size_t kTypeAt = 6;
constexpr std::size_t kHeaderBytes = 7;
constexpr std::size_t kRecyclableHeaderBytes = 11;
// The smallest piece that a device writes whole.
constexpr std::size_t kSectorBytes = 512;

enum RecordType : std::uint8_t {
  kFirst = 2,
  kMiddle = 3,
  kRecyclableFull = 5,
  kRecyclableFirst = 6,
  kRecyclableMiddle = 7,
  kRecyclableLast = 8,
};

// What is behind a fragment of these belongs to the same record.
bool goes_on(std::uint8_t type) {
  return type == kFirst || type == kMiddle || type == kRecyclableFirst || type == kRecyclableMiddle;
}

std::size_t header_bytes(std::uint8_t type) {
  return type >= kRecyclableFull && type <= kRecyclableLast ? kRecyclableHeaderBytes : kHeaderBytes;
}

std::uint32_t unmasked(std::uint32_t stored) {
  constexpr std::uint32_t kMaskDelta = 0xa282ead8U;
  return std::rotl(stored - kMaskDelta, 15);
}

bool is_zeros(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

// Whether a power cut left out a sector between these places of a block: what was there before is
// zeros, from where a flush had ended, which is where a record begins.
bool has_hole(ByteView block, std::size_t begin, std::size_t end) {
  while (begin < end) {
    const std::size_t sector_end =
        std::min(align_down(begin, kSectorBytes) + kSectorBytes, block.size());
    if (is_zeros(block.first(sector_end).subspan(begin))) return true;
    begin = sector_end;
  }
  return false;
}

// The length of the record that begins `bytes`, or 0 when none does whose checksum is right.
std::size_t right_record(ByteView bytes) {
  if (bytes.size() < kHeaderBytes) return 0;
  const auto type = load_le<std::uint8_t>(bytes, kTypeAt);
  if (type == 0) return 0;
  const std::size_t record_bytes = header_bytes(type) + load_le<std::uint16_t>(bytes, kLengthAt);
  if (record_bytes > bytes.size()) return 0;
  const std::uint32_t checksum = crc32c(bytes.first(record_bytes).subspan(kTypeAt));
  return unmasked(load_le<std::uint32_t>(bytes, 0)) == checksum ? record_bytes : 0;
}

}  // namespace

LogWalk::LogWalk(FilePosition start, FilePosition end) : at_(start), end_(end) {
  PENSTOCK_ASSERT(is_aligned(start.value, kLogBlockBytes), "a walk begins at a block of the log");
}

bool LogWalk::add(ByteView block) {
  for (std::size_t place = 0; block.size() - place >= kHeaderBytes;) {
    const ByteView rest = block.subspan(place);
    if (is_zeros(rest.first(kHeaderBytes))) return false;
    const std::size_t record_bytes = right_record(rest);
    if (record_bytes > 0) {
      place += record_bytes;
      if (!goes_on(load_le<std::uint8_t>(rest, kTypeAt))) end_ = std::max(end_, at_ + place);
      continue;
    }
    // Torn, or damaged, and then its length may be too: any right record behind it tells which, if it
    // is not one that was written together with this one.
    const std::size_t begin = place;
    do {
      ++place;
    } while (place < block.size() && right_record(block.subspan(place)) == 0);
    if (has_hole(block, begin, place)) return false;
  }
  at_ = at_ + block.size();
  return block.size() == kLogBlockBytes;
}

}  // namespace penstock::rocksdb
