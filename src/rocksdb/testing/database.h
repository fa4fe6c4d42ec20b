// A RocksDB database on a file system, for tests.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>

#include <memory>
#include <string>

#include "base/testing/temp_directory.h"
#include "penstock/rocksdb.h"

namespace penstock::rocksdb {

namespace db = ::rocksdb;

#define ASSERT_OK(expression)                            \
  do {                                                   \
    const ::rocksdb::Status status_of = (expression);    \
    ASSERT_TRUE(status_of.ok()) << status_of.ToString(); \
  } while (false)
#define EXPECT_OK(expression)                            \
  do {                                                   \
    const ::rocksdb::Status status_of = (expression);    \
    EXPECT_TRUE(status_of.ok()) << status_of.ToString(); \
  } while (false)

// A file system and the Env on it.
class TestEnv {
 public:
  explicit TestEnv(std::shared_ptr<db::FileSystem> made)
      : fs(std::move(made)), env(db::NewCompositeEnv(fs)) {}

  static TestEnv ours(const DirectFileSystemOptions& options = {}) {
    return TestEnv(*NewDirectFileSystem(options));
  }
  static TestEnv stock() { return TestEnv(db::FileSystem::Default()); }

  std::shared_ptr<db::FileSystem> fs;
  std::unique_ptr<db::Env> env;
};

inline db::Options options_on(const TestEnv& env) {
  db::Options options;
  options.env = env.env.get();
  options.create_if_missing = true;
  options.write_buffer_size = 256 << 10;
  return options;
}

inline std::unique_ptr<db::DB> open_database(const db::Options& options, const std::string& path) {
  db::DB* opened = nullptr;
  const db::Status status = db::DB::Open(options, path, &opened);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return std::unique_ptr<db::DB>(opened);
}

// Everything that is in it, as text.
inline std::string dump(db::DB& database) {
  std::string text;
  const std::unique_ptr<db::Iterator> it(database.NewIterator({}));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    text += it->key().ToString() + "=" + it->value().ToString() + "\n";
  EXPECT_TRUE(it->status().ok()) << it->status().ToString();
  return text;
}

}  // namespace penstock::rocksdb
