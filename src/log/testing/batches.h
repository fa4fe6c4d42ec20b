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
  // Of an idempotent producer, with the number of the batch's first record.
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;
  std::int32_t base_sequence = 0;
  bool is_transactional = false;
};

// A batch as a producer sends it, base offset 0, whose payload is drawn from `seed`: two batches of
// different seeds differ.
inline std::vector<std::byte> make_batch(std::uint64_t seed, BatchShape shape = {}) {
  constexpr std::size_t kAttributesAt = 21;
  constexpr std::int16_t kTransactional = 1 << 4;
  std::vector<std::byte> batch(kBatchHeaderBytes + shape.payload_bytes);
  store_be<std::int32_t>(batch, 8, static_cast<std::int32_t>(batch.size() - 12));
  batch[16] = std::byte{2};
  store_be<std::int32_t>(batch, 23, shape.record_count - 1);
  store_be<std::int64_t>(batch, 27, shape.timestamp_ms);
  store_be<std::int64_t>(batch, 35, shape.timestamp_ms);
  store_be<std::int16_t>(batch, kAttributesAt, shape.is_transactional ? kTransactional : 0);
  store_be<std::int64_t>(batch, 43, shape.producer_id);
  if (shape.producer_id >= 0) {
    store_be<std::int16_t>(batch, 51, shape.producer_epoch);
    store_be<std::int32_t>(batch, 53, shape.base_sequence);
  } else {
    // Fields without a meaning then; so two batches differ, also if they are empty.
    store_be<std::int16_t>(batch, 51, static_cast<std::int16_t>(seed >> 32));
    store_be<std::int32_t>(batch, 53, static_cast<std::int32_t>(seed));
  }
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
