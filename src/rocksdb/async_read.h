// AsyncRead: a read that goes on while RocksDB does something else, until it polls for it.
//
// It is RocksDB's io_handle: made by ReadAsync(), asked for by Poll() or AbortIO(), deleted by RocksDB,
// which waits for it. Each has a ring to itself, so whoever polls waits for nobody else's.
//
// Ownership: keeps the ring lent; the file, the memory and the callback's argument stay RocksDB's until
// it is gone. Threading: one thread at a time, not always the same one.
#pragma once

#include <rocksdb/file_system.h>

#include <functional>
#include <memory>

#include "disk/read_rings.h"
#include "file/read_file.h"

namespace penstock::rocksdb {

class AsyncRead {
 public:
  using Callback = std::function<void(const ::rocksdb::FSReadRequest&, void*)>;

  // Starts to read what `request` says. `file` is of a BlockingDisk.
  AsyncRead(ReadRings::Lease ring, const DescriptorFile& shared, const file::ReadFile& file,
            const ::rocksdb::FSReadRequest& request, Callback callback, void* argument);
  AsyncRead(const AsyncRead&) = delete;
  AsyncRead& operator=(const AsyncRead&) = delete;
  ~AsyncRead();

  // Waits until it has ended, and calls the callback, once.
  void finish();
  // The same, and what it has read does not count. (What is at the device cannot be called back.)
  void abort();

 private:
  Result<std::size_t> wait();
  void answer(::rocksdb::IOStatus status, std::size_t size_bytes);

  ReadRings::Lease ring_;
  ::rocksdb::FSReadRequest request_;
  Callback callback_;
  void* argument_;
  bool is_answered_ = false;
  Started<Result<std::size_t>> read_;
  Result<std::size_t> result_ = std::size_t{0};
};

}  // namespace penstock::rocksdb
