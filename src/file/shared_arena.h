// SharedArena: memory for what was promised and is not on the device yet, which outlives the process.
//
// A writer that holds bytes in private memory loses them when the process dies, which a buffered writer
// does not. So such bytes are copied into a ring of checksummed records in a mapped file: no system
// call, and whoever opens the file after the process was killed finds them. A power cut may take any of
// them. docs/format.md is the specification of the file.
//
// Ownership: owns its mapping; the Disk must outlive it. The file stays. Threading: one caller at a
// time, on the disk's scheduler thread. Durability: none; see SharedMemory.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "disk/disk.h"

namespace penstock::file {

// Whose memory it is, so that nobody else's is taken for it.
struct ArenaIdentity {
  std::array<std::byte, 16> id{};
  std::uint32_t part = 0;

  friend bool operator==(const ArenaIdentity&, const ArenaIdentity&) = default;
};

class SharedArena {
 public:
  // The file's header, one block; the rest is the ring.
  static constexpr std::uint64_t kHeaderBytes = kBlockBytes;

  // Makes `path`, in place of what is there, with `size_bytes` (whole blocks, at least two) in all.
  // `generation` is drawn at random for each: records of another one do not parse. Errors: those of
  // Disk::create_shared().
  static Task<Result<std::unique_ptr<SharedArena>>> create(Disk& disk, std::string path,
                                                           std::uint64_t size_bytes,
                                                           ArenaIdentity identity,
                                                           std::uint64_t generation);

  // Whether a record of so many bytes fits now.
  bool has_room(std::uint64_t payload_bytes) const { return place_for(payload_bytes).has_value(); }

  // Adds a record, for which there is room. `first` and `last` are its user's, growing from record to
  // record: where it begins and what comes after it.
  void append(ByteView payload, std::int64_t first, std::int64_t last);

  // Gives the room of all records up to `last` back.
  void release(std::int64_t last);

  std::size_t record_count() const { return live_.size(); }

 private:
  struct Live {
    std::uint64_t place;
    std::int64_t last;
  };

  SharedArena(std::unique_ptr<SharedMemory> memory, std::uint64_t generation)
      : memory_(std::move(memory)), generation_(generation) {}
  MutableBytes ring() const { return memory_->bytes().subspan(kHeaderBytes); }
  std::optional<std::uint64_t> place_for(std::uint64_t payload_bytes) const;

  std::unique_ptr<SharedMemory> memory_;
  std::uint64_t generation_;
  std::uint64_t sequence_ = 0;
  std::uint64_t end_ = 0;  // where the newest record ends
  std::deque<Live> live_;  // not released, oldest first
};

// A record as it was appended. Those that were released may still be there as well.
struct ArenaRecord {
  std::int64_t first = 0;
  std::int64_t last = 0;
  SharedSlice payload;
};

// The records in `file`, the contents of an arena's file, in the order in which they were appended;
// after a power cut some may be missing. Nothing when nothing was ever appended. kCorrupt, with the
// reason: not an arena, or not of `identity`.
Result<std::vector<ArenaRecord>> parse_arena(const SharedSlice& file, const ArenaIdentity& identity);

// The same of the file at `path`; nothing when it is not there. Errors: kCorrupt, also when it has more
// than `max_bytes`; the device's.
Task<Result<std::vector<ArenaRecord>>> read_arena(Disk& disk, std::string path, ArenaIdentity identity,
                                                  std::uint64_t max_bytes);

}  // namespace penstock::file
