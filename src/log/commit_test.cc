#include "log/commit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "log/tail.h"
#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

constexpr Salt kSalt = 77;

class CommitTest : public ::testing::Test {
 protected:
  CommitRef commit() { return std::make_shared<Commit>(machine_.scheduler); }
  static void add(Commit& commit, std::int64_t offset, BatchShape shape = {}) {
    const auto batch = stored_batch(static_cast<std::uint64_t>(offset), Offset{offset}, shape);
    commit.add(batch, *BatchHeader::parse(batch));
  }
  // A durable commit of `count` batches of one record.
  CommitRef laid_out(std::int64_t base, std::int64_t count, BatchShape shape = {}) {
    const CommitRef made = commit();
    for (std::int64_t i = 0; i < count; ++i) add(*made, base + i, shape);
    made->lay_out(kSalt, FilePosition{8 * kBlockBytes}, 1, Offset{base});
    return made;
  }

  SimStorage storage_;
  SimMachine machine_{storage_};
};

TEST_F(CommitTest, EntriesFollowEachOtherAndParseAtTheirPlaces) {
  const CommitRef made = commit();
  EXPECT_TRUE(made->empty());
  for (std::int64_t i = 0; i < 5; ++i) add(*made, 100 + i);
  const FilePosition position{8 * kBlockBytes};
  const SharedSlice& bytes = made->lay_out(kSalt, position, 9, Offset{88});

  EXPECT_EQ(made->base_offset(), Offset{100});
  EXPECT_EQ(made->next_offset(), Offset{105});
  ASSERT_EQ(made->batches().size(), 5U);
  std::size_t expected_at = 0;
  for (const Commit::PlacedBatch& batch : made->batches()) {
    EXPECT_EQ(batch.entry_at, expected_at);
    EntryHeader header;
    ASSERT_EQ(header.decode(bytes.view().subspan(batch.entry_at), kSalt, position + batch.entry_at),
              EntryHeader::Verdict::kEntry);
    EXPECT_EQ(header.commit_sequence, 9U);
    EXPECT_EQ(header.durable_end, Offset{88});
    EXPECT_TRUE(
        std::ranges::equal(made->batch_bytes(batch).view(),
                           stored_batch(static_cast<std::uint64_t>(batch.header.base_offset.value),
                                        batch.header.base_offset)));
    expected_at += header.entry_bytes();
  }
}

TEST_F(CommitTest, IsWholeBlocksAndWhatIsNoEntryIsZeros) {
  // Sizes around the block boundary, where the rest of a block is too small for another entry.
  for (std::size_t payload = 3700; payload < 4100; payload += 7) {
    const CommitRef made = laid_out(0, 3, {.payload_bytes = payload});
    const ByteView bytes = made->bytes().view();
    EXPECT_EQ(bytes.size() % kBlockBytes, 0U);
    EXPECT_EQ(bytes.size(), made->device_bytes());
    std::vector<bool> covered(bytes.size());
    for (const Commit::PlacedBatch& batch : made->batches()) {
      const std::size_t end = batch.entry_at + kEntryHeaderBytes + batch.header.total_bytes;
      std::fill(covered.begin() + static_cast<std::ptrdiff_t>(batch.entry_at),
                covered.begin() + static_cast<std::ptrdiff_t>(end), true);
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      ASSERT_TRUE(covered[at] || bytes[at] == std::byte{0}) << "payload " << payload << ", byte " << at;
    }
    EXPECT_LT(bytes.size() - made->batches().back().entry_at - kEntryHeaderBytes -
                  made->batches().back().header.total_bytes,
              kBlockBytes);
  }
}

TEST_F(CommitTest, SaysBeforehandWhatItWouldTake) {
  const CommitRef made = commit();
  for (std::int64_t i = 0; i < 30; ++i) {
    const BatchShape shape{.payload_bytes = static_cast<std::size_t>(i * 331 % 2900)};
    const std::uint64_t expected = made->device_bytes_with(kBatchHeaderBytes + shape.payload_bytes);
    add(*made, i, shape);
    ASSERT_EQ(made->device_bytes(), expected);
  }
}

TEST_F(CommitTest, KeepsItsEntriesAsItGrows) {
  const CommitRef made = commit();
  std::uint64_t payload_bytes = 0;
  for (std::int64_t i = 0; i < 200; ++i) {
    add(*made, i, {.payload_bytes = 3000});
    payload_bytes += kBatchHeaderBytes + 3000;
  }
  made->lay_out(kSalt, kFirstCommit, 1, Offset{0});
  EXPECT_EQ(made->payload_bytes(), payload_bytes);
  EXPECT_GE(made->memory_bytes(), made->device_bytes());
  for (const Commit::PlacedBatch& batch : made->batches()) {
    ASSERT_TRUE(batch_checksum_is_right(made->batch_bytes(batch).view()));
  }
}

// ---- the tail

TEST_F(CommitTest, TheTailKeepsTheNewestWithinItsBudgetAndTheNewestOneAlways) {
  TailMemory memory(3 * kBlockBytes);
  Tail tail(memory);
  for (std::int64_t i = 0; i < 10; ++i) tail.add(laid_out(i, 1));
  EXPECT_FALSE(tail.read(Offset{6}, {}));
  EXPECT_EQ(tail.read(Offset{7}, {})->batches.size(), 3U);
  EXPECT_EQ(tail.read(Offset{9}, {})->batches.size(), 1U);
  EXPECT_FALSE(tail.read(Offset{10}, {})) << "not yet there";

  tail.add(laid_out(10, 1, {.payload_bytes = 20 * kBlockBytes}));
  EXPECT_FALSE(tail.read(Offset{9}, {}));
  EXPECT_EQ(tail.read(Offset{10}, {})->batches.size(), 1U);
  tail.clear();
  EXPECT_FALSE(tail.read(Offset{10}, {}));
}

TEST_F(CommitTest, TheTailStartsInTheMiddleOfACommitAndGoesOnIntoTheNext) {
  TailMemory memory(kMiB);
  Tail tail(memory);
  tail.add(laid_out(0, 3));
  tail.add(laid_out(3, 3));
  const auto found = tail.read(Offset{2}, {.max_bytes = 3 * 161});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->batches.size(), 3U);
  EXPECT_EQ(BatchHeader::parse(found->batches[0].view())->base_offset, Offset{2});
  EXPECT_EQ(BatchHeader::parse(found->batches[2].view())->base_offset, Offset{4});
  EXPECT_EQ(found->size_bytes, 3U * 161);
}

TEST_F(CommitTest, TheTailHonoursTheLimits) {
  TailMemory memory(kMiB);
  Tail tail(memory);
  tail.add(laid_out(0, 3));
  EXPECT_EQ(tail.read(Offset{0}, {.max_bytes = 1})->batches.size(), 1U);
  EXPECT_TRUE(tail.read(Offset{0}, {.max_bytes = 1, .at_least_one = false})->batches.empty());
}

TEST_F(CommitTest, WhatIsOldestInAllTailsLeavesFirst) {
  TailMemory memory(4 * kBlockBytes);
  Tail quiet(memory);
  Tail busy(memory);
  quiet.add(laid_out(0, 1));
  busy.add(laid_out(0, 1));
  quiet.add(laid_out(1, 1));
  busy.add(laid_out(1, 1));
  busy.add(laid_out(2, 1));
  EXPECT_FALSE(quiet.read(Offset{0}, {}));
  EXPECT_TRUE(quiet.read(Offset{1}, {}));
  EXPECT_TRUE(busy.read(Offset{0}, {}));
  busy.add(laid_out(3, 1));
  busy.add(laid_out(4, 1));
  EXPECT_FALSE(quiet.read(Offset{1}, {}));
  EXPECT_FALSE(busy.read(Offset{0}, {}));
  EXPECT_EQ(busy.read(Offset{1}, {})->batches.size(), 4U);
  EXPECT_EQ(memory.held_bytes(), 4 * kBlockBytes);
}

TEST_F(CommitTest, ATailThatGoesAwayGivesItsMemoryToTheOthers) {
  TailMemory memory(3 * kBlockBytes);
  Tail stays(memory);
  {
    Tail goes(memory);
    goes.add(laid_out(0, 1));
    stays.add(laid_out(0, 1));
    goes.add(laid_out(1, 1));
  }
  EXPECT_EQ(memory.held_bytes(), kBlockBytes);
  stays.add(laid_out(1, 1));
  stays.add(laid_out(2, 1));
  EXPECT_EQ(stays.read(Offset{0}, {})->batches.size(), 3U);
}

}  // namespace
}  // namespace penstock::log::testing
