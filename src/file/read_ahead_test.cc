#include "file/read_ahead.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <optional>
#include <set>

#include "disk/sim_disk.h"
#include "file/block_range.h"
#include "file/testing/drain.h"
#include "file/testing/observed_disk.h"
#include "file/testing/stored_bytes.h"

namespace penstock::file {
namespace {

using std::chrono::milliseconds;
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

constexpr Duration kReadTime = milliseconds(1);

// A device on which every operation takes one millisecond, however many there are.
class ReadAheadOnSim : public ::testing::Test {
 protected:
  ReadAheadOnSim() { storage_.make_directories("/d"); }

  // A reader that is destroyed leaves its reads in flight behind.
  void TearDown() override {
    drain(machine_.scheduler);
    EXPECT_EQ(log().in_flight, 0U);
  }

  void store(std::size_t size_bytes) {
    stored_.emplace(machine_.scheduler, machine_.disk, "/d/file", size_bytes);
    const OpenOptions how{};
    auto file = machine_.scheduler.run(disk_.open("/d/file", how));
    ASSERT_TRUE(file);
    file_ = std::move(*file);
  }
  ReadAhead reader(ReadAheadOptions options = {}) {
    return ReadAhead(machine_.scheduler, file_, options);
  }

  Result<SharedSlice> read(ReadAhead& reader, std::uint64_t from, std::size_t size_bytes) {
    auto bytes = machine_.scheduler.run(reader.read(FilePosition{from}, size_bytes));
    if (bytes) EXPECT_TRUE(stored_->matches(from, size_bytes, bytes->view())) << "read at " << from;
    return bytes;
  }
  Result<SharedSlice> next(ReadAhead& reader, std::uint64_t from) {
    auto bytes = machine_.scheduler.run(reader.next(FilePosition{from}));
    if (bytes) EXPECT_TRUE(stored_->matches(from, bytes->size(), bytes->view())) << "next at " << from;
    return bytes;
  }
  // Reads from `from` to the end of the file, or for `count` calls; returns where it stopped.
  std::uint64_t scan(ReadAhead& reader, std::uint64_t from = 0, int count = 1'000'000) {
    for (; count > 0; --count) {
      const auto bytes = next(reader, from);
      EXPECT_TRUE(bytes);
      if (!bytes || bytes->empty()) break;
      from += bytes->size();
    }
    return from;
  }
  void sleep(Duration delay) {
    struct Body {
      static Task<void> sleep(Scheduler& scheduler, Duration delay) {
        co_await scheduler.sleep_for(delay);
      }
    };
    machine_.scheduler.run(Body::sleep(machine_.scheduler, delay));
  }
  Duration since_start() const { return machine_.scheduler.now().since_start; }
  ReadLog& log() { return disk_.log(); }

  SimStorage storage_;
  SimMachine machine_{storage_, {.latency_min = kReadTime, .latency_max = kReadTime}};
  ObservedDisk disk_{machine_.disk};
  std::optional<StoredBytes> stored_;
  std::shared_ptr<File> file_;
};

TEST_F(ReadAheadOnSim, TheFirstTouchFetchesTheBlocksThatWereAskedForAndNoMore) {
  store(kMiB);
  ReadAhead first = reader();
  EXPECT_EQ(read(first, 5000, 100)->size(), 100U);
  EXPECT_EQ(log().ranges_kib(), (Ranges{{4, 8}}));
  log().reads.clear();
  ReadAhead second = reader();
  EXPECT_EQ(next(second, 0)->size(), 64 * kKiB);
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 64}}));
}

TEST_F(ReadAheadOnSim, TheSecondTouchStartsTwoWindowsBesideTheOneInUse) {
  store(4 * kMiB);
  ReadAhead ahead = reader();
  EXPECT_TRUE(read(ahead, 0, 4096));
  EXPECT_TRUE(read(ahead, 4096, 4096));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 4}, {4, 68}, {68, 196}, {196, 452}}));
  EXPECT_EQ(log().most_in_flight, 3U);
  EXPECT_TRUE(read(ahead, 8192, 50'000));
  EXPECT_EQ(log().reads.size(), 4U) << "it is all there";
}

TEST_F(ReadAheadOnSim, WhoMayStopSoonHasTheFirstWindowAlone) {
  store(4 * kMiB);
  ReadAhead ahead = reader({.windows_in_flight = 1, .windows_alone = 1});
  EXPECT_TRUE(next(ahead, 0));
  EXPECT_TRUE(next(ahead, 20'000));
  EXPECT_TRUE(next(ahead, 60'000));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 64}}));
  EXPECT_TRUE(next(ahead, 64 * kKiB));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 64}, {64, 128}, {128, 256}})) << "and now it reads on";
  // A seek makes it one who may stop soon again.
  log().reads.clear();
  EXPECT_TRUE(next(ahead, 3 * kMiB));
  EXPECT_TRUE(next(ahead, 3 * kMiB + 10'000));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{3072, 3136}}));
}

TEST_F(ReadAheadOnSim, WindowsDoubleUpToTheLargest) {
  store(16 * kMiB);
  ReadAhead ahead = reader();
  EXPECT_EQ(scan(ahead), 16 * kMiB);
  std::vector<std::uint64_t> kib;
  for (const auto& [from, to] : log().ranges_kib()) kib.push_back(to - from);
  ASSERT_GE(kib.size(), 9U);
  kib.resize(9);
  EXPECT_EQ(kib, (std::vector<std::uint64_t>{64, 64, 128, 256, 512, 1024, 2048, 2048, 2048}));
}

TEST_F(ReadAheadOnSim, EachByteIsReadOnceByAScan) {
  store(16 * kMiB + 5);
  ReadAhead ahead = reader();
  std::uint64_t from = 0;
  while (from < 16 * kMiB + 5) from = scan(ahead, from, 1);
  EXPECT_EQ(ahead.stats().bytes_read, 16 * kMiB + 5);
  EXPECT_EQ(ahead.stats().bytes_dropped_unused, 0U);
  EXPECT_EQ(ahead.stats().resets, 0U);
}

TEST_F(ReadAheadOnSim, ThreeReadsAreInFlightAtMostHoweverFastTheReaderIs) {
  store(32 * kMiB);
  ReadAhead ahead = reader();
  scan(ahead);
  EXPECT_EQ(log().most_in_flight, 3U);
}

TEST_F(ReadAheadOnSim, AReaderFasterThanTheDeviceHasThreeReadsOverlap) {
  store(63 * 64 * kKiB);
  ReadAhead ahead = reader({.window_bytes_max = 64 * kKiB, .sequential_from_start = true});
  const Duration start = since_start();
  scan(ahead, 0, 63);
  EXPECT_EQ(since_start() - start, 21 * kReadTime);
}

TEST_F(ReadAheadOnSim, AReaderSlowerThanTheDeviceNeverWaitsAfterTheFirstWindow) {
  store(32 * 64 * kKiB);
  ReadAhead ahead = reader({.window_bytes_max = 64 * kKiB, .sequential_from_start = true});
  EXPECT_TRUE(next(ahead, 0));
  for (int i = 1; i < 32; ++i) {
    sleep(2 * kReadTime);
    const Duration asked = since_start();
    EXPECT_TRUE(next(ahead, i * 64 * kKiB));
    EXPECT_EQ(since_start(), asked) << "window " << i;
  }
}

TEST_F(ReadAheadOnSim, WhoKnowsThatItWillReadOnGetsTheLargestWindowsAtOnce) {
  store(8 * kMiB);
  ReadAhead ahead = reader({.sequential_from_start = true});
  EXPECT_EQ(next(ahead, 0)->size(), 2 * kMiB);
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 2048}, {2048, 4096}, {4096, 6144}}));
}

TEST_F(ReadAheadOnSim, ASeekDropsWhatWasReadAheadAndStartsOver) {
  store(8 * kMiB);
  ReadAhead ahead = reader();
  scan(ahead, 0, 3);
  log().reads.clear();
  EXPECT_TRUE(read(ahead, 4 * kMiB, 100));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{4096, 4100}}));
  EXPECT_EQ(ahead.stats().resets, 1U);
  EXPECT_EQ(ahead.stats().bytes_dropped_unused, (256 + 512) * kKiB);
  EXPECT_TRUE(read(ahead, 4 * kMiB + 100, 100));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{4096, 4100}, {4100, 4164}, {4164, 4292}}))
      << "the smallest window again";
}

TEST_F(ReadAheadOnSim, ASeekBackwardsIsASeekToo) {
  store(8 * kMiB);
  ReadAhead ahead = reader();
  scan(ahead, 0, 4);
  log().reads.clear();
  EXPECT_TRUE(read(ahead, 0, 100));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 4}}));
  EXPECT_EQ(ahead.stats().resets, 1U);
}

TEST_F(ReadAheadOnSim, RandomReadsFetchNothingButTheirBlocks) {
  store(8 * kMiB);
  ReadAhead ahead = reader();
  Random random(3);
  std::uint64_t asked_bytes = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t block = (i % 2 == 0 ? 0 : 1000) + random.below(900);
    EXPECT_TRUE(read(ahead, block * kBlockBytes, kBlockBytes));
    asked_bytes += kBlockBytes;
  }
  EXPECT_EQ(ahead.stats().bytes_read, asked_bytes);
  EXPECT_EQ(ahead.stats().windows_read, 200U);
}

TEST_F(ReadAheadOnSim, ReadingTheSamePlaceAgainIsNotGoingOn) {
  store(kMiB);
  ReadAhead ahead = reader();
  EXPECT_TRUE(read(ahead, 4096, 61));
  EXPECT_TRUE(read(ahead, 4096, 3000));
  EXPECT_EQ(log().ranges_kib(), (Ranges{{4, 8}}));
  EXPECT_TRUE(read(ahead, 4096, 10'000));
  EXPECT_EQ(log().reads.size(), 2U) << "what is missing, and nothing ahead of it";
}

TEST_F(ReadAheadOnSim, SteppingOverTheRestOfABlockIsGoingOn) {
  store(kMiB);
  ReadAhead ahead = reader();
  EXPECT_TRUE(read(ahead, 0, 100));
  EXPECT_TRUE(read(ahead, 4096, 100));
  EXPECT_EQ(ahead.stats().resets, 0U);
  EXPECT_GT(log().reads.size(), 2U);
}

TEST_F(ReadAheadOnSim, SkippingWithinWhatWasReadAheadKeepsTheRest) {
  store(8 * kMiB);
  ReadAhead ahead = reader();
  scan(ahead, 0, 2);
  // [64, 128) is in use, [128, 256) and [256, 512) were read ahead.
  log().reads.clear();
  EXPECT_TRUE(read(ahead, 300 * kKiB, 100));
  EXPECT_EQ(ahead.stats().resets, 0U);
  EXPECT_EQ(ahead.stats().bytes_dropped_unused, 128 * kKiB);
  EXPECT_EQ(log().ranges_kib(), (Ranges{{512, 1024}, {1024, 2048}}));
}

TEST_F(ReadAheadOnSim, AReadWithinAWindowSharesItsMemoryAndOneAcrossTwoIsACopy) {
  store(kMiB);
  ReadAhead ahead = reader({.window_bytes_max = 64 * kKiB, .sequential_from_start = true});
  const SharedSlice inside = *read(ahead, 100, 1000);
  EXPECT_EQ(inside.data(), log().reads[0].address + 100);
  const SharedSlice across = *read(ahead, 60 * kKiB, 10 * kKiB);
  EXPECT_EQ(across.size(), 10 * kKiB);
  const SharedSlice large = *read(ahead, 70 * kKiB, 500 * kKiB);
  EXPECT_EQ(large.size(), 500 * kKiB);
  EXPECT_TRUE(stored_->matches(100, 1000, inside.view()));
  EXPECT_TRUE(stored_->matches(60 * kKiB, 10 * kKiB, across.view()));
}

TEST_F(ReadAheadOnSim, SlicesOutliveTheirWindowTheReaderAndTheFile) {
  store(8 * kMiB);
  std::vector<std::pair<std::uint64_t, SharedSlice>> kept;
  {
    ReadAhead ahead = reader();
    std::uint64_t from = 0;
    while (true) {
      SharedSlice bytes = *next(ahead, from);
      if (bytes.empty()) break;
      kept.emplace_back(from, bytes);
      from += bytes.size();
    }
  }
  file_.reset();
  for (const auto& [from, bytes] : kept)
    EXPECT_TRUE(stored_->matches(from, bytes.size(), bytes.view()));
}

TEST_F(ReadAheadOnSim, AScanUsesTheSameMemoryAgainAndAgain) {
  store(64 * kMiB);
  ReadAhead ahead = reader({.window_bytes_max = kMiB, .sequential_from_start = true});
  scan(ahead);
  std::set<const std::byte*> addresses;
  for (const ObservedRead& made : log().reads) addresses.insert(made.address);
  EXPECT_LE(addresses.size(), 5U) << "of " << log().reads.size() << " windows";
}

TEST_F(ReadAheadOnSim, ReadsLeftBehindBySeeksCountAgainstWhatMayBeInFlight) {
  // Reads that take very different times, so that some are still in flight many seeks later.
  SimStorage storage;
  SimMachine machine(storage, {.latency_min = milliseconds(1), .latency_max = milliseconds(100)});
  ObservedDisk disk(machine.disk);
  const StoredBytes stored(machine.scheduler, disk, "/file", 8 * kMiB);
  const OpenOptions how{};
  std::shared_ptr<File> file = *machine.scheduler.run(disk.open("/file", how));
  {
    ReadAhead ahead(machine.scheduler, file);
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t place = (i % 2) * 4 * kMiB + i * 4 * kBlockBytes;
      EXPECT_TRUE(machine.scheduler.run(ahead.read(FilePosition{place}, 100)));
      EXPECT_TRUE(machine.scheduler.run(ahead.read(FilePosition{place + 100}, 100)));
    }
  }
  EXPECT_EQ(disk.log().most_in_flight, 4U) << "two ahead, one in use, one that a seek needs";
  drain(machine.scheduler);
}

TEST_F(ReadAheadOnSim, NothingIsReadBehindTheEndOfTheFileAgainAndAgain) {
  store(kMiB + 100);
  ReadAhead ahead = reader({.window_bytes_max = 64 * kKiB});
  EXPECT_EQ(scan(ahead), kMiB + 100);
  // 16 full windows, the short one, and once more when it is asked for the end itself.
  EXPECT_LE(log().reads.size(), 16U + 1 + 3);
  const std::size_t reads = log().reads.size();
  for (std::uint64_t back = 5; back > 0; --back) EXPECT_TRUE(next(ahead, kMiB + 100 - back));
  EXPECT_EQ(log().reads.size(), reads) << "it is in the last window";
  EXPECT_TRUE(next(ahead, kMiB + 100)->empty());
  EXPECT_EQ(log().reads.size(), reads + 1) << "one question, one answer";
  ReadAhead other = reader();
  EXPECT_EQ(read(other, kMiB, 5000)->size(), 100U);
  EXPECT_EQ(log().reads.size(), reads + 2) << "this call has seen the end itself";
}

TEST_F(ReadAheadOnSim, AFileThatGrowsIsReadOn) {
  for (const std::size_t size : {0UL, 100UL, 4096UL, 100'000UL}) {
    store(size);
    ReadAhead ahead = reader();
    std::uint64_t from = 0;
    for (int growth = 0; growth < 20; ++growth) {
      from = scan(ahead, from);
      ASSERT_EQ(from, stored_->size());
      stored_->resize(stored_->size() + 1 + growth * 9000);
    }
  }
}

TEST_F(ReadAheadOnSim, AFileThatHasGrownIsReadAheadAgain) {
  store(100'000);
  ReadAhead ahead = reader();
  const std::uint64_t from = scan(ahead);
  stored_->resize(8 * kMiB);
  log().most_in_flight = 0;
  EXPECT_EQ(scan(ahead, from), 8 * kMiB);
  EXPECT_EQ(log().most_in_flight, 3U);
}

TEST_F(ReadAheadOnSim, AReadThatWasCutShortByTheEndSeesWhatIsThereNow) {
  store(100'100);
  ReadAhead ahead = reader();
  for (std::uint64_t from = 0; from < 100'000; from += 10'000) EXPECT_TRUE(read(ahead, from, 10'000));
  EXPECT_EQ(read(ahead, 100'000, 1000)->size(), 100U);
  stored_->resize(100'600);
  EXPECT_EQ(read(ahead, 100'000, 1000)->size(), 600U);
  stored_->resize(300'000);
  EXPECT_EQ(read(ahead, 100'000, 1000)->size(), 1000U);
  EXPECT_EQ(read(ahead, 100'000, 200'000)->size(), 200'000U);
}

TEST_F(ReadAheadOnSim, NothingIsReadAheadBehindTheGivenEnd) {
  store(4 * kMiB);
  ReadAhead ahead = reader({.sequential_from_start = true, .end = FilePosition{2 * kMiB + 5000}});
  EXPECT_EQ(next(ahead, 0)->size(), 2 * kMiB);
  EXPECT_EQ(next(ahead, 2 * kMiB)->size(), 8192U);
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 2048}, {2048, 2056}}));
  EXPECT_EQ(read(ahead, 2 * kMiB + 8192, 100)->size(), 100U) << "what is asked for is read";
  EXPECT_EQ(log().reads.back().length_bytes, kBlockBytes);
  log().reads.clear();
  ReadAhead hesitant = reader({.end = FilePosition{5000}});
  EXPECT_EQ(next(hesitant, 0)->size(), 8192U);
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 8}}));
}

TEST_F(ReadAheadOnSim, WhenTheEndMovesReadingAheadGoesOn) {
  store(4 * kMiB);
  ReadAhead ahead = reader({.window_bytes_max = 64 * kKiB, .end = FilePosition{64 * kKiB}});
  EXPECT_EQ(next(ahead, 0)->size(), 64 * kKiB);
  EXPECT_EQ(log().reads.size(), 1U);
  ahead.set_end(FilePosition{kMiB});
  EXPECT_EQ(next(ahead, 64 * kKiB)->size(), 64 * kKiB);
  EXPECT_EQ(log().ranges_kib(), (Ranges{{0, 64}, {64, 128}, {128, 192}, {192, 256}}));
}

TEST_F(ReadAheadOnSim, AFailureIsTheCallsThatNeededTheWindowAndTheNextCallTriesAgain) {
  store(4 * kMiB);
  std::uint64_t failed_runs = 0;
  for (std::uint64_t nth = 1; nth <= 12; ++nth) {
    ReadAhead ahead = reader({.window_bytes_max = 256 * kKiB});
    log().reads.clear();
    machine_.disk.inject({.op = SimOp::kRead, .nth = nth});
    std::uint64_t from = 0;
    int failures = 0;
    while (true) {
      const auto bytes = next(ahead, from);
      if (!bytes) {
        ++failures;
        EXPECT_EQ(bytes.error().code(), ErrorCode::kIo);
        ASSERT_GE(log().reads.size(), nth);
        EXPECT_EQ(log().reads[nth - 1].from, from) << "the window that failed, not an earlier one";
        continue;
      }
      if (bytes->empty()) break;
      from += bytes->size();
    }
    EXPECT_EQ(from, 4 * kMiB);
    EXPECT_EQ(failures, 1) << "read " << nth;
    failed_runs += failures;
  }
  EXPECT_EQ(failed_runs, 12U);
}

TEST_F(ReadAheadOnSim, AFailureInTheMiddleOfALongReadFailsIt) {
  store(4 * kMiB);
  for (std::uint64_t nth = 1; nth <= 4; ++nth) {
    ReadAhead ahead = reader({.window_bytes_max = 64 * kKiB, .sequential_from_start = true});
    machine_.disk.inject({.op = SimOp::kRead, .nth = nth});
    EXPECT_FALSE(read(ahead, 0, 256 * kKiB));
    EXPECT_EQ(read(ahead, 0, 256 * kKiB)->size(), 256 * kKiB);
  }
}

TEST_F(ReadAheadOnSim, AWindowThatFailedAndWasNeverNeededIsNobodysError) {
  store(4 * kMiB);
  ReadAhead ahead = reader();
  EXPECT_TRUE(next(ahead, 0));
  machine_.disk.inject({.op = SimOp::kRead, .nth = 2, .count = 2});
  EXPECT_TRUE(next(ahead, 64 * kKiB));
  sleep(2 * kReadTime);
  EXPECT_TRUE(next(ahead, 2 * kMiB));
}

TEST_F(ReadAheadOnSim, WhatCouldNotBeReadWasNotDropped) {
  store(kMiB);
  ReadAhead ahead = reader();
  machine_.disk.inject({.op = SimOp::kRead});
  EXPECT_FALSE(read(ahead, 0, 5000));
  EXPECT_EQ(ahead.stats().bytes_dropped_unused, 0U);
  EXPECT_EQ(ahead.stats().windows_read, 0U);
}

TEST_F(ReadAheadOnSim, MayBeDestroyedWithWindowsInFlight) {
  store(8 * kMiB);
  {
    ReadAhead ahead = reader({.sequential_from_start = true});
    EXPECT_TRUE(read(ahead, 0, 100));
    EXPECT_TRUE(read(ahead, 2 * kMiB, 100));
    EXPECT_GT(log().in_flight, 0U);
  }
  const std::weak_ptr<File> watched = file_;
  file_.reset();
  EXPECT_FALSE(watched.expired()) << "the reads still need it";
  drain(machine_.scheduler);
  EXPECT_EQ(log().in_flight, 0U);
  EXPECT_TRUE(watched.expired());
}

TEST_F(ReadAheadOnSim, CanBeMoved) {
  store(kMiB);
  ReadAhead first = reader();
  const std::uint64_t from = scan(first, 0, 3);
  ReadAhead second(std::move(first));
  EXPECT_EQ(scan(second, from), kMiB);
  EXPECT_EQ(second.stats().resets, 0U);
}

TEST_F(ReadAheadOnSim, TooMuchAtOnceIsRefused) {
  store(100);
  ReadAhead ahead = reader();
  const auto refused = read(ahead, 0, ReadAhead::kMaxReadBytes + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kTooLarge);
  EXPECT_TRUE(log().reads.empty());
}

TEST_F(ReadAheadOnSim, PositionsBehindTheEndAndEmptyReadsBringNothing) {
  store(10'000);
  ReadAhead ahead = reader();
  for (const std::uint64_t from : {10'000UL, 1UL << 40, kFilePositionLimit - 1}) {
    EXPECT_TRUE(read(ahead, from, 5000)->empty()) << from;
    EXPECT_TRUE(next(ahead, from)->empty()) << from;
  }
  log().reads.clear();
  for (const std::uint64_t from : {kFilePositionLimit, UINT64_MAX - 1, UINT64_MAX}) {
    EXPECT_TRUE(read(ahead, from, 5000)->empty()) << from;
    EXPECT_TRUE(next(ahead, from)->empty()) << from;
  }
  EXPECT_TRUE(read(ahead, 0, 0)->empty());
  EXPECT_TRUE(log().reads.empty()) << "no file has such positions: the device need not be asked";
  EXPECT_EQ(scan(ahead), 10'000U);
}

TEST_F(ReadAheadOnSim, TwoCallsAtATimeAreABug) {
  store(kMiB);
  ReadAhead ahead = reader();
  struct Body {
    static Task<void> call(ReadAhead& ahead) {
      const auto ignored = co_await ahead.next(FilePosition{0});
      EXPECT_TRUE(ignored);
    }
  };
  EXPECT_DEATH(
      {
        machine_.scheduler.spawn(Body::call(ahead));
        machine_.scheduler.run(Body::call(ahead));
      },
      "during another call");
}

}  // namespace
}  // namespace penstock::file
