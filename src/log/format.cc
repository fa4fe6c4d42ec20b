#include "log/format.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"

namespace penstock::log {

namespace {

constexpr std::uint64_t kSegmentMagic = 0x314745534B4E4550;  // "PENKSEG1", little endian
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kFlagsAt = 10;
constexpr std::size_t kReachAt = 11;
constexpr std::size_t kPartitionAt = 12;
constexpr std::size_t kTopicIdAt = 16;
constexpr std::size_t kNumberAt = 32;
constexpr std::size_t kSaltAt = 40;
constexpr std::size_t kCreatedAt = 48;
constexpr std::size_t kHeaderChecksumAt = 56;
constexpr std::uint8_t kRewrittenFlag = 1;

constexpr std::uint8_t kAnywhereFlag = 2;

constexpr std::size_t kEntryChecksumAt = 4;
constexpr std::size_t kBatchBytesAt = 8;
constexpr std::size_t kCommitSequenceAt = 16;
constexpr std::size_t kDurableEndAt = 24;

std::uint32_t entry_checksum(ByteView entry, Salt salt, FilePosition position) {
  std::array<std::byte, 16> place;
  store_le<std::uint64_t>(place, 0, salt);
  store_le<std::uint64_t>(place, 8, position.value);
  const auto covered =
      entry.subspan(kBatchBytesAt, kEntryHeaderBytes - kBatchBytesAt + kBatchPrefixBytes);
  return crc32c(covered, crc32c(place));
}

}  // namespace

std::string PartitionId::to_string() const { return fmt::format("{}/{}", topic_name, index); }

void SegmentHeader::encode(MutableBytes block) const {
  PENSTOCK_ASSERT(block.size() >= kBlockBytes, "a segment header fills a block");
  std::memset(block.data(), 0, kBlockBytes);
  store_le<std::uint64_t>(block, 0, kSegmentMagic);
  store_le<std::uint16_t>(block, kVersionAt, kFormatVersion);
  PENSTOCK_ASSERT(commit_reach_bytes <= kReachBytesMax && commit_reach_bytes % kReachUnitBytes == 0,
                  "a reach is whole units, at most 255");
  std::uint8_t flags = 0;
  if (rewritten) flags |= kRewrittenFlag;
  if (entry_places == EntryPlaces::kAnywhere) flags |= kAnywhereFlag;
  store_le<std::uint8_t>(block, kFlagsAt, flags);
  store_le<std::uint8_t>(block, kReachAt,
                         static_cast<std::uint8_t>(commit_reach_bytes / kReachUnitBytes));
  store_le<std::int32_t>(block, kPartitionAt, partition);
  std::memcpy(block.data() + kTopicIdAt, topic_id.data(), topic_id.size());
  store_le<std::uint64_t>(block, kNumberAt, number);
  store_le<std::uint64_t>(block, kSaltAt, salt);
  store_le<std::int64_t>(block, kCreatedAt, created_ms);
  store_le<std::uint32_t>(block, kHeaderChecksumAt, crc32c(block.first(kHeaderChecksumAt)));
}

Result<SegmentHeader> SegmentHeader::decode(ByteView block) {
  if (block.size() < kBlockBytes || load_le<std::uint64_t>(block, 0) != kSegmentMagic) {
    return fail(ErrorCode::kCorrupt, "no segment header");
  }
  if (crc32c(block.first(kHeaderChecksumAt)) != load_le<std::uint32_t>(block, kHeaderChecksumAt)) {
    return fail(ErrorCode::kCorrupt, "segment header checksum mismatch");
  }
  if (const auto version = load_le<std::uint16_t>(block, kVersionAt); version != kFormatVersion) {
    return fail(ErrorCode::kNotSupported,
                "segment format version {}; this build reads version {}. Use the build that wrote it",
                version, kFormatVersion);
  }
  SegmentHeader header;
  const auto flags = load_le<std::uint8_t>(block, kFlagsAt);
  header.rewritten = (flags & kRewrittenFlag) != 0;
  if ((flags & kAnywhereFlag) != 0) header.entry_places = EntryPlaces::kAnywhere;
  header.commit_reach_bytes = load_le<std::uint8_t>(block, kReachAt) * kReachUnitBytes;
  header.partition = load_le<std::int32_t>(block, kPartitionAt);
  std::memcpy(header.topic_id.data(), block.data() + kTopicIdAt, header.topic_id.size());
  header.number = load_le<std::uint64_t>(block, kNumberAt);
  header.salt = load_le<std::uint64_t>(block, kSaltAt);
  header.created_ms = load_le<std::int64_t>(block, kCreatedAt);
  return header;
}

void EntryHeader::encode(MutableBytes entry, Salt salt, FilePosition position) const {
  PENSTOCK_ASSERT(entry.size() >= kEntryHeaderBytes + kBatchPrefixBytes, "an entry holds a batch");
  store_le<std::uint32_t>(entry, 0, kEntryMagic);
  store_le<std::uint32_t>(entry, kBatchBytesAt, batch_bytes);
  store_le<std::uint32_t>(entry, kBatchBytesAt + 4, 0);
  store_le<std::uint64_t>(entry, kCommitSequenceAt, commit_sequence);
  store_le<std::int64_t>(entry, kDurableEndAt, durable_end.value);
  store_le<std::uint32_t>(entry, kEntryChecksumAt, entry_checksum(entry, salt, position));
}

EntryHeader::Verdict EntryHeader::decode(ByteView bytes, Salt salt, FilePosition position) {
  if (bytes.size() < kEntryHeaderBytes + kBatchPrefixBytes) return Verdict::kShort;
  if (load_le<std::uint32_t>(bytes, 0) != kEntryMagic) return Verdict::kNothing;
  if (load_le<std::uint32_t>(bytes, kEntryChecksumAt) != entry_checksum(bytes, salt, position)) {
    return Verdict::kNothing;
  }
  batch_bytes = load_le<std::uint32_t>(bytes, kBatchBytesAt);
  commit_sequence = load_le<std::uint64_t>(bytes, kCommitSequenceAt);
  durable_end = Offset{load_le<std::int64_t>(bytes, kDurableEndAt)};
  const bool possible = batch_bytes >= kBatchHeaderBytes && batch_bytes <= kMaxBatchBytes;
  return possible ? Verdict::kEntry : Verdict::kNothing;
}

FilePosition next_entry_place(FilePosition end) {
  const FilePosition boundary{align_up(end.value, kBlockBytes)};
  return boundary - end < kEntryHeaderBytes + kBatchHeaderBytes ? boundary : end;
}

}  // namespace penstock::log
