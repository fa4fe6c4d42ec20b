// Inside of SimDisk: one device call, and the File whose reads, writes and other operations are made of
// such calls.
//
// Ownership: an Operation lives in the frame of the coroutine that performs it; an OpenFile shares its
// node with its names. Threading: the scheduler's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "disk/sim_disk.h"
#include "disk/transfer.h"

namespace penstock {

// One device call from its start to its end; lives in the frame of its coroutine.
struct SimDisk::Operation {
  SimOp op;
  std::string_view path;
  std::uint64_t position = 0;
  std::uint64_t length_bytes = 0;
  SimNode::Pointer file{};     // of an open file's operation
  ByteView data{};             // of a write
  std::uint32_t checksum = 0;  // of the bytes written or read
  // Of a read or write: the most that it is let move, and what it has moved.
  std::uint64_t granted_bytes = length_bytes;
  std::uint64_t moved_bytes = 0;
  // The calls before it of the same read or write that the seed has disturbed.
  int disturbed_count = 0;
  std::optional<SimFault> fault{};

  // What it changes, in this storage or in a copy of it. Empty: nothing, or what `effect` does.
  std::function<Result<void>(SimStorage& storage, SimNode* file)> change{};
  // What it does, at its end. Empty: its change.
  std::function<Result<void>()> effect{};
  // What it does if a fault makes it fail. Empty: nothing.
  std::function<void()> fault_effect{};
  // What it does if the machine dies first. Empty: its effect or nothing.
  std::function<void()> crash_effect{};
  // What it does if the device says success, and lies. Empty: nothing.
  std::function<Result<void>(const SimFault& lie)> lie_effect{};

  bool is_transfer() const { return op == SimOp::kRead || op == SimOp::kWrite; }
  bool overlaps(const Operation& other) const {
    return file == other.file && position < other.position + other.length_bytes &&
           other.position < position + length_bytes;
  }
};

class SimDisk::OpenFile final : public File {
 public:
  OpenFile(SimDisk& disk, SimNode::Pointer node, std::string path, bool is_writable)
      : File(std::move(path)), disk_(disk), node_(std::move(node)), is_writable_(is_writable) {}

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override;
  Task<Result<void>> write(FilePosition to, SharedSlice data, Durability durability) override;
  Task<Result<void>> sync(SyncScope scope) override;
  Task<Result<void>> allocate(std::uint64_t size_bytes) override;
  Task<Result<void>> truncate(std::uint64_t size_bytes) override;
  Task<Result<std::uint64_t>> size() override;

 private:
  // The next device call of a read or write, and what it means for the whole.
  Task<Result<Transfer::Step>> transfer(Transfer& transfer, Operation& call);
  Result<void> read_some(Operation& call, MutableBytes into);
  Result<void> read_with_lie(Operation& call, MutableBytes into, const SimFault& lie);
  Result<void> write_some(Operation& call, Durability durability);
  Result<void> write_with_lie(Operation& call, Durability durability, const SimFault& lie);
  // A place that is not the call's own; nothing when there is none.
  struct Place {
    SimNode::Pointer file;
    FilePosition position;
  };
  std::optional<Place> elsewhere(const Operation& call, const SimFault& lie);
  std::optional<FilePosition> elsewhere_in_file(const Operation& call);
  // Has it refused if the file was opened for reading.
  void check_writable(Operation& operation) const;
  static Result<void> refused(int errno_value, const Operation& operation);
  static Result<void> or_no_space(bool there_was_space, const Operation& operation);
  void mix_in_flight(const Operation& read, MutableBytes bytes) const;

  SimDisk& disk_;
  SimNode::Pointer node_;
  bool is_writable_;
};

}  // namespace penstock
