// AppendFile: an append-only file written past the page cache.
//
// Takes any number of bytes at a time and turns them into aligned device writes. Whole blocks leave
// when the write buffer is full, while the next ones collect; the bytes of an unfinished block wait in
// memory until flush(), or an append that completes the block. A flushed tail block is padded with
// zeros on the device; its bytes stay in memory, and the next append continues in the same block.
//
// Ownership: owns its file and its buffers: one until that one is full, then write_behind_max + 1;
// scheduler and disk must outlive it and every operation that it started. Threading: the disk's
// scheduler thread; one caller at a time (asserted), which means awaiting each call before the next.
// Over a BlockingDisk without a pool any thread will do: nothing is ever in flight when a call returns,
// and the scheduler is not used. Durability: bytes are durable when sync() or seal() has returned
// success, and not before; then no crash takes any of them. The name is durable when create() has
// returned.
//
// While it is open the file may be longer than what was appended: space is prepared ahead, and reads as
// zeros. seal() cuts it to the exact size, and with AppendOptions::is_exact so do flush() and sync().
// After a crash the file's format has to tell where its data ends (AppendOpen::end).
//
// Errors: a failed write or sync fences the file: what the device holds of it nobody knows, so nothing
// is retried. The first call that learns of it returns the error itself, every later one kFenced with
// its message. What was not yet durable and is still in memory can be taken from unwritten(). Failures
// to prepare space do not fence, and have no effect: kNoSpace (append again when there is room),
// kTooLarge (above the file system's limit or RLIMIT_FSIZE) and kNotSupported (the file system cannot
// reserve space). Appends that fit into what was prepared before go on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "disk/disk.h"
#include "file/prepared_space.h"
#include "penstock/preparation.h"
#include "task/scheduler.h"

namespace penstock::file {

struct AppendOptions {
  // Collected before whole blocks go to the device without being asked to: whole blocks, 4 KiB to 64
  // MiB.
  std::uint64_t buffer_bytes = kMiB;
  // Full buffers that may be on their way to the device while the next one fills: 1 to 64. Devices end
  // writes together, so as many as they take at a time should lie ready when they do.
  std::size_t write_behind_max = 6;
  // How many of them the device has at once: 1 to 64.
  std::size_t write_depth = 3;
  Preparation preparation = Preparation::kAllocated;
  // How much is prepared at a time: whole blocks, 4 KiB to 64 GiB. The first append waits for the first
  // step; each further one starts in the background when half of the one before is used.
  std::uint64_t preparation_step_bytes = 8 * kMiB;
  // Then the owner takes the further steps: begin_step(), end_step(). For a disk that blocks, where
  // nothing is in the background.
  bool owner_prepares = false;
  // flush() and sync() leave the file exactly as long as what was appended, at the price of a change of
  // its size each: for files whose format does not tell where they end. Takes Preparation::kNone.
  bool is_exact = false;
};

struct AppendOpen {
  // Where the data ends, in bytes. Without it: the file's size, which is right for a file that was
  // sealed.
  std::optional<std::uint64_t> end;
  AppendOptions options{};
};

class AppendFile {
 public:
  // Creates `path`, which must not exist. Its name is durable on return.
  // Errors: kInvalidArgument (an option), kExists, kNotFound (no such directory), kPermission,
  // kNoSpace, kNotSupported, kIo. Nothing of that name is left then, unless it cannot be removed.
  static Task<Result<AppendFile>> create(Scheduler& scheduler, Disk& disk, std::string path,
                                         AppendOptions options = {});

  // Opens `path` to append after its end. On return its name and all bytes before the end are durable,
  // and those behind it are gone, durably: a crash later cannot bring them back. The tail block is read
  // from the device. A file that is opened and dropped without an append stays as it is. Errors:
  // kInvalidArgument (an option), kNotFound, kOutOfRange (the file is shorter than `end`), kPermission,
  // kIo.
  static Task<Result<AppendFile>> open(Scheduler& scheduler, Disk& disk, std::string path,
                                       AppendOpen open);

  AppendFile(AppendFile&&) noexcept;
  AppendFile& operator=(AppendFile&&) noexcept;
  // Drops what was appended and never flushed. Writes in flight finish on the scheduler, which keeps
  // file and memory until then; the file stays as long as it was prepared. Who means to open the path
  // again, in this process, awaits close() first: a late write would land in what comes after.
  ~AppendFile();

  // Appends `bytes`, which are the caller's again when it returns; returns where they start. Waits only
  // for space and for a free buffer; over a BlockingDisk large aligned appends are written from where
  // they are, without a copy. On error nothing of this call counts.
  Task<Result<FilePosition>> append(ByteView bytes);

  // Hands everything appended so far to the device, the unfinished block padded with zeros, and waits
  // until it has taken it. A clean tail is not written again. Not durable.
  Task<Result<void>> flush();

  // Returns when everything appended so far is durable. One device write when all of it was still in
  // memory.
  Task<Result<void>> sync();

  // The end of this AppendFile: everything is made durable, and the file is cut to its exact size, also
  // durably. Later appends fail with kClosed; sealing again does nothing. open() continues it.
  Task<Result<void>> seal();

  // How space is prepared from the next step on; kNone is for good. Not for an exact file (asserted).
  void set_preparation(Preparation preparation);
  // With AppendOptions::owner_prepares: the step ahead that is due, if one is. It may be taken on any
  // thread (take_step(), and a sync if it is kWritten), through another File of the same path. Until
  // end_step() only appends that has_space_for() may be made, and neither seal() nor close(), nor, of
  // an exact file, flush() or sync().
  std::optional<PreparationStep> begin_step();
  // It ended so; kClosed: it was given up. A failure is reported by the append that needs the step.
  Task<void> end_step(PreparationStep step, Result<void> done);
  // Whether an append of so many bytes finds its space prepared.
  bool has_space_for(std::uint64_t bytes) const;

  // From now on as with AppendOptions::is_exact; the next flush() or sync() is the first to cut.
  void make_exact();

  // Returns when nothing of this AppendFile is in flight any more. What was not flushed is dropped, and
  // the file stays as long as it was prepared. No call may follow.
  Task<void> close();

  // How much was appended: the file's size to its users.
  std::uint64_t size_bytes() const;
  // How much of it is certainly durable.
  std::uint64_t durable_bytes() const;
  // The effective mode, and the path.
  IoMode mode() const;
  const std::string& path() const;
  // Why the file takes no more, if it does not.
  const std::optional<Error>& fence() const;

  // What was appended, is not certainly durable and is still in memory: after a failure, for who wants
  // to keep it elsewhere. It reaches to size_bytes(). It starts at durable_bytes(), or later, when
  // buffers were written and given up since the last sync; what is between is on the device if nothing
  // but a write failed, and unknown if a sync did.
  struct Unwritten {
    FilePosition at;
    std::vector<SharedSlice> bytes;  // copies, contiguous
  };
  Unwritten unwritten() const;

 private:
  class State;
  explicit AppendFile(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // shared with the writes in flight
};

}  // namespace penstock::file
