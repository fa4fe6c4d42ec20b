// ReadFile: reads at any position and length, past the page cache.
//
// Alignment vanishes here: a read covers whole blocks on the device and hands out the bytes that were
// asked for. When the caller's memory allows it (its address and the file position agree modulo a
// block), the aligned middle lands there without a copy, and only the unaligned ends go through a small
// buffer.
//
// Ownership: shares its file with its reads and with the ReadAheads on it, so it may be moved or
// destroyed while they go on; the disk must outlive them all. The memory of a read belongs to the read
// until it has ended. Threading: the disk's scheduler thread, any number of reads at a time; over a
// BlockingDisk without a pool, from any threads at once. Durability: none of its business; what it
// returns may not be durable yet when somebody is writing the file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/units.h"
#include "disk/disk.h"

namespace penstock::file {

// One of many reads; `result` is set when read_many() has returned.
struct ReadRequest {
  FilePosition from;
  MutableBytes into;
  // How many bytes there were: less than asked for only at the end of the file.
  Result<std::size_t> result = std::size_t{0};
};

class ReadFile {
 public:
  // Requests that one read_many() has at the disk at a time; more than that wait inside of it.
  static constexpr std::size_t kMaxReadsInFlight = 256;

  // Errors: kNotFound, kPermission, kNotSupported, kIo.
  static Task<Result<ReadFile>> open(Disk& disk, std::string path);

  // Reads at most `into.size()` bytes at `from`; fewer only at the end of the file, never padding. What
  // is in `into` behind them, or after an error, is anything. Errors: kIo.
  Task<Result<std::size_t>> read(FilePosition from, MutableBytes into) const;

  // All of them together: on io_uring they go to the kernel in one submission. Each has a result of its
  // own. The requests must not overlap in memory.
  Task<void> read_many(std::span<ReadRequest> requests) const;

  // The file's size now.
  Task<Result<std::uint64_t>> size() const;

  // The same file with its reads through `blocks`, another disk's handle on it.
  ReadFile through(std::shared_ptr<File> blocks) const { return {mode_, std::move(blocks)}; }

  IoMode mode() const { return mode_; }
  const std::string& path() const { return file_->path(); }
  // For ReadAhead and BlockCache, which read whole blocks.
  const std::shared_ptr<File>& blocks() const { return file_; }

 private:
  ReadFile(IoMode mode, std::shared_ptr<File> file) : mode_(mode), file_(std::move(file)) {}

  IoMode mode_;
  std::shared_ptr<File> file_;
};

}  // namespace penstock::file
