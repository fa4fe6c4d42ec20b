#include "log/segment_scanner.h"

#include <gtest/gtest.h>

#include <vector>

#include "log/testing/segment_bytes.h"

namespace penstock::log::testing {
namespace {

constexpr Salt kSalt = 0x5A17;
constexpr const char* kPath = "/segment";
constexpr std::uint64_t kFileBytes = 256 * kKiB;

class Scanner : public ::testing::Test {
 protected:
  SegmentBytes segment() {
    return SegmentBytes(machine_.scheduler, segment_header(1, kSalt), kFileBytes);
  }

  // Scans `bytes` from the start; the offsets of the entries, each verified against its batch.
  std::vector<std::int64_t> scan(const SegmentBytes& bytes, std::uint64_t window_bytes,
                                 BatchShape shape = {}, Salt salt = kSalt,
                                 std::uint64_t to = kFileBytes) {
    bytes.write_to(machine_, kPath);
    open();
    FileWindows windows(*file_, window_bytes);
    SegmentScanner scanner(windows, salt, {kFirstCommit, FilePosition{to}});
    std::vector<std::int64_t> offsets;
    while (true) {
      auto entry = machine_.scheduler.run(scanner.next());
      EXPECT_TRUE(entry) << entry.error().message();
      if (!entry || !*entry) break;
      const Offset base = (*entry)->batch_header.base_offset;
      const auto expected = stored_batch(static_cast<std::uint64_t>(base.value), base, shape);
      EXPECT_TRUE(std::ranges::equal((*entry)->batch.view(), expected)) << "offset " << base.value;
      offsets.push_back(base.value);
    }
    end_ = scanner.place();
    return offsets;
  }
  void open() {
    auto opened = machine_.scheduler.run(machine_.disk.open(kPath, OpenOptions{.write = true}));
    ASSERT_TRUE(opened);
    file_ = std::move(*opened);
  }

  SimStorage storage_;
  SimMachine machine_{storage_};
  std::unique_ptr<File> file_;
  FilePosition end_;
};

std::vector<std::int64_t> up_to(std::int64_t end) {
  std::vector<std::int64_t> offsets;
  for (std::int64_t i = 0; i < end; ++i) offsets.push_back(i);
  return offsets;
}

TEST_F(Scanner, StepsOverThePaddingBetweenCommits) {
  SegmentBytes bytes = segment();
  bytes.add_commit(Offset{0}, 1, Offset{0});
  bytes.add_commit(Offset{1}, 3, Offset{0});
  bytes.add_commit(Offset{4}, 2, Offset{0});
  EXPECT_EQ(scan(bytes, kMiB), up_to(6));
}

// Batches whose entry leaves any number of bytes of its block: too few for another one, or just enough.
TEST_F(Scanner, ReadsCommitsThatEndAnywhereInABlock) {
  for (std::size_t payload = 3800; payload <= 4010; ++payload) {
    const BatchShape shape{.payload_bytes = payload};
    SegmentBytes bytes = segment();
    bytes.add_commit(Offset{0}, 2, Offset{0}, shape);
    bytes.add_commit(Offset{2}, 1, Offset{0}, shape);
    bytes.add_commit(Offset{3}, 2, Offset{0}, shape);
    ASSERT_EQ(scan(bytes, 2 * kBlockBytes, shape), up_to(5)) << "payload " << payload;
  }
}

TEST_F(Scanner, ReadsTheSameThroughWindowsOfAnySize) {
  for (const std::size_t payload : {10UL, 700UL, 4003UL, 5000UL, 9000UL, 20'000UL}) {
    const BatchShape shape{.payload_bytes = payload};
    SegmentBytes bytes = segment();
    for (std::int64_t i = 0; i < 9; i += 3) bytes.add_commit(Offset{i}, 3, Offset{0}, shape);
    for (const std::uint64_t window : {1UL, 4096UL, 8192UL, 12'288UL, 40'960UL, 1'048'576UL}) {
      EXPECT_EQ(scan(bytes, window, shape), up_to(9)) << payload << " through " << window;
    }
  }
}

// Headers and batches that lie across the end of a window, which is dropped when the next one is used.
TEST_F(Scanner, ReadsTheSameThroughWindowsThatAreOnTheirWay) {
  constexpr std::int64_t kBatches = 900;
  for (std::size_t payload = 60; payload < 180; payload += 3) {
    const BatchShape shape{.payload_bytes = payload};
    SegmentBytes bytes = segment();
    bytes.add_commit(Offset{0}, kBatches, Offset{0}, shape);
    bytes.write_to(machine_, kPath);
    open();
    AheadWindows windows(machine_.scheduler, std::move(file_), AheadWindows::Start::kTry);
    SegmentScanner scanner(windows, kSalt, {kFirstCommit, FilePosition{kFileBytes}});
    for (std::int64_t i = 0; i < kBatches; ++i) {
      auto entry = machine_.scheduler.run(scanner.next());
      ASSERT_TRUE(entry && *entry) << "payload " << payload << ", offset " << i;
      const auto expected = stored_batch(static_cast<std::uint64_t>(i), Offset{i}, shape);
      ASSERT_TRUE(std::ranges::equal((*entry)->batch.view(), expected)) << payload << ", " << i;
    }
  }
}

TEST_F(Scanner, StopsAtAnEntryThatTheFileCutsShort) {
  const BatchShape shape{.payload_bytes = 5000};
  SegmentBytes bytes = segment();
  bytes.add_commit(Offset{0}, 1, Offset{0}, shape);
  const auto last = bytes.add_commit(Offset{1}, 1, Offset{0}, shape);
  bytes.write_to(machine_, kPath);
  for (std::uint64_t size = last.position.value; size <= last.end.value; ++size) {
    open();
    ASSERT_TRUE(machine_.scheduler.run(file_->truncate(size)));
    FileWindows windows(*file_, 16 * kKiB);
    SegmentScanner scanner(windows, kSalt, {kFirstCommit, FilePosition{size}});
    ASSERT_TRUE(machine_.scheduler.run(scanner.next())->has_value());
    ASSERT_EQ(machine_.scheduler.run(scanner.next())->has_value(), size == last.end.value) << size;
    // Truncated below: written whole again.
    if (size < last.end.value) bytes.write_to(machine_, kPath);
  }
}

TEST_F(Scanner, ReadsNothingAtOrAfterTheEndOfItsRange) {
  SegmentBytes bytes = segment();
  const auto first = bytes.add_commit(Offset{0}, 1, Offset{0});
  bytes.add_commit(Offset{1}, 1, Offset{0});
  EXPECT_EQ(scan(bytes, kMiB, {}, kSalt, first.end.value), up_to(1));
  EXPECT_EQ(scan(bytes, kMiB, {}, kSalt, first.end.value - 1), up_to(0));
  EXPECT_EQ(scan(bytes, kMiB, {}, kSalt, kFirstCommit.value), up_to(0));
}

TEST_F(Scanner, SeesNothingUnderAnotherSalt) {
  SegmentBytes bytes = segment();
  bytes.add_commit(Offset{0}, 3, Offset{0});
  EXPECT_TRUE(scan(bytes, kMiB, {}, kSalt + 1).empty());
  EXPECT_EQ(end_, kFirstCommit);
}

TEST_F(Scanner, SeesNothingThatLiesAtAnotherPlace) {
  SegmentBytes bytes = segment();
  bytes.add_commit(Offset{0}, 1, Offset{0});
  // The block is copied, as a misdirected write would.
  const MutableBytes all = bytes.bytes();
  std::ranges::copy(all.subspan(kFirstCommit.value, kBlockBytes),
                    all.subspan(kFirstCommit.value + kBlockBytes).begin());
  EXPECT_EQ(scan(bytes, kMiB), up_to(1));
}

TEST_F(Scanner, NoBitOfAnEntryCanFlipUnseen) {
  SegmentBytes bytes = segment();
  const auto commit = bytes.add_commit(Offset{0}, 1, Offset{0}, {.payload_bytes = 10});
  for (FilePosition at = commit.position; at < commit.end; at = at + 1) {
    bytes.flip_bit(at, static_cast<unsigned>(at.value % 8));
    ASSERT_TRUE(scan(bytes, kBlockBytes).empty()) << "byte " << at.value;
    bytes.flip_bit(at, static_cast<unsigned>(at.value % 8));
  }
}

TEST_F(Scanner, FindsTheNextCommitBehindDamageWithinTheLimit) {
  SegmentBytes bytes = segment();
  const auto damaged = bytes.add_commit(Offset{0}, 1, Offset{0}, {.payload_bytes = 30'000});
  bytes.add_commit(Offset{1}, 1, Offset{0});
  bytes.flip_bit(damaged.position + 20'000);
  EXPECT_TRUE(scan(bytes, 16 * kKiB).empty());
  const SegmentScanner::Range range{kFirstCommit, FilePosition{kFileBytes}};
  FileWindows windows(*file_, 16 * kKiB);
  SegmentScanner near(windows, kSalt, range);
  EXPECT_FALSE(machine_.scheduler.run(near.find_beyond_damage(30'000))->has_value());
  EXPECT_EQ(near.place(), kFirstCommit);
  SegmentScanner far(windows, kSalt, range);
  const auto found = machine_.scheduler.run(far.find_beyond_damage(kMiB));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->batch_header.base_offset, Offset{1});
  EXPECT_EQ(far.place(), next_entry_place((*found)->end()));
}

TEST_F(Scanner, EntriesOutliveTheScanner) {
  SegmentBytes bytes = segment();
  bytes.add_commit(Offset{0}, 1, Offset{0});
  bytes.write_to(machine_, kPath);
  open();
  std::optional<Entry> entry;
  {
    FileWindows windows(*file_, kBlockBytes);
    SegmentScanner scanner(windows, kSalt, {kFirstCommit, FilePosition{kFileBytes}});
    entry = *machine_.scheduler.run(scanner.next());
  }
  ASSERT_TRUE(entry);
  EXPECT_TRUE(std::ranges::equal(entry->batch.view(), stored_batch(0, Offset{0})));
}

TEST_F(Scanner, ADeviceErrorIsAnErrorAndNotTheEnd) {
  SegmentBytes bytes = segment();
  bytes.add_commit(Offset{0}, 1, Offset{0});
  bytes.write_to(machine_, kPath);
  open();
  FileWindows windows(*file_, kBlockBytes);
  SegmentScanner scanner(windows, kSalt, {kFirstCommit, FilePosition{kFileBytes}});
  machine_.disk.inject({.op = SimOp::kRead});
  const auto failed = machine_.scheduler.run(scanner.next());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
}

}  // namespace
}  // namespace penstock::log::testing
