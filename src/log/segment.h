// Segment: one file of a partition, with what is known of it in memory.
//
// Ownership: shared; a reader that holds a segment keeps its file open, also after the segment was
// deleted. Threading: the partition's shard. Durability: see Partition; a Segment only names and reads.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "disk/disk.h"
#include "log/checkpoint.h"
#include "log/format.h"
#include "log/segment_index.h"
#include "log/segment_scanner.h"

namespace penstock::log {

// File names in a partition's directory: the segment's number in 20 digits, so that they sort.
std::string segment_file_name(std::uint64_t number);
std::string index_file_name(std::uint64_t number);
inline constexpr std::uint64_t kFirstSegmentNumber = 1;
// What `name` is; nothing when it is not of that form.
std::optional<std::uint64_t> segment_number_of(std::string_view name);

// What the first blocks of a segment say: the header, from the first copy that is intact, and the
// newest checkpoint, if there is one.
struct SegmentStart {
  SegmentHeader header;
  std::optional<Checkpoint> checkpoint;
};
// kCorrupt when neither copy of the header is intact.
Task<Result<SegmentStart>> read_segment_start(File& file);

// Writes both copies.
Task<Result<void>> write_segment_header(File& file, const SegmentHeader& header, Durability durability);

struct Segment {
  SegmentHeader header;
  std::string directory;
  std::shared_ptr<File> file;        // shared with reads that are still in flight
  std::uint64_t capacity_bytes = 0;  // the file's size while it is being written
  // What of the file had been written when it was put to use, zeros included; 0 when that is not known.
  std::uint64_t written_bytes = 0;

  Offset base_offset;                   // of the first entry
  Offset next_offset;                   // after the last durable entry
  FilePosition data_end{kFirstCommit};  // where the last durable entry ends
  std::uint64_t commit_sequence = 0;    // of the last durable entry
  std::uint64_t entry_bytes = 0;        // of all entries, without padding; 0 when that is not known
  SegmentIndex index;
  std::vector<DamagedRange> damaged;
  bool sealed = false;   // nobody will write to it any more
  bool indexed = false;  // its index file is on the disk; close() makes up for those that are missing
  bool keep_as_is = false;  // not rewritten in this life: an attempt found damage, or no gain
  bool removed = false;     // no longer the partition's: who reads it finishes, and nobody comes back

  // While it is active.
  std::optional<Instant> begun_at;  // when its first commit was submitted
  std::uint64_t checkpoint_count = 0;
  FilePosition checkpointed_end{kFirstCommit};
  bool is_checkpointing = false;
  bool checkpoint_failed = false;  // no more of them

  // Under which a SegmentCache keeps its blocks; 0: it was not asked yet. Says that a Segment is one
  // file with one content: whoever puts another file in its place makes another Segment.
  mutable std::uint64_t cache_number = 0;

  bool empty() const { return index.empty(); }
  // What of the file has been written: what it is worth to the pool.
  std::uint64_t reusable_bytes() const { return std::max(written_bytes, data_end.value); }
  // To cut it to its data would give back less than a sixteenth, and cost its next life a piece to
  // fill.
  bool is_nearly_full() const {
    constexpr std::uint64_t kShare = 16;
    return capacity_bytes > 0 && capacity_bytes - data_end.value < capacity_bytes / kShare;
  }
  std::string path() const { return directory + "/" + segment_file_name(header.number); }

  // Notes a durable entry at the segment's end.
  void note(const BatchHeader& batch, FilePosition position, std::uint64_t size_bytes);

  // Where its entries lie, from `from` on, and where they may start.
  SegmentScanner scanner(Windows& windows, FilePosition from) const {
    return {windows, header.salt, {from, data_end}, header.entry_places};
  }

  // That everything noted so far is durable: the next one.
  Checkpoint to_checkpoint() const;
  // Takes over what it says, in place of the entries in front of it.
  void adopt(const Checkpoint& checkpoint);

  SealedIndex to_sealed_index() const;
};

using SegmentRef = std::shared_ptr<Segment>;

// A share of its own, for across suspension points, where lists of segments change.
inline SegmentRef share(const SegmentRef& segment) { return segment; }

// The next entry, which must be the one of `expected`, or, to step over damage in front of what is
// asked for, a later one up to `latest`. kCorrupt, with path and offset, when there is none.
Task<Result<Entry>> read_expected(SegmentScanner& scanner, const Segment& segment, Offset expected,
                                  Offset latest);

struct ReadLimits {
  std::uint64_t max_bytes = kMiB;
  bool at_least_one = true;  // return one batch even when it is larger than max_bytes
};

struct Batches {
  std::vector<SharedSlice> batches;  // whole, in order, each with its offset stamped
  std::uint64_t size_bytes = 0;

  // Whether one more batch may be added.
  bool has_room(std::uint64_t batch_bytes, ReadLimits limits) const {
    return size_bytes + batch_bytes <= limits.max_bytes || (batches.empty() && limits.at_least_one);
  }
  void add(SharedSlice batch) {
    size_bytes += batch.size();
    batches.push_back(std::move(batch));
  }
};

enum class SealCut {
  kToData,  // cut the file to its data, unless it is nearly full and the disk is not
  kNone,    // keep what lies behind, as evidence
};

// Seals: cuts the segment, then writes the index file, for which a full disk has room then. Everything
// in it must be durable. Crash-safe: the index file is the seal, and the cut only gives space back.
Task<Result<void>> seal(Disk& disk, Segment& segment, SealCut cut);

}  // namespace penstock::log
