#include "log/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "log/testing/batches.h"

namespace penstock::log::testing {
namespace {

using Verdict = EntryHeader::Verdict;

constexpr Salt kSalt = 0x1122334455667788;
constexpr FilePosition kPosition{5 * kBlockBytes + 200};

void flip(MutableBytes bytes, std::size_t bit) {
  bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
}

SegmentHeader some_header() {
  SegmentHeader header;
  for (std::size_t i = 0; i < header.topic_id.size(); ++i)
    header.topic_id[i] = static_cast<std::byte>(i);
  header.partition = 12;
  header.number = 34;
  header.salt = kSalt;
  header.created_ms = 1'700'000'000'000;
  return header;
}

std::vector<std::byte> some_entry() {
  const auto batch = make_batch(1);
  std::vector<std::byte> entry(kEntryHeaderBytes);
  entry.insert(entry.end(), batch.begin(), batch.end());
  EntryHeader header;
  header.batch_bytes = static_cast<std::uint32_t>(batch.size());
  header.commit_sequence = 56;
  header.durable_end = Offset{78};
  header.encode(entry, kSalt, kPosition);
  return entry;
}

// ---- the segment header

TEST(SegmentHeader, DecodesToWhatWasEncoded) {
  std::vector<std::byte> block(kBlockBytes, std::byte{0xEE});
  some_header().encode(block);
  const auto decoded = SegmentHeader::decode(block);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(decoded->topic_id, some_header().topic_id);
  EXPECT_EQ(decoded->partition, 12);
  EXPECT_EQ(decoded->number, 34U);
  EXPECT_EQ(decoded->salt, kSalt);
  EXPECT_EQ(decoded->created_ms, 1'700'000'000'000);
  EXPECT_TRUE(std::ranges::all_of(ByteView(block).subspan(60), [](std::byte b) {
    return b == std::byte{0};
  })) << "nothing of the file's earlier life is left in the block";
}

TEST(SegmentHeader, EverySingleBitFlipIsRefused) {
  std::vector<std::byte> block(kBlockBytes);
  some_header().encode(block);
  for (std::size_t bit = 0; bit < 60 * 8; ++bit) {
    flip(block, bit);
    const auto decoded = SegmentHeader::decode(block);
    ASSERT_FALSE(decoded) << "bit " << bit;
    EXPECT_EQ(decoded.error().code(), ErrorCode::kCorrupt) << "bit " << bit;
    flip(block, bit);
  }
}

TEST(SegmentHeader, ZerosAndShortBlocksAreRefused) {
  const std::vector<std::byte> zeros(kBlockBytes);
  EXPECT_FALSE(SegmentHeader::decode(zeros));
  std::vector<std::byte> block(kBlockBytes);
  some_header().encode(block);
  EXPECT_FALSE(SegmentHeader::decode(ByteView(block).first(kBlockBytes - 1)));
}

TEST(SegmentHeader, ANewerVersionSaysSo) {
  std::vector<std::byte> block(kBlockBytes);
  some_header().encode(block);
  store_le<std::uint16_t>(block, 8, kFormatVersion + 1);
  store_le<std::uint32_t>(block, 56, crc32c(ByteView(block).first(56)));
  const auto decoded = SegmentHeader::decode(block);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), ErrorCode::kNotSupported);
}

// ---- the entry

TEST(EntryHeader, DecodesToWhatWasEncoded) {
  const auto entry = some_entry();
  EntryHeader decoded;
  ASSERT_EQ(decoded.decode(entry, kSalt, kPosition), Verdict::kEntry);
  EXPECT_EQ(decoded.batch_bytes, entry.size() - kEntryHeaderBytes);
  EXPECT_EQ(decoded.entry_bytes(), entry.size());
  EXPECT_EQ(decoded.commit_sequence, 56U);
  EXPECT_EQ(decoded.durable_end, Offset{78});
}

TEST(EntryHeader, TheFirstBytesAreEnough) {
  const auto entry = some_entry();
  const ByteView first = ByteView(entry).first(kEntryHeaderBytes + kBatchPrefixBytes);
  EntryHeader decoded;
  EXPECT_EQ(decoded.decode(first, kSalt, kPosition), Verdict::kEntry);
  EXPECT_EQ(decoded.decode(first.first(first.size() - 1), kSalt, kPosition), Verdict::kShort);
  EXPECT_EQ(decoded.decode({}, kSalt, kPosition), Verdict::kShort);
}

// The batch's own checksum covers what comes after the prefix.
TEST(EntryHeader, EverySingleBitFlipInHeaderOrBatchPrefixIsRefused) {
  auto entry = some_entry();
  for (std::size_t bit = 0; bit < (kEntryHeaderBytes + kBatchPrefixBytes) * 8; ++bit) {
    flip(entry, bit);
    EntryHeader decoded;
    EXPECT_EQ(decoded.decode(entry, kSalt, kPosition), Verdict::kNothing) << "bit " << bit;
    flip(entry, bit);
  }
}

TEST(EntryHeader, OfAnotherSegmentIsRefused) {
  const auto entry = some_entry();
  EntryHeader decoded;
  for (unsigned bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(decoded.decode(entry, kSalt ^ (Salt{1} << bit), kPosition), Verdict::kNothing);
  }
}

TEST(EntryHeader, AtAnotherPositionIsRefused) {
  const auto entry = some_entry();
  EntryHeader decoded;
  for (unsigned bit = 0; bit < 40; ++bit) {
    const FilePosition other{kPosition.value ^ (std::uint64_t{1} << bit)};
    EXPECT_EQ(decoded.decode(entry, kSalt, other), Verdict::kNothing);
  }
}

TEST(EntryHeader, ImpossibleBatchSizesAreRefusedEvenWithARightChecksum) {
  for (const std::uint32_t size :
       {0U, static_cast<std::uint32_t>(kBatchHeaderBytes - 1), kMaxBatchBytes + 1, 0xFFFFFFFFU}) {
    auto entry = some_entry();
    EntryHeader header;
    header.batch_bytes = size;
    header.encode(entry, kSalt, kPosition);
    EntryHeader decoded;
    EXPECT_EQ(decoded.decode(entry, kSalt, kPosition), Verdict::kNothing) << size;
  }
}

TEST(EntryHeader, ZerosAreNoEntry) {
  const std::vector<std::byte> zeros(kBlockBytes);
  EntryHeader decoded;
  EXPECT_EQ(decoded.decode(zeros, 0, FilePosition{0}), Verdict::kNothing);
}

TEST(NextEntryPlace, IsTheBoundaryExactlyWhenNoEntryFitsBeforeIt) {
  constexpr std::uint64_t kSmallestEntry = kEntryHeaderBytes + kBatchHeaderBytes;
  EXPECT_EQ(next_entry_place(FilePosition{0}), FilePosition{0});
  EXPECT_EQ(next_entry_place(FilePosition{1}), FilePosition{1});
  EXPECT_EQ(next_entry_place(FilePosition{kBlockBytes - kSmallestEntry}),
            FilePosition{kBlockBytes - kSmallestEntry});
  EXPECT_EQ(next_entry_place(FilePosition{kBlockBytes - kSmallestEntry + 1}),
            FilePosition{kBlockBytes});
  EXPECT_EQ(next_entry_place(FilePosition{kBlockBytes}), FilePosition{kBlockBytes});
}

// ---- the batch

TEST(BatchHeader, SaysWhatTheBatchSays) {
  auto batch = make_batch(9, {.record_count = 4, .payload_bytes = 10, .timestamp_ms = 123});
  stamp_batch(batch, Offset{1000}, 7);
  const auto header = BatchHeader::parse(batch);
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(header->base_offset, Offset{1000});
  EXPECT_EQ(header->next_offset(), Offset{1004});
  EXPECT_EQ(header->leader_epoch, 7);
  EXPECT_EQ(header->total_bytes, 71U);
  EXPECT_EQ(header->max_timestamp_ms, 123);
}

TEST(BatchHeader, StampingLeavesTheChecksumRight) {
  auto batch = make_batch(9);
  stamp_batch(batch, Offset{0x0102030405060708}, -5);
  EXPECT_TRUE(batch_checksum_is_right(batch));
}

TEST(BatchHeader, EverySingleBitFlipBehindTheChecksumIsFound) {
  auto batch = make_batch(9, {.payload_bytes = 20});
  for (std::size_t bit = 17 * 8; bit < batch.size() * 8; ++bit) {
    flip(batch, bit);
    EXPECT_FALSE(batch_checksum_is_right(batch)) << "bit " << bit;
    flip(batch, bit);
  }
}

TEST(BatchHeader, ImpossibleStructureIsRefused) {
  const auto batch = make_batch(1);
  const auto refused = [&](auto change) {
    auto changed = batch;
    change(changed);
    return !BatchHeader::parse(changed);
  };
  EXPECT_TRUE(refused([](auto& b) { b.resize(kBatchHeaderBytes - 1); }));
  EXPECT_TRUE(refused([](auto& b) { b.pop_back(); }));
  EXPECT_TRUE(refused([](auto& b) { b.push_back(std::byte{0}); }));
  EXPECT_TRUE(refused([](auto& b) { b[16] = std::byte{1}; }));
  EXPECT_TRUE(refused([](auto& b) { store_be<std::int32_t>(b, 8, -1); }));
  EXPECT_TRUE(refused([](auto& b) { store_be<std::int32_t>(b, 23, -1); }));
  EXPECT_TRUE(refused([](auto& b) { store_be<std::int64_t>(b, 0, -1); }));
}

}  // namespace
}  // namespace penstock::log::testing
