#include "file/shared_arena.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "disk/sim_disk.h"
#include "disk/testing/real_disks.h"

namespace penstock::file {
namespace {

constexpr const char* kPath = "/data/unsynced";
constexpr std::uint64_t kGeneration = 0x1234;
constexpr std::uint64_t kRingBytes = 2 * kBlockBytes;
constexpr std::uint64_t kArenaBytes = SharedArena::kHeaderBytes + kRingBytes;
constexpr std::uint64_t kMaxBytes = kMiB;

ArenaIdentity identity() {
  ArenaIdentity ours;
  ours.id.fill(std::byte{0xAB});
  ours.part = 3;
  return ours;
}

std::vector<std::byte> payload(std::int64_t number, std::size_t size_bytes) {
  Random random(static_cast<std::uint64_t>(number) + 1);
  std::vector<std::byte> bytes(size_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
  return bytes;
}

SharedSlice slice_of(ByteView bytes) { return SharedSlice::copy_of(bytes); }

bool is_record(const ArenaRecord& record, std::int64_t number, std::size_t size_bytes) {
  return record.first == number && record.last == number + 1 &&
         std::ranges::equal(record.payload.view(), payload(number, size_bytes));
}

// An arena on a simulated disk, and what its file says.
class Arena : public ::testing::Test {
 protected:
  Arena() {
    storage_.make_directories("/data");
    machine_.emplace(storage_);
    make();
  }

  void make(std::uint64_t generation = kGeneration) {
    arena_.reset();
    auto made = machine_->scheduler.run(
        SharedArena::create(machine_->disk, kPath, kArenaBytes, identity(), generation));
    ASSERT_TRUE(made) << made.error().message();
    arena_ = std::move(*made);
  }
  void append(std::int64_t number, std::size_t size_bytes) {
    arena_->append(payload(number, size_bytes), number, number + 1);
  }
  std::vector<ArenaRecord> records() {
    auto read = machine_->scheduler.run(read_arena(machine_->disk, kPath, identity(), kMaxBytes));
    EXPECT_TRUE(read) << read.error().message();
    return read ? std::move(*read) : std::vector<ArenaRecord>();
  }
  // The machine dies, and the next one reads the file.
  void die(SimCrash how) {
    machine_->disk.crash(how);
    arena_.reset();
    machine_.emplace(storage_);
  }

  SimStorage storage_;
  std::optional<SimMachine> machine_;
  std::unique_ptr<SharedArena> arena_;
};

TEST_F(Arena, WhatIsAppendedIsReadAfterAKillInOrder) {
  for (std::int64_t i = 0; i < 20; ++i) append(i, 100 + static_cast<std::size_t>(i));
  die(SimCrash::kKill);
  const auto found = records();
  ASSERT_EQ(found.size(), 20U);
  for (std::int64_t i = 0; i < 20; ++i) {
    EXPECT_TRUE(is_record(found[static_cast<std::size_t>(i)], i, 100 + static_cast<std::size_t>(i)));
  }
}

TEST_F(Arena, AFileThatIsNotThereOrWasNeverUsedHoldsNothing) {
  EXPECT_TRUE(records().empty());
  const auto missing =
      machine_->scheduler.run(read_arena(machine_->disk, "/data/other", identity(), kMaxBytes));
  ASSERT_TRUE(missing);
  EXPECT_TRUE(missing->empty());
  const std::vector<std::byte> zeros(kArenaBytes);
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, zeros.size()}) {
    const auto parsed = parse_arena(slice_of(ByteView(zeros).first(size)), identity());
    ASSERT_TRUE(parsed) << size;
    EXPECT_TRUE(parsed->empty());
  }
}

TEST_F(Arena, WhatWasReleasedMakesRoomAndNothingElseDoes) {
  std::int64_t next = 0;
  while (arena_->has_room(1000)) append(next++, 1000);
  EXPECT_EQ(next, static_cast<std::int64_t>(kRingBytes / 1040));
  EXPECT_FALSE(arena_->has_room(1000));
  arena_->release(0);
  EXPECT_FALSE(arena_->has_room(1000));
  arena_->release(1);
  ASSERT_TRUE(arena_->has_room(1000));
  append(next++, 1000);
  EXPECT_FALSE(arena_->has_room(1000));
}

TEST_F(Arena, AnEmptyOneHasRoomForAsMuchAsItHolds) {
  const std::uint64_t most = kRingBytes - 40;
  for (std::int64_t i = 0; i < 3; ++i) {
    // From every place that the ones before have left.
    append(10 * i, 3000);
    arena_->release(10 * i + 1);
    EXPECT_TRUE(arena_->has_room(most));
    EXPECT_FALSE(arena_->has_room(most + 1));
    append(10 * i + 5, most);
    arena_->release(10 * i + 6);
  }
}

// Against a list: whatever is appended and released, what is not released is read after a kill.
TEST_F(Arena, HoldsWhatIsNotReleasedWhateverTheOrderOfSizes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    make(seed);
    Random random(seed);
    std::vector<std::pair<std::int64_t, std::size_t>> live;
    std::int64_t next = 0;
    std::uint64_t appended = 0;
    for (int step = 0; step < 300; ++step) {
      const std::size_t size = random.one_in(5) ? random.below(5000) : random.below(300);
      if (random.below(3) != 0 && arena_->has_room(size)) {
        append(next, size);
        live.emplace_back(next++, size);
        ++appended;
      } else if (!live.empty()) {
        const std::size_t gone = 1 + random.below(live.size());
        arena_->release(live[gone - 1].first + 1);
        live.erase(live.begin(), live.begin() + static_cast<std::ptrdiff_t>(gone));
      }
      ASSERT_EQ(arena_->record_count(), live.size());
    }
    ASSERT_GT(appended, 50U);
    auto found = records();
    ASSERT_GE(found.size(), live.size()) << seed;
    ASSERT_TRUE(std::ranges::is_sorted(found, {}, &ArenaRecord::first));
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(live.size()));
    for (std::size_t i = 0; i < live.size(); ++i) {
      ASSERT_TRUE(is_record(found[i], live[i].first, live[i].second)) << seed;
    }
  }
}

TEST_F(Arena, AnEarlierGenerationIsNotReadAndAnotherOnesMemoryIsRefused) {
  append(1, 100);
  make(kGeneration + 1);
  append(2, 5000);
  const auto found = records();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, 2);
  for (int field = 0; field < 2; ++field) {
    ArenaIdentity other = identity();
    if (field == 0) other.part = 4;
    if (field == 1) other.id[15] = std::byte{0};
    const auto refused = machine_->scheduler.run(read_arena(machine_->disk, kPath, other, kMaxBytes));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kCorrupt);
  }
  const auto too_large = machine_->scheduler.run(read_arena(machine_->disk, kPath, identity(), 100));
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code(), ErrorCode::kCorrupt);
}

TEST_F(Arena, NoFlippedBitGivesOtherBytes) {
  for (std::int64_t i = 0; i < 6; ++i) append(i, 61);
  (void)records();
  std::vector<std::byte> file = storage_.contents(kPath);
  std::size_t refused = 0;
  std::size_t lost = 0;
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const auto found = parse_arena(slice_of(file), identity());
    file[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    if (!found) {
      ++refused;
      continue;
    }
    if (found->size() < 6) ++lost;
    for (const ArenaRecord& record : *found) ASSERT_TRUE(is_record(record, record.first, 61)) << bit;
  }
  // The header's 52 bytes; and of each record, all of its 101.
  EXPECT_EQ(refused, 52U * 8);
  EXPECT_EQ(lost, 6U * 104 * 8);
}

// The bytes that each step of an append has stored are there when the process dies after it.
TEST_F(Arena, AnAppendThatIsBrokenOffAnywhereIsNotThereAndHarmsNoOther) {
  append(0, 200);
  append(1, 200);
  (void)records();
  const std::vector<std::byte> before = storage_.contents(kPath);
  append(2, 200);
  (void)records();
  const std::vector<std::byte> after = storage_.contents(kPath);
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != after[i]) changed.push_back(i);
  }
  ASSERT_GT(changed.size(), 200U);
  Random random(1);
  for (int round = 0; round < 400; ++round) {
    std::vector<std::byte> torn = before;
    const std::size_t stored = random.below(changed.size());
    if (round % 2 == 0) {
      for (std::size_t i = 0; i < stored; ++i) torn[changed[i]] = after[changed[i]];
    } else {
      for (std::size_t i = changed.size() - stored; i < changed.size(); ++i)
        torn[changed[i]] = after[changed[i]];
    }
    const auto found = parse_arena(slice_of(torn), identity());
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
  }
}

TEST_F(Arena, APowerCutTakesAnyOfThemAndGivesNoOtherBytes) {
  bool some_were_lost = false;
  bool some_were_kept = false;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    arena_.reset();
    machine_.reset();
    SimDiskOptions options;
    options.seed = seed;
    machine_.emplace(storage_, options);
    make(seed);
    ASSERT_TRUE(machine_->scheduler.run(machine_->disk.sync_directory("/data")));
    for (std::int64_t i = 0; i < 20; ++i) append(i, 300);
    die(SimCrash::kPowerCut);
    const auto found =
        machine_->scheduler.run(read_arena(machine_->disk, kPath, identity(), kMaxBytes));
    if (!found) {
      EXPECT_EQ(found.error().code(), ErrorCode::kCorrupt);
      continue;
    }
    for (const ArenaRecord& record : *found) ASSERT_TRUE(is_record(record, record.first, 300));
    some_were_lost = some_were_lost || found->size() < 20;
    some_were_kept = some_were_kept || !found->empty();
  }
  EXPECT_TRUE(some_were_lost);
  EXPECT_TRUE(some_were_kept);
}

TEST(ArenaOfARealProcess, IsReadAfterItWasKilled) {
  for (const IoMode mode : {IoMode::kDirect, IoMode::kBuffered}) {
    auto disk = RealDiskUnderTest::make(RealMake::kInline, mode);
    if (disk == nullptr || !disk->can_write()) GTEST_SKIP() << "no such disk here";
    const std::string path = disk->root() + "/unsynced";
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto arena = disk->scheduler().run(
          SharedArena::create(disk->disk(), path, kArenaBytes, identity(), kGeneration));
      if (!arena) ::_exit(arena.error().code() == ErrorCode::kNotSupported ? 2 : 1);
      for (std::int64_t i = 0; i < 20; ++i) (*arena)->append(payload(i, 100), i, i + 1);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) GTEST_SKIP() << "no shared memory here";
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    const auto found = disk->scheduler().run(read_arena(disk->disk(), path, identity(), kMaxBytes));
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->size(), 20U);
    for (std::int64_t i = 0; i < 20; ++i) {
      EXPECT_TRUE(is_record((*found)[static_cast<std::size_t>(i)], i, 100));
    }
  }
}

}  // namespace
}  // namespace penstock::file
