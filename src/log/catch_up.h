// CatchUp: how a shard reads what is no longer in its partitions' memory.
//
// Fetches behind the tail that go on where the last one ended find their bytes on the way. A fetch is
// stateless, so a shard keeps cursors: a reader in a segment that reads ahead, found again by the
// offset at which its last fetch ended. Close to the end of its segment it begins to read the next one,
// and follows its reader there. A seek, or a second reader at another place, gets a cursor of its own.
// What several have read is in the SegmentCache, and everything that goes to the device keeps the
// ReadPace.
//
// Memory: each cursor counts with the most that it can hold, so the budget is hard, and bounds the
// cursors of all partitions together. When it is used up, the cursor that was longest without a fetch
// makes room, but none that was used within kIdleMin: more readers than cursors would otherwise take
// them from each other, and read ahead for nothing. Who gets none reads through one window of its own,
// for which kSingleReadBytes are set aside; when those are used up, reads wait in line. Batches that
// were handed out keep their window until they are sent; what bounds responses bounds those.
//
// Ownership: shares the segments of its cursors; the commit gaps must outlive it. A read in flight
// keeps its segment and holds the gate that it was given, so that a partition can wait for it.
// Threading: one shard's scheduler, any number of reads at a time.
#pragma once

#include <list>
#include <memory>
#include <string_view>

#include "log/segment_reader.h"
#include "task/sync.h"

namespace penstock::log {

struct CatchUpOptions {
  // What all reads of the shard may hold together. Too little for kSingleReadBytes and a cursor: there
  // are no cursors; and one read at a time is always possible.
  std::uint64_t memory_bytes = 64 * kMiB;
  // Of the SegmentCache; 0: there is none. At least SegmentCache::kSmallestBytes.
  std::uint64_t cache_bytes = 0;
};

// Counters since creation, for metrics and tests.
struct CatchUpStats {
  std::uint64_t opened = 0;     // cursors begun
  std::uint64_t continued = 0;  // fetches that found theirs
  std::uint64_t without = 0;    // fetches for which there was no room
  std::uint64_t crossed = 0;    // of those that continued: into a segment that was being read already
};

class CatchUp {
 public:
  // A batch that did not fit into its fetch and lies across two windows is kept as a copy, if it is no
  // larger.
  static constexpr std::uint64_t kHeldBytes = kMiB;
  // Its windows, what is kept, the first window of the next segment, and what both give to the cache.
  static constexpr std::uint64_t kCursorBytes = AheadWindows::kMemoryBytes + kHeldBytes +
                                                AheadWindows::kWindowBytes +
                                                2 * SegmentCache::kCacheBlockBytes;
  static constexpr Duration kIdleMin = std::chrono::seconds(1);
  // So far from the end of its segment a cursor begins with the next one: a fetch of usual size.
  static constexpr std::uint64_t kBoundaryBytes = kMiB;
  // For reads without a cursor: the largest at depth 4, or small ones of 32 consumers.
  static constexpr std::uint64_t kSingleReadBytes = 4 * kMiB;

  CatchUp(Scheduler& scheduler, CommitGaps& gaps, CatchUpOptions options);
  CatchUp(const CatchUp&) = delete;
  CatchUp& operator=(const CatchUp&) = delete;
  ~CatchUp();

  // Makes the cache; before the first read. Errors: kInvalidArgument, kNoSpace; then there is none.
  Result<void> start();

  // Where in the log: a segment with durable entries, and, if that one will not grow any more, the one
  // behind it, null when there is none.
  struct Stretch {
    SegmentRef segment;
    SegmentRef next;
  };

  // Reads as read_batches() does, from the segment's file. `in_flight` is held by the reads ahead,
  // which go on after this has returned; the gate is open for as long as read() runs.
  Task<Result<Batches>> read(Stretch stretch, Offset from, Offset below, ReadLimits limits,
                             Gate& in_flight);

  enum class From {
    kCache,   // and what is not there from the device
    kDevice,  // for whoever wants to know what is really there
  };
  // The segment's file, read at the shard's pace; the gate is open. For reads that do not go through
  // read().
  std::shared_ptr<SegmentSource> open(SegmentRef segment, Gate& in_flight, From from);

  // The reader in `directory` that stands at `place` has caught up and needs its cursor no longer.
  void drop(std::string_view directory, Offset place);
  // No fetch runs in `directory`: drops all its cursors. Their gate closes when their reads have ended.
  void drop_all(std::string_view directory);

  // Drops the cursors in segments that were removed, so that they keep no file.
  void drop_removed();

  std::size_t cursor_count() const { return idle_.size() + in_use_count_; }
  std::size_t max_cursors() const { return max_cursors_; }
  const CatchUpStats& stats() const { return stats_; }
  // Null when there is none.
  const SegmentCache* cache() const { return cache_.get(); }

 private:
  struct Cursor {
    std::unique_ptr<SegmentReader> reader;
    std::unique_ptr<SegmentReader> next;  // prepared in the next segment
    Instant last_used;

    bool stands_at(std::string_view directory, Offset place) const {
      return reader->place() == place && reader->segment().directory == directory;
    }
  };

  std::optional<Cursor> take(const SegmentRef& segment, Offset from, Gate& in_flight);
  bool make_room();
  std::unique_ptr<SegmentReader> open_reader(const SegmentRef& segment, Offset from, Gate& in_flight,
                                             AheadWindows::Start start, bool is_prepared);
  void read_on(Cursor& cursor, const SegmentRef& next, Gate& in_flight);
  Task<Result<Batches>> read_as_can_be(Stretch stretch, Offset from, Offset below, ReadLimits limits,
                                       Gate& in_flight);
  Task<Result<Batches>> read_once(SegmentRef segment, Offset from, Offset below, ReadLimits limits,
                                  std::shared_ptr<SegmentSource> source);
  ReaderAids aids() { return {&scheduler_, cache_.get()}; }

  Scheduler& scheduler_;
  CatchUpOptions options_;
  ReadPace pace_;
  std::unique_ptr<SegmentCache> cache_;
  Semaphore single_bytes_;
  std::size_t max_cursors_;
  std::list<Cursor> idle_;  // the one that was used longest ago comes first
  std::size_t in_use_count_ = 0;
  CatchUpStats stats_;
};

}  // namespace penstock::log
