#include "kafka/byte_chain.h"

#include <memory>
#include <utility>

namespace penstock::kafka {

void ByteChain::append(SharedSlice piece) {
  if (piece.empty()) return;
  size_bytes_ += piece.size();
  pieces_.push_back(std::move(piece));
}

void ByteChain::append(std::vector<std::byte> owned) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(owned));
  append(SharedSlice(std::shared_ptr<const std::byte>(owner, owner->data()), *owner));
}

void ByteChain::append(ByteChain other) {
  for (SharedSlice& piece : other.pieces_) append(std::move(piece));
}

std::vector<std::byte> ByteChain::flatten() const {
  std::vector<std::byte> bytes;
  bytes.reserve(size_bytes_);
  for (const SharedSlice& piece : pieces_) {
    bytes.insert(bytes.end(), piece.view().begin(), piece.view().end());
  }
  return bytes;
}

}  // namespace penstock::kafka
