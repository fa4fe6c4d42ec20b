// FileWriter: a file of a database that is open for writing, as everybody in the process sees it.
//
// Ownership: shared between RocksDB's handle and the table of open files. Threading: any thread, any
// number at a time. Durability: what was appended before sync() began is durable when it has returned
// success, with the file's exact size unless it is a log (see log_writer.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace penstock::rocksdb {

class FileWriter {
 public:
  FileWriter() = default;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  virtual ~FileWriter() = default;

  // On error nothing of this call counts, and every later call fails too.
  virtual Result<void> append(ByteView bytes) = 0;
  // What was appended survives the death of the process, unless the file is one that nobody reads
  // before it was synced.
  virtual Result<void> flush() = 0;
  virtual Result<void> sync() = 0;
  // Hands everything over and leaves the file exact; durable is what was synced, and all of a log.
  // Later calls do nothing.
  virtual Result<void> close() = 0;
  // To fewer bytes, or as many as there are.
  virtual Result<void> truncate(std::uint64_t size_bytes) = 0;

  virtual std::uint64_t size_bytes() const = 0;
  // Brings everything appended so far to where a reader of the file finds it; returns how much it is.
  virtual Result<std::uint64_t> make_readable() = 0;
  // The file is as long as its data now, and after every flush() and sync() from now on: it gets
  // another name, under which nobody knows that it is open.
  virtual Result<void> make_exact() = 0;
  // It has another name.
  virtual void renamed(const std::string& path) = 0;
};

}  // namespace penstock::rocksdb
