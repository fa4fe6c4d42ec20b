#include "cli/rocksdb_command.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/testing/temp_directory.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "penstock/rocksdb.h"

namespace penstock::cli {
namespace {

void write_database(const std::string& path) {
  const auto fs = *rocksdb::NewDirectFileSystem();
  const std::unique_ptr<::rocksdb::Env> env = ::rocksdb::NewCompositeEnv(fs);
  ::rocksdb::Options options;
  options.env = env.get();
  options.create_if_missing = true;
  ::rocksdb::DB* database = nullptr;
  ASSERT_TRUE(::rocksdb::DB::Open(options, path, &database).ok());
  ASSERT_TRUE(database->Put({}, "key", "not synced").ok());
  if (path.ends_with("killed")) ::raise(SIGKILL);
  delete database;
}

TEST(RocksdbCheck, SaysWhatACrashLeftAndWhatIsInOrder) {
  const TempDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) write_database(directory / "killed");
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  write_database(directory / "closed");

  const Captured killed = run_captured({"rocksdb", "check", directory / "killed"});
  EXPECT_EQ(killed.exit_code, kSuccess) << killed.err;
  EXPECT_TRUE(killed.out.contains("not closed")) << killed.out;
  EXPECT_TRUE(killed.out.contains("in its side file only")) << killed.out;
  EXPECT_TRUE(killed.out.contains("left by a crash")) << killed.out;
  // It has changed nothing.
  EXPECT_EQ(run_captured({"rocksdb", "check", directory / "killed"}).out, killed.out);
  const Captured json = run_captured({"rocksdb", "check", directory / "killed", "--json"});
  const auto parsed = nlohmann::json::parse(json.out);
  EXPECT_FALSE(parsed["in_use"].get<bool>());
  EXPECT_EQ(parsed["not_closed"].size(), 2U) << json.out;  // the log and the MANIFEST

  const Captured closed = run_captured({"rocksdb", "check", directory / "closed"});
  EXPECT_TRUE(closed.out.contains("closed in order")) << closed.out;
}

TEST(RocksdbCheck, WhatIsNoDatabaseIsNamed) {
  const TempDirectory directory;
  const Captured none = run_captured({"rocksdb", "check", directory.path()});
  EXPECT_EQ(none.exit_code, kFailed);
  EXPECT_TRUE(none.err.contains("holds no RocksDB database")) << none.err;
  EXPECT_EQ(run_captured({"rocksdb", "check", directory.path(), "--mode", "quick"}).exit_code, kUsage);
}

}  // namespace
}  // namespace penstock::cli
