// The bytes of a segment file: its header and its entries. docs/format.md is the specification.
//
// A segment is a header (written twice, one block each), then commits. A commit starts at a block
// boundary and is one or more entries, then zeros to the next boundary. An entry is a small header and
// one record batch. The entry's checksum covers the segment's salt and the entry's position, so an
// entry left over from the file's earlier life, or one that lies at the wrong place, cannot parse.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"
#include "log/batch.h"

namespace penstock::log {

// A topic id: 16 opaque bytes.
using TopicId = std::array<std::byte, 16>;

// Drawn anew each time a segment file is put to use.
using Salt = std::uint64_t;

// Whose partition, for files and messages.
struct PartitionId {
  TopicId topic_id{};
  std::int32_t index = 0;
  std::string topic_name;  // for people; not part of the identity

  std::string to_string() const;  // "orders/3"
};

// --- Segment header ------------------------------------------------------------------------------

inline constexpr std::uint16_t kFormatVersion = 1;

// Two copies, so that one bad block does not take the salt, and with it the whole segment, away.
inline constexpr FilePosition kHeaderCopies[] = {FilePosition{0}, FilePosition{kBlockBytes}};

// Where the first commit starts.
inline constexpr FilePosition kFirstCommit{2 * kBlockBytes};

// Where in a segment an entry may start.
enum class EntryPlaces : std::uint8_t {
  kInCommits,  // where one ends, or at a block boundary: each commit starts at one
  kAnywhere,   // commits start where the one before ended (TailPolicy::kRewrite)
};

struct SegmentHeader {
  // The unit and the largest value of commit_reach_bytes.
  static constexpr std::uint64_t kReachUnitBytes = 256 * kKiB;
  static constexpr std::uint64_t kReachBytesMax = 255 * kReachUnitBytes;

  TopicId topic_id{};
  std::int32_t partition = 0;
  std::uint64_t number = 0;  // 1, 2, ... in the order of use; the file's name
  Salt salt = 0;
  std::int64_t created_ms = 0;
  EntryPlaces entry_places = EntryPlaces::kInCommits;
  // How far from a place where an entry is missing others may lie that were in flight with it, or were
  // written since the last checkpoint; whole units, 0: any distance.
  std::uint64_t commit_reach_bytes = 0;
  // Written after the fact, from a sealed segment: all its entries were durable before it had its name,
  // and each of them says so of all of them.
  bool rewritten = false;

  // `block` has at least kBlockBytes; all of them are written.
  void encode(MutableBytes block) const;
  // kCorrupt: not a segment header, or a damaged one; kNotSupported: a newer format version.
  static Result<SegmentHeader> decode(ByteView block);
};

// --- Entry ---------------------------------------------------------------------------------------

inline constexpr std::size_t kEntryHeaderBytes = 32;
inline constexpr std::uint32_t kEntryMagic = 0x4E45504E;  // "NPEN", little endian

// The most that an entry may say of its batch: a bound for readers, so that nothing asks for any amount
// of memory. Appends of more are refused.
inline constexpr std::uint32_t kMaxBatchBytes = 64 * kMiB;

struct EntryHeader {
  std::uint32_t batch_bytes = 0;
  std::uint64_t commit_sequence = 0;  // grows with every commit of the segment
  Offset durable_end;                 // all offsets below were durable when this commit was submitted

  std::uint64_t entry_bytes() const { return kEntryHeaderBytes + batch_bytes; }

  // Writes the header in front of its batch: `entry` is kEntryHeaderBytes, then the batch, stamped.
  void encode(MutableBytes entry, Salt salt, FilePosition position) const;

  // What can be said of `bytes`, which start where an entry could.
  enum class Verdict {
    kEntry,    // a header whose checksum is right
    kNothing,  // no entry starts here: zeros, a stale entry, or a damaged one
    kShort,    // bytes.size() < kEntryHeaderBytes + kBatchPrefixBytes
  };
  Verdict decode(ByteView bytes, Salt salt, FilePosition position);
};

// Where the next entry may start after one that ends at `end`: there, or at the next block boundary
// when no entry fits into what is left of the block.
FilePosition next_entry_place(FilePosition end);

}  // namespace penstock::log
