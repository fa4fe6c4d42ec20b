#include "rocksdb/reports.h"

#include <fmt/format.h>

#include <cstdio>

namespace penstock::rocksdb {

void Reports::add_logger(const std::string& directory,
                         const std::shared_ptr<::rocksdb::Logger>& logger) {
  const std::lock_guard lock(mutex_);
  if (loggers_.size() >= kMaxLoggers) loggers_.clear();
  loggers_[directory] = logger;
  newest_ = logger;
}

void Reports::say(const std::string& directory, const std::string& line) {
  std::shared_ptr<::rocksdb::Logger> logger;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = loggers_.find(directory); found != loggers_.end())
      logger = found->second.lock();
    if (logger == nullptr) logger = newest_.lock();
  }
  if (logger != nullptr) {
    ::rocksdb::Log(::rocksdb::InfoLogLevel::HEADER_LEVEL, logger, "penstock: %s", line.c_str());
  } else {
    fmt::print(stderr, "penstock: {}: {}\n", directory, line);
  }
}

}  // namespace penstock::rocksdb
