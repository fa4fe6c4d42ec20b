// StoredSegment and EntryWalk: one segment file as it lies on the disk, and a walk over everything in
// it.
//
// Reading goes through log::SegmentScanner, the only reader of segment bytes; the walk adds what
// happens at a place where the scanner finds no entry: what is there instead, and where the log goes
// on.
//
// Ownership: the OfflineDisk must outlive both, a StoredSegment its walks. Threading: one thread.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/offline_disk.h"
#include "log/segment.h"

namespace penstock::cli {

struct StoredSegment {
  // A copy of the header that cannot be used.
  struct BadCopy {
    FilePosition position;
    Error error;
  };
  enum class IndexState {
    kNone,  // there is no index file: the segment is not sealed, or its seal was lost
    kIntact,
    kDamaged,  // it cannot be read
    kForeign,  // it is whole, and belongs to another segment
  };

  std::string path;
  std::uint64_t number = 0;  // by its name
  std::unique_ptr<File> file;
  std::uint64_t size_bytes = 0;

  std::optional<log::SegmentHeader> header;  // from the first copy that is intact
  std::vector<BadCopy> bad_copies;
  bool copies_differ = false;

  std::string index_path;
  IndexState index_state = IndexState::kNone;
  std::string index_problem;
  std::optional<log::SealedIndex> index;  // of this segment

  bool is_sealed() const { return index.has_value(); }
  // Where entries can be: a sealed segment's ends where its index says, whatever lies behind.
  FilePosition data_end() const { return index ? index->data_end : FilePosition{size_bytes}; }
  // What entries are checked against; the index knows it too when both headers are gone.
  std::optional<log::Salt> salt() const;
};

// Reads header and index; damage is not an error. Errors: the device's, and kNotFound.
Result<StoredSegment> open_stored_segment(OfflineDisk& disk, const std::string& directory,
                                          std::uint64_t number);

class EntryWalk {
 public:
  // A place where an entry should be, or might have been, and none is.
  struct Gap {
    FilePosition from;
    FilePosition to;       // the next entry, or where the data ends
    std::string found;     // "zeros where an entry should be"
    bool is_last = false;  // no entry follows
  };
  struct End {};
  using Step = std::variant<log::Entry, Gap, End>;

  struct Start {
    FilePosition place = log::kFirstCommit;  // where an entry may start
    std::optional<Offset> offset;            // that entry's, if it is known
  };

  // The segment has a salt.
  EntryWalk(OfflineDisk& disk, StoredSegment& segment, Start start);

  // The next thing in the file; End for ever after the last. Where a segment that is not sealed goes
  // over into unwritten space there is no Gap, only the End. Errors: the device's.
  Result<Step> next();

  FilePosition place() const { return scanner_->place(); }

 private:
  struct Evidence {
    FilePosition position;  // where the entry should have started
    std::string_view found;
    bool is_entry = false;               // one did start there
    std::optional<FilePosition> resume;  // behind it, if its length is known
  };

  Step take(log::Entry entry);
  // Whether the scanner, on its way from `place` to `entry`, took a damaged entry for the end of a
  // commit.
  Result<bool> has_passed_damage(FilePosition place, const log::Entry& entry);
  Result<Step> step_over_gap(FilePosition place);
  Result<std::optional<log::Entry>> find_beyond(Evidence evidence,
                                                std::optional<log::SegmentScanner>& beyond);
  Result<Evidence> examine(FilePosition place);
  Result<Evidence> look_at(FilePosition place);
  log::SegmentScanner scanner_from(FilePosition place) const;

  OfflineDisk& disk_;
  StoredSegment& segment_;
  std::unique_ptr<log::FileWindows> windows_;
  std::optional<log::SegmentScanner> scanner_;  // always there; a scanner cannot be assigned
  std::optional<Offset> expected_;              // of the next entry, if nothing is missing
  std::optional<log::Entry> after_gap_;
};

}  // namespace penstock::cli
