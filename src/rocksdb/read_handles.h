// DirectSequentialFile and DirectRandomAccessFile: RocksDB's handles on a FileView.
//
// Both say use_direct_io() == false: any position, length and memory will do.
//
// Prefetch() of a table's end, which is how RocksDB opens a table, really fetches it; anywhere else it
// is not supported, and RocksDB uses a buffer of its own, per iterator, which knows its reader.
//
// The reads of one MultiRead() are at the device together, and one of ReadAsync() goes on by itself, on
// a ring that is borrowed for it; where there is none they are made one after the other.
//
// IODebugContext's counters tell, in bytes, where the data came from: penstock.memory (warm output, or
// the end of a table), penstock.readahead, penstock.device.
//
// Threading: a sequential file one thread at a time, a random access file any.
#pragma once

#include <rocksdb/file_system.h>

#include <span>

#include "rocksdb/async_read.h"
#include "rocksdb/file_view.h"
#include "rocksdb/read_streams.h"
#include "rocksdb/table_ends.h"
#include "rocksdb/warm_output.h"

namespace penstock::rocksdb {

class DirectSequentialFile final : public ::rocksdb::FSSequentialFile {
 public:
  using IOStatus = ::rocksdb::IOStatus;

  DirectSequentialFile(Places& places, std::unique_ptr<FileView> view, std::uint64_t window_bytes);

  IOStatus Read(std::size_t n, const ::rocksdb::IOOptions& options, ::rocksdb::Slice* result,
                char* scratch, ::rocksdb::IODebugContext* dbg) override;
  IOStatus Skip(std::uint64_t n) override;
  IOStatus InvalidateCache(std::size_t offset, std::size_t length) override;

 private:
  Result<std::size_t> read(MutableBytes into);

  std::unique_ptr<FileView> view_;
  std::optional<file::ReadAhead> ahead_;
  FilePosition at_;
};

// What all random access files of a FileSystem have in common.
struct ReadServices {
  Places& places;
  ReadAheadBudget& budget;
  TableEnds& ends;
  ReadRings& rings;
  std::uint64_t user_window_bytes = 256 * kKiB;
  std::uint64_t compaction_window_bytes = 2 * kMiB;
};

class DirectRandomAccessFile final : public ::rocksdb::FSRandomAccessFile {
 public:
  using IOStatus = ::rocksdb::IOStatus;
  using IOOptions = ::rocksdb::IOOptions;
  using IODebugContext = ::rocksdb::IODebugContext;
  using Request = ::rocksdb::FSReadRequest;

  // `services` must outlive it. `warm` may be null.
  DirectRandomAccessFile(ReadServices& services, std::unique_ptr<FileView> view,
                         std::shared_ptr<const WarmOutput::Table> warm);
  ~DirectRandomAccessFile() override { services_.ends.forget(end_); }

  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions& options, ::rocksdb::Slice* result,
                char* scratch, IODebugContext* dbg) const override;
  IOStatus MultiRead(Request* requests, std::size_t count, const IOOptions& options,
                     IODebugContext* dbg) override;
  IOStatus ReadAsync(Request& request, const IOOptions& options, AsyncRead::Callback callback,
                     void* argument, void** io_handle, ::rocksdb::IOHandleDeleter* deleter,
                     IODebugContext* dbg) override;
  IOStatus Prefetch(std::uint64_t offset, std::size_t n, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus InvalidateCache(std::size_t offset, std::size_t length) override;

 private:
  std::optional<std::size_t> read_memory(FilePosition from, MutableBytes into) const;
  std::optional<Result<std::size_t>> read_memory_or_window(FilePosition from, MutableBytes into,
                                                           bool is_compaction,
                                                           IODebugContext* dbg) const;
  Result<std::size_t> read_device(FilePosition from, MutableBytes into, IODebugContext* dbg) const;
  void read_together(std::span<file::ReadRequest> reads) const;

  ReadServices& services_;
  std::unique_ptr<FileView> view_;
  std::shared_ptr<const WarmOutput::Table> warm_;
  const DescriptorFile* descriptor_ = nullptr;  // of a file that nobody writes
  std::uint64_t size_bytes_ = 0;                // the same
  mutable TableEnds::Handle end_;
  mutable std::optional<ReadStreams> user_streams_;
  mutable std::optional<ReadStreams> compaction_streams_;
};

}  // namespace penstock::rocksdb
