// LogWriter: a writer of RocksDB's logs, the write-ahead log and the MANIFEST.
//
// Space is prepared ahead of its end, so that a sync is one write over blocks that are there: the
// format tells where the data ends (log_format.h). The first step is taken by the put that needs it,
// each further one by a thread, while puts go on in front of it. A side file says that the end has to
// be found out, as long as the log was not closed.
//
// A put that is not synced must survive the death of the process. So the bytes of a write-ahead log go
// to memory that outlives it (file::SharedArena, the side file), and from there to the device in large
// pieces, on a thread of the pool, or with the next sync on its own. Where such memory cannot be had
// (btrfs) each flush() writes the last block instead. A MANIFEST is synced with each change, and its
// flush() does nothing.
//
// What could not be written for want of space stays in the arena and in memory; make_exact() and
// close() try once more. As long as that fails the side file stays, and no newer log begins
// (DirectFileSystem), which would make it stale: the next opening has the bytes.
//
// Locks: back_ (the file) before front_ (what is not in the file yet).
#pragma once

#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <vector>

#include "disk/worker_pool.h"
#include "file/append_file.h"
#include "file/shared_arena.h"
#include "rocksdb/database_names.h"
#include "rocksdb/file_writer.h"
#include "rocksdb/places.h"

namespace penstock::rocksdb {

struct LogWriterOptions {
  std::uint64_t side_file_bytes = kMiB;  // of a write-ahead log; 0: no memory, flush() writes
  std::uint64_t step_bytes = 2 * kMiB;   // prepared at a time; the first put waits for the first
  std::uint64_t manifest_step_bytes = 256 * kKiB;
};

// Who works for the logs. Draining one waits for its lock; taking a step waits for nobody, so whoever
// waits for a step, with the lock, gets it.
struct LogWorkers {
  WorkerPool& drains;
  WorkerPool& steps;
};

class LogWriter final : public FileWriter, public std::enable_shared_from_this<LogWriter> {
 public:
  // Whether logs are synced in small steps, so that writing space twice pays: the next log of a
  // database begins as the one before ended. Must outlive the writers.
  using Habit = std::atomic<Preparation>;

  // Creates `path` in place of one that is there, or with `keeps` goes on behind it. Errors: those of
  // Places::disk_for(), AppendFile and SharedArena, but for kNotSupported of the latter.
  static Result<std::shared_ptr<LogWriter>> open(Places& places, LogWorkers workers, Habit& habit,
                                                 const std::string& path, bool keeps,
                                                 const LogWriterOptions& options);
  ~LogWriter() override;

  Result<void> append(ByteView bytes) override;
  Result<void> flush() override;
  Result<void> sync() override;
  Result<void> close() override;
  Result<void> truncate(std::uint64_t size_bytes) override;
  std::uint64_t size_bytes() const override;
  Result<std::uint64_t> make_readable() override;
  // Also gives the memory back, and the side file: this is what becomes of a log when the next one of
  // the database begins. So all of it is durable first: nobody looks for holes in a log without a side
  // file, and through the page cache its blocks reach the device in any order.
  Result<void> make_exact() override;
  void renamed(const std::string& path) override;

 private:
  struct DrainJob final : WorkerPool::Job {
    void run() override;
    std::shared_ptr<LogWriter> writer;  // while it waits in line
  };
  struct StepJob final : WorkerPool::Job {
    void run() override;
    std::shared_ptr<LogWriter> writer;  // while it waits in line
    file::PreparationStep step{};
    std::promise<Result<void>> outcome;
  };
  using Back = std::unique_lock<std::mutex>;

  LogWriter(Places& places, Disk& disk, LogWorkers workers, Habit& habit, file::AppendFile file,
            std::unique_ptr<File> step_file, file::AppendOptions options);

  Result<void> start_arena(std::uint64_t side_file_bytes);
  Result<void> append_past_arena(ByteView bytes);
  Result<void> append_to_file(const Back& back, ByteView bytes);
  void begin_step(const Back& back);
  Result<void> take_step(const file::PreparationStep& step);
  enum class Wait { kNo, kYes };
  void end_step(const Back& back, Wait wait);
  void give_up_step(const Back& back);
  Result<void> take_pending(const Back& back);
  Result<void> drain(const Back& back);
  Result<void> fail_with(const Error& error);
  void forget_want_of_space(const Back& back);
  void release_arena();
  void learn_habit(std::uint64_t synced_at_once_bytes);
  Result<void> remove_side_file();

  Places& places_;
  Disk& disk_;
  LogWorkers workers_;
  Habit& habit_;
  FileKind kind_;
  file::AppendOptions options_;
  // The log itself, for the steps: each sync is told of its own errors.
  std::unique_ptr<File> step_file_;

  mutable std::mutex back_;
  file::AppendFile file_;
  std::string path_;
  std::vector<std::byte> draining_;  // on its way into the file
  std::uint64_t synced_end_;
  Preparation preparation_;
  bool is_exact_ = false;
  bool is_closed_ = false;
  StepJob step_job_;
  std::future<Result<void>> step_;  // valid while one is being taken
  std::atomic<bool> is_step_given_up_ = false;

  mutable std::mutex front_;
  std::unique_ptr<file::SharedArena> arena_;
  std::uint64_t drain_bytes_ = 0;
  std::vector<std::byte> pending_;  // in the arena and not in the file
  std::uint64_t size_bytes_;
  std::optional<Error> failure_;
  bool is_drain_asked_ = false;
  DrainJob drain_job_;
};

}  // namespace penstock::rocksdb
