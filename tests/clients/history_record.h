// A history in a file: what the clients of history_clients do and are told, a line each, as it happens.
//
// The judge reads the file when everybody has gone (src/broker/testing/history.h says what it holds); a
// history that breaks a promise is kept as it is, and can be judged again.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "broker/testing/history.h"

namespace penstock::tests {

namespace history = broker::testing::history;

// Writes a new file.
//
// Threading: any thread. Durability: a line is the system's when its function has returned, so it
// survives the end of this process.
class HistoryRecorder {
 public:
  explicit HistoryRecorder(const std::string& path);

  // The recorder's time, which rises with every call.
  std::uint64_t tick() { return ++clock_; }

  // The group that makes messages of messages.
  void note_pipeline(const std::string& group) { add("pipeline {}", group); }

  // To be called before the message is given to a client.
  void note_sent(history::Name name, const history::Write& write);
  void note_acknowledged(history::Name name, std::int64_t offset);

  std::uint64_t begin_transaction();
  // What its producer was told; a later word counts more, unless the transaction was aborted.
  void note_fate(std::uint64_t transaction, history::Fate fate);

  // A reading begins; its number goes to note_read().
  std::uint64_t begin_reading(const std::string& reader, const std::string& group,
                              history::Isolation isolation, history::Partition partition);
  void note_read(std::uint64_t reading, const history::Entry& entry);

  void note_commit(const history::OffsetCommit& commit);
  void note_sight(const history::OffsetSight& sight);

  // The end: each partition's messages as read when all was over.
  void note_log(history::Partition partition, const history::Log& log);

  void complain(std::string_view text) { add("complaint {}", text); }

 private:
  struct FileDeleter {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  template <typename... Args>
  void add(fmt::format_string<Args...> text, Args&&... args) {
    write_line(fmt::format(text, std::forward<Args>(args)...));
  }
  void write_line(std::string line);

  std::mutex mutex_;
  std::mutex readings_mutex_;
  std::unique_ptr<std::FILE, FileDeleter> file_;
  std::atomic<std::uint64_t> clock_ = 0;
  std::atomic<std::uint64_t> next_transaction_ = 0;
  std::uint64_t next_reading_ = 0;
};

// Throws std::runtime_error, with the line, for a file that is none.
history::History read_history(const std::string& path);

}  // namespace penstock::tests
