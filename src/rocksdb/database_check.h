// What a database's directory would be to the file system, looked at from outside: for
// `penstock rocksdb check`.
//
// Threading: one thread; blocks. Changes nothing.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "penstock/io_mode.h"

namespace penstock::rocksdb {

struct LogFinding {
  std::string path;
  std::uint64_t file_bytes = 0;
  std::uint64_t data_bytes = 0;
  // Of data_bytes, what only the side file has.
  std::uint64_t unsynced_bytes = 0;
  // Why the side file's bytes are not used; empty when they are, or there are none.
  std::string refusal;
};

struct DatabaseReport {
  bool is_in_use = false;  // somebody holds its lock
  IoMode mode = IoMode::kBuffered;
  std::string mode_reason;
  std::uint64_t table_count = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t log_count = 0;
  std::vector<LogFinding> not_closed;    // of a database that is not in use: a crash left them
  std::vector<std::string> without_log;  // side files whose log is gone
};

// Errors: kNotFound (no directory, or no database in it), kPermission, kIo, those of choosing the mode.
Result<DatabaseReport> check_database(const std::string& directory, RequestedIoMode requested);

}  // namespace penstock::rocksdb
