// LogView: the data of a log that was not closed, exactly.
//
// The file may have zeros or a torn record behind its data, and what was written last may lie in its
// side file only. This shows what a stock file system would show after the writer died: all bytes that
// were written, and not one more. It changes nothing, so it is also how a log is read that another
// process is writing. settle() is for who owns the database: afterwards the file is that by itself, and
// the side file is gone.
//
// Only the newest write-ahead log of a directory can have bytes in its side file (LogWriter sees to
// that), so those of an older one are stale: somebody else went on with the database. Those of another
// file (the identity differs), or that do not continue the file's data, are ignored as well. Each is
// said in one line.
//
// Ownership: shares its file; the disks must outlive it. Threading: one thread at a time.
// Durability: settle() makes all of the data durable, with its size.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "file/read_file.h"
#include "file/shared_arena.h"
#include "rocksdb/open_files.h"
#include "rocksdb/places.h"

namespace penstock::rocksdb {

// Side files are at most this large; what is larger is none.
inline constexpr std::uint64_t kMaxSideFileBytes = 64 * kMiB;

// The file's inode, of which no other file was or will be; nothing where the file system does not tell.
std::optional<file::ArenaIdentity> inode_of(const std::string& path);
// Who a file is, for its side file: its inode, or anybody.
file::ArenaIdentity identity_of(const std::string& path);

class LogView {
 public:
  // `path` is a log with a side file. `from`: the data is known to reach so far; 0 when nothing is.
  // Errors: those of opening and reading the file.
  static Result<LogView> open(Places& places, const std::string& path, FilePosition from = {});

  Result<std::size_t> read(FilePosition from, MutableBytes into) const;
  FilePosition end() const { return end_; }
  // Why what the side file holds was not used; empty when it was, or there is nothing.
  const std::string& refusal() const { return refusal_; }
  // How many bytes only the side file has.
  std::uint64_t unsynced_bytes() const { return end_ > file_end_ ? end_ - file_end_ : 0; }
  std::uint64_t file_bytes() const { return file_bytes_; }

  // Of a log that nobody writes. Errors: those of AppendFile.
  Result<void> settle(Places& places) const;

 private:
  explicit LogView(file::ReadFile file) : file_(std::move(file)) {}
  Result<void> find_end(FilePosition from);
  Result<bool> continues(const std::vector<file::ArenaRecord>& records, std::size_t first) const;
  Result<void> take(const std::vector<file::ArenaRecord>& records, std::size_t first);

  file::ReadFile file_;
  std::uint64_t file_bytes_ = 0;
  FilePosition file_end_;            // of the data in the file
  FilePosition end_;                 // and with what follows from the side file
  std::vector<std::byte> unsynced_;  // from file_end_ on
  std::string refusal_;
};

// Settles the log at `path` if it was not closed, and says so. Nobody may be writing it.
Result<void> settle_log(Places& places, const std::string& path);

// Settles every log in `directory` that was not closed, but for those that this process is writing, and
// removes side files without a log. Says what it did.
Result<void> settle_directory(Places& places, const OpenFiles& table, const std::string& directory);

}  // namespace penstock::rocksdb
