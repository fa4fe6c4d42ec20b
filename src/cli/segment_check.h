// SegmentCheck: everything that one segment file promises, held against its bytes.
//
// Checks both copies of the header, whose file it is, every entry and batch checksum, that offsets
// follow each other, the index file, and that each of the index's places is an entry.
//
// A torn tail is not damage: commits that were in flight when the server was killed, and were never
// acknowledged, may be there in parts. A place without an entry is damage if the segment is sealed, if
// a newer segment was begun (that happens when everything before is durable), or if a later entry says
// that what was there had been durable.
//
// Threading: one thread. Changes nothing on the disk.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "cli/finding.h"
#include "cli/stored_log.h"
#include "cli/stored_segment.h"

namespace penstock::cli {

struct SegmentTask {
  const StoredPartition& partition;
  std::uint64_t number = 0;
  // Where the segment before ends; nothing when that is not known.
  std::optional<Offset> expected_base;
  // A server may be writing to it while we look.
  bool is_live = false;
};

struct SegmentResult {
  std::vector<Finding> findings;
  bool sealed = false;
  std::uint64_t entry_count = 0;
  std::uint64_t entry_bytes = 0;
  bool torn_tail = false;
  // Where the next segment has to begin; nothing when that cannot be known.
  std::optional<Offset> next_offset;
};

class SegmentCheck {
 public:
  // Is told now and then how far into the file the check has come.
  using OnProgress = std::function<void(FilePosition)>;

  SegmentCheck(OfflineDisk& disk, SegmentTask task, OnProgress on_progress)
      : disk_(disk), task_(task), on_progress_(std::move(on_progress)) {}

  // Errors: kNotFound when the file has gone meanwhile. What cannot be read is a finding.
  Result<SegmentResult> run();

 private:
  // A place where an entry should have been.
  struct Hole {
    EntryWalk::Gap gap;
    std::optional<Offset> first;  // the offsets that were there: [first, next)
    std::optional<Offset> next;
    bool acknowledged = false;
  };
  // How far the walk has come. Copied when the walk may have to come back.
  struct Position {
    std::optional<Offset> expected;
    std::uint64_t last_sequence = 0;
    std::uint64_t entry_count = 0;
    std::uint64_t entry_bytes = 0;
    std::size_t finding_count = 0;
    Offset durable_end;  // the largest that an entry has stated
  };

  void check_header();
  void check_identity();
  void check_index_file();
  std::optional<Offset> first_offset();

  Result<void> walk();
  void take(const log::Entry& entry);
  void take(EntryWalk::Gap gap);
  void check_order(const log::Entry& entry);
  void check_place(const log::Entry& entry);
  void check_places_below(FilePosition position);
  void report_place(const log::SegmentIndex::Place& place);
  bool must_look_again() const;

  void judge_holes();
  bool is_damage(const Hole& hole) const;
  void report_hole(const Hole& hole);
  bool is_recorded(const Hole& hole) const;
  void check_end();
  void check_rebuilt_index();
  bool is_in_hole(FilePosition position) const;

  Finding& report(Finding::Kind kind, std::string what);
  Finding& report_index(std::string what);

  OfflineDisk& disk_;
  SegmentTask task_;
  OnProgress on_progress_;
  StoredSegment segment_;
  SegmentResult result_;
  Position at_;
  FilePosition walked_to_;
  std::vector<Hole> holes_;
  std::vector<Position> before_hole_;         // one for each of holes_
  std::optional<FilePosition> looked_again_;  // the hole that was confirmed by reading it anew
  log::Segment rebuilt_;
  std::size_t next_place_ = 0;  // of the index, not yet seen in the walk
  bool index_fits_ = true;
};

}  // namespace penstock::cli
