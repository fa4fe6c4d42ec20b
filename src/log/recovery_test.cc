#include "log/recovery.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "log/testing/log_machine.h"
#include "log/testing/segment_bytes.h"

namespace penstock::log::testing {
namespace {

// Two batches of it do not share a block.
constexpr BatchShape kLarge{.payload_bytes = 5000};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Puts segments on a storage as if a process had died.
class Recovery : public ::testing::Test {
 protected:
  Recovery() {
    storage_.make_directories(kPartitionDirectory);
    storage_.make_directories(kPoolDirectory);
  }
  SegmentBytes segment(std::uint64_t number, std::uint64_t size_bytes = kSmallestSegmentBytes,
                       Salt salt = 0x5A17) {
    return SegmentBytes(dead_.scheduler, segment_header(number, salt), size_bytes);
  }
  void put(const SegmentBytes& segment, std::uint64_t number) {
    SimMachine machine(storage_);
    segment.write_to(machine, segment_path(number));
  }
  ErrorCode read_error(LogMachine& machine, Offset from) {
    const auto found = machine.read(from);
    EXPECT_FALSE(found);
    return found ? ErrorCode{} : found.error().code();
  }
  // Restarts once more: the log must end where it ends now, and nothing be wrong.
  void expect_restart_without_findings(Offset end) {
    LogMachine machine(storage_);
    machine.start();
    EXPECT_EQ(machine.marks().high_watermark, end);
    EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
  }

  SimStorage storage_;

 private:
  // Only its scheduler is used, to build commits with.
  SimStorage elsewhere_;
  SimMachine dead_{elsewhere_};
};

// ---- what is cut

TEST_F(Recovery, AnEmptyDirectoryIsAnEmptyLog) {
  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.marks().log_start, Offset{0});
  EXPECT_EQ(machine.marks().append_end, Offset{0});
  EXPECT_EQ(machine.report().segment_count, 0U);
}

TEST_F(Recovery, TornTailIsCutBackToTheLastCommit) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 2, Offset{0});
  const auto torn = first.add_commit(Offset{2}, 1, Offset{2});
  first.zero(torn.position, kBlockBytes);
  put(first, 1);

  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.marks().high_watermark, Offset{2});
  EXPECT_TRUE(machine.report().findings.empty());
  machine.expect_log({0, 1});
}

TEST_F(Recovery, OfATornCommitTheEntriesBeforeTheTearAreKept) {
  SegmentBytes first = segment(1);
  const auto commit = first.add_commit(Offset{0}, 3, Offset{0}, kLarge);
  first.zero(commit.entries[1] + 4096, 512);
  put(first, 1);

  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.marks().high_watermark, Offset{1});
  EXPECT_TRUE(machine.report().findings.empty());
  machine.expect_log({0}, kLarge);
}

TEST_F(Recovery, TornTailIsCutEvenIfALaterCommitInFlightSurvived) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 1, Offset{0});
  const auto torn = first.add_commit(Offset{1}, 1, Offset{1});
  const auto survivor = first.add_commit(Offset{2}, 1, Offset{1});
  first.zero(torn.position, kBlockBytes);
  put(first, 1);

  {
    LogMachine machine(storage_);
    machine.start();
    EXPECT_EQ(machine.marks().high_watermark, Offset{1});
    EXPECT_TRUE(machine.report().findings.empty());
    EXPECT_GT(machine.report().torn_bytes, 0U);
    EXPECT_EQ(storage_.contents(segment_path(1)).size(), torn.position.value - kBlockBytes + 193);
    EXPECT_LT(storage_.contents(segment_path(1)).size(), survivor.position.value);
    // Its offsets were never acknowledged, and are given away anew.
    EXPECT_EQ(machine.append_ok(100), Offset{1});
    machine.expect_log({0, 100});
  }
  expect_restart_without_findings(Offset{2});
}

TEST_F(Recovery, ATornFirstCommitLeavesNothing) {
  SegmentBytes first = segment(1);
  const auto torn = first.add_commit(Offset{0}, 1, Offset{0});
  first.zero(torn.position, kBlockBytes);
  put(first, 1);
  expect_restart_without_findings(Offset{0});
}

TEST_F(Recovery, ATornFirstCommitIsNotDamageBecauseTheNextSegmentIsPreparedAlready) {
  SegmentBytes first = segment(1);
  const auto torn = first.add_commit(Offset{0}, 1, Offset{0});
  first.zero(torn.position, kBlockBytes);
  put(first, 1);
  put(segment(2), 2);

  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
  EXPECT_EQ(machine.append_ok(0), Offset{0});
}

TEST_F(Recovery, AnUnusedSegmentBetweenTwoUsedOnesIsNotDamage) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 1, Offset{0});
  put(first, 1);
  put(segment(2), 2);
  SegmentBytes third = segment(3);
  third.add_commit(Offset{1}, 1, Offset{1});
  put(third, 3);

  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
  machine.expect_log({0, 1});
}

// ---- what is damaged

TEST_F(Recovery, DamageInAcknowledgedDataIsNamedAndTheRestIsServed) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 1, Offset{0});
  const auto damaged = first.add_commit(Offset{1}, 1, Offset{1});
  first.add_commit(Offset{2}, 1, Offset{2});
  first.add_commit(Offset{3}, 1, Offset{3});
  first.flip_bit(damaged.position + kEntryHeaderBytes + 100);
  put(first, 1);

  for (int restart = 0; restart < 2; ++restart) {
    LogMachine machine(storage_);
    machine.start();
    EXPECT_EQ(machine.marks().high_watermark, Offset{4});
    ASSERT_EQ(machine.report().findings.size(), 1U);
    const std::string& finding = machine.report().findings[0];
    EXPECT_TRUE(contains(finding, "orders/0: offsets 1 to 1 are damaged in " + segment_path(1)))
        << finding;
    const auto before = machine.read(Offset{0});
    ASSERT_TRUE(before) << before.error().message();
    EXPECT_EQ(before->batches.size(), 1U);
    EXPECT_EQ(read_error(machine, Offset{1}), ErrorCode::kCorrupt);
    machine.expect_log({2, 3}, {}, Offset{2});
  }
}

// Segment 1 was never used, so nothing but the place of the first entry that is left tells.
TEST_F(Recovery, DamageToALogsFirstEntriesIsNamedWhateverTheNumberOfItsFirstSegment) {
  SegmentBytes second = segment(2);
  const auto damaged = second.add_commit(Offset{0}, 1, Offset{0});
  second.add_commit(Offset{1}, 1, Offset{1});
  second.add_commit(Offset{2}, 1, Offset{2});
  second.flip_bit(damaged.position + kEntryHeaderBytes + 100);
  put(second, 2);

  for (int restart = 0; restart < 2; ++restart) {
    LogMachine machine(storage_);
    machine.start();
    EXPECT_EQ(machine.marks().high_watermark, Offset{3});
    EXPECT_EQ(machine.marks().log_start, Offset{0});
    ASSERT_EQ(machine.report().findings.size(), 1U);
    const std::string& finding = machine.report().findings[0];
    EXPECT_TRUE(contains(finding, "offsets 0 to 0 are damaged in " + segment_path(2))) << finding;
    EXPECT_EQ(read_error(machine, Offset{0}), ErrorCode::kCorrupt);
    machine.expect_log({1, 2}, {}, Offset{1});
  }
}

// One that was recycled: another salt, and nothing wrong with it.
TEST_F(Recovery, AReadThatBringsTheStartOfASegmentsEarlierLifeIsFoundOut) {
  constexpr const char* kEarlier = "/data/pool/0/earlier";
  for (const bool is_sealed : {false, true}) {
    for (std::uint64_t nth = 1; nth <= 6; ++nth) {
      SimStorage storage;
      storage.make_directories(kPoolDirectory);
      {
        LogMachine machine(storage);
        machine.start();
        for (std::uint64_t seed = 0; seed < 3; ++seed) machine.append_ok(seed);
        if (is_sealed) EXPECT_TRUE(machine.stop());
        if (!is_sealed) machine.die(SimCrash::kPowerCut);
      }
      {
        SimMachine machine(storage);
        segment(1, kSmallestSegmentBytes, 0x01D).write_to(machine, kEarlier);
      }
      LogMachine machine(storage);
      machine.disk.inject({.op = SimOp::kRead,
                           .path_part = segment_path(1),
                           .nth = nth,
                           .kind = SimFaultKind::kMisdirected,
                           .misdirected_path = kEarlier,
                           .misdirected_to = FilePosition{0}});
      machine.start();
      EXPECT_TRUE(machine.report().findings.empty()) << nth;
      machine.expect_log({0, 1, 2});
    }
  }
}

TEST_F(Recovery, ADamagedBatchAsLargeAsAllowedDoesNotHideWhatWasAcknowledgedBehindIt) {
  constexpr BatchShape kHuge{.payload_bytes = 6 * kMiB};
  SegmentBytes first = segment(1, 16 * kMiB);
  const auto damaged = first.add_commit(Offset{0}, 1, Offset{0}, kHuge);
  first.add_commit(Offset{1}, 1, Offset{1});
  first.flip_bit(damaged.position + 3 * kMiB);
  put(first, 1);

  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.marks().high_watermark, Offset{2});
  EXPECT_EQ(machine.report().findings.size(), 1U);
  machine.expect_log({1}, {}, Offset{1});
}

TEST_F(Recovery, DamageAtTheEndOfASegmentIsFoundByTheOneBehindIt) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 1, Offset{0});
  const auto damaged = first.add_commit(Offset{1}, 1, Offset{1});
  first.flip_bit(damaged.position);
  put(first, 1);
  SegmentBytes second = segment(2);
  second.add_commit(Offset{2}, 1, Offset{2});
  put(second, 2);

  for (int restart = 0; restart < 2; ++restart) {
    LogMachine machine(storage_);
    machine.start();
    ASSERT_EQ(machine.report().findings.size(), 1U) << "restart " << restart;
    EXPECT_TRUE(contains(machine.report().findings[0],
                         "orders/0: offsets 1 to 1 are missing between " + segment_path(1)))
        << machine.report().findings[0];
    EXPECT_EQ(read_error(machine, Offset{1}), ErrorCode::kCorrupt);
    machine.expect_log({2}, {}, Offset{2});
    // What lies behind the last readable entry is evidence.
    EXPECT_EQ(storage_.contents(segment_path(1)).size(), kSmallestSegmentBytes);
  }
}

TEST_F(Recovery, EitherHeaderCopyIsEnough) {
  for (const FilePosition copy : kHeaderCopies) {
    SegmentBytes first = segment(1);
    first.add_commit(Offset{0}, 2, Offset{0});
    first.flip_bit(copy + 42);
    put(first, 1);
    LogMachine machine(storage_);
    machine.start();
    EXPECT_TRUE(machine.report().findings.empty());
    machine.expect_log({0, 1});
  }
}

TEST_F(Recovery, ASegmentWithoutAHeaderIsSetAsideAndTheOthersAreServed) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 1, Offset{0});
  put(first, 1);
  SegmentBytes second = segment(2);
  second.add_commit(Offset{1}, 2, Offset{1});
  for (const FilePosition copy : kHeaderCopies) second.flip_bit(copy + 42);
  put(second, 2);
  SegmentBytes third = segment(3);
  third.add_commit(Offset{3}, 1, Offset{3});
  put(third, 3);

  LogMachine machine(storage_);
  machine.start();
  ASSERT_FALSE(machine.report().findings.empty());
  EXPECT_TRUE(contains(machine.report().findings[0], "orders/0: offsets from 1 on are unreadable"))
      << machine.report().findings[0];
  EXPECT_EQ(storage_.contents(segment_path(2) + ".damaged").size(), kSmallestSegmentBytes);
  EXPECT_TRUE(machine.read(Offset{0}));
  EXPECT_EQ(read_error(machine, Offset{1}), ErrorCode::kCorrupt);
  EXPECT_EQ(read_error(machine, Offset{2}), ErrorCode::kCorrupt);
  machine.expect_log({3}, {}, Offset{3});
  EXPECT_EQ(machine.append_ok(4), Offset{4});
}

TEST_F(Recovery, AFileOfAnotherPartitionIsSetAside) {
  SegmentHeader header = segment_header(1);
  header.partition = 5;
  SimStorage elsewhere;
  SimMachine builder(elsewhere);
  SegmentBytes stranger(builder.scheduler, header, kSmallestSegmentBytes);
  stranger.add_commit(Offset{0}, 1, Offset{0});
  put(stranger, 1);

  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.marks().high_watermark, Offset{0});
  EXPECT_FALSE(machine.report().findings.empty());
  EXPECT_TRUE(storage_.exists(segment_path(1) + ".damaged"));
}

// ---- the newest segment unreadable: which offsets were given away is not known

TEST_F(Recovery, WhileTheNewestSegmentIsUnreadableAppendsAreRefusedAndReadsGoOn) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 2, Offset{0});
  put(first, 1);
  SegmentBytes second = segment(2);
  second.add_commit(Offset{2}, 1, Offset{2});
  for (const FilePosition copy : kHeaderCopies) second.flip_bit(copy + 42);
  put(second, 2);

  // However often it is started.
  for (int restart = 0; restart < 3; ++restart) {
    LogMachine machine(storage_);
    machine.start();
    const auto appended = machine.append(9);
    ASSERT_FALSE(appended) << "restart " << restart;
    EXPECT_EQ(appended.error().code(), ErrorCode::kFenced);
    EXPECT_TRUE(contains(appended.error().message(), segment_path(2) + ".damaged"))
        << appended.error().message();
    EXPECT_FALSE(machine.report().findings.empty());
    machine.expect_log({0, 1});
  }
}

TEST_F(Recovery, AnUnusedSegmentBehindAnUnreadableOneDoesNotAllowAppends) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 1, Offset{0});
  for (const FilePosition copy : kHeaderCopies) first.flip_bit(copy + 42);
  put(first, 1);
  put(segment(2), 2);

  LogMachine machine(storage_);
  machine.start();
  const auto appended = machine.append(9);
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code(), ErrorCode::kFenced);
}

TEST_F(Recovery, APartitionThatIsRestoredTakesAppendsAgain) {
  SegmentBytes first = segment(1);
  first.add_commit(Offset{0}, 1, Offset{0});
  SegmentBytes broken = first;
  for (const FilePosition copy : kHeaderCopies) broken.flip_bit(copy + 42);
  put(broken, 1);
  {
    LogMachine machine(storage_);
    machine.start();
    EXPECT_FALSE(machine.append(1));
  }
  put(first, 1);
  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.append_ok(1), Offset{1});
  machine.expect_log({0, 1});
}

TEST_F(Recovery, ANewerFormatIsAnErrorAndNotDamage) {
  SegmentBytes first = segment(1);
  for (const FilePosition copy : kHeaderCopies) {
    const MutableBytes block = first.bytes().subspan(copy.value, kBlockBytes);
    store_le<std::uint16_t>(block, 8, kFormatVersion + 1);
    store_le<std::uint32_t>(block, 56, crc32c(block.first(56)));
  }
  put(first, 1);
  LogMachine machine(storage_);
  const auto started = machine.try_start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kNotSupported);
  EXPECT_TRUE(storage_.exists(segment_path(1)));
}

// ---- the index

// A log of several segments, closed cleanly; returns the seeds of its batches.
std::vector<std::uint64_t> make_sealed_log(SimStorage& storage) {
  LogMachine machine(storage);
  machine.start();
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    machine.append_ok(seed, kLarge);
    seeds.push_back(seed);
  }
  return seeds;
}

TEST_F(Recovery, AfterACleanStopNothingIsScanned) {
  const auto seeds = make_sealed_log(storage_);
  LogMachine machine(storage_);
  machine.start();
  EXPECT_GE(machine.report().segment_count, 2U);
  EXPECT_EQ(machine.report().scanned_segment_count, 0U);
  machine.expect_log(seeds, kLarge);
}

TEST_F(Recovery, ASegmentThatIsShorterThanItsIndexSaysIsDamagedAndItsOffsetsAreNotGivenAwayAgain) {
  {
    LogMachine machine(storage_);
    machine.start();
    for (std::uint64_t seed = 0; seed < 3; ++seed) machine.append_ok(seed, kLarge);
  }
  {
    SimMachine machine(storage_);
    auto file = machine.scheduler.run(machine.disk.open(segment_path(1), {.write = true}));
    ASSERT_TRUE(file);
    const std::uint64_t first_batch_end = kFirstCommit.value + 2 * kBlockBytes;
    ASSERT_TRUE(machine.scheduler.run((*file)->truncate(first_batch_end)));
    ASSERT_TRUE(machine.scheduler.run((*file)->sync(SyncScope::kAll)));
  }
  for (int start = 0; start < 2; ++start) {
    LogMachine machine(storage_);
    machine.start();
    ASSERT_EQ(machine.report().findings.size(), 1U);
    EXPECT_TRUE(contains(machine.report().findings[0], "orders/0: offsets 1 to 2"));
    EXPECT_EQ(machine.read(Offset{0})->batches.size(), 1U);
    EXPECT_EQ(read_error(machine, Offset{1}), ErrorCode::kCorrupt);
    EXPECT_EQ(read_error(machine, Offset{2}), ErrorCode::kCorrupt);
    EXPECT_EQ(machine.append_ok(10, kLarge), Offset{3 + start});
    EXPECT_TRUE(machine.read(Offset{3}));
  }
}

TEST_F(Recovery, AMissingIndexIsRebuiltAsItWas) {
  const auto seeds = make_sealed_log(storage_);
  const auto index = storage_.contents(index_path(1));
  ASSERT_TRUE(storage_.remove(index_path(1)));
  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.report().scanned_segment_count, 1U);
  EXPECT_EQ(storage_.contents(index_path(1)), index);
  EXPECT_TRUE(machine.report().findings.empty());
  machine.expect_log(seeds, kLarge);
}

TEST_F(Recovery, AGarbledIndexIsRebuiltAsItWas) {
  const auto seeds = make_sealed_log(storage_);
  const auto index = storage_.contents(index_path(2));
  for (std::size_t at = 0; at < index.size(); ++at) {
    storage_.flip_bit(index_path(2), FilePosition{at}, static_cast<unsigned>(at % 8));
    LogMachine machine(storage_);
    machine.start();
    EXPECT_EQ(machine.report().scanned_segment_count, 1U) << "byte " << at;
    EXPECT_EQ(storage_.contents(index_path(2)), index) << "byte " << at;
  }
  LogMachine machine(storage_);
  machine.start();
  machine.expect_log(seeds, kLarge);
}

TEST_F(Recovery, AnIndexOfTheFilesEarlierLifeIsNotBelieved) {
  make_sealed_log(storage_);
  // The same name, another salt: as if the number had been used again.
  SegmentBytes other = segment(1, kSmallestSegmentBytes, 0xBEEF);
  other.add_commit(Offset{0}, 1, Offset{0});
  ASSERT_TRUE(storage_.remove(segment_path(1)));
  put(other, 1);
  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(machine.report().scanned_segment_count, 1U);
  const auto found = machine.read(Offset{0});
  ASSERT_TRUE(found) << found.error().message();
}

// ---- recycled files

TEST_F(Recovery, EntriesOfAFilesEarlierLifeNeverParse) {
  LogMachineOptions options;
  options.pool.max_spare_bytes = kGiB;
  {
    LogMachine machine(storage_, options);
    machine.start();
    for (std::uint64_t seed = 0; seed < 5; ++seed) machine.append_ok(seed);
    const auto destroyed = machine.scheduler.run(machine.partition().destroy());
    ASSERT_TRUE(destroyed) << destroyed.error().message();
    machine.forget_partition();
    machine.sleep(std::chrono::seconds(1));
    ASSERT_GT(machine.pool().spare_bytes(), 0U) << "the file was kept for reuse";
  }
  storage_.make_directories(kPartitionDirectory);
  {
    options.salt_seed = 2;
    LogMachine machine(storage_, options);
    machine.start();
    machine.append_ok(100);
    const auto bytes = storage_.contents(segment_path(1));
    const auto old = stored_batch(2, Offset{2});
    const auto left = std::ranges::search(bytes, old);
    ASSERT_FALSE(left.empty()) << "old batches are still in the file";
    machine.die(SimCrash::kKill);
  }
  LogMachine machine(storage_, options);
  machine.start();
  EXPECT_EQ(machine.report().torn_bytes, 0U);
  machine.expect_log({100});
}

}  // namespace
}  // namespace penstock::log::testing
