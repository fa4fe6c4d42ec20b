// Side files that are not what they should be: ignored, with one line, and never replayed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "rocksdb/testing/database.h"
#include "rocksdb/testing/killed.h"

namespace penstock::rocksdb {

namespace {

class SideFile : public testing::Test {
 protected:
  // A database whose log has `kept` synced and "unsynced" only in its side file.
  void make(const std::string& name, const std::string& kept) {
    run_and_kill([&] {
      const TestEnv ours = TestEnv::ours();
      auto database = open_database(options_on(ours), directory_ / name);
      db::WriteOptions synced;
      synced.sync = true;
      ASSERT_OK(database->Put(synced, "kept", kept));
      ASSERT_OK(database->Put({}, "unsynced", "in the side file"));
      (void)database.release();
    });
    ASSERT_TRUE(std::filesystem::exists(side(name)));
  }
  std::string side(const std::string& name) const { return directory_ / name + "/000004.log.penstock"; }

  // Opens it; what it holds, and what its LOG says that was ignored.
  std::string open_and_dump(const std::string& name) {
    const TestEnv ours = TestEnv::ours();
    auto database = open_database(options_on(ours), directory_ / name);
    if (database == nullptr) return "cannot be opened";
    return dump(*database);
  }
  int lines_about_ignoring(const std::string& name) const {
    std::ifstream log(directory_ / name + "/LOG");
    int count = 0;
    for (std::string line; std::getline(log, line);) count += line.contains("penstock: ignored");
    return count;
  }
  void expect_ignored(const std::string& name, const std::string& kept) {
    EXPECT_EQ(open_and_dump(name), "kept=" + kept + "\n");
    EXPECT_EQ(lines_about_ignoring(name), 1);
    EXPECT_FALSE(std::filesystem::exists(side(name)));
  }

  TempDirectory directory_;
};

TEST_F(SideFile, ItsBytesAreReplayed) {
  make("db", "value");
  EXPECT_EQ(open_and_dump("db"), "kept=value\nunsynced=in the side file\n");
  EXPECT_EQ(lines_about_ignoring("db"), 0);
}

TEST_F(SideFile, OfAnotherDatabaseIsIgnored) {
  make("one", "value");
  make("two", "VALUE");
  std::filesystem::copy_file(side("one"), side("two"),
                             std::filesystem::copy_options::overwrite_existing);
  expect_ignored("two", "VALUE");
}

TEST_F(SideFile, ATruncatedOneIsIgnored) {
  make("db", "value");
  std::filesystem::resize_file(side("db"), 5000);
  expect_ignored("db", "value");
}

TEST_F(SideFile, GarbageIsIgnored) {
  make("db", "value");
  std::ofstream(side("db"), std::ios::binary) << std::string(100'000, 'g');
  expect_ignored("db", "value");
}

TEST_F(SideFile, AStaleOneIsIgnored) {
  make("db", "value");
  // Somebody who does not know of side files goes on with the database, and keeps its old log.
  const TestEnv stock = TestEnv::stock();
  db::Options options = options_on(stock);
  options.avoid_flush_during_recovery = true;
  options.avoid_flush_during_shutdown = true;
  {
    auto database = open_database(options, directory_ / "db");
    ASSERT_OK(database->Put({}, "later", "by stock"));
  }
  ASSERT_TRUE(std::filesystem::exists(directory_ / "db/000004.log"));
  EXPECT_EQ(open_and_dump("db"), "kept=value\nlater=by stock\n");
  EXPECT_EQ(lines_about_ignoring("db"), 1);
}

TEST_F(SideFile, WithoutItsLogIsRemoved) {
  make("db", "value");
  open_and_dump("db");
  std::ofstream(directory_ / "db/000001.log.penstock") << "left behind";
  open_and_dump("db");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "db/000001.log.penstock"));
}

TEST_F(SideFile, NobodySeesThemInAListing) {
  make("db", "value");
  const TestEnv ours = TestEnv::ours();
  std::vector<std::string> names;
  ASSERT_OK(ours.fs->GetChildren(directory_ / "db", {}, &names, nullptr));
  for (const std::string& name : names) EXPECT_FALSE(name.contains("penstock")) << name;
}

// Somebody reads while the database lies there as it was left: nothing is changed.
TEST_F(SideFile, AReadOnlyInstanceSeesItsBytesAndChangesNothing) {
  make("db", "value");
  const TestEnv ours = TestEnv::ours();
  db::DB* opened = nullptr;
  ASSERT_OK(db::DB::OpenForReadOnly(options_on(ours), directory_ / "db", &opened));
  const std::unique_ptr<db::DB> database(opened);
  EXPECT_EQ(dump(*database), "kept=value\nunsynced=in the side file\n");
  EXPECT_TRUE(std::filesystem::exists(side("db")));
}

}  // namespace

}  // namespace penstock::rocksdb
