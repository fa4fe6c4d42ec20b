#include "kafka/record.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/crc32c.h"
#include "kafka/compression.h"
#include "kafka/writer.h"

namespace penstock::kafka {
namespace {

// A length of the record format: zigzag, -1 is null.
std::optional<ByteView> read_nullable(Reader& reader) {
  const std::int32_t length = reader.varint();
  if (length == -1) return std::nullopt;
  if (length < -1) {
    reader.fail(ErrorCode::kCorrupt, "negative length");
    return std::nullopt;
  }
  return reader.take(static_cast<std::size_t>(length));
}

RecordHeaderView read_header(Reader& reader) {
  RecordHeaderView header;
  reader.set_field("headerKey");
  const auto key = read_nullable(reader);
  if (!key.has_value()) reader.fail(ErrorCode::kCorrupt, "null, which a header's key may not be");
  header.key = key.value_or(ByteView());
  reader.set_field("headerValue");
  header.value = read_nullable(reader);
  return header;
}

// The fields of a record after its length; the reader ends where the record does.
void read_body(Reader& reader, const RecordBatchView& batch, std::int32_t index, RecordView& record) {
  reader.set_field("attributes");
  static_cast<void>(reader.integer<std::int8_t>());  // unused in this format
  reader.set_field("timestampDelta");
  // Unsigned, because a hostile delta may overflow.
  record.timestamp_ms =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(batch.base_timestamp_ms()) +
                                static_cast<std::uint64_t>(reader.varlong()));
  if (batch.is_log_append_time()) record.timestamp_ms = batch.max_timestamp_ms();
  reader.set_field("offsetDelta");
  const std::int32_t offset_delta = reader.varint();
  if (offset_delta < index || offset_delta > batch.last_offset_delta()) {
    reader.fail(ErrorCode::kCorrupt, "offset delta outside of the batch");
  }
  record.offset = batch.base_offset() + offset_delta;
  reader.set_field("key");
  record.key = read_nullable(reader);
  reader.set_field("value");
  record.value = read_nullable(reader);

  reader.set_field("headerCount");
  record.header_count = reader.varint();
  if (record.header_count < 0 || static_cast<std::size_t>(record.header_count) > reader.remaining()) {
    reader.fail(ErrorCode::kCorrupt, "more headers than bytes");
  }
}

template <typename Output>
void write_nullable(Output& output, const std::optional<ByteView>& bytes) {
  output.varint(bytes.has_value() ? static_cast<std::int32_t>(bytes->size()) : -1);
  if (bytes.has_value()) output.raw(*bytes);
}

template <typename Output>
void write_body(Output& output, const NewRecord& record, std::int64_t timestamp_delta_ms,
                std::int32_t offset_delta) {
  output.integer(std::int8_t{0});  // attributes: unused in this format
  output.varlong(timestamp_delta_ms);
  output.varint(offset_delta);
  write_nullable(output, record.key);
  write_nullable(output, record.value);
  output.varint(static_cast<std::int32_t>(record.headers.size()));
  for (const RecordHeaderView& header : record.headers) {
    write_nullable(output, header.key);
    write_nullable(output, header.value);
  }
}

}  // namespace

std::vector<RecordHeaderView> RecordView::headers() const {
  std::vector<RecordHeaderView> headers;
  headers.reserve(static_cast<std::size_t>(header_count));
  Reader reader(raw_headers);
  for (std::int32_t index = 0; index < header_count; ++index) headers.push_back(read_header(reader));
  PENSTOCK_ASSERT(reader.ok(), "headers were checked when the record was read");
  return headers;
}

RecordReader::RecordReader(const RecordBatchView& batch, ByteView plain_records)
    : batch_(batch), records_(plain_records), reader_(plain_records) {}

RecordReader::RecordReader(const RecordBatchView& batch) : RecordReader(batch, batch.records()) {
  if (batch.compression() != Compression::kNone) {
    reader_.set_field("records");
    reader_.fail(ErrorCode::kNotSupported,
                 fmt::format("compressed with {}", to_string(batch.compression())));
  }
}

Result<std::optional<RecordView>> RecordReader::next() {
  if (reader_.ok() && index_ >= batch_.record_count()) {
    reader_.set_field("end of records");
    reader_.expect_end();
    if (reader_.ok()) return std::nullopt;
  }
  RecordView record;
  reader_.set_field("length");
  const std::int32_t length = reader_.varint();
  if (length < 0) reader_.fail(ErrorCode::kCorrupt, "negative length");
  const std::size_t outer_end = reader_.enter(static_cast<std::size_t>(std::max(length, 0)));
  read_body(reader_, batch_, index_, record);
  const std::size_t headers_at = reader_.position();
  for (std::int32_t header = 0; header < record.header_count && reader_.ok(); ++header) {
    read_header(reader_);
  }
  record.raw_headers = records_.subspan(headers_at, reader_.position() - headers_at);
  reader_.leave(outer_end);

  if (!reader_.ok()) return Unexpected(reader_.error().context(fmt::format("record {}", index_)));
  ++index_;
  return record;
}

RecordBatchBuilder::RecordBatchBuilder(const BatchOptions& options) : options_(options) {}

void RecordBatchBuilder::add(const NewRecord& record) {
  if (record_count_ == 0) base_timestamp_ms_ = max_timestamp_ms_ = record.timestamp_ms;
  max_timestamp_ms_ = std::max(max_timestamp_ms_, record.timestamp_ms);
  const std::int64_t timestamp_delta_ms = record.timestamp_ms - base_timestamp_ms_;
  SizeCounter size;
  write_body(size, record, timestamp_delta_ms, record_count_);
  records_.varint(static_cast<std::int32_t>(size.size()));
  write_body(records_, record, timestamp_delta_ms, record_count_);
  ++record_count_;
}

std::vector<std::byte> RecordBatchBuilder::build() && {
  PENSTOCK_ASSERT(record_count_ > 0, "a batch has at least one record");
  constexpr std::int16_t kTransactional = 0x10;
  std::vector<std::byte> records = std::move(records_).take_bytes();
  Compression compression = options_.compression;
  if (compression != Compression::kNone) {
    std::vector<std::byte> packed = compress(compression, records);
    if (packed.size() < records.size()) {
      records = std::move(packed);
    } else {
      compression = Compression::kNone;
    }
  }
  const auto attributes = static_cast<std::int16_t>((options_.transactional ? kTransactional : 0) |
                                                    static_cast<int>(compression));
  const std::size_t length = kBatchHeaderBytes - batch_layout::kUncounted + records.size();

  Writer writer;
  writer.reserve(kBatchHeaderBytes + records.size());
  writer.integer(std::int64_t{0});  // base offset: the broker's
  writer.integer(static_cast<std::int32_t>(length));
  writer.integer(std::int32_t{0});  // leader epoch: the broker's
  writer.integer(kBatchMagic);
  writer.integer(std::uint32_t{0});  // the checksum, below
  writer.integer(attributes);
  writer.integer(record_count_ - 1);
  writer.integer(base_timestamp_ms_);
  writer.integer(max_timestamp_ms_);
  writer.integer(options_.producer_id);
  writer.integer(options_.producer_epoch);
  writer.integer(options_.base_sequence);
  writer.integer(record_count_);
  writer.raw(records);

  std::vector<std::byte> batch = std::move(writer).take_bytes();
  const std::uint32_t crc = crc32c(ByteView(batch).subspan(batch_layout::kAttributes));
  store_be<std::uint32_t>(batch, batch_layout::kCrc, crc);
  return batch;
}

}  // namespace penstock::kafka
