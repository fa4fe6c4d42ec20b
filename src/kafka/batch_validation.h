// What a broker checks in the records of a Produce request before it appends them, as far as that needs
// nothing but the bytes (Kafka's checks, in Kafka's order).
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "base/bytes.h"
#include "kafka/errors.h"
#include "kafka/record_batch.h"

namespace penstock::kafka {

struct ProduceLimits {
  std::int16_t produce_version = 11;                  // of the request: zstd needs 7
  std::int32_t max_message_bytes = 1024 * 1024 + 12;  // the topic's max.message.bytes; Kafka's default
};

// Why the batch is refused: for the partition's ErrorCode, RecordErrors and ErrorMessage.
struct ProduceRejection {
  KafkaError error;
  std::string message;
  std::int32_t record_index = -1;  // the record at fault, -1: the batch
};

// Exactly one batch of format version 2, of an allowed size, base offset 0, with a right checksum and
// consistent counts, no control batch; and if it is not compressed, each record inside is well formed
// and in sequence. Compressed records are not looked at.
std::expected<RecordBatchView, ProduceRejection> validate_produced(ByteView records,
                                                                   const ProduceLimits& limits = {});

}  // namespace penstock::kafka
