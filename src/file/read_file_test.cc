#include "file/read_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "file/block_range.h"
#include "file/testing/every_disk.h"
#include "file/testing/observed_disk.h"
#include "file/testing/stored_bytes.h"
#include "task/started.h"

namespace penstock::file {
namespace {

constexpr auto kUntouched = std::byte{0xa5};

// Memory for one read at any address, which notices what is written beside it.
class GuardedMemory {
 public:
  GuardedMemory(std::size_t at, std::size_t size_bytes)
      : buffer_(at + size_bytes + kBlockBytes), at_(at), size_bytes_(size_bytes) {
    std::ranges::fill(buffer_.span(), kUntouched);
  }

  MutableBytes bytes() { return buffer_.span().subspan(at_, size_bytes_); }
  bool is_intact_around() const {
    const auto untouched = [](std::byte byte) { return byte == kUntouched; };
    return std::ranges::all_of(buffer_.view().first(at_), untouched) &&
           std::ranges::all_of(buffer_.view().subspan(at_ + size_bytes_), untouched);
  }

 private:
  AlignedBuffer buffer_;
  std::size_t at_;
  std::size_t size_bytes_;
};

class ReadFileOnEveryDisk : public ::testing::TestWithParam<DiskMake> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    if (under_test_ == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
  }

  Scheduler& scheduler() { return under_test_->scheduler(); }
  StoredBytes store(std::size_t size_bytes) {
    return StoredBytes(scheduler(), under_test_->disk(), under_test_->root() + "/file", size_bytes);
  }
  ReadFile open(const StoredBytes& stored) {
    Result<ReadFile> file = scheduler().run(ReadFile::open(under_test_->disk(), stored.path()));
    EXPECT_TRUE(file) << file.error().message();
    return std::move(*file);
  }

  std::unique_ptr<DiskUnderTest> under_test_;
};

TEST_P(ReadFileOnEveryDisk, EveryByteComesFromWhereItWasAskedFor) {
  const StoredBytes stored = store(3 * kMiB + 12'345);
  const ReadFile file = open(stored);
  // Small and large, whole blocks and not, so that each way of reading is taken often.
  const auto sizes = rc::gen::oneOf(rc::gen::inRange<std::size_t>(0, 3 * kBlockBytes),
                                    rc::gen::inRange<std::size_t>(200 * kKiB, 2 * kMiB),
                                    rc::gen::map(rc::gen::inRange<std::size_t>(1, 300),
                                                 [](std::size_t n) { return n * kBlockBytes; }));
  const bool right = rc::check("a read brings the file's bytes, and touches nothing else", [&] {
    const std::size_t size = *sizes;
    const std::size_t at = *rc::gen::inRange<std::size_t>(0, 2 * kBlockBytes);
    std::uint64_t from = *rc::gen::inRange<std::uint64_t>(0, stored.size() + 2 * kBlockBytes);
    const bool agrees = *rc::gen::arbitrary<bool>();
    if (agrees) from = align_down(from, kBlockBytes) + at % kBlockBytes;
    GuardedMemory memory(at, size);
    const Result<std::size_t> got = scheduler().run(file.read(FilePosition{from}, memory.bytes()));
    RC_ASSERT(got.has_value());
    RC_ASSERT(stored.matches(from, size, memory.bytes().first(*got)));
    RC_ASSERT(memory.is_intact_around());
  });
  EXPECT_TRUE(right);
}

TEST_P(ReadFileOnEveryDisk, AReadEndsWhereTheFileEnds) {
  for (const std::size_t file_bytes : {0UL, 1UL, 4095UL, 4096UL, 4097UL, 8191UL, 8192UL, 300'001UL}) {
    const StoredBytes stored = store(file_bytes);
    const ReadFile file = open(stored);
    EXPECT_EQ(*scheduler().run(file.size()), file_bytes);
    for (const std::size_t size : {1UL, 100UL, 4096UL, 4097UL, 8192UL, 600'000UL}) {
      for (const std::uint64_t before_end : {0UL, 1UL, 17UL, 4095UL, 4096UL, 4097UL, 300'000UL}) {
        if (before_end > file_bytes) continue;
        for (const std::size_t at : {0UL, 1UL, 700UL}) {
          const std::uint64_t from = file_bytes - before_end;
          GuardedMemory memory(at, size);
          const auto got = scheduler().run(file.read(FilePosition{from}, memory.bytes()));
          ASSERT_TRUE(got) << got.error().message();
          ASSERT_TRUE(stored.matches(from, size, memory.bytes().first(*got)))
              << *got << " of " << size << " bytes at " << from << " of " << file_bytes;
          ASSERT_TRUE(memory.is_intact_around());
        }
      }
    }
  }
}

TEST_P(ReadFileOnEveryDisk, BehindTheEndThereIsNothingHoweverFar) {
  const StoredBytes stored = store(10'000);
  const ReadFile file = open(stored);
  GuardedMemory memory(0, 3 * kBlockBytes);
  for (const std::uint64_t from :
       {std::uint64_t{10'000}, kMiB, kFilePositionLimit - kMiB, kFilePositionLimit - kBlockBytes,
        kFilePositionLimit - 1, kFilePositionLimit, std::uint64_t{INT64_MAX}, UINT64_MAX}) {
    EXPECT_EQ(*scheduler().run(file.read(FilePosition{from}, memory.bytes())), 0U) << from;
  }
  EXPECT_EQ(*scheduler().run(file.read(FilePosition{0}, MutableBytes())), 0U);
}

TEST_P(ReadFileOnEveryDisk, ManyReadsEachHaveAResultOfTheirOwn) {
  const StoredBytes stored = store(2 * kMiB + 777);
  const ReadFile file = open(stored);
  Random random(5);
  std::vector<GuardedMemory> memories;
  std::vector<ReadRequest> requests;
  // More than go out at a time, so that some wait for others.
  for (std::size_t i = 0; i < 2 * ReadFile::kMaxReadsInFlight + 3; ++i) {
    const std::size_t size = i % 50 == 0 ? 300'000 + random.below(900'000) : random.below(9000);
    memories.emplace_back(i % 3 == 0 ? 0 : random.below(kBlockBytes), size);
    const std::uint64_t from = random.below(stored.size() + 5000);
    const FilePosition position{i % 3 == 0 ? align_down(from, kBlockBytes) : from};
    requests.push_back({.from = position, .into = memories.back().bytes()});
  }
  scheduler().run(file.read_many(requests));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ReadRequest& request = requests[i];
    ASSERT_TRUE(request.result) << request.result.error().message();
    ASSERT_TRUE(
        stored.matches(request.from.value, request.into.size(), request.into.first(*request.result)))
        << "request " << i;
    ASSERT_TRUE(memories[i].is_intact_around());
  }
}

TEST_P(ReadFileOnEveryDisk, NoRequestsAreReadAtOnce) {
  const ReadFile file = open(store(100));
  scheduler().run(file.read_many({}));
}

TEST_P(ReadFileOnEveryDisk, MayBeDestroyedWhileItReads) {
  const StoredBytes stored = store(kMiB);
  std::optional<ReadFile> file = open(stored);
  GuardedMemory memory(0, 600'000);
  Started<Result<std::size_t>> read(file->read(FilePosition{50}, memory.bytes()));
  file.reset();
  struct Body {
    static Task<Result<std::size_t>> finish(Started<Result<std::size_t>>& started) {
      co_return co_await started;
    }
  };
  EXPECT_EQ(*scheduler().run(Body::finish(read)), 600'000U);
  EXPECT_TRUE(stored.matches(50, 600'000, memory.bytes()));
}

TEST_P(ReadFileOnEveryDisk, AMissingFileIsNotFound) {
  const auto missing =
      scheduler().run(ReadFile::open(under_test_->disk(), under_test_->root() + "/missing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Makes, ReadFileOnEveryDisk, testing::ValuesIn(every_disk()), name_of_make);

TEST(ReadFileOnAnInlineDisk, ReadsFromManyThreadsAtOnceWithoutAScheduler) {
  const auto under_test = RealDiskUnderTest::make(RealMake::kInline, IoMode::kBuffered);
  ASSERT_NE(under_test, nullptr);
  const StoredBytes stored(under_test->scheduler(), under_test->disk(), under_test->root() + "/file",
                           2 * kMiB + 99);
  const Result<ReadFile> file =
      under_test->scheduler().run(ReadFile::open(under_test->disk(), stored.path()));
  ASSERT_TRUE(file);
  std::atomic<int> right_count = 0;
  const auto read_around = [&](std::uint64_t seed) {
    Random random(seed);
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t from = random.below(stored.size());
      const std::size_t size = i % 5 == 0 ? 500'000 : 5000;
      GuardedMemory memory(random.below(kBlockBytes), size);
      Started<Result<std::size_t>> read(file->read(FilePosition{from}, memory.bytes()));
      if (!read.has_ended()) continue;
      const Result<std::size_t> got = read.await_resume();
      if (got && stored.matches(from, size, memory.bytes().first(*got))) ++right_count;
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) threads.emplace_back(read_around, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right_count, 200);
}

// What is asked of the device.
class ReadFileReads : public ::testing::Test {
 protected:
  static constexpr std::size_t kFileBytes = 4 * kMiB;

  ReadFileReads() {
    Result<ReadFile> file = sim_.scheduler().run(ReadFile::open(disk_, stored_.path()));
    EXPECT_TRUE(file);
    file_.emplace(std::move(*file));
  }

  Result<std::size_t> read(std::uint64_t from, MutableBytes into) {
    log().reads.clear();
    return sim_.scheduler().run(file_->read(FilePosition{from}, into));
  }
  ReadLog& log() { return disk_.log(); }
  SimDisk& sim_disk() { return static_cast<SimDisk&>(sim_.disk()); }

  SimDiskUnderTest sim_;
  ObservedDisk disk_{sim_.disk()};
  StoredBytes stored_{sim_.scheduler(), disk_, "/root/file", kFileBytes};
  std::optional<ReadFile> file_;
};

TEST_F(ReadFileReads, WholeBlocksLandInTheCallersMemory) {
  for (const std::size_t size : {kBlockBytes, 16 * kBlockBytes, kMiB}) {
    GuardedMemory memory(kBlockBytes, size);
    ASSERT_TRUE(read(8192, memory.bytes()));
    EXPECT_EQ(log().reads, (std::vector{ObservedRead{8192, size, memory.bytes().data()}}));
  }
}

TEST_F(ReadFileReads, ASmallUnalignedReadIsOneReadOfTheBlocksAroundIt) {
  GuardedMemory memory(0, 5000);
  ASSERT_TRUE(read(4000, memory.bytes()));
  ASSERT_EQ(log().reads.size(), 1U);
  EXPECT_EQ(log().reads[0].from, 0U);
  EXPECT_EQ(log().reads[0].length_bytes, 3 * kBlockBytes);
}

TEST_F(ReadFileReads, TheMiddleOfALargeReadLandsInPlaceAndTheEndsGoWithIt) {
  GuardedMemory memory(100, kMiB);
  log().most_in_flight = 0;
  ASSERT_EQ(*read(4196, memory.bytes()), kMiB);
  ASSERT_EQ(log().reads.size(), 3U);
  const ObservedRead middle{8192, kMiB - kBlockBytes, memory.bytes().data() + 3996};
  EXPECT_EQ(log().reads[0], middle);
  EXPECT_EQ(log().reads[1].from, 4096U);
  EXPECT_EQ(log().reads[1].length_bytes, kBlockBytes);
  EXPECT_EQ(log().reads[2].from, kMiB + kBlockBytes);
  EXPECT_EQ(log().reads[2].length_bytes, kBlockBytes);
  EXPECT_EQ(log().most_in_flight, 3U);
  EXPECT_TRUE(stored_.matches(4196, kMiB, memory.bytes()));
}

TEST_F(ReadFileReads, AMiddleThatIsMovedIsStillReadIntoTheCallersMemory) {
  GuardedMemory memory(700, 2 * kMiB);
  ASSERT_EQ(*read(100, memory.bytes()), 2 * kMiB);
  ASSERT_EQ(log().reads.size(), 3U);
  const ObservedRead& middle = log().reads[0];
  EXPECT_GE(middle.address, memory.bytes().data());
  EXPECT_LE(middle.address + middle.length_bytes, memory.bytes().data() + 2 * kMiB);
  EXPECT_GE(middle.length_bytes, 2 * kMiB - 3 * kBlockBytes);
  EXPECT_TRUE(stored_.matches(100, 2 * kMiB, memory.bytes()));
}

TEST_F(ReadFileReads, TheMemoryThatALargeReadTakesForItselfIsBounded) {
  for (const std::size_t at : {0UL, 1UL, 100UL, 4095UL}) {
    for (const std::size_t size : {3 * kMiB, 3 * kMiB + 17}) {
      GuardedMemory memory(at, size);
      ASSERT_EQ(*read(100, memory.bytes()), size);
      std::uint64_t own_bytes = 0;
      for (const ObservedRead& made : log().reads) {
        const bool in_callers_memory =
            made.address >= memory.bytes().data() && made.address < memory.bytes().data() + size;
        if (!in_callers_memory) own_bytes += made.length_bytes;
      }
      EXPECT_LE(own_bytes, 3 * kBlockBytes);
    }
  }
}

TEST_F(ReadFileReads, AFailureInAnyPartFailsTheRead) {
  for (std::uint64_t part = 1; part <= 3; ++part) {
    GuardedMemory memory(100, kMiB);
    sim_disk().inject({.op = SimOp::kRead, .nth = part});
    const auto failed = read(4196, memory.bytes());
    ASSERT_FALSE(failed) << "part " << part;
    EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
    EXPECT_NE(failed.error().message().find("/root/file"), std::string::npos);
    EXPECT_EQ(log().in_flight, 0U);
    EXPECT_EQ(*read(4196, memory.bytes()), kMiB);
  }
}

TEST_F(ReadFileReads, AFileThatEndsInAnyPartGivesWhatIsBeforeTheEnd) {
  for (const std::size_t at : {100UL, 612UL}) {
    for (const std::size_t left : {0UL, 1UL, 3996UL, 3997UL, 500'000UL, kMiB + 4196, 2 * kMiB - 1}) {
      stored_.resize(4196 + left);
      GuardedMemory memory(at, 2 * kMiB);
      const auto got = read(4196, memory.bytes());
      ASSERT_TRUE(got);
      EXPECT_EQ(*got, left);
      EXPECT_TRUE(stored_.matches(4196, 2 * kMiB, memory.bytes().first(*got)));
      EXPECT_TRUE(memory.is_intact_around());
    }
  }
}

TEST_F(ReadFileReads, ManyGoOutTogetherUpToTheLimitAndLeaveNothingInFlight) {
  constexpr std::size_t kCount = ReadFile::kMaxReadsInFlight + 100;
  AlignedBuffer memory(kCount * kBlockBytes);
  std::vector<ReadRequest> requests(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    requests[i].from = FilePosition{i * kBlockBytes};
    requests[i].into = memory.span().subspan(i * kBlockBytes, kBlockBytes);
  }
  sim_.scheduler().run(file_->read_many(requests));
  EXPECT_EQ(log().reads.size(), kCount);
  EXPECT_EQ(log().most_in_flight, ReadFile::kMaxReadsInFlight);
  EXPECT_EQ(log().in_flight, 0U);
  EXPECT_TRUE(stored_.matches(0, memory.capacity(), memory.view()));
}

TEST_F(ReadFileReads, AFailureAmongManyIsThatOfItsRequestOnly) {
  constexpr std::size_t kCount = 20;
  for (std::size_t failing = 0; failing < kCount; ++failing) {
    AlignedBuffer memory(kCount * 2 * kBlockBytes);
    std::vector<ReadRequest> requests(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      // Half of them through memory of the lane's own, which must survive an error.
      requests[i].from = FilePosition{i * kBlockBytes + (i % 2) * 100};
      requests[i].into = memory.span().subspan(i * 2 * kBlockBytes, kBlockBytes);
    }
    sim_disk().inject({.op = SimOp::kRead, .nth = failing + 1});
    sim_.scheduler().run(file_->read_many(requests));
    for (std::size_t i = 0; i < kCount; ++i) {
      if (i == failing) {
        ASSERT_FALSE(requests[i].result);
        EXPECT_EQ(requests[i].result.error().code(), ErrorCode::kIo);
      } else {
        ASSERT_TRUE(requests[i].result);
        EXPECT_TRUE(stored_.matches(requests[i].from.value, kBlockBytes,
                                    requests[i].into.first(*requests[i].result)));
      }
    }
  }
}

TEST_F(ReadFileReads, ALaneReadsOnAfterAFailure) {
  // The second read of each lane fails, with the memory that the first one left for the third.
  constexpr std::size_t kCount = 3 * ReadFile::kMaxReadsInFlight;
  std::vector<std::byte> memory(kCount * 100);
  std::vector<ReadRequest> requests(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    requests[i].from = FilePosition{i * 1000};
    requests[i].into = std::span(memory).subspan(i * 100, 100);
  }
  sim_disk().inject({.op = SimOp::kRead,
                     .nth = ReadFile::kMaxReadsInFlight + 1,
                     .count = ReadFile::kMaxReadsInFlight});
  sim_.scheduler().run(file_->read_many(requests));
  std::size_t failed_count = 0;
  for (const ReadRequest& request : requests) {
    if (!request.result) {
      ++failed_count;
    } else {
      EXPECT_TRUE(stored_.matches(request.from.value, 100, request.into));
    }
  }
  EXPECT_EQ(failed_count, ReadFile::kMaxReadsInFlight);
}

}  // namespace
}  // namespace penstock::file
