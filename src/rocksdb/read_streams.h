// ReadStreams: finds those among the readers of a file that go through it from front to back, and reads
// ahead for them.
//
// RocksDB's compaction asks for one block after the other, and does not say so. A read that goes on
// where one of the last few ended is of a stream; from then on a file::ReadAhead carries it, on a ring
// that it keeps, so that the next window is on its way while this one is used. Where there is no ring,
// the window is read when it is needed. Reads at random places push streams out, so what is known to be
// compaction has streams of its own.
//
// Ownership: shares the file; the rest must outlive it. Memory: two windows per stream that reads
// ahead, and all of them together at most what the budget grants. Threading: any number of reads from
// any threads.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "disk/read_rings.h"
#include "file/read_ahead.h"

namespace penstock::rocksdb {

// How much memory all read-ahead of a FileSystem may take.
class ReadAheadBudget {
 public:
  explicit ReadAheadBudget(std::uint64_t bytes) : left_bytes_(static_cast<std::int64_t>(bytes)) {}
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);

 private:
  std::atomic<std::int64_t> left_bytes_;
};

class ReadStreams {
 public:
  static constexpr std::size_t kStreams = 4;
  // Of a stream: the one that is used, and the one on its way.
  static constexpr std::uint64_t kWindows = 2;

  // Without a ring, `scheduler` is that of the disk that blocks.
  ReadStreams(Scheduler& scheduler, ReadRings& rings, ReadAheadBudget& budget,
              std::shared_ptr<File> file, std::uint64_t window_bytes)
      : scheduler_(scheduler),
        rings_(rings),
        budget_(budget),
        file_(std::move(file)),
        window_bytes_(window_bytes) {}

  // Takes note of the read, and carries it out if it is of a stream; else nothing, and the caller does.
  std::optional<Result<std::size_t>> read(FilePosition from, MutableBytes into);

 private:
  struct Stream {
    ~Stream();
    Result<std::size_t> read(FilePosition from, MutableBytes into);
    Result<SharedSlice> next(FilePosition from);
    std::mutex mutex;  // of what follows: a stream has one reader at a time
    ReadRings::Lease ring;
    std::optional<file::ReadAhead> ahead;
    ReadAheadBudget* budget = nullptr;
    std::uint64_t budget_bytes = 0;
  };
  struct Slot {
    FilePosition next;
    std::uint64_t read_count = 0;
    std::uint64_t used_at = 0;
    std::shared_ptr<Stream> stream;
  };

  std::shared_ptr<Stream> stream_at(FilePosition from, std::size_t size_bytes);
  bool start(Stream& stream);

  Scheduler& scheduler_;
  ReadRings& rings_;
  ReadAheadBudget& budget_;
  std::shared_ptr<File> file_;
  std::uint64_t window_bytes_;
  std::mutex mutex_;
  std::uint64_t clock_ = 0;
  std::array<Slot, kStreams> slots_;
};

}  // namespace penstock::rocksdb
