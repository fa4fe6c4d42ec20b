// Reports: lines for people, in the log of the database that they are about.
//
// A database opens its log (the file LOG) before any other file. What is said about a directory goes to
// the log that was opened there last, else to the one that was opened last anywhere, else to standard
// error.
//
// Ownership: knows the loggers, and does not keep them. Threading: any thread.
#pragma once

#include <rocksdb/env.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace penstock::rocksdb {

class Reports {
 public:
  // Logs of so many directories are known; then all are forgotten.
  static constexpr std::size_t kMaxLoggers = 256;

  void add_logger(const std::string& directory, const std::shared_ptr<::rocksdb::Logger>& logger);
  void say(const std::string& directory, const std::string& line);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<::rocksdb::Logger>> loggers_;
  std::weak_ptr<::rocksdb::Logger> newest_;
};

}  // namespace penstock::rocksdb
