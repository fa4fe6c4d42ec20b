#include "log/segment_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace penstock::log {
namespace {

BatchHeader batch_at(std::int64_t offset, std::int64_t max_timestamp_ms) {
  BatchHeader batch;
  batch.base_offset = Offset{offset};
  batch.max_timestamp_ms = max_timestamp_ms;
  return batch;
}

// Entries of 1000 bytes at offsets 0, 10, 20 ..., timestamps 5000, 5001, ...
SegmentIndex make_index(std::int64_t entries) {
  SegmentIndex index;
  for (std::int64_t i = 0; i < entries; ++i) {
    index.note(batch_at(10 * i, 5000 + i), kFirstCommit + static_cast<std::uint64_t>(1000 * i));
  }
  return index;
}

TEST(SegmentIndex, HasOnePlacePerStride) {
  const SegmentIndex index = make_index(1000);
  EXPECT_EQ(index.places().size(), 1 + 999 / 66U) << "66 entries of 1000 bytes pass 64 KiB";
  for (std::size_t i = 1; i < index.places().size(); ++i) {
    EXPECT_GE(index.places()[i].position - index.places()[i - 1].position, kIndexStrideBytes);
  }
}

TEST(SegmentIndex, AForcedPlaceIsMadeInsideTheStride) {
  SegmentIndex index = make_index(2);
  index.note(batch_at(20, 1), kFirstCommit + 2000, /*force=*/true);
  EXPECT_EQ(index.places().size(), 2U);
  EXPECT_EQ(index.find(Offset{20})->position, kFirstCommit + 2000);
}

TEST(SegmentIndex, FindGivesTheLastPlaceAtOrBefore) {
  const SegmentIndex index = make_index(1000);
  EXPECT_FALSE(index.find(Offset{-1}));
  for (std::int64_t offset = 0; offset < 10'000; offset += 7) {
    const auto found = index.find(Offset{offset});
    ASSERT_TRUE(found);
    EXPECT_LE(found->offset, Offset{offset});
    const auto after =
        std::ranges::upper_bound(index.places(), Offset{offset}, {}, &SegmentIndex::Place::offset);
    EXPECT_EQ(*found, *std::prev(after));
  }
}

TEST(SegmentIndex, FindTimeGivesWhereTheFirstEntryThatReachesItMayBe) {
  const SegmentIndex index = make_index(1000);
  EXPECT_EQ(index.max_timestamp_ms(), 5999);
  EXPECT_EQ(index.find_time(0)->offset, Offset{0});
  EXPECT_FALSE(index.find_time(6000));
  for (std::int64_t i = 0; i < 1000; ++i) {
    const auto found = index.find_time(5000 + i);
    ASSERT_TRUE(found);
    EXPECT_LE(found->offset, Offset{10 * i});
    EXPECT_GT(found->offset, Offset{10 * i - 670}) << "at most a stride before it";
  }
}

TEST(SegmentIndex, AnEmptyOneFindsNothing) {
  const SegmentIndex index;
  EXPECT_TRUE(index.empty());
  EXPECT_FALSE(index.find(Offset{0}));
  EXPECT_FALSE(index.find_time(0));
  EXPECT_EQ(index.max_timestamp_ms(), -1);
}

// ---- the index file

SealedIndex some_sealed_index() {
  SealedIndex sealed;
  sealed.segment_number = 17;
  sealed.salt = 0xFEDCBA9876543210;
  sealed.base_offset = Offset{0};
  sealed.next_offset = Offset{2000};
  sealed.data_end = FilePosition{208'192};
  sealed.entry_bytes = 123'456;
  sealed.index = make_index(200);
  sealed.damaged = {{Offset{30}, Offset{50}, FilePosition{11'192}},
                    {Offset{900}, Offset{910}, FilePosition{98'192}}};
  return sealed;
}

TEST(SealedIndex, DecodesToWhatWasEncoded) {
  const SealedIndex sealed = some_sealed_index();
  const auto decoded = SealedIndex::decode(sealed.encode());
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(decoded->segment_number, sealed.segment_number);
  EXPECT_EQ(decoded->salt, sealed.salt);
  EXPECT_EQ(decoded->base_offset, sealed.base_offset);
  EXPECT_EQ(decoded->next_offset, sealed.next_offset);
  EXPECT_EQ(decoded->data_end, sealed.data_end);
  EXPECT_EQ(decoded->entry_bytes, sealed.entry_bytes);
  EXPECT_EQ(decoded->index.places(), sealed.index.places());
  EXPECT_EQ(decoded->index.max_timestamp_ms(), sealed.index.max_timestamp_ms());
  EXPECT_EQ(decoded->damaged, sealed.damaged);
  EXPECT_EQ(decoded->encode(), sealed.encode());
}

TEST(SealedIndex, EverySingleBitFlipIsRefused) {
  auto file = some_sealed_index().encode();
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_FALSE(SealedIndex::decode(file)) << "bit " << bit;
    file[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
}

TEST(SealedIndex, EveryOtherLengthIsRefused) {
  const auto file = some_sealed_index().encode();
  for (std::size_t length = 0; length < file.size(); ++length) {
    const auto decoded = SealedIndex::decode(ByteView(file).first(length));
    ASSERT_FALSE(decoded) << length;
    EXPECT_EQ(decoded.error().code(), ErrorCode::kCorrupt);
  }
  auto longer = file;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(SealedIndex::decode(longer));
}

TEST(SealedIndex, CountsThatNoFileCouldHoldAreRefused) {
  auto file = some_sealed_index().encode();
  store_le<std::uint32_t>(file, 56, 0xFFFFFFFF);
  store_le<std::uint32_t>(file, 60, 0xFFFFFFFF);
  EXPECT_FALSE(SealedIndex::decode(file));
}

}  // namespace
}  // namespace penstock::log
