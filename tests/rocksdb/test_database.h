// Databases of test programs, which end when they cannot go on.
#pragma once

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "penstock/rocksdb.h"

namespace penstock::tests {

[[noreturn]] inline void give_up(std::string_view why) {
  fmt::print(stderr, "{}: {}\n", program_invocation_short_name, why);
  std::_Exit(1);
}

// Must outlive the databases on it.
inline std::unique_ptr<::rocksdb::Env> env_of_uri(std::string_view uri) {
  const auto options = rocksdb::ParseFileSystemUri(uri);
  if (!options) give_up(options.error().message());
  const auto made = rocksdb::NewDirectFileSystem(*options);
  if (!made) give_up(made.error().message());
  return ::rocksdb::NewCompositeEnv(*made);
}

inline std::unique_ptr<::rocksdb::DB> open_database(const ::rocksdb::Options& options,
                                                    const std::string& directory) {
  ::rocksdb::DB* database = nullptr;
  const ::rocksdb::Status opened = ::rocksdb::DB::Open(options, directory, &database);
  if (!opened.ok()) {
    give_up(fmt::format("{}, recovery mode {}: {}", options.env->GetFileSystem()->Name(),
                        static_cast<int>(options.wal_recovery_mode), opened.ToString()));
  }
  return std::unique_ptr<::rocksdb::DB>(database);
}

}  // namespace penstock::tests
