// Commit: the batches that go to the device in one write, from collecting to acknowledgement.
//
// A commit collects entries while earlier ones are in flight (self-clocked group commit), is then laid
// out for its place in the segment - headers with checksums, zeros to the block boundary - and from
// that moment immutable, so that the device, tail readers and sockets can share its bytes without a
// copy.
//
// Ownership: shared by the pipeline, those who wait for it, and the tail. Threading: the partition's
// shard.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/aligned_buffer.h"
#include "log/format.h"
#include "task/sync.h"

namespace penstock::log {

class Commit {
 public:
  struct PlacedBatch {
    std::size_t entry_at = 0;  // from position(), where the commit's first block starts
    BatchHeader header;
  };

  enum class Acknowledged {
    kWhenDurable,
    kFromMemory,  // each batch when it is added: what is in here has been promised already
  };

  explicit Commit(Scheduler& scheduler, Acknowledged acknowledged = Acknowledged::kWhenDurable)
      : acknowledged_(acknowledged), begun_(scheduler.now()), settled_(scheduler) {}

  Acknowledged acknowledged() const { return acknowledged_; }
  // When it began to collect.
  Instant begun() const { return begun_; }

  // --- Collecting ---

  bool empty() const { return batches_.empty(); }
  // What the commit would take on the device with one more batch of this size.
  std::uint64_t device_bytes_with(std::uint64_t batch_bytes) const;
  // Copies `batch` in, stamped; returns the copy, which stays until the next add(). `header` is the
  // batch's header with the stamped offset and epoch.
  ByteView add(ByteView batch, const BatchHeader& header);

  // --- Leaving ---

  // What it takes on the device, from the start of the block in which it starts at `position`.
  std::uint64_t device_bytes_at(FilePosition position) const;
  // Fixes the commit for its place; returns the bytes to write at position(). In the middle of a block
  // `block_start` is what that block holds in front of `position`: it is written again with it.
  const SharedSlice& lay_out(Salt salt, FilePosition position, std::uint64_t sequence,
                             Offset durable_end, ByteView block_start = {});

  FilePosition position() const { return position_; }
  // Where its last entry ends, and what the block in which that is holds in front of it.
  FilePosition end() const { return position_ + used_bytes_; }
  SharedSlice last_block_start() const {
    const std::size_t bytes = used_bytes_ % kBlockBytes;
    return bytes == 0 ? SharedSlice() : bytes_.slice(used_bytes_ - bytes, bytes);
  }
  const SharedSlice& bytes() const { return bytes_; }

  // --- Any time ---

  std::uint64_t device_bytes() const { return align_up(used_bytes_, kBlockBytes); }
  std::uint64_t sequence() const { return sequence_; }
  const std::vector<PlacedBatch>& batches() const { return batches_; }
  // Shares the commit's memory; while it still collects, a copy.
  SharedSlice batch_bytes(const PlacedBatch& batch) const;
  Offset base_offset() const { return batches_.front().header.base_offset; }
  Offset next_offset() const { return batches_.back().header.next_offset(); }
  // Memory held, for budgets.
  std::uint64_t memory_bytes() const { return memory_bytes_; }
  std::uint64_t payload_bytes() const { return payload_bytes_; }

  // --- Outcome ---

  // Waits until settle(), and returns its outcome; kTimeout when `deadline` passes first.
  Task<Result<void>> wait(Instant deadline);
  // Exactly once.
  void settle(std::optional<Error> error);
  bool is_settled() const { return settled_.is_set(); }

 private:
  void reserve(std::size_t size_bytes);
  std::size_t end_when_started_at(std::size_t start) const;
  void move_to(std::size_t start, ByteView block_start);

  Acknowledged acknowledged_;
  Instant begun_;
  AlignedBuffer buffer_;  // while collecting
  SharedSlice bytes_;     // once laid out
  std::size_t used_bytes_ = 0;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::vector<PlacedBatch> batches_;
  FilePosition position_;
  std::uint64_t sequence_ = 0;
  Event settled_;
  std::optional<Error> error_;
};

using CommitRef = std::shared_ptr<Commit>;

}  // namespace penstock::log
