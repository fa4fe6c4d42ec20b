#include "cli/log_reindex.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "cli/testing/stored_log_builder.h"

namespace penstock::cli {
namespace {

namespace fs = std::filesystem;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class LogReindexTest : public testing::Test {
 protected:
  Captured reindex() { return reindex(log_.data_directory()); }
  static Captured reindex(const std::string& path) { return run_captured({"log", "reindex", path}); }
  void expect_intact() {
    const Captured verified = run_captured({"log", "verify", log_.data_directory()});
    EXPECT_EQ(verified.exit_code, kSuccess) << verified.out;
  }

  StoredLogBuilder log_;
};

TEST_F(LogReindexTest, WhatIsIntactIsLeftAlone) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  const auto written = fs::last_write_time(log_.index_file(1));
  const Captured captured = reindex();
  EXPECT_EQ(captured.exit_code, kSuccess) << captured.err;
  EXPECT_TRUE(captured.out.contains("2 segments: 2 with an intact index, 0 rebuilt")) << captured.out;
  EXPECT_EQ(fs::last_write_time(log_.index_file(1)), written);
}

TEST_F(LogReindexTest, AMissingIndexIsRebuiltAsItWas) {
  // Large enough for several places.
  log_.begin_segment(1);
  for (int i = 0; i < 12; ++i) log_.commit({.batches = 2, .value_bytes = 20'000});
  log_.seal();
  log_.add_sealed_segment(2);
  const std::string before = contents(log_.index_file(1));
  fs::remove(log_.index_file(1));
  const Captured captured = reindex();
  EXPECT_EQ(captured.exit_code, kSuccess) << captured.out << captured.err;
  EXPECT_TRUE(captured.out.contains("rebuilt " + log_.index_file(1))) << captured.out;
  EXPECT_EQ(contents(log_.index_file(1)), before);
  expect_intact();
}

TEST_F(LogReindexTest, ADamagedIndexIsRebuiltAlsoOfTheNewestSegment) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  for (const std::uint64_t number : {1U, 2U}) {
    const std::string before = contents(log_.index_file(number));
    log_.flip_byte(log_.index_file(number), FilePosition{30});
    EXPECT_EQ(reindex().exit_code, kSuccess);
    EXPECT_EQ(contents(log_.index_file(number)), before);
  }
  expect_intact();
}

TEST_F(LogReindexTest, AnIndexOfAnotherSegmentIsReplaced) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  const std::string before = contents(log_.index_file(1));
  fs::copy_file(log_.index_file(2), log_.index_file(1), fs::copy_options::overwrite_existing);
  EXPECT_EQ(reindex().exit_code, kSuccess);
  EXPECT_EQ(contents(log_.index_file(1)), before);
}

TEST_F(LogReindexTest, TheNewestSegmentWithoutAnIndexIsForTheNextStartToSeal) {
  log_.add_sealed_segment(1);
  log_.begin_segment(2);
  log_.commit();
  const Captured captured = reindex();
  EXPECT_EQ(captured.exit_code, kSuccess);
  EXPECT_TRUE(captured.out.contains("1 not sealed yet")) << captured.out;
  EXPECT_FALSE(fs::exists(log_.index_file(2)));
}

// A kill between two segments leaves the older one whole, uncut and without an index.
TEST_F(LogReindexTest, ASegmentThatWasNeverSealedIsWhenANewerOneFollows) {
  log_.begin_segment(1);
  for (int i = 0; i < 3; ++i) log_.commit();
  log_.begin_segment(2);
  log_.commit();
  EXPECT_EQ(reindex().exit_code, kSuccess);
  EXPECT_TRUE(fs::exists(log_.index_file(1)));
  EXPECT_LT(fs::file_size(log_.segment_file(1)), StoredLogBuilder::kCapacityBytes);
  expect_intact();
}

TEST_F(LogReindexTest, DamageIsNamedAndNothingIsSealedOverIt) {
  log_.add_sealed_segment(1);
  const FilePosition second = log_.entry_positions().at(1);
  log_.add_sealed_segment(2);
  fs::remove(log_.index_file(1));
  log_.flip_byte(log_.segment_file(1), second + 70);
  const std::string before = contents(log_.segment_file(1));
  const Captured captured = reindex();
  EXPECT_EQ(captured.exit_code, kDamage);
  EXPECT_TRUE(captured.out.contains("damage: " + log_.index_file(1))) << captured.out;
  EXPECT_TRUE(captured.out.contains("offsets 2 to 3")) << captured.out;
  EXPECT_FALSE(fs::exists(log_.index_file(1)));
  EXPECT_EQ(contents(log_.segment_file(1)), before);
}

TEST_F(LogReindexTest, AnEndThatIsMissingIsDamage) {
  log_.add_sealed_segment(1);
  const FilePosition last = log_.entry_positions().back();
  log_.add_sealed_segment(2);
  fs::remove(log_.index_file(1));
  fs::resize_file(log_.segment_file(1), last.value);
  const Captured captured = reindex();
  EXPECT_EQ(captured.exit_code, kDamage);
  EXPECT_TRUE(captured.out.contains("the next segment begins at 6")) << captured.out;
  EXPECT_FALSE(fs::exists(log_.index_file(1)));
}

TEST_F(LogReindexTest, ASegmentFileInADataDirectoryIsLockedLikeTheWhole) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  fs::remove(log_.index_file(1));
  {
    const auto lock = DirectoryLock::acquire(log_.data_directory());
    ASSERT_TRUE(lock);
    for (const std::string& path :
         {log_.segment_file(1), log_.partition_directory(), log_.data_directory()}) {
      const Captured refused = reindex(path);
      EXPECT_EQ(refused.exit_code, kFailed) << path;
      EXPECT_TRUE(refused.err.contains("in use by process")) << refused.err;
    }
    EXPECT_FALSE(fs::exists(log_.index_file(1)));
  }
  const Captured captured = reindex(log_.segment_file(1));
  EXPECT_EQ(captured.exit_code, kSuccess) << captured.err;
  EXPECT_TRUE(captured.out.contains("1 segment: 0 with an intact index, 1 rebuilt")) << captured.out;
  expect_intact();
}

TEST_F(LogReindexTest, WhatIsNotALogIsRefused) {
  const Captured wrong = reindex("/proc/self");
  EXPECT_EQ(wrong.exit_code, kFailed);
  EXPECT_TRUE(wrong.err.contains("not a data directory")) << wrong.err;
  EXPECT_EQ(reindex(log_.data_directory() + "/nothing").exit_code, kFailed);
  EXPECT_EQ(run_captured({"log", "reindex"}).exit_code, kUsage);
}

}  // namespace
}  // namespace penstock::cli
