// ReadFile: reads at any position and length, past the page cache.
//
// In direct mode the device reads whole blocks; what was not asked for is cut off here. Nothing is
// copied where the caller's memory allows it: when a buffer's address and the position in the file are
// both multiples of 4096, the device writes straight into it.
//
// Ownership: the Engine must outlive it. The memory of a submitted read stays the caller's, and must
// stay valid and untouched, until the callback. Destroying a ReadFile with reads pending is allowed:
// they finish, and their callbacks run in a later poll().
//
// Threading: the Engine's thread; any number of submitted reads at a time.
//
// Durability: none of its business. While somebody else is writing the file, what is read may be undone
// by a power cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "penstock/engine.h"
#include "penstock/export.h"
#include "penstock/io_mode.h"
#include "penstock/result.h"

namespace penstock {

struct ReadFileOptions {
  RequestedIoMode mode = RequestedIoMode::kAuto;
};

// One of the reads of read_many().
struct ReadRequest {
  std::uint64_t from = 0;
  std::span<std::byte> into;
  // Set by read_many(): how many bytes there were, as read() returns it.
  Result<std::size_t> result = std::size_t{0};
};

class PENSTOCK_API ReadFile {
 public:
  using ReadCallback = std::function<void(Result<std::size_t> size_bytes)>;
  using ReadManyCallback = std::function<void()>;

  // The first file on a file system costs a probe of some milliseconds, in which a small temporary file
  // is written next to it. Where nothing can be written, only reading is tried out. Errors: kNotFound,
  // kPermission, kNotSupported (the file system cannot do options.mode; the message names what it can),
  // kIo.
  static Result<ReadFile> open(Engine& engine, const std::string& path, ReadFileOptions options = {});

  ReadFile(ReadFile&&) noexcept;
  ReadFile& operator=(ReadFile&&) noexcept;
  ~ReadFile();

  // Reads up to `into.size()` bytes at `from`. Fewer only where the file ends; 0 at or behind its end.
  // Errors: kIo.
  Result<std::size_t> read(std::uint64_t from, std::span<std::byte> into);

  // All of `requests` together, which a device does faster than one after the other; up to 256 of them
  // are at the device at a time. Each has a result of its own. They must not overlap in memory.
  void read_many(std::span<ReadRequest> requests);

  // The same without waiting; the requests, too, stay valid and untouched until the callback.
  // Errors: kBusy (EngineOptions::pending_max operations are pending: poll first). Then the callback is
  // dropped and never runs; else it runs exactly once. Reads end in any order.
  Result<void> submit_read(std::uint64_t from, std::span<std::byte> into, ReadCallback done);
  Result<void> submit_read_many(std::span<ReadRequest> requests, ReadManyCallback done);

  // The file's size now, in bytes.
  Result<std::uint64_t> size();

  // How bytes really travel, and one sentence why.
  IoMode mode() const;
  const std::string& mode_reason() const;
  const std::string& path() const;

 private:
  friend class BlockCache;
  friend class ReadAhead;

  class Impl;
  explicit ReadFile(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
