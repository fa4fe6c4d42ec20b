// Whatever stands in a segment or index file: it is read or refused, and nothing that is read is wrong.
// Checksums are made right first, or nothing would get past them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/assert.h"
#include "base/crc32c.h"
#include "log/format.h"
#include "log/segment_index.h"

namespace penstock::log {
namespace {

constexpr std::size_t kIndexChecksumBytes = 4;

void try_index(ByteView input) {
  std::vector<std::byte> file(input.begin(), input.end());
  if (file.size() >= kIndexChecksumBytes) {
    const std::size_t at = file.size() - kIndexChecksumBytes;
    store_le<std::uint32_t>(file, at, crc32c(ByteView(file).first(at)));
  }
  if (const auto index = SealedIndex::decode(file)) {
    (void)index->index.find(index->base_offset);
    (void)index->index.find_time(0);
  }
}

void try_entry(ByteView input) {
  EntryHeader header;
  if (header.decode(input, /*salt=*/7, FilePosition{kBlockBytes}) == EntryHeader::Verdict::kEntry) {
    PENSTOCK_ASSERT(header.batch_bytes <= kMaxBatchBytes,
                    "an entry of an impossible size was accepted");
  }
}

}  // namespace
}  // namespace penstock::log

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  penstock::log::try_index(input);
  penstock::log::try_entry(input);
  (void)penstock::log::SegmentHeader::decode(input);
  (void)penstock::log::BatchHeader::parse(input);
  return 0;
}
