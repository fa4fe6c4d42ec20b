#include "log/read_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "disk/sim_disk.h"

namespace penstock::log {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kPiece = ReadPace::kPieceBytes;
constexpr Duration kReadTime = milliseconds(1);
constexpr std::uint64_t kFileBytes = 16 * kPiece;

struct PacedRead {
  std::optional<Result<std::size_t>> outcome;
  Instant ended;
};

// A file on a device whose operations take a millisecond each, however many and large they are.
class ReadPaceTest : public ::testing::Test {
 protected:
  ReadPaceTest() : machine_(storage_, options()) {
    file_ =
        std::move(*machine_.scheduler.run(machine_.disk.open("/f", {.write = true, .create = true})));
    const SharedSlice zeros = AlignedBuffer(kFileBytes).freeze(kFileBytes);
    EXPECT_TRUE(machine_.scheduler.run(file_->write(FilePosition{0}, zeros, Durability::kNone)));
    reads_ = 0;
  }
  ~ReadPaceTest() override { sleep(seconds(20)); }

  SimDiskOptions options() {
    SimDiskOptions options;
    options.latency_min = kReadTime;
    options.latency_max = kReadTime;
    options.trace = [this](std::string_view line) {
      if (line.find(" read ") != std::string_view::npos) ++reads_;
    };
    return options;
  }

  Task<void> read(PacedRead& read, AlignedBuffer& memory, std::uint64_t size_bytes) {
    const MutableBytes into = memory.span().first(size_bytes);
    read.outcome = co_await pace_.read(*file_, FilePosition{0}, into, gate_);
    read.ended = machine_.scheduler.now();
  }
  void start_read(std::size_t reader, std::uint64_t size_bytes) {
    machine_.scheduler.spawn(read(reads_by_[reader], memory_[reader], size_bytes));
  }
  Task<void> commit_task(Duration time) {
    const CommitGaps::Hold commit = gaps_.enter();
    co_await machine_.scheduler.sleep_for(time);
  }
  void start_commit(Duration time) {
    machine_.scheduler.spawn(commit_task(time));
    sleep(Duration(1));
  }
  Task<void> sleep_task(Duration time) { co_await machine_.scheduler.sleep_for(time); }
  void sleep(Duration time) { machine_.scheduler.run(sleep_task(time)); }
  Instant now() { return machine_.scheduler.now(); }

  SimStorage storage_;
  std::uint64_t reads_ = 0;
  SimMachine machine_;
  std::unique_ptr<File> file_;
  CommitGaps gaps_{machine_.scheduler};
  ReadPace pace_{machine_.scheduler, gaps_};
  Gate gate_{machine_.scheduler};
  std::vector<AlignedBuffer> memory_ = [] {
    std::vector<AlignedBuffer> memory;
    for (int i = 0; i < 4; ++i) memory.emplace_back(kFileBytes + kPiece);
    return memory;
  }();
  std::vector<PacedRead> reads_by_{4};
};

TEST_F(ReadPaceTest, WithoutCommitsReadsGoOutWholeAndSideBySide) {
  const Instant begin = now();
  for (std::size_t reader = 0; reader < 4; ++reader) start_read(reader, kFileBytes);
  sleep(milliseconds(50));
  EXPECT_EQ(reads_, 4U);
  for (const PacedRead& read : reads_by_) {
    ASSERT_TRUE(read.outcome && *read.outcome);
    EXPECT_EQ(**read.outcome, kFileBytes);
    EXPECT_EQ(read.ended - begin, kReadTime);
  }
}

TEST_F(ReadPaceTest, WhileCommitsComeOnePieceAtATimeIsRead) {
  start_commit(Duration(1));
  sleep(milliseconds(1));
  const Instant begin = now();
  for (std::size_t reader = 0; reader < 4; ++reader) start_read(reader, 4 * kPiece);
  sleep(milliseconds(50));
  EXPECT_EQ(reads_, 16U);
  // They take turns, so the last ones end one behind the other.
  for (std::size_t reader = 0; reader < 4; ++reader) {
    EXPECT_EQ(reads_by_[reader].ended - begin, kReadTime * (13 + static_cast<int>(reader)));
  }
}

TEST_F(ReadPaceTest, APieceWaitsUntilTheLastCommitHasLeft) {
  start_commit(microseconds(300));
  const Instant second = now();
  start_commit(microseconds(500));
  start_read(0, 2 * kPiece);
  sleep(milliseconds(20));
  EXPECT_EQ(reads_by_[0].ended - second, microseconds(500) + 2 * kReadTime);
}

TEST_F(ReadPaceTest, CommitsWithoutAGapHoldEachPieceBackForABoundedTime) {
  start_commit(seconds(10));
  const Instant begin = now();
  start_read(0, 4 * kPiece);
  sleep(seconds(1));
  EXPECT_EQ(reads_by_[0].ended - begin, 4 * (ReadPace::kLongestHold + kReadTime));
}

TEST_F(ReadPaceTest, WhereCommitsTakeLongPiecesAreLarger) {
  EXPECT_EQ(pace_.piece_bytes(), kPiece);
  for (int i = 0; i < 40; ++i) {
    start_commit(microseconds(100));
    sleep(microseconds(100));
  }
  EXPECT_EQ(pace_.piece_bytes(), kPiece);
  for (int i = 0; i < 40; ++i) {
    start_commit(milliseconds(4));
    sleep(milliseconds(4));
  }
  EXPECT_GT(pace_.piece_bytes(), 350 * kKiB);
  EXPECT_LE(pace_.piece_bytes(), 400 * kKiB);
  for (int i = 0; i < 40; ++i) {
    start_commit(seconds(1));
    sleep(seconds(1));
  }
  EXPECT_EQ(pace_.piece_bytes(), ReadPace::kLargestPieceBytes);
}

TEST_F(ReadPaceTest, AQuietTimeAfterTheLastCommitReadsGoOutWholeAgain) {
  start_commit(Duration(1));
  sleep(ReadPace::kQuietAfter + Duration(1));
  start_read(0, kFileBytes);
  sleep(milliseconds(10));
  EXPECT_EQ(reads_, 1U);
}

TEST_F(ReadPaceTest, AReadEndsAtTheEndOfTheFile) {
  for (const bool is_quiet : {true, false}) {
    if (!is_quiet) start_commit(Duration(1));
    start_read(0, kFileBytes + kPiece);
    sleep(milliseconds(100));
    ASSERT_TRUE(reads_by_[0].outcome && *reads_by_[0].outcome);
    EXPECT_EQ(**reads_by_[0].outcome, kFileBytes);
  }
}

TEST_F(ReadPaceTest, AnErrorOfAnyPieceIsTheReadsAndTheNextOneHasItsTurn) {
  start_commit(Duration(1));
  for (std::uint64_t index = 0; index < 4; ++index) {
    machine_.disk.inject({.op = SimOp::kRead, .nth = index + 1});
    start_read(0, 4 * kPiece);
    sleep(milliseconds(20));
    ASSERT_TRUE(reads_by_[0].outcome.has_value());
    ASSERT_FALSE(*reads_by_[0].outcome) << index;
    EXPECT_EQ(reads_by_[0].outcome->error().code(), ErrorCode::kIo);
    start_read(1, 4 * kPiece);
    sleep(milliseconds(20));
    ASSERT_TRUE(reads_by_[1].outcome && *reads_by_[1].outcome) << index;
  }
}

TEST_F(ReadPaceTest, WhenItsOwnerIsClosedAReadEndsSoon) {
  start_commit(seconds(10));
  start_read(0, kFileBytes);
  sleep(milliseconds(1));
  machine_.scheduler.run(gate_.close());
  sleep(ReadPace::kLongestHold + 2 * kReadTime);
  ASSERT_TRUE(reads_by_[0].outcome && !*reads_by_[0].outcome);
  EXPECT_EQ(reads_by_[0].outcome->error().code(), ErrorCode::kClosed);
}

}  // namespace
}  // namespace penstock::log
