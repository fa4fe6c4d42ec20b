// SimStorage: a file system in memory that knows what a power cut would leave of it.
//
// This is what survives when a simulated machine dies; a SimDisk (time, faults, checks) is what dies,
// and the next SimDisk on the same SimStorage is the restart. Its operations are immediate.
//
// Names, like sizes and bytes (see sim_image.h), have a current and a durable state. Creating, renaming
// and removing are atomic changes of one or two directories, durable once a later sync_directory() of
// any of them is. A power cut keeps of each directory's unsynced changes a prefix, in order, and a
// rename between two directories in both or in neither. That is the least that the journaling file
// systems do (ext4 and xfs keep one order for all directories). sync() of a file makes no name durable,
// and sync_directory() of a new directory does not make its own name durable: both are true of POSIX,
// though ext4 is kinder. A removed file's space is free when its removal is durable, or when space runs
// out: then all names are made durable first, as file systems do.
//
// Ownership: owns everything in it; a node lives while a name or an open file refers to it.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "disk/disk.h"
#include "disk/sim_image.h"
#include "task/clock.h"

namespace penstock {

struct SimStorageOptions {
  std::uint64_t capacity_bytes = std::numeric_limits<std::uint64_t>::max();
};

// A file or a directory, whatever its names are.
struct SimNode {
  using Pointer = std::shared_ptr<SimNode>;
  using Entries = std::map<std::string, Pointer, std::less<>>;

  SimNode(std::shared_ptr<SimSpace> space, bool directory)
      : is_directory(directory), image(std::move(space)) {}
  // A copy of a file, or of a directory without its entries, on another device.
  SimNode(const SimNode& other, std::shared_ptr<SimSpace> space)
      : is_directory(other.is_directory), image(other.image, std::move(space)) {}

  bool is_directory;
  SimImage image;           // of a file
  Entries entries;          // of a directory: as seen now
  Entries durable_entries;  // and as certainly on the medium
};

// A write that a killed process had in flight and that the kernel has not carried out yet.
struct SimLateWrite {
  SimNode::Pointer file;
  FilePosition to;
  std::vector<std::byte> data;
  SimImage::SectorMask sectors;  // that it will write
  Duration after{};              // the next machine has started
};

class SimStorage {
 public:
  using Sequence = SimImage::Sequence;

  explicit SimStorage(SimStorageOptions options = {});
  SimStorage(const SimStorage&) = delete;
  SimStorage& operator=(const SimStorage&) = delete;

  // For tests, durable at once: a directory and its parents, if they are not there.
  void make_directories(std::string_view path);
  // For tests: the current bytes of a file, which must be there.
  std::vector<std::byte> contents(std::string_view path) const;
  bool exists(std::string_view path) const { return find(path) != nullptr; }
  // The paths of all files, sorted.
  std::vector<std::string> files() const;
  // Where a file is now; empty when it has no name any more.
  std::string path_of(const SimNode& file) const;
  // Rot: the bit is the other one from now on, in memory and on the medium. The file must be there.
  void flip_bit(std::string_view path, FilePosition byte, unsigned bit);
  // Free space shrinks or grows to this, from now on.
  void set_capacity(std::uint64_t capacity_bytes);

  // The power fails while nothing is running. SimDisk::power_cut() is for when something is.
  void power_cut(Random& random);
  // The same, with what is kept chosen.
  void power_cut(const SimRemains& remains);
  // What a power cut may take now, in the order in which it happened.
  std::vector<SimUnsynced> unsynced() const;

  // The copy of each file and directory that has a name, now or after some power cut.
  using Copies = std::unordered_map<const SimNode*, SimNode::Pointer>;
  // A copy on a device of its own: what happens to it does not happen to this one. Writes in flight
  // of a killed process are copied too.
  std::unique_ptr<SimStorage> clone() const;
  std::unique_ptr<SimStorage> clone(Copies& copies) const;

  // What follows is for SimDisk.

  // The number of the last change; a sync that starts now covers up to it.
  Sequence sequence() const { return sequence_; }

  Result<SimNode::Pointer> open(const std::string& path, OpenOptions options);
  Result<void> rename(const std::string& from, const std::string& to);
  Result<void> remove(const std::string& path);
  Result<void> remove_directory(const std::string& path);
  Result<void> make_directory(const std::string& path);
  Result<void> sync_directory(const std::string& path, Sequence covered);
  Result<std::vector<std::string>> list(const std::string& path) const;
  Result<FileInfo> info(const std::string& path) const;
  SpaceInfo space() const;

  // These two are false, and have no effect, if there is not enough space.
  bool write(SimNode& file, FilePosition to, ByteView data, Durability durability);
  bool allocate(SimNode& file, std::uint64_t size_bytes);
  // A broken-off write: the sectors of `mask` are there if there was space for them, and nothing is
  // said.
  void write_partly(SimNode& file, FilePosition to, ByteView data, const SimImage::SectorMask& mask);
  // On a device that says success: the sectors outside of `mask` are lost.
  bool write_losing(SimNode& file, FilePosition to, ByteView data, Durability durability,
                    const SimImage::SectorMask& mask);
  void truncate(SimNode& file, std::uint64_t size_bytes);

  // Writes in flight that outlive their process: they wait here for the next machine, or a power cut.
  void keep_late_write(SimLateWrite write) { late_writes_.push_back(std::move(write)); }
  std::vector<SimLateWrite> take_late_writes() { return std::exchange(late_writes_, {}); }

  // One SimDisk at a time, asserted: two would be two machines on one device.
  void attach();
  void detach();

 private:
  // One entry of one directory, set to a node or (null) taken away.
  struct Edit {
    SimNode::Pointer directory;
    std::string name;
    SimNode::Pointer node;
  };
  struct NameChange {
    Sequence at;
    std::vector<Edit> edits;  // one or two, atomically
  };
  struct Place {
    SimNode::Pointer directory;
    std::string name;
  };

  SimNode::Pointer find(std::string_view path) const;
  bool leads_through(std::string_view path, const SimNode& through) const;
  Result<Place> place_of(std::string_view doing, std::string_view path) const;
  SimNode::Pointer new_node(bool is_directory) const;
  void change(std::vector<Edit> edits);
  SimNode::Pointer copy(const SimNode::Pointer& node, Copies& copies) const;
  template <typename IsLost>
  void settle_names(const IsLost& is_lost);
  static std::vector<const SimNode*> touched_by(const NameChange& change);
  static void make_durable(const NameChange& change);
  bool make_room(const SimNode& file, FilePosition from, std::uint64_t length_bytes);

  std::shared_ptr<SimSpace> space_;
  SimNode::Pointer root_;
  std::vector<NameChange> name_changes_;  // not yet durable, oldest first
  std::vector<SimLateWrite> late_writes_;
  Sequence sequence_ = 0;
  bool attached_ = false;
};

}  // namespace penstock
