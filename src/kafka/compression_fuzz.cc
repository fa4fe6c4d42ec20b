// Whatever bytes a batch has behind its header: they are unpacked or refused, within the limit. What is
// packed by us is unpacked to the same.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "kafka/compression.h"

namespace penstock::kafka {
namespace {

constexpr std::size_t kMaxBytes = kMiB;

void try_codec(ByteView input) {
  const auto codec = static_cast<Compression>(std::to_integer<unsigned>(input.front()) % 6);
  input = input.subspan(1);
  const auto unpacked = decompress(codec, input, kMaxBytes);
  PENSTOCK_ASSERT(!unpacked || unpacked->size() <= kMaxBytes, "the limit was passed");
  if (codec > Compression::kZstd) return;
  const auto again = decompress(codec, compress(codec, input), input.size());
  PENSTOCK_ASSERT(again && std::ranges::equal(*again, input), "what was packed comes out otherwise");
}

}  // namespace
}  // namespace penstock::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) penstock::kafka::try_codec(std::as_bytes(std::span(data, size)));
  return 0;
}
