// The layout of a Kafka record batch, format version 2 ("magic 2"): where its header's fields are, in
// bytes from its start. All integers are big endian.
//
// The one description of it: the log stores batches byte for byte and needs a few of the fields, the
// wire codec needs all of them.
#pragma once

#include <cstddef>

namespace penstock::batch_layout {

inline constexpr std::size_t kBaseOffset = 0;             // int64, set by the broker
inline constexpr std::size_t kBatchLength = 8;            // int32, the bytes after this field
inline constexpr std::size_t kPartitionLeaderEpoch = 12;  // int32, set by the broker
inline constexpr std::size_t kMagic = 16;                 // int8
inline constexpr std::size_t kCrc = 17;                   // uint32, CRC-32C from kAttributes to the end
inline constexpr std::size_t kAttributes = 21;            // int16
inline constexpr std::size_t kLastOffsetDelta = 23;       // int32
inline constexpr std::size_t kBaseTimestamp = 27;         // int64, ms
inline constexpr std::size_t kMaxTimestamp = 35;          // int64, ms
inline constexpr std::size_t kProducerId = 43;            // int64, -1: not idempotent
inline constexpr std::size_t kProducerEpoch = 51;         // int16
inline constexpr std::size_t kBaseSequence = 53;          // int32
inline constexpr std::size_t kRecordCount = 57;           // int32
inline constexpr std::size_t kRecords = 61;               // the records, or their compressed bytes

// What kBatchLength does not count: the base offset and itself.
inline constexpr std::size_t kUncounted = kPartitionLeaderEpoch;

}  // namespace penstock::batch_layout
