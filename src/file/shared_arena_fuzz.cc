// Whatever lies in the file of an arena: what is read from it is inside of it, and in order.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/assert.h"
#include "base/crc32c.h"
#include "file/shared_arena.h"

namespace penstock::file {
namespace {

constexpr std::size_t kHeaderChecksumAt = 48;
constexpr std::size_t kSizeAt = 40;

void try_arena(ByteView input) {
  std::vector<std::byte> file(input.begin(), input.end());
  // A header that is right, or nothing behind it is looked at.
  file.resize(std::max<std::size_t>(file.size(), 2 * SharedArena::kHeaderBytes));
  std::ranges::copy(as_bytes("PENARNA1"), file.begin());
  std::ranges::fill(MutableBytes(file).subspan(8, 32), std::byte{0});
  store_le<std::uint64_t>(file, kSizeAt, file.size());
  store_le<std::uint32_t>(file, kHeaderChecksumAt, crc32c(ByteView(file).first(kHeaderChecksumAt)));
  const SharedSlice contents = SharedSlice::copy_of(file);
  const auto records = parse_arena(contents, {});
  PENSTOCK_ASSERT(records.has_value(), "the header is right");
  for (const ArenaRecord& record : *records) {
    const std::byte* begin = record.payload.data();
    PENSTOCK_ASSERT(
        begin >= contents.data() && begin + record.payload.size() <= contents.data() + contents.size(),
        "a record is inside of its file");
  }
}

}  // namespace
}  // namespace penstock::file

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::file::try_arena(std::as_bytes(std::span(data, size)));
  return 0;
}
