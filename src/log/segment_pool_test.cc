#include "log/segment_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "disk/sim_disk.h"

namespace penstock::log {
namespace {

using Preparation = SegmentPool::Preparation;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kDirectory = "/pool";
constexpr std::uint64_t kSmallest = 32 * kKiB;

// A file of eight chunks, of which one is written per 100 ms.
constexpr std::uint64_t kEightChunks = 8 * ZeroPace::kChunkBytes;

SegmentPoolOptions slow(std::uint32_t ready_files) {
  SegmentPoolOptions options;
  options.ready_files = ready_files;
  options.smallest_bytes = kEightChunks;
  options.zero_bytes_per_second = 10 * ZeroPace::kChunkBytes;
  return options;
}

// A machine whose operations are called one at a time.
struct Machine : SimMachine {
  using SimMachine::SimMachine;

  void ok(Task<Result<void>> operation) {
    const Result<void> result = scheduler.run(std::move(operation));
    EXPECT_TRUE(result) << result.error().message();
  }
  // A new file of `size_bytes` of one letter.
  void make_file(const std::string& path, char letter, std::uint64_t size_bytes) {
    auto file = scheduler.run(disk.open(path, OpenOptions{.write = true, .create = true}));
    ASSERT_TRUE(file) << file.error().message();
    if (size_bytes == 0) return;
    AlignedBuffer buffer(size_bytes);
    std::memset(buffer.data(), letter, buffer.capacity());
    ok((*file)->write(FilePosition{0}, std::move(buffer).freeze(size_bytes), Durability::kDevice));
  }
  void sleep(Duration delay) { scheduler.run(sleep_for(scheduler, delay)); }

 private:
  static Task<void> sleep_for(Scheduler& scheduler, Duration delay) {
    co_await scheduler.sleep_for(delay);
  }
};

class Pool : public ::testing::Test {
 protected:
  struct Life {
    Life(SimStorage& storage, SegmentPoolOptions options)
        : machine(storage), pool(machine.scheduler, machine.disk, kDirectory, options) {}
    ~Life() { machine.scheduler.run(pool.close()); }

    void start() { machine.ok(pool.start()); }
    SegmentPool::Taken take(std::uint64_t size_bytes, Preparation preparation = Preparation::kWritten) {
      auto taken = machine.scheduler.run(pool.take(size_bytes, preparation));
      EXPECT_TRUE(taken) << taken.error().message();
      return std::move(*taken);
    }
    std::vector<std::string> names() { return *machine.scheduler.run(machine.disk.list(kDirectory)); }
    std::uint64_t size_of(const std::string& path) {
      return machine.scheduler.run(machine.disk.info(path))->size_bytes;
    }

    Machine machine;
    SegmentPool pool;
  };

  static SegmentPoolOptions options(std::uint32_t ready_files) {
    return {.ready_files = ready_files, .smallest_bytes = kSmallest};
  }
  static Task<void> take_beside(SegmentPool& pool, std::uint64_t size_bytes, const ZeroDemand& demand,
                                std::optional<Result<SegmentPool::Taken>>& taken) {
    taken = co_await pool.take(size_bytes, Preparation::kWritten, demand);
  }
  Pool() { storage_.make_directories(kDirectory); }

  SimStorage storage_;
};

TEST_F(Pool, FilesOfTheSmallestSizeAreMadeReadyInTheBackground) {
  Life life(storage_, options(3));
  life.start();
  EXPECT_TRUE(life.names().size() <= 1) << "start does not wait for them";
  life.machine.sleep(seconds(1));
  const auto names = life.names();
  ASSERT_EQ(names.size(), 3U);
  for (const std::string& name : names) {
    EXPECT_TRUE(name.ends_with(".ready"));
    EXPECT_EQ(life.size_of(std::string(kDirectory) + "/" + name), kSmallest);
  }
  EXPECT_EQ(life.pool.spare_bytes(), 3 * kSmallest);
}

TEST_F(Pool, AReadyFileIsGivenAwayOnceAndMadeUpFor) {
  Life life(storage_, options(1));
  life.start();
  life.machine.sleep(seconds(1));
  const std::uint64_t steps = life.machine.disk.steps();
  const auto first = life.take(kSmallest);
  EXPECT_LE(life.machine.disk.steps() - steps, 4U) << "opened, and nothing more";
  const auto second = life.take(kSmallest);
  EXPECT_NE(first.path, second.path);
  life.machine.sleep(seconds(1));
  EXPECT_TRUE(std::ranges::any_of(life.names(), [](const auto& n) { return n.ends_with(".ready"); }));
}

TEST_F(Pool, EveryBlockOfAFileHasBeenWritten) {
  Life life(storage_, options(0));
  life.start();
  for (const std::uint64_t size : {kSmallest, 2 * kSmallest, 4 * kMiB}) {
    const auto taken = life.take(size);
    EXPECT_EQ(taken.size_bytes, size);
    EXPECT_EQ(life.size_of(taken.path), size);
    const auto contents = storage_.contents(taken.path);
    EXPECT_TRUE(std::ranges::all_of(contents, [](std::byte b) { return b == std::byte{0}; }));
  }
}

TEST_F(Pool, ReadyFilesStayForTheNextStart) {
  {
    Life life(storage_, options(2));
    life.start();
    life.machine.sleep(seconds(1));
  }
  Life life(storage_, options(2));
  life.start();
  EXPECT_EQ(life.pool.spare_bytes(), 2 * kSmallest);
  EXPECT_EQ(life.names().size(), 2U);
}

TEST_F(Pool, HalfMadeFilesAreRemovedAtStartAndOthersAreLeftAlone) {
  {
    Machine machine(storage_);
    machine.make_file("/pool/5", 'x', kBlockBytes);
    machine.make_file("/pool/6.ready", 'x', 3 * kBlockBytes);
    machine.make_file("/pool/7.ready", 'x', kSmallest);
    machine.make_file("/pool/notes.txt", 'x', 0);
  }
  Life life(storage_, options(0));
  life.start();
  EXPECT_EQ(life.names(), (std::vector<std::string>{"7.ready", "notes.txt"}));
  // A new file does not get the name of one that is there.
  const auto ready = life.take(kSmallest);
  EXPECT_EQ(ready.path, "/pool/7.ready");
  const auto made = life.take(kSmallest);
  EXPECT_NE(made.path, ready.path);
}

TEST_F(Pool, AFullDiskLeavesNothingBehindAndIsNotForEver) {
  storage_.set_capacity(kSmallest + kBlockBytes);
  Life life(storage_, options(1));
  life.start();
  life.machine.sleep(seconds(1));
  const auto before = life.names();
  const auto refused = life.machine.scheduler.run(life.pool.take(2 * kSmallest, Preparation::kWritten));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(life.names(), before);
  storage_.set_capacity(kGiB);
  EXPECT_EQ(life.take(2 * kSmallest).size_bytes, 2 * kSmallest);
}

TEST_F(Pool, AFileThatCannotBeMadeIsRemovedAgain) {
  for (const SimOp op : {SimOp::kAllocate, SimOp::kWrite, SimOp::kSync}) {
    Life life(storage_, options(0));
    life.start();
    life.machine.disk.inject({.op = op});
    const auto failed = life.machine.scheduler.run(life.pool.take(kSmallest, Preparation::kWritten));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
    EXPECT_TRUE(life.names().empty()) << to_string(op);
    EXPECT_EQ(life.pool.spare_bytes(), 0U);
  }
}

TEST_F(Pool, ARetiredSegmentIsUsedAgain) {
  Life life(storage_, options(0));
  life.start();
  life.machine.make_file("/old", 'o', kSmallest);
  life.machine.ok(life.pool.retire("/old", kSmallest));
  EXPECT_FALSE(storage_.exists("/old"));
  life.machine.sleep(seconds(1));
  EXPECT_EQ(life.pool.spare_bytes(), kSmallest);
  const auto taken = life.take(kSmallest);
  EXPECT_EQ(life.pool.spare_bytes(), 0U);
  EXPECT_EQ(storage_.contents(taken.path)[100], static_cast<std::byte>('o'))
      << "its bytes stay: another salt makes them mean nothing";
}

TEST_F(Pool, ARetiredSegmentIsFilledUpToASizeThatCanBeTaken) {
  Life life(storage_, options(0));
  life.start();
  life.machine.make_file("/old", 'o', 5 * kBlockBytes);
  life.machine.ok(life.pool.retire("/old", 5 * kBlockBytes));
  life.machine.sleep(seconds(1));
  const auto taken = life.take(kSmallest);
  EXPECT_EQ(life.size_of(taken.path), kSmallest);
  const auto contents = storage_.contents(taken.path);
  const auto written = contents.begin() + 5 * kBlockBytes;
  EXPECT_TRUE(std::all_of(contents.begin(), written, [](std::byte b) { return b == std::byte{'o'}; }));
  EXPECT_TRUE(std::all_of(written, contents.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST_F(Pool, AFileIsOfExactlyTheSizeThatWasAskedForAlsoWhenALargerOneWasRetired) {
  Life life(storage_, options(0));
  life.start();
  // An active segment that is not full: larger than what was written of it.
  life.machine.make_file("/old", 'o', 4 * kSmallest);
  life.machine.ok(life.pool.retire("/old", kSmallest - kBlockBytes));
  life.machine.sleep(seconds(1));
  const auto taken = life.take(kSmallest);
  EXPECT_EQ(life.size_of(taken.path), kSmallest);
}

TEST_F(Pool, ALargerSegmentWhoseWrittenPartIsOfAPoolFilesSizeIsCutToIt) {
  Life life(storage_, options(0));
  life.start();
  life.machine.make_file("/old", 'o', 4 * kSmallest);
  life.machine.ok(life.pool.retire("/old", kSmallest));
  life.machine.sleep(seconds(1));
  EXPECT_EQ(life.size_of(life.take(kSmallest).path), kSmallest);
}

TEST_F(Pool, ASegmentThatWasWrittenWholeIsReadyAtOnce) {
  Life life(storage_, options(0));
  life.start();
  life.machine.make_file("/old", 'o', kSmallest);
  life.machine.ok(life.pool.retire("/old", kSmallest));
  EXPECT_EQ(life.pool.ready_count(), 1U);
  EXPECT_EQ(life.take(kSmallest).written_bytes, kSmallest);
  EXPECT_EQ(life.pool.stats().taken_ready, 1U);
  EXPECT_EQ(life.pool.stats().zero_bytes, 0U);
}

TEST_F(Pool, WhatTheNextOwnerWritesIsUnderNoOldNameAfterAPowerCut) {
  storage_.make_directories("/old");
  storage_.make_directories("/new");
  {
    Life life(storage_, options(0));
    life.start();
    life.machine.make_file("/old/segment", 'o', kSmallest);
    life.machine.ok(life.machine.disk.sync_directory("/old"));
    life.machine.ok(life.pool.retire("/old/segment", kSmallest));
    const auto taken = life.take(kSmallest);
    life.machine.ok(life.machine.disk.rename(taken.path, "/new/segment"));
    life.machine.ok(life.machine.disk.sync_directory("/new"));
    life.machine.disk.power_cut();
  }
  Machine machine(storage_);
  EXPECT_TRUE(machine.scheduler.run(machine.disk.info("/new/segment")));
  EXPECT_FALSE(machine.scheduler.run(machine.disk.info("/old/segment")));
}

TEST_F(Pool, ASegmentThatWaitsToBeFilledUpIsTakenBeforeANewFileIsMade) {
  for (const Preparation preparation : {Preparation::kWritten, Preparation::kAllocated}) {
    Life life(storage_, slow(0));
    life.start();
    constexpr std::uint64_t kWritten = 5 * ZeroPace::kChunkBytes;
    for (const std::string path : {"/a", "/b"}) {
      life.machine.make_file(path, 'o', kWritten);
      life.machine.ok(life.pool.retire(path, kWritten));
    }
    const auto taken = life.take(kEightChunks, preparation);
    EXPECT_EQ(life.size_of(taken.path), kEightChunks);
    EXPECT_EQ(taken.written_bytes, preparation == Preparation::kWritten ? kEightChunks : kWritten);
    EXPECT_EQ(life.pool.stats().taken_retired, 1U);
    EXPECT_EQ(life.pool.stats().taken_made, 0U);
    EXPECT_EQ(life.pool.spare_bytes(), kEightChunks) << "the one that is being filled up";
    life.machine.ok(life.machine.disk.remove(taken.path));
  }
}

TEST_F(Pool, ASegmentOfWhichLittleWasWrittenIsRemoved) {
  Life life(storage_, options(0));
  life.start();
  life.machine.make_file("/old", 'o', kSmallest);
  life.machine.ok(life.pool.retire("/old", 3 * kBlockBytes));
  EXPECT_FALSE(storage_.exists("/old"));
  EXPECT_TRUE(life.names().empty());
}

TEST_F(Pool, NoMoreIsKeptThanAllowed) {
  SegmentPoolOptions limited = options(0);
  limited.max_spare_bytes = 2 * kSmallest;
  Life life(storage_, limited);
  life.start();
  for (const std::string path : {"/a", "/b", "/c"}) {
    life.machine.make_file(path, 'o', kSmallest);
    life.machine.ok(life.pool.retire(path, kSmallest));
    life.machine.sleep(seconds(1));
  }
  EXPECT_EQ(life.names().size(), 2U);
  EXPECT_EQ(life.pool.spare_bytes(), 2 * kSmallest);
}

// ---- the pace of zeros

TEST_F(Pool, FilesAreMadeReadyNoFasterThanTheRate) {
  Life life(storage_, slow(1));
  life.start();
  life.machine.sleep(milliseconds(690));
  EXPECT_EQ(life.names(), (std::vector<std::string>{"0"}));
  life.machine.sleep(milliseconds(30));
  EXPECT_EQ(life.names(), (std::vector<std::string>{"0.ready"}));
}

TEST_F(Pool, AFileThatIsNotReadyIsMadeWithoutALimitForWhoWaitsForIt) {
  Life life(storage_, slow(1));
  life.start();
  const Instant before = life.machine.clock.now();
  const auto taken = life.take(16 * kMiB);
  EXPECT_LT(life.machine.clock.now() - before, milliseconds(50));
  EXPECT_EQ(life.size_of(taken.path), 16 * kMiB);
}

TEST_F(Pool, AFileThatIsTakenAheadOfNeedComesAtOnceWhenSomebodyWaitsAfterAll) {
  Life life(storage_, slow(0));
  life.start();
  ZeroDemand demand(life.pool.pace());
  std::optional<Result<SegmentPool::Taken>> taken;
  life.machine.scheduler.spawn(take_beside(life.pool, 2 * kEightChunks, demand, taken));
  life.machine.sleep(milliseconds(500));
  EXPECT_FALSE(taken);
  demand.rush();
  life.machine.sleep(milliseconds(10));
  ASSERT_TRUE(taken && *taken);
  EXPECT_EQ((*taken)->size_bytes, 2 * kEightChunks);
}

TEST_F(Pool, AFileThatIsGivenUpLeavesNothingBehind) {
  Life life(storage_, slow(0));
  life.start();
  ZeroDemand demand(life.pool.pace());
  std::optional<Result<SegmentPool::Taken>> taken;
  life.machine.scheduler.spawn(take_beside(life.pool, kEightChunks, demand, taken));
  life.machine.sleep(milliseconds(500));
  demand.abandon();
  life.machine.sleep(milliseconds(10));
  ASSERT_TRUE(taken && !*taken);
  EXPECT_EQ(taken->error().code(), ErrorCode::kClosed);
  EXPECT_TRUE(life.names().empty());
}

TEST_F(Pool, ClosingDoesNotWaitForTheRate) {
  Life life(storage_, slow(2));
  life.start();
  life.machine.make_file("/old", 'o', kEightChunks - kBlockBytes);
  life.machine.ok(life.pool.retire("/old", kEightChunks - kBlockBytes));
  life.machine.sleep(milliseconds(150));
  const Instant before = life.machine.clock.now();
  life.machine.scheduler.run(life.pool.close());
  EXPECT_LT(life.machine.clock.now() - before, milliseconds(10));
  EXPECT_FALSE(std::ranges::any_of(life.names(), [](const auto& n) { return n == "0"; }))
      << "the one that was being made is gone";
}

TEST_F(Pool, ADiskThatIsFullInTheMiddleOfAPacedFileLeavesNothingBehindAndIsNotForEver) {
  Life life(storage_, slow(1));
  life.start();
  life.machine.disk.inject({.op = SimOp::kWrite, .nth = 4, .errno_value = ENOSPC});
  life.machine.sleep(seconds(2));
  EXPECT_TRUE(life.names().empty());
  EXPECT_EQ(life.pool.spare_bytes(), 0U);
  life.take(kEightChunks);
  EXPECT_EQ(life.pool.spare_bytes(), 0U) << "it was made for the taker";
}

TEST_F(Pool, AfterAnyDeathTheNextStartFindsOnlyWholeFiles) {
  for (const SimCrash death : {SimCrash::kPowerCut, SimCrash::kKill}) {
    for (std::uint64_t step = 0; step < 60; ++step) {
      SimStorage storage;
      storage.make_directories(kDirectory);
      {
        Life life(storage, options(2));
        life.machine.disk.crash_after(step, death);
        if (life.machine.scheduler.run(life.pool.start())) life.machine.sleep(seconds(1));
      }
      Life life(storage, options(0));
      life.start();
      for (const std::string& name : life.names()) {
        ASSERT_TRUE(name.ends_with(".ready")) << name << " after step " << step;
        ASSERT_EQ(life.size_of(std::string(kDirectory) + "/" + name), kSmallest) << step;
      }
    }
  }
}

}  // namespace
}  // namespace penstock::log
