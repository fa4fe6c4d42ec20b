#include "kafka/writer.h"

#include <memory>
#include <utility>

namespace penstock::kafka {

std::string_view PrimitiveOutput::cut_to_prefix(std::string_view text) {
  constexpr std::size_t kMaxBytes = std::numeric_limits<std::int16_t>::max();
  if (text.size() <= kMaxBytes) return text;
  const auto inside_character = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;  // UTF-8
  };
  std::size_t size = kMaxBytes;
  while (size > 0 && inside_character(size)) --size;
  return text.substr(0, size);
}

void Writer::slice(SharedSlice slice) {
  if (!slice.empty()) cuts_.push_back({.at = owned_.size(), .slice = std::move(slice)});
}

ByteChain Writer::take_chain() && {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(owned_));
  const SharedSlice owned(std::shared_ptr<const std::byte>(owner, owner->data()), *owner);
  ByteChain chain;
  std::size_t at = 0;
  for (Cut& cut : cuts_) {
    chain.append(owned.slice(at, cut.at - at));
    chain.append(std::move(cut.slice));
    at = cut.at;
  }
  chain.append(owned.slice(at, owned.size() - at));
  return chain;
}

std::vector<std::byte> Writer::take_bytes() && {
  PENSTOCK_ASSERT(cuts_.empty(), "slices were written; only a chain has them");
  return std::move(owned_);
}

}  // namespace penstock::kafka
