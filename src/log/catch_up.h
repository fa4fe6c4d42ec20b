// CatchUp: fetches behind the tail that go on where the last one ended find their bytes on the way.
//
// A fetch is stateless, so a shard keeps cursors: a reader in a segment that reads ahead, found again
// by the offset at which its last fetch ended. It follows its reader into the next segment. A seek, or
// a second reader at another place, gets a cursor of its own.
//
// Memory: each cursor counts with the most that it can hold, so the budget is hard, and bounds the
// cursors of all partitions together. When it is used up, the cursor that was longest without a fetch
// makes room, but none that was used within kIdleMin: more readers than cursors would otherwise take
// them from each other, and read ahead for nothing. Who gets none reads through one window of its own
// and asks again at its next fetch. Batches that were handed out keep their window until they are sent;
// what bounds responses bounds those.
//
// Ownership: shares the segments of its cursors. A read in flight keeps its segment and holds the gate
// that it was given, so that a partition can wait for it. Threading: one shard's scheduler, any number
// of reads at a time.
#pragma once

#include <list>
#include <memory>
#include <string_view>

#include "log/segment_reader.h"
#include "task/sync.h"

namespace penstock::log {

struct CatchUpOptions {
  // What all cursors of the shard may hold together; less than kCursorBytes: there are none.
  std::uint64_t memory_bytes = 64 * kMiB;
};

// Counters since creation, for metrics and tests.
struct CatchUpStats {
  std::uint64_t opened = 0;     // cursors begun
  std::uint64_t continued = 0;  // fetches that found theirs
  std::uint64_t without = 0;    // fetches for which there was no room
};

class CatchUp {
 public:
  // A batch that did not fit into its fetch and lies across two windows is kept as a copy, if it is no
  // larger.
  static constexpr std::uint64_t kHeldBytes = kMiB;
  static constexpr std::uint64_t kCursorBytes = AheadWindows::kMemoryBytes + kHeldBytes;
  static constexpr Duration kIdleMin = std::chrono::seconds(1);

  CatchUp(Scheduler& scheduler, CatchUpOptions options)
      : scheduler_(scheduler), max_cursors_(options.memory_bytes / kCursorBytes) {}
  CatchUp(const CatchUp&) = delete;
  CatchUp& operator=(const CatchUp&) = delete;
  ~CatchUp();

  // Reads as read_batches() does, from the segment's file. `in_flight` is held by the reads ahead,
  // which go on after this has returned; the gate is open for as long as read() runs.
  Task<Result<Batches>> read(SegmentRef segment, Offset from, Offset below, ReadLimits limits,
                             Gate& in_flight);

  // The reader in `directory` that stands at `place` has caught up and needs its cursor no longer.
  void drop(std::string_view directory, Offset place);
  // No fetch runs in `directory`: drops all its cursors. Their gate closes when their reads have ended.
  void drop_all(std::string_view directory);

  // Drops the cursors in segments that were removed, so that they keep no file.
  void drop_removed();

  std::size_t cursor_count() const { return idle_.size() + in_use_count_; }
  std::size_t max_cursors() const { return max_cursors_; }
  const CatchUpStats& stats() const { return stats_; }

 private:
  struct Cursor {
    std::unique_ptr<SegmentReader> reader;
    Instant last_used;

    bool stands_at(std::string_view directory, Offset place) const {
      return reader->place() == place && reader->segment().directory == directory;
    }
  };

  std::optional<Cursor> take(const SegmentRef& segment, Offset from, Gate& in_flight);
  bool make_room();

  Scheduler& scheduler_;
  std::size_t max_cursors_;
  std::list<Cursor> idle_;  // the one that was used longest ago comes first
  std::size_t in_use_count_ = 0;
  CatchUpStats stats_;
};

}  // namespace penstock::log
