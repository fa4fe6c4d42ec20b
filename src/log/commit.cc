#include "log/commit.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace penstock::log {

namespace {

// Where the entry after one that ends at `end` starts, both counted from the commit's (aligned) start.
std::size_t place_after(std::size_t end) { return next_entry_place(FilePosition{end}).value; }

}  // namespace

std::uint64_t Commit::device_bytes_with(std::uint64_t batch_bytes) const {
  return align_up(place_after(used_bytes_) + kEntryHeaderBytes + batch_bytes, kBlockBytes);
}

ByteView Commit::add(ByteView batch, const BatchHeader& header) {
  const std::size_t entry_at = place_after(used_bytes_);
  const std::size_t end = entry_at + kEntryHeaderBytes + batch.size();
  reserve(end);
  std::memset(buffer_.data() + used_bytes_, 0, entry_at - used_bytes_);
  const MutableBytes copy = buffer_.span().subspan(entry_at + kEntryHeaderBytes, batch.size());
  std::memcpy(copy.data(), batch.data(), batch.size());
  stamp_batch(copy, header.base_offset, header.leader_epoch);
  batches_.push_back(PlacedBatch{entry_at, header});
  used_bytes_ = end;
  payload_bytes_ += batch.size();
  return copy;
}

SharedSlice Commit::batch_bytes(const PlacedBatch& batch) const {
  const std::size_t at = batch.entry_at + kEntryHeaderBytes;
  if (!bytes_.empty()) return bytes_.slice(at, batch.header.total_bytes);
  return SharedSlice::copy_of(buffer_.view().subspan(at, batch.header.total_bytes));
}

// Where the last entry ends if the first one starts `start` bytes behind the commit's first block.
std::size_t Commit::end_when_started_at(std::size_t start) const {
  std::size_t end = start;
  for (const PlacedBatch& batch : batches_)
    end = place_after(end) + kEntryHeaderBytes + batch.header.total_bytes;
  return end;
}

std::uint64_t Commit::device_bytes_at(FilePosition position) const {
  const std::size_t start = position.value % kBlockBytes;
  return start == 0 ? device_bytes() : align_up(end_when_started_at(start), kBlockBytes);
}

// Entries have been collected as if the first one started a block; it starts in the middle of one.
void Commit::move_to(std::size_t start, ByteView block_start) {
  PENSTOCK_ASSERT(block_start.size() == start, "the start of the block is what lies in front");
  AlignedBuffer moved(std::bit_ceil(align_up(end_when_started_at(start), kBlockBytes)));
  std::memcpy(moved.data(), block_start.data(), start);
  std::size_t end = start;
  for (PlacedBatch& batch : batches_) {
    const std::size_t entry_at = place_after(end);
    const std::size_t entry_bytes = kEntryHeaderBytes + batch.header.total_bytes;
    std::memset(moved.data() + end, 0, entry_at - end);
    std::memcpy(moved.data() + entry_at, buffer_.data() + batch.entry_at, entry_bytes);
    batch.entry_at = entry_at;
    end = entry_at + entry_bytes;
  }
  used_bytes_ = end;
  buffer_ = std::move(moved);
  memory_bytes_ = buffer_.capacity();
}

const SharedSlice& Commit::lay_out(Salt salt, FilePosition position, std::uint64_t sequence,
                                   Offset durable_end, ByteView block_start) {
  PENSTOCK_ASSERT(!empty() && bytes_.empty(), "a commit is laid out once, and not empty");
  const std::size_t start = position.value % kBlockBytes;
  if (start != 0) move_to(start, block_start);
  position_ = FilePosition{align_down(position.value, kBlockBytes)};
  sequence_ = sequence;
  for (const PlacedBatch& batch : batches_) {
    EntryHeader header;
    header.batch_bytes = batch.header.total_bytes;
    header.commit_sequence = sequence;
    header.durable_end = durable_end;
    header.encode(buffer_.span().subspan(batch.entry_at), salt, position_ + batch.entry_at);
  }
  const std::size_t padded_bytes = device_bytes();
  std::memset(buffer_.data() + used_bytes_, 0, padded_bytes - used_bytes_);
  bytes_ = std::move(buffer_).freeze(padded_bytes);
  return bytes_;
}

Task<Result<void>> Commit::wait(Instant deadline) {
  const bool settled = co_await settled_.wait_until(deadline);
  if (!settled) co_return fail(ErrorCode::kTimeout, "not durable before the deadline");
  if (error_) co_return Unexpected(*error_);
  co_return Result<void>();
}

void Commit::settle(std::optional<Error> error) {
  PENSTOCK_ASSERT(!is_settled(), "a commit has one outcome");
  error_ = std::move(error);
  settled_.set();
}

void Commit::reserve(std::size_t size_bytes) {
  if (size_bytes <= buffer_.capacity()) return;
  AlignedBuffer larger(std::bit_ceil(align_up(size_bytes, kBlockBytes)));
  if (used_bytes_ > 0) std::memcpy(larger.data(), buffer_.data(), used_bytes_);
  buffer_ = std::move(larger);
  memory_bytes_ = buffer_.capacity();
}

}  // namespace penstock::log
