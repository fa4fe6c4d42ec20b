// FileView: the data of a file, exactly, whoever is writing it.
//
// - A file that this process is writing: all that was appended, the part that was not flushed too.
// - A log that was not closed, or that another process is writing: what log_view.h says.
// - Any other file: what is there.
//
// Ownership: shares the file and its writer; places and table must outlive it. Threading: any number of
// reads from any threads.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "rocksdb/log_view.h"
#include "rocksdb/open_files.h"

namespace penstock::rocksdb {

class FileView {
 public:
  // `path` is normal. Errors: those of Places::disk_for() and of opening it.
  static Result<std::unique_ptr<FileView>> open(Places& places, const OpenFiles& table,
                                                const std::string& path);

  // At most `into.size()` bytes; fewer only at the end.
  Result<std::size_t> read(FilePosition from, MutableBytes into);

  Result<std::uint64_t> size_bytes();

  // Not null when the file is what is there, so that it may be read as one likes.
  const file::ReadFile* plain() const { return !writer_ && !log_ ? &*file_ : nullptr; }

 private:
  FileView(Places& places, std::string path) : places_(places), path_(std::move(path)) {}
  Result<std::size_t> read_behind_writer(FilePosition from, MutableBytes into);
  Result<std::size_t> read_log(FilePosition from, MutableBytes into);

  Places& places_;
  std::string path_;
  std::optional<file::ReadFile> file_;  // but for a log
  std::shared_ptr<FileWriter> writer_;
  std::atomic<std::uint64_t> readable_bytes_{0};  // of the writer's
  std::mutex mutex_;
  std::optional<LogView> log_;
};

// What RocksDB is told about the size of the file at `path`. Errors: kNotFound, kIo, those of LogView.
Result<std::uint64_t> size_of(Places& places, const OpenFiles& table, const std::string& path);

}  // namespace penstock::rocksdb
