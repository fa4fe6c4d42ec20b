// ExactWriter: a writer of files that are not logs of records: tables, CURRENT, OPTIONS, LOG, anything.
//
// Their size says where they end, so it is exact whenever somebody may look: after every flush() but
// that of a table, and after every sync(). A flush() of the LOG is a sync: each cut of a file inside a
// block leaves a page in the page cache until the file is synced, and RocksDB flushes its LOG with each
// of its jobs, and every five seconds.
#pragma once

#include <mutex>

#include "file/append_file.h"
#include "rocksdb/database_names.h"
#include "rocksdb/file_writer.h"
#include "rocksdb/places.h"
#include "rocksdb/warm_output.h"

namespace penstock::rocksdb {

class ExactWriter final : public FileWriter {
 public:
  // Creates `path`, in place of a file that is there; with `keeps` goes on behind it instead. What goes
  // to a new table goes to `warm_output` as well. Errors: those of Places::disk_for() and AppendFile.
  static Result<std::shared_ptr<ExactWriter>> open(Places& places, WarmOutput& warm_output,
                                                   const std::string& path, bool keeps,
                                                   std::uint64_t buffer_bytes);
  ~ExactWriter() override;

  Result<void> append(ByteView bytes) override;
  Result<void> flush() override;
  Result<void> sync() override;
  Result<void> close() override;
  Result<void> truncate(std::uint64_t size_bytes) override;
  std::uint64_t size_bytes() const override;
  Result<std::uint64_t> make_readable() override;
  Result<void> make_exact() override;
  void renamed(const std::string& path) override;

 private:
  ExactWriter(Places& places, WarmOutput& warm_output, Disk& disk, file::AppendFile file,
              file::AppendOptions options);
  Result<void> hand_over();
  // What is in memory is not, or not for sure, what is in the file.
  //
  // A file takes no more after a failure, which is right for data. The LOG is for people, who want to
  // read what came after the disk was full, and Debian's RocksDB, built with assertions, ends the
  // process when its LOG fails twice. So it never fails: lines are lost, and it is opened again.
  Result<void> fail_with(const Error& error);
  void go_on_behind_failure();

  Places& places_;
  WarmOutput& warm_output_;
  Disk& disk_;
  file::AppendOptions options_;
  mutable std::mutex mutex_;
  file::AppendFile file_;
  std::string path_;
  std::shared_ptr<WarmOutput::Table> warm_;  // null when nothing is kept
  bool is_closed_ = false;
};

// Seals `file`, cuts it to `size_bytes`, and opens it again behind that. Errors: those of AppendFile;
// kInvalidArgument when it is shorter.
Result<void> reopen_at(Places& places, Disk& disk, file::AppendFile& file, const std::string& path,
                       std::uint64_t size_bytes, const file::AppendOptions& options);

// A fresh file at `path`, in place of one that is there, or the one that is there to go on with.
Result<file::AppendFile> open_to_append(Places& places, Disk& disk, const std::string& path, bool keeps,
                                        const file::AppendOptions& options);

}  // namespace penstock::rocksdb
