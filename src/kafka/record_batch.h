// RecordBatchView: the header of a Kafka record batch (format version 2, "magic 2").
//
// A batch is the unit that producers send, that the log stores byte for byte, and that consumers get.
// All integers are big endian. The checksum covers everything from the attributes on, so the broker can
// put its offset and leader epoch into the first bytes without touching it.
//
// Ownership: a view; the bytes must outlive it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/batch_layout.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"

namespace penstock::kafka {

inline constexpr std::size_t kBatchHeaderBytes = batch_layout::kRecords;
inline constexpr std::int8_t kBatchMagic = 2;

enum class Compression : std::uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

std::string_view to_string(Compression compression);

class RecordBatchView {
 public:
  // The batch that begins at the start of `bytes`; more may follow. Checks that the whole batch is
  // there and is format version 2, not its checksum or contents. Errors: kCorrupt (sizes that cannot
  // be, or bytes missing), kNotSupported (an older format).
  static Result<RecordBatchView> parse(ByteView bytes);

  ByteView bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }

  Offset base_offset() const { return Offset{field<std::int64_t>(batch_layout::kBaseOffset)}; }
  // The offset of the last record, also in a compacted batch that has lost records.
  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  // Where the log goes on after this batch.
  Offset next_offset() const { return last_offset() + 1; }

  std::int32_t leader_epoch() const { return field<std::int32_t>(batch_layout::kPartitionLeaderEpoch); }
  std::uint32_t crc() const { return field<std::uint32_t>(batch_layout::kCrc); }
  std::int16_t attributes() const { return field<std::int16_t>(batch_layout::kAttributes); }
  std::int32_t last_offset_delta() const { return field<std::int32_t>(batch_layout::kLastOffsetDelta); }
  std::int64_t base_timestamp_ms() const { return field<std::int64_t>(batch_layout::kBaseTimestamp); }
  std::int64_t max_timestamp_ms() const { return field<std::int64_t>(batch_layout::kMaxTimestamp); }
  std::int64_t producer_id() const { return field<std::int64_t>(batch_layout::kProducerId); }
  std::int16_t producer_epoch() const { return field<std::int16_t>(batch_layout::kProducerEpoch); }
  std::int32_t base_sequence() const { return field<std::int32_t>(batch_layout::kBaseSequence); }
  std::int32_t record_count() const { return field<std::int32_t>(batch_layout::kRecordCount); }

  // May be a value outside of the enumeration: the bits come from outside.
  Compression compression() const { return static_cast<Compression>(attributes() & 0x07); }
  bool is_log_append_time() const { return (attributes() & 0x08) != 0; }
  bool is_transactional() const { return (attributes() & 0x10) != 0; }
  bool is_control() const { return (attributes() & 0x20) != 0; }
  bool is_idempotent() const { return producer_id() >= 0; }

  // The records, compressed as compression() says.
  ByteView records() const { return bytes_.subspan(kBatchHeaderBytes); }

  std::uint32_t computed_crc() const;
  bool crc_matches() const { return crc() == computed_crc(); }

 private:
  explicit RecordBatchView(ByteView bytes) : bytes_(bytes) {}

  template <std::integral T>
  T field(std::size_t at) const {
    return load_be<T>(bytes_, at);
  }

  ByteView bytes_;
};

// A copy of the batch in which all records have the time at which the broker appended them, as with
// message.timestamp.type=LogAppendTime. Its records stay as they are: readers take the batch's time.
std::vector<std::byte> with_append_time(const RecordBatchView& batch, std::int64_t append_time_ms);

// Cuts the records of a Fetch response into batches. A batch that ends after the bytes do is left out:
// a server may cut anywhere, and the client fetches it again. Errors: kCorrupt, kNotSupported, as for
// parse().
Result<std::vector<RecordBatchView>> split_batches(ByteView records);

}  // namespace penstock::kafka
