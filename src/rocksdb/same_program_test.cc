// The same program on RocksDB's own file system and on ours sees the same, byte for byte; and each
// opens what the other has left.
#include <gtest/gtest.h>

#include "rocksdb/testing/killed.h"
#include "rocksdb/testing/workload.h"

namespace penstock::rocksdb {

namespace {

class SameProgram : public testing::TestWithParam<db::WALRecoveryMode> {
 protected:
  static std::unique_ptr<db::DB> open_with_merge(const TestEnv& env, const std::string& path) {
    db::Options options = options_on(env);
    options.wal_recovery_mode = GetParam();
    options.merge_operator = std::make_shared<Joined>();
    return open_database(options, path);
  }

  TempDirectory directory_;
};

TEST_P(SameProgram, SeesTheSameOnBothFileSystems) {
  const TestEnv stock = TestEnv::stock();
  const TestEnv ours = TestEnv::ours();
  const std::string expected = Workload(stock, directory_ / "stock", GetParam()).run();
  EXPECT_GT(expected.size(), 100'000U);
  EXPECT_TRUE(Workload(ours, directory_ / "ours", GetParam()).run() == expected);
  DirectFileSystemOptions cold;
  cold.warm_output_bytes = 0;
  const TestEnv without_warm_output = TestEnv::ours(cold);
  Workload from_device(without_warm_output, directory_ / "cold", GetParam());
  EXPECT_TRUE(expected.ends_with(from_device.scans_and_batches()));
}

TEST_P(SameProgram, GoesOnWithWhatItLeftOnTheOther) {
  const TestEnv stock = TestEnv::stock();
  const TestEnv ours = TestEnv::ours();
  for (const bool begins_with_stock : {true, false}) {
    const std::string path = directory_ / (begins_with_stock ? "from_stock" : "from_ours");
    Workload first(begins_with_stock ? stock : ours, path, GetParam());
    Workload second(begins_with_stock ? ours : stock, path, GetParam());
    first.families_and_snapshots();
    const std::string seen = second.dump_main();
    EXPECT_TRUE(seen == first.dump_main());
    EXPECT_GT(seen.size(), 10'000U);
    second.ingested();  // writes
    EXPECT_TRUE(second.dump_main() == first.dump_main());
  }
}

// Killed in the middle, with the last writes synced: then nothing depends on who opens it.
TEST_P(SameProgram, GoesOnWithWhatACrashLeftOnTheOther) {
  const auto path_of = [&](bool crashes_on_stock) {
    return directory_ / (crashes_on_stock ? "stock_crashed" : "ours_crashed");
  };
  for (const bool crashes_on_stock : {true, false}) {
    run_and_kill([&] {
      const TestEnv env = crashes_on_stock ? TestEnv::stock() : TestEnv::ours();
      auto database = open_with_merge(env, path_of(crashes_on_stock));
      change(*database, database->DefaultColumnFamily(), 9, 2000);
      ASSERT_OK(database->SyncWAL());
      (void)database.release();
    });
  }
  const TestEnv stock = TestEnv::stock();
  const TestEnv ours = TestEnv::ours();
  auto expected = open_with_merge(stock, directory_ / "calm");
  change(*expected, expected->DefaultColumnFamily(), 9, 2000);
  for (const bool crashes_on_stock : {true, false}) {
    auto database = open_with_merge(crashes_on_stock ? ours : stock, path_of(crashes_on_stock));
    ASSERT_NE(database, nullptr);
    EXPECT_TRUE(dump(*database) == dump(*expected)) << crashes_on_stock;
    EXPECT_OK(database->VerifyChecksum());
  }
}

INSTANTIATE_TEST_SUITE_P(RecoveryModes, SameProgram,
                         testing::Values(db::WALRecoveryMode::kTolerateCorruptedTailRecords,
                                         db::WALRecoveryMode::kAbsoluteConsistency,
                                         db::WALRecoveryMode::kPointInTimeRecovery,
                                         db::WALRecoveryMode::kSkipAnyCorruptedRecords),
                         [](const auto& one) {
                           switch (one.param) {
                             case db::WALRecoveryMode::kTolerateCorruptedTailRecords:
                               return "TolerateCorruptedTailRecords";
                             case db::WALRecoveryMode::kAbsoluteConsistency:
                               return "AbsoluteConsistency";
                             case db::WALRecoveryMode::kPointInTimeRecovery:
                               return "PointInTimeRecovery";
                             case db::WALRecoveryMode::kSkipAnyCorruptedRecords: break;
                           }
                           return "SkipAnyCorruptedRecords";
                         });

}  // namespace

}  // namespace penstock::rocksdb
