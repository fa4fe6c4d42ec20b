// DirectFileSystem: RocksDB's FileSystem on the file layer.
//
// What concerns the bytes of files, and their sizes, is done here. Everything else goes to RocksDB's
// default file system: directories and their syncs, existence, times, links counted, locks, free space,
// and files for random writing, which databases do not use. Memory mapping is refused.
//
// A directory is settled (log_view.h) when a database in it is locked for writing, and before the first
// write-ahead log is made in it; until then what was left behind by a crash is shown as it will be.
//
// Ownership: must outlive its files and loggers. Threading: any thread.
#pragma once

#include <rocksdb/file_system.h>

#include <set>

#include "disk/worker_pool.h"
#include "penstock/rocksdb.h"
#include "rocksdb/log_writer.h"
#include "rocksdb/open_files.h"
#include "rocksdb/places.h"
#include "rocksdb/read_handles.h"

namespace penstock::rocksdb {

class DirectFileSystem final : public ::rocksdb::FileSystemWrapper {
 public:
  using IOStatus = ::rocksdb::IOStatus;
  using IOOptions = ::rocksdb::IOOptions;
  using IODebugContext = ::rocksdb::IODebugContext;
  using FileOptions = ::rocksdb::FileOptions;

  explicit DirectFileSystem(const DirectFileSystemOptions& options);

  const char* Name() const override { return "PenstockFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<::rocksdb::FSSequentialFile>* result,
                             IODebugContext* dbg) override;
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<::rocksdb::FSRandomAccessFile>* result,
                               IODebugContext* dbg) override;
  IOStatus NewRandomRWFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<::rocksdb::FSRandomRWFile>* result,
                           IODebugContext* dbg) override;
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<::rocksdb::FSWritableFile>* result,
                           IODebugContext* dbg) override;
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<::rocksdb::FSWritableFile>* result,
                              IODebugContext* dbg) override;
  // A fresh file in place of the old one: recycled bytes behind a log's end would be valid records.
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                             const FileOptions& options,
                             std::unique_ptr<::rocksdb::FSWritableFile>* result,
                             IODebugContext* dbg) override;
  IOStatus NewMemoryMappedFileBuffer(
      const std::string& path, std::unique_ptr<::rocksdb::MemoryMappedFileBuffer>* result) override;
  IOStatus NewLogger(const std::string& path, const IOOptions& options,
                     std::shared_ptr<::rocksdb::Logger>* result, IODebugContext* dbg) override;

  IOStatus GetChildren(const std::string& directory, const IOOptions& options,
                       std::vector<std::string>* result, IODebugContext* dbg) override;
  IOStatus GetChildrenFileAttributes(const std::string& directory, const IOOptions& options,
                                     std::vector<::rocksdb::FileAttributes>* result,
                                     IODebugContext* dbg) override;
  IOStatus GetFileSize(const std::string& path, const IOOptions& options, std::uint64_t* size,
                       IODebugContext* dbg) override;
  IOStatus Truncate(const std::string& path, std::size_t size, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus DeleteDir(const std::string& directory, const IOOptions& options,
                     IODebugContext* dbg) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override;
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus LockFile(const std::string& path, const IOOptions& options, ::rocksdb::FileLock** lock,
                    IODebugContext* dbg) override;

  // The default ones turn memory mapping off here without a word, so that it would show with the first
  // table only.
  FileOptions OptimizeForLogWrite(const FileOptions& options,
                                  const ::rocksdb::DBOptions& db_options) const override;
  FileOptions OptimizeForManifestWrite(const FileOptions& options) const override;

  // Waits for all of them.
  IOStatus Poll(std::vector<void*>& handles, std::size_t min_completions) override;
  IOStatus AbortIO(std::vector<void*>& handles) override;

 private:
  Result<std::shared_ptr<FileWriter>> open_writer(const std::string& path, bool keeps);
  Result<void> begin_log(const std::string& directory);
  Result<void> make_exact(const std::string& path);
  Result<void> remove_side_file(const std::string& path);
  Result<void> remove_side_files(const std::string& directory);
  IOStatus open_to_write(const std::string& path, bool keeps, const FileOptions& options,
                         std::unique_ptr<::rocksdb::FSWritableFile>* result);

  DirectFileSystemOptions options_;
  // This file system, for loggers.
  std::unique_ptr<::rocksdb::Env> env_;
  Reports reports_;
  Places places_;
  OpenFiles table_;
  ReadAheadBudget read_ahead_budget_;
  TableEnds table_ends_;
  WarmOutput warm_output_;
  LogWriter::Habit log_habit_{Preparation::kWritten};
  std::mutex mutex_;
  std::set<std::string> settled_;  // directories, since the last lock
  WorkerPool log_steps_{1};
  WorkerPool pool_;  // its jobs use all of the above
  ReadRings rings_{pool_};
  ReadServices read_services_;
};

}  // namespace penstock::rocksdb
