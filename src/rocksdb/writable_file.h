// DirectWritableFile: RocksDB's handle on a FileWriter.
//
// It says use_direct_io() == false: RocksDB then hands over any number of bytes, and calls Sync. (With
// true it demands alignment and calls the file's Sync never; RocksDB issue 12373.)
//
// Ownership: keeps the writer in the table of open files until it is closed or destroyed, which closes.
#pragma once

#include <rocksdb/file_system.h>

#include "rocksdb/error_status.h"
#include "rocksdb/open_files.h"

namespace penstock::rocksdb {

class DirectWritableFile final : public ::rocksdb::FSWritableFile {
 public:
  using IOStatus = ::rocksdb::IOStatus;
  using IOOptions = ::rocksdb::IOOptions;
  using IODebugContext = ::rocksdb::IODebugContext;

  DirectWritableFile(OpenFiles& table, std::shared_ptr<FileWriter> writer,
                     const ::rocksdb::FileOptions& options)
      : FSWritableFile(options), table_(table), writer_(std::move(writer)) {}
  ~DirectWritableFile() override;

  IOStatus Append(const ::rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Append(const ::rocksdb::Slice& data, const IOOptions& options,
                  const ::rocksdb::DataVerificationInfo& info, IODebugContext* dbg) override;
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override;
  bool IsSyncThreadSafe() const override { return true; }
  bool use_direct_io() const override { return false; }
  std::uint64_t GetFileSize(const IOOptions& options, IODebugContext* dbg) override;
  // There is nothing of it in a cache.
  IOStatus InvalidateCache(std::size_t offset, std::size_t length) override;
  // Whole pieces are on their way to the device already, so there is nothing to smooth.
  IOStatus RangeSync(std::uint64_t offset, std::uint64_t length, const IOOptions& options,
                     IODebugContext* dbg) override;
  // The writer prepares space as its file needs it.
  void PrepareWrite(std::size_t offset, std::size_t length, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus Allocate(std::uint64_t offset, std::uint64_t length, const IOOptions& options,
                    IODebugContext* dbg) override;

 private:
  OpenFiles& table_;
  std::shared_ptr<FileWriter> writer_;
};

}  // namespace penstock::rocksdb
