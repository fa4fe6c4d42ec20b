// BlockMemory: one mapping, all of it resident, that fork() does not copy.
//
// It is private memory, because that gets huge pages wherever they are allowed, and a direct read into
// one pins a single page. But it is kept out of children: after a fork(), a write to a page that both
// hold would move the parent's page away from under a direct read in flight.
//
// Ownership: unmaps it when destroyed. Threading: a plain value.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"

namespace penstock::file {

class BlockMemory {
 public:
  // How much memory a mapping of `size_bytes` is: whole pages.
  static std::uint64_t mapped_bytes(std::uint64_t size_bytes);

  // Zeros. Errors: kNoSpace (the system or a limit does not grant it).
  static Result<BlockMemory> map(std::uint64_t size_bytes);

  BlockMemory(BlockMemory&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), left_(std::exchange(other.left_, {})) {}
  BlockMemory& operator=(BlockMemory&&) = delete;
  ~BlockMemory();

  // The first part of what has not been taken; the very first one starts a page.
  MutableBytes take(std::size_t size_bytes) {
    PENSTOCK_ASSERT(size_bytes <= left_.size(), "more is taken of a block memory than there is");
    const MutableBytes taken = left_.first(size_bytes);
    left_ = left_.subspan(size_bytes);
    return taken;
  }
  // The same as an array of fresh objects. The place must be aligned for them (asserted).
  template <typename T>
  std::span<T> take_array(std::size_t count) {
    const MutableBytes taken = take(count * sizeof(T));
    PENSTOCK_ASSERT(is_aligned(reinterpret_cast<std::uintptr_t>(taken.data()), alignof(T)),
                    "an array in a block memory is not aligned");
    T* first = reinterpret_cast<T*>(taken.data());
    std::uninitialized_value_construct_n(first, count);
    return {first, count};
  }

 private:
  explicit BlockMemory(MutableBytes bytes) : bytes_(bytes), left_(bytes) {}

  MutableBytes bytes_;
  MutableBytes left_;
};

}  // namespace penstock::file
