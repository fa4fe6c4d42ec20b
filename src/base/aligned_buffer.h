// AlignedBuffer and SharedSlice: memory that direct I/O accepts.
//
// An AlignedBuffer is block-aligned memory with one owner, who may change it. A write needs memory that
// nobody changes while the device reads it (a change in flight corrupts checksumming file systems and
// RAID), so it takes a SharedSlice: a counted reference to bytes that became immutable in freeze().
//
// Ownership: AlignedBuffer is move-only; a SharedSlice keeps its bytes alive.
// Threading: the count of a SharedSlice is atomic, so slices may be dropped on any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/units.h"

namespace penstock {

class SharedSlice;

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // `capacity_bytes` is rounded up to whole blocks. The contents are not initialised. The memory is on
  // huge pages, where the system has them: to pin it for the device costs one page then, and not 512.
  explicit AlignedBuffer(std::size_t capacity_bytes);
  // Memory of somebody else, who keeps it alive and unused until the buffer, and what was frozen of it,
  // are gone. Address and size are whole blocks (asserted). This is how a read lands in a caller's own
  // memory without a copy.
  static AlignedBuffer borrow(MutableBytes memory);

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : bytes_(std::move(other.bytes_)), capacity_(std::exchange(other.capacity_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  std::size_t capacity() const { return capacity_; }
  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  MutableBytes span() { return {bytes_.get(), capacity_}; }
  ByteView view() const { return {bytes_.get(), capacity_}; }

  // Gives the first `size_bytes` away for good, as bytes that never change again.
  SharedSlice freeze(std::size_t size_bytes) &&;

 private:
  struct Free {
    enum class Origin { kBorrowed, kBlockHeap, kMalloc };

    Free() : Free(Origin::kBorrowed, 0) {}
    Free(Origin where_from, std::size_t size_bytes) : origin(where_from), capacity_bytes(size_bytes) {}
    void operator()(std::byte* bytes) const;

    Origin origin;
    std::size_t capacity_bytes;
  };

  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t capacity_ = 0;
};

// Immutable bytes, shared. Not necessarily aligned: slices of slices are free to start anywhere.
class SharedSlice {
 public:
  SharedSlice() = default;
  SharedSlice(std::shared_ptr<const std::byte> owner, ByteView bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  // A copy of `bytes` in memory of its own.
  static SharedSlice copy_of(ByteView bytes);

  ByteView view() const { return bytes_; }
  const std::byte* data() const { return bytes_.data(); }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // The part [at, at + size_bytes), which must lie inside.
  SharedSlice slice(std::size_t at, std::size_t size_bytes) const;

 private:
  std::shared_ptr<const std::byte> owner_;
  ByteView bytes_;
};

}  // namespace penstock
