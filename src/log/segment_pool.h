// SegmentPool: files that have been written before, so that commits into them cost no metadata.
//
// Overwriting blocks that were written once needs no file-system journal commit: a durable 4 KiB write
// costs half of one into fallocated space, and a quarter at depth 64. So segments begin as pool files:
// made by writing zeros in the background, or retired segments whose old entries cannot parse under the
// new salt. Segment sizes are powers of two, from the ramp's smallest to its largest, so that a
// thousand quiet partitions do not hold a thousand large files.
//
// Ownership: the pool owns the files in its directory; take() gives one away for good.
// Threading: one shard's scheduler; each shard has a pool and a directory of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "disk/disk.h"
#include "log/zero_pace.h"
#include "task/sync.h"

namespace penstock::log {

struct SegmentPoolOptions {
  // How many files of the smallest size are kept ready, for partitions that begin.
  std::uint32_t ready_files = 2;
  // A ready file's size; the ramp's first step.
  std::uint64_t smallest_bytes = 4 * kMiB;
  // Retired segments are kept up to this many bytes in all; beyond, they are removed.
  std::uint64_t max_spare_bytes = 1 * kGiB;
  // The rate of zeros that are written ahead of need; 0: as fast as the device and the commits allow.
  // 256 MiB/s are a chunk per 125 us, so that a commit of 100 us does not meet two; and a partition
  // whose segments have their full size has to write 96 MiB/s before its next one is in need.
  std::uint64_t zero_bytes_per_second = 256 * kMiB;
};

// Counters since creation, for metrics.
struct SegmentPoolStats {
  std::uint64_t taken_ready = 0;    // files that were ready when they were asked for
  std::uint64_t taken_retired = 0;  // retired ones, filled up while somebody asked
  std::uint64_t taken_made = 0;     // files that had to be made while somebody asked
  std::uint64_t zero_bytes = 0;     // written to prepare files
  std::uint64_t retired = 0;        // segments that came back for reuse
  std::uint64_t removed = 0;        // segments that came back and were not worth keeping
};

class SegmentPool {
 public:
  struct Taken {
    std::string path;  // still in the pool's directory; the taker renames it
    std::unique_ptr<File> file;
    std::uint64_t size_bytes = 0;
    std::uint64_t written_bytes = 0;  // from the file's start; the rest is only reserved
  };

  enum class Preparation {
    kWritten,    // every block has been written: for small durable commits
    kAllocated,  // space is reserved, nothing more: for commits so large that metadata does not matter
  };

  SegmentPool(Scheduler& scheduler, Disk& disk, std::string directory, SegmentPoolOptions options);

  // Removes what an earlier life left half made, and begins to make files ready. The directory exists.
  Task<Result<void>> start();

  // A file of exactly `size_bytes` (a power of two); from the ready ones, else a retired one that is
  // filled up now, else a new one, as urgently as `demand` says; without one the caller waits for it.
  // kNoSpace leaves nothing behind, nor does kClosed, when the demand is abandoned.
  Task<Result<Taken>> take(std::uint64_t size_bytes, Preparation preparation);
  Task<Result<Taken>> take(std::uint64_t size_bytes, Preparation preparation, const ZeroDemand& demand);

  // Gives a segment file of a partition back, for reuse if the pool has room and enough of the file has
  // been written to make that worth while, else to be removed. One that has been written whole is ready
  // at once, any other when it has been filled up. Its name is gone from its directory on return: for
  // good if it is reused, else after a sync_directory() there. After an error it may be gone, too.
  // Nobody writes to it any more; readers may still read: a file that goes back to use while they do is
  // theirs to notice, so the caller waits for them.
  Task<Result<void>> retire(std::string path, std::uint64_t written_bytes);

  // Ends the background work; a file that is being made is given up. Ready files stay for the next
  // start.
  Task<void> close();

  const SegmentPoolOptions& options() const { return options_; }
  // Files that are ready, being filled, or waiting for that.
  std::uint64_t spare_bytes() const { return spare_bytes_; }
  std::size_t ready_count() const { return ready_.size(); }
  const SegmentPoolStats& stats() const { return stats_; }
  // The shard's commits make themselves known here.
  CommitGaps& commit_gaps() { return gaps_; }
  // Of this shard's zeros.
  ZeroPace& pace() { return pace_; }

 private:
  struct Retired {
    std::string path;
    std::uint64_t written_bytes;
    std::uint64_t size_bytes;  // what it will be filled up to
  };

  static std::string ready_name(const std::string& path);

  // One that waits to be filled up; it is the caller's now.
  std::optional<Retired> take_retired(std::uint64_t size_bytes);
  bool needs_refill() const;
  void start_refill();
  Task<void> refill(Gate::Hold hold);
  Task<Result<void>> make_one_ready();
  // Makes `path` a file of `size_bytes` whose blocks from `written_bytes` on have been written, or at
  // least reserved; removes it again on error.
  Task<Result<std::unique_ptr<File>>> fill(std::string path, std::uint64_t written_bytes,
                                           std::uint64_t size_bytes, Preparation preparation,
                                           const ZeroDemand& demand);
  Task<Result<void>> write_zeros(File& file, std::uint64_t from, std::uint64_t to,
                                 const ZeroDemand& demand);
  std::string new_path();

  Scheduler& scheduler_;
  Disk& disk_;
  std::string directory_;
  SegmentPoolOptions options_;
  std::multimap<std::uint64_t, std::string> ready_;  // size -> path
  std::deque<Retired> retired_;                      // to be filled up
  std::uint64_t spare_bytes_ = 0;
  std::uint64_t next_name_ = 0;
  bool refilling_ = false;
  SegmentPoolStats stats_;
  CommitGaps gaps_;
  ZeroPace pace_;
  ZeroDemand refill_demand_;  // never in need: who takes a file that is not ready has it made
  Gate background_;
};

}  // namespace penstock::log
