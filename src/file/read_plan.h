// ReadPlan: how one read of any position, length and memory becomes reads of whole blocks.
//
// Threading: a plain value.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "file/block_range.h"

namespace penstock::file {

// The blocks that can be read into the caller's own memory, with what is left on both sides of them.
//
//     bytes asked for:   |head|        middle        |tail|
//     file:          ....|....|....|....|....|....|....|....|....     blocks of the file
//     memory:              |....|....|....|....|....|....|....|       blocks of the memory
//
// When the blocks of the memory are those of the file, the middle lands where it belongs. Else it is
// read into the nearest blocks of the memory and moved from there: a copy, but no other memory.
struct ReadPlan {
  BlockRange middle;           // empty when not even one block fits
  std::byte* slot = nullptr;   // block-aligned memory of the caller for the middle
  std::size_t head_bytes = 0;  // of the caller's memory, in front of where the middle belongs
  std::size_t tail_bytes = 0;  // behind it; less than two blocks unless the middle is empty

  // `into` is not empty, and `from` + its size is at most kFilePositionLimit.
  static ReadPlan make(FilePosition from, MutableBytes into);

  bool lands_in_place(MutableBytes into) const {
    return slot != nullptr && slot == into.data() + head_bytes;
  }
};

inline ReadPlan ReadPlan::make(FilePosition from, MutableBytes into) {
  const FilePosition end = from + into.size();
  ReadPlan plan{.middle = BlockRange::inside(from, end)};
  if (plan.middle.size_bytes() == 0) {
    plan.tail_bytes = into.size();
    return plan;
  }
  plan.head_bytes = plan.middle.start - from;
  const auto first = reinterpret_cast<std::uintptr_t>(into.data());
  const std::uintptr_t place = first + plan.head_bytes;
  std::uintptr_t slot = align_down(place, kBlockBytes);
  if (slot < first) slot = align_up(place, kBlockBytes);
  if (slot + plan.middle.size_bytes() > first + into.size()) {
    plan.middle.end = FilePosition{plan.middle.end.value - kBlockBytes};
  }
  plan.slot = into.data() + (slot - first);
  plan.tail_bytes = end - plan.middle.end;
  return plan;
}

}  // namespace penstock::file
