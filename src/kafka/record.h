// Records inside a batch: reading them one by one, and building a batch of them.
//
// The broker stores batches without opening them; this is for its checks on what producers send, and
// for clients, tools, tests and benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"
#include "kafka/reader.h"
#include "kafka/record_batch.h"
#include "kafka/writer.h"

namespace penstock::kafka {

struct RecordHeaderView {
  ByteView key{};
  std::optional<ByteView> value{};
};

// A record, as views into its batch.
struct RecordView {
  Offset offset{};
  std::int64_t timestamp_ms = 0;
  std::optional<ByteView> key{};
  std::optional<ByteView> value{};

  std::int32_t header_count = 0;
  ByteView raw_headers{};  // checked when the record was read
  std::vector<RecordHeaderView> headers() const;
};

// Walks the records of a batch. Never reads more than the batch's record count says, and takes time and
// memory in proportion to the bytes that are there.
class RecordReader {
 public:
  // Of an uncompressed batch.
  explicit RecordReader(const RecordBatchView& batch);
  // Of a batch of which the records were decompressed (compression.h) to `plain_records`, which must
  // outlive this.
  RecordReader(const RecordBatchView& batch, ByteView plain_records);

  // The next record; nullopt after the last.
  // Errors: kNotSupported (the batch is compressed), kCorrupt (malformed; bytes left over after the
  // last).
  Result<std::optional<RecordView>> next();

  // How many records were read.
  std::int32_t index() const { return index_; }

 private:
  RecordBatchView batch_;
  ByteView records_;
  Reader reader_;
  std::int32_t index_ = 0;
};

struct NewRecord {
  std::int64_t timestamp_ms = 0;
  std::optional<ByteView> key{};
  std::optional<ByteView> value{};
  std::span<const RecordHeaderView> headers{};
};

struct BatchOptions {
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  bool transactional = false;
  Compression compression = Compression::kNone;
};

// Builds one batch, as a producer sends it: base offset 0, leader epoch 0.
class RecordBatchBuilder {
 public:
  explicit RecordBatchBuilder(const BatchOptions& options = {});

  // Copies the record in.
  void add(const NewRecord& record);

  std::int32_t record_count() const { return record_count_; }
  // Of the batch, before compression.
  std::size_t size() const { return kBatchHeaderBytes + records_.owned_bytes(); }

  // The batch with its checksum; not compressed where that would not make it smaller. At least one
  // record was added.
  std::vector<std::byte> build() &&;

 private:
  BatchOptions options_;
  Writer records_;
  std::int32_t record_count_ = 0;
  std::int64_t base_timestamp_ms_ = 0;
  std::int64_t max_timestamp_ms_ = 0;
};

}  // namespace penstock::kafka
