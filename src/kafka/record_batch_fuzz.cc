// Whatever a producer sends as records: it is accepted or refused, and every record of an accepted
// batch can be read. Format, length and checksum are made right first, or hardly anything would get
// past them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/assert.h"
#include "kafka/batch_validation.h"
#include "kafka/record.h"

namespace penstock::kafka {
namespace {

void try_records(ByteView input) {
  std::vector<std::byte> bytes(input.begin(), input.end());
  if (bytes.size() >= kBatchHeaderBytes) {
    bytes[batch_layout::kMagic] = std::byte{kBatchMagic};
    store_be<std::int64_t>(bytes, batch_layout::kBaseOffset, 0);
    store_be<std::int32_t>(bytes, batch_layout::kBatchLength,
                           static_cast<std::int32_t>(bytes.size() - batch_layout::kUncounted));
  }
  if (const auto batch = RecordBatchView::parse(bytes)) {
    store_be<std::uint32_t>(bytes, batch_layout::kCrc, batch->computed_crc());
  }
  const auto accepted = validate_produced(bytes);
  if (!accepted || accepted->compression() != Compression::kNone) return;
  RecordReader reader(*accepted);
  while (true) {
    const auto record = reader.next();
    PENSTOCK_ASSERT(record.has_value(), "a batch was accepted with a record that cannot be read");
    if (!*record) break;
    (void)(*record)->headers();
  }
}

}  // namespace
}  // namespace penstock::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::kafka::try_records(std::as_bytes(std::span(data, size)));
  return 0;
}
