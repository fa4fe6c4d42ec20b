// Record batches for tests of the log: well-formed headers around bytes that say what they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "log/batch.h"

namespace penstock::log::testing {

struct BatchShape {
  std::int32_t record_count = 1;
  std::size_t payload_bytes = 100;
  std::int64_t timestamp_ms = 0;
};

// A batch as a producer sends it, base offset 0, whose payload is drawn from `seed`: two batches of
// different seeds differ.
inline std::vector<std::byte> make_batch(std::uint64_t seed, BatchShape shape = {}) {
  constexpr std::size_t kAttributesAt = 21;
  std::vector<std::byte> batch(kBatchHeaderBytes + shape.payload_bytes);
  store_be<std::int32_t>(batch, 8, static_cast<std::int32_t>(batch.size() - 12));
  batch[16] = std::byte{2};
  store_be<std::int32_t>(batch, 23, shape.record_count - 1);
  store_be<std::int64_t>(batch, 27, shape.timestamp_ms);
  store_be<std::int64_t>(batch, 35, shape.timestamp_ms);
  store_be<std::int64_t>(batch, 43,
                         static_cast<std::int64_t>(seed));  // the producer id: a unique field
  store_be<std::int32_t>(batch, 57, shape.record_count);
  Random random(seed);
  for (std::size_t at = kBatchHeaderBytes; at < batch.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t drawn = random.next();
    std::memcpy(batch.data() + at, &drawn, std::min(sizeof(drawn), batch.size() - at));
  }
  store_be<std::uint32_t>(batch, 17, crc32c(ByteView(batch).subspan(kAttributesAt)));
  return batch;
}

}  // namespace penstock::log::testing
