// SimImage: the bytes of one simulated file, and which of them would survive a power cut.
//
// Contents are kept per 512-byte sector, the unit that a device writes whole or not at all. A sector
// has its current bytes (what a read sees), its durable bytes (what is certainly on the medium), and
// every version in between: written and complete, but covered by no sync yet. A power cut leaves any
// one of these. The size has a current and a durable value and a list of changes in between as well; a
// power cut keeps a prefix of that list, as a journaling file system does, and contents follow it: what
// a change that was kept cut off is gone, and what was written after a cut that was not kept is gone
// too.
//
// Time is a Sequence: a number that the owner increases with every change. A sync covers the changes up
// to the number it was given.
//
// Ownership: shares the SimSpace, whose blocks it gives back when destroyed. Threading: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/units.h"
#include "disk/disk.h"

namespace penstock {

inline constexpr std::uint64_t kSectorBytes = 512;

// The blocks of a simulated device. They may be overcommitted by a power cut that brings back a removed
// file whose space was in use again; then nothing is available until that much has been freed.
struct SimSpace {
  std::uint64_t capacity_blocks = 0;
  std::uint64_t used_blocks = 0;

  std::uint64_t available_blocks() const {
    return used_blocks < capacity_blocks ? capacity_blocks - used_blocks : 0;
  }
};

// A change that no sync has covered: bytes of a file, its size, or a name.
struct SimUnsynced {
  std::uint64_t at = 0;  // its number
  // Of a write; all zero of a size or a name.
  std::uint64_t position = 0;
  std::uint64_t length_bytes = 0;
  std::uint32_t checksum = 0;
};

// What a power cut keeps, chosen and not drawn. A change that builds on one that is lost (a later size
// of the same file, a later name in the same directory) is lost with it.
class SimRemains {
 public:
  virtual ~SimRemains() = default;
  // Whether the change with this number is kept, as a whole.
  virtual bool keeps(std::uint64_t at) const = 0;
  // Whether one sector of it is; sectors are counted from the beginning of the file.
  virtual bool keeps_sector(std::uint64_t at, std::uint64_t /*sector*/) const { return keeps(at); }
};

class SimImage {
 public:
  using Sequence = std::uint64_t;
  using SectorMask = std::vector<bool>;  // which sectors of a write, from its first

  explicit SimImage(std::shared_ptr<SimSpace> space) : space_(std::move(space)) {}
  // A copy, on another device.
  SimImage(const SimImage& other, std::shared_ptr<SimSpace> space);
  SimImage(const SimImage&) = delete;
  SimImage& operator=(const SimImage&) = delete;
  ~SimImage();

  std::uint64_t size_bytes() const { return size_bytes_; }

  // Copies the current bytes at `from` to `into`; returns how many there were before the end of the
  // file.
  std::size_t read(FilePosition from, MutableBytes into) const;

  // A write that has completed at `at`. Position and length are whole sectors.
  void write(Sequence at, FilePosition to, ByteView data, Durability durability);
  // The same, on a device that has lost the sectors outside of `mask` and says nothing.
  void write_losing(Sequence at, FilePosition to, ByteView data, Durability durability,
                    const SectorMask& mask);
  // One that was broken off: only the sectors of `mask` are there, as bytes that are not durable.
  void write_partly(Sequence at, FilePosition to, ByteView data, const SectorMask& mask);

  void resize(Sequence at, std::uint64_t size_bytes);

  // A sync that had seen everything up to `covered`.
  void sync(Sequence covered);
  // The same, but it failed: what it should have covered may or may not be durable, and no later sync
  // will change that (a failed fsync leaves the page clean: see fsyncgate, 2018).
  void fail_sync(Sequence covered);

  // Becomes what is found after a power cut.
  void power_cut(Random& random);
  void power_cut(const SimRemains& remains);
  // Adds what a power cut may take.
  void list_unsynced(std::vector<SimUnsynced>& unsynced) const;

  // Rot: the bit is the other one from now on, in memory and on the medium.
  void flip_bit(FilePosition byte, unsigned bit);

  // How many blocks a write to [from, from + length_bytes) would have to allocate, and doing so.
  std::uint64_t missing_blocks(FilePosition from, std::uint64_t length_bytes) const;
  void allocate(FilePosition from, std::uint64_t length_bytes);

 private:
  using SectorBytes = std::array<std::byte, kSectorBytes>;
  using SharedSector = std::shared_ptr<const SectorBytes>;  // null: zeros

  struct Version {
    Sequence at;
    SharedSector bytes;
    bool sync_failed = false;
  };
  struct Sector {
    SharedSector current;
    SharedSector durable;
    std::vector<Version> unsynced;  // oldest first
  };
  struct SizeChange {
    Sequence at;
    std::uint64_t size_bytes;
  };
  using Sectors = std::map<std::uint64_t, Sector>;

  static SharedSector share(ByteView bytes);
  static SharedSector cut(const SharedSector& bytes, std::uint64_t sector, std::uint64_t size_bytes);
  static SharedSector flipped(const SharedSector& bytes, std::uint64_t byte, unsigned bit);

  void make_place(Sequence at, FilePosition to, std::uint64_t length_bytes, Durability durability);
  void put(Sequence at, std::uint64_t sector, ByteView bytes, Durability durability);
  void grow(Sequence at, std::uint64_t size_bytes);
  bool a_cut_is_unsynced() const;
  void make_sizes_durable(Sequence covered);
  void cut_older(SizeChange change);
  std::vector<Version> possible(std::uint64_t number, const Sector& sector,
                                std::size_t kept_changes) const;
  // `choose` is given the versions that a sector may have, and returns the index of one.
  template <typename Choose>
  void settle(std::size_t kept_changes, const Choose& choose);
  void free_blocks_beyond(std::uint64_t size_bytes);

  std::shared_ptr<SimSpace> space_;
  Sectors sectors_;                // those that are not zeros in every version
  std::set<std::uint64_t> dirty_;  // those with unsynced versions
  std::uint64_t size_bytes_ = 0;
  std::uint64_t durable_size_bytes_ = 0;
  std::vector<SizeChange> size_changes_;  // not yet durable, oldest first
  std::vector<bool> allocated_blocks_;
};

}  // namespace penstock
