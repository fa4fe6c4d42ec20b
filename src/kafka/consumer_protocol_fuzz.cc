// Whatever other members of a group say: it is read or refused, and what was read is written and read
// again to the same.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "kafka/consumer_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace penstock::kafka;
  const auto input = std::as_bytes(std::span(data, size));
  if (const auto subscription = decode_subscription(input))
    PENSTOCK_ASSERT(decode_subscription(encode(*subscription)) == *subscription, "not the same again");
  if (const auto assignment = decode_assignment(input))
    PENSTOCK_ASSERT(decode_assignment(encode(*assignment)) == *assignment, "not the same again");
  return 0;
}
