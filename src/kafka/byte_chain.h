// ByteChain: bytes to be sent, as a list of pieces that are never copied together.
//
// A Fetch response is a few dozen bytes of framing around record batches that live in commit buffers or
// in the block cache; the chain keeps both alive until the socket has taken them. The socket writer
// turns pieces() into iovecs.
//
// Ownership: the chain keeps every piece alive. Threading: one owner at a time; pieces are immutable.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"

namespace penstock::kafka {

class ByteChain {
 public:
  // Adds bytes at the end; an empty piece is left out.
  void append(SharedSlice piece);
  void append(std::vector<std::byte> owned);
  void append(ByteChain other);

  std::size_t size() const { return size_bytes_; }
  std::span<const SharedSlice> pieces() const { return pieces_; }

  // All bytes in one copy: for tests, and for callers that need them contiguous.
  std::vector<std::byte> flatten() const;

 private:
  std::vector<SharedSlice> pieces_;
  std::size_t size_bytes_ = 0;
};

}  // namespace penstock::kafka
