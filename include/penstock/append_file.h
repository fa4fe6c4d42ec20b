// AppendFile: a file that is appended to, past the page cache, and durable when it says so.
//
//     penstock::Result<penstock::AppendFile> log = penstock::AppendFile::create(engine, "orders.log");
//     if (!log) return complain(log.error().message());
//     log->append("one order\n");
//     log->sync();  // on the device now
//
// Takes any number of bytes at a time. Whole blocks leave for the device in large writes, while the
// next bytes collect in memory; the bytes of an unfinished block wait for the block to fill, or for
// flush() or sync().
//
// Ownership: the Engine must outlive it. Bytes given to append() are copied before it returns; those
// given to submit_append() stay the caller's until its callback. Destroying an AppendFile drops what
// was not flushed (call sync() or seal() first), and waits for the writes that are on their way to the
// device. Operations that were submitted and not begun end with kClosed; those that have begun finish.
// Each of their callbacks runs, in a later poll().
//
// Threading: the Engine's thread.
//
// Durability: bytes are durable when sync() or seal() has returned success, and not before: then
// neither a kill nor a power cut takes any of them. The file's name is durable when create() has
// returned.
//
// The file's size: while it is open, the file may be longer than what was appended, because space is
// prepared ahead; that space reads as zeros. seal() cuts it to its exact size. A program that was
// killed leaves it long, so its format has to tell where the data ends (a length and a checksum in
// front of each record do), and open_at() continues from there.
//
// Errors: when a write or a sync has failed, nobody knows what the device holds of it, so nothing is
// retried: the file takes no more. The call that learns of it returns the error, every later one
// kFenced; failure() says why, and unwritten() has the bytes that would be lost. Failures to prepare
// space have no effect and can be tried again: kNoSpace, kTooLarge (above a file size limit) and
// kNotSupported (the file system reserves no space: use Preparation::kNone).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/engine.h"
#include "penstock/export.h"
#include "penstock/io_mode.h"
#include "penstock/preparation.h"
#include "penstock/result.h"

namespace penstock {

struct AppendFileOptions {
  RequestedIoMode mode = RequestedIoMode::kAuto;
  Preparation preparation = Preparation::kAllocated;
  // Prepared at a time, in bytes: whole blocks of 4096, at most 64 GiB. The first append waits for the
  // first step; each further one is prepared in the background when half of the one before is used.
  std::uint64_t preparation_step_bytes = std::uint64_t{8} << 20;
  // Collected before a write leaves by itself, in bytes: whole blocks of 4096, at most 64 MiB. A file
  // uses a few times as much memory while it is written as fast as the device takes it.
  std::uint64_t buffer_bytes = std::uint64_t{1} << 20;
  // Submitted operations that may wait in line, 1 to 65536; above that, submit_*() returns kBusy.
  std::size_t line_max = 1024;
};

class PENSTOCK_API AppendFile {
 public:
  // Where the bytes of an append begin in the file.
  using AppendCallback = std::function<void(Result<std::uint64_t> position)>;
  using Callback = std::function<void(Result<void> result)>;

  // Creates `path`, which must not exist. The first file on a file system costs a probe of some
  // milliseconds, in which a small temporary file is written next to it. Errors: kExists, kNotFound (no
  // such directory), kPermission, kNoSpace, kInvalidArgument (an option out of range), kNotSupported
  // (the file system cannot do options.mode; the message names what it can), kIo.
  static Result<AppendFile> create(Engine& engine, const std::string& path,
                                   AppendFileOptions options = {});

  // Opens a file that was sealed, to append after its last byte.
  // Errors: kNotFound, and those of create() except kExists.
  static Result<AppendFile> open(Engine& engine, const std::string& path,
                                 AppendFileOptions options = {});

  // Opens a file whose data ends at byte `end`, sealed or not. What is behind `end` is gone for good on
  // return, and no crash brings it back. Errors: kOutOfRange (the file is shorter), and those of
  // open().
  static Result<AppendFile> open_at(Engine& engine, const std::string& path, std::uint64_t end,
                                    AppendFileOptions options = {});

  AppendFile(AppendFile&&) noexcept;
  AppendFile& operator=(AppendFile&&) noexcept;
  ~AppendFile();

  // --- The blocking door: returns when done, and after everything that was submitted before it ---

  // Appends `bytes` and returns where they begin. A copy into memory, unless buffers are full: then it
  // waits for the device. On error nothing of this call counts.
  Result<std::uint64_t> append(std::span<const std::byte> bytes);
  Result<std::uint64_t> append(std::string_view bytes);

  // Hands everything appended so far to the device. Not durable: a power cut may take it, a kill not.
  Result<void> flush();

  // Makes everything appended so far durable: one device write, when little was appended since the last
  // one.
  Result<void> sync();

  // The end: makes everything durable and cuts the file to its exact size. Later calls that write
  // return kClosed; open() continues the file.
  Result<void> seal();

  // --- The asynchronous door ---
  //
  // Operations of one file are carried out in the order of submission, and their callbacks run in that
  // order, but for one thing: syncs that wait in line together become one, behind all appends among
  // them (group commit), so an append may be answered before a sync that was submitted earlier.
  //
  // Errors of submit_*(): kBusy (options.line_max or EngineOptions::pending_max operations are pending:
  // poll first). Then the callback is dropped and never runs. Else it runs exactly once, with the
  // errors that the blocking call has, or kClosed.

  Result<void> submit_append(std::span<const std::byte> bytes, AppendCallback done);
  Result<void> submit_append(std::string_view bytes, AppendCallback done);
  Result<void> submit_flush(Callback done);
  Result<void> submit_sync(Callback done);

  // --- What is known ---

  // How much was appended: where the next append begins.
  std::uint64_t size_bytes() const;
  // How much of it is certainly durable.
  std::uint64_t durable_bytes() const;
  // How bytes really travel, and one sentence why.
  IoMode mode() const;
  const std::string& mode_reason() const;
  const std::string& path() const;

  // Why the file takes no more, if it does not.
  std::optional<Error> failure() const;

  // What was appended, is not certainly durable and is still in memory, up to size_bytes(): a copy, for
  // programs that want to keep it elsewhere after a failure.
  struct Unwritten {
    std::uint64_t position = 0;
    std::vector<std::byte> bytes;
  };
  Unwritten unwritten() const;

 private:
  class Impl;
  explicit AppendFile(std::unique_ptr<Impl> impl);
  static Result<AppendFile> open_where(Engine& engine, const std::string& path,
                                       std::optional<std::uint64_t> end,
                                       const AppendFileOptions& options);

  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
