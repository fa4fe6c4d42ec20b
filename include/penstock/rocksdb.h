// NewDirectFileSystem: a RocksDB file system whose files go past the page cache.
//
//     auto fs = penstock::rocksdb::NewDirectFileSystem();
//     if (!fs) return complain(fs.error().message());
//     std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(*fs);
//     options.env = env.get();
//
// All files of a database, the write-ahead log and the MANIFEST too. What RocksDB promises stays as it
// is: a synced write survives a power cut, any other one the death of the process. A database that was
// written through it opens without it, and the other way around (docs/rocksdb.md). In the library
// libpenstock_rocksdb, CMake target penstock::rocksdb. Programs that cannot be changed load that
// library and name "penstock://" as their file system.
//
// Ownership: the file system is shared; it must outlive every Env and database that uses it. Threading:
// any thread, as RocksDB's own. Durability: as RocksDB asks for it, file by file; nothing is durable
// before a sync. Errors: those of the file system reach RocksDB as its IOStatus: NoSpace, PathNotFound,
// NotSupported (a mode that is not to be had), InvalidArgument (memory mapping was asked for), IOError.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "penstock/export.h"
#include "penstock/io_mode.h"
#include "penstock/result.h"

namespace rocksdb {
class FileSystem;
}

namespace penstock::rocksdb {

struct DirectFileSystemOptions {
  // A mode asked for by name is had, or opening a file fails; kAuto takes the best that the directory's
  // file system honours, and says in the database's LOG which one.
  RequestedIoMode mode = RequestedIoMode::kAuto;
  // The largest window of a sequential reader and of compaction, in bytes: 64 KiB to 64 MiB, whole
  // blocks of 4096. RocksDB's compaction_readahead_size, if set, goes before it.
  std::uint64_t readahead_bytes = std::uint64_t{2} << 20;
  // What all read-ahead may take in all, in bytes; at least twice readahead_bytes, which is what one
  // reader takes. Who finds nothing left reads without.
  std::uint64_t readahead_memory_bytes = std::uint64_t{64} << 20;
  // Collected before a write to a table leaves by itself, in bytes: 4 KiB to 64 MiB, whole blocks. Per
  // table that is being written.
  std::uint64_t write_buffer_bytes = std::uint64_t{1} << 20;
  // What was last written to tables is kept in memory up to so much, in bytes, so that the first reads
  // after a flush or a compaction are not reads of the device: 1 MiB to 1 TiB, whole blocks, or 0 for
  // nothing. All databases together.
  std::uint64_t warm_output_bytes = std::uint64_t{32} << 20;
  // Memory for writes that were not synced, which outlives the process, in bytes: 256 KiB to 64
  // MiB, whole blocks, or 0 for none, so that each such write is one to the device. Per database; it is
  // in the page cache.
  std::uint64_t side_file_bytes = std::uint64_t{1} << 20;
  // Space that is prepared ahead of the write-ahead log's end at a time, in bytes: 64 KiB to 1 GiB,
  // whole blocks.
  std::uint64_t log_step_bytes = std::uint64_t{2} << 20;
};

// "penstock://", or "penstock://?mode=direct&readahead=2MiB": the options by name (mode, readahead,
// readahead_memory, write_buffer, warm_output, side_file, log_step), sizes in bytes or with KiB, MiB or
// GiB behind them. A colon does as well as an equals sign, which RocksDB does not let through
// everywhere. Errors: kInvalidArgument, naming what is wrong and what there is.
PENSTOCK_API Result<DirectFileSystemOptions> ParseFileSystemUri(std::string_view uri);

// Errors: kInvalidArgument (an option, by name). Does no I/O: whether a directory can do the mode shows
// with the first file in it.
PENSTOCK_API Result<std::shared_ptr<::rocksdb::FileSystem>> NewDirectFileSystem(
    const DirectFileSystemOptions& options = {});

}  // namespace penstock::rocksdb
