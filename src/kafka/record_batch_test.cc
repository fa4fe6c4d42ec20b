#include "kafka/record_batch.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/crc32c.h"
#include "kafka/batch_validation.h"
#include "kafka/golden_vectors_for_test.h"
#include "kafka/record.h"

namespace penstock::kafka {
namespace {

constexpr std::int64_t kNoonMs = 1'700'000'000'000;

// One record: key "k", value "hello", header h=null, at kNoonMs.
std::vector<std::byte> small_batch() {
  const RecordHeaderView header{.key = as_bytes("h")};
  RecordBatchBuilder builder;
  builder.add({.timestamp_ms = kNoonMs,
               .key = as_bytes("k"),
               .value = as_bytes("hello"),
               .headers = std::span(&header, 1)});
  return std::move(builder).build();
}

std::vector<std::byte> batch_of(std::int32_t records, const BatchOptions& options = {}) {
  RecordBatchBuilder builder(options);
  for (std::int32_t index = 0; index < records; ++index) {
    const std::string value = fmt::format("value {}", index);
    builder.add({.timestamp_ms = kNoonMs + index, .value = as_bytes(value)});
  }
  return std::move(builder).build();
}

template <std::integral T>
std::vector<std::byte> with(std::vector<std::byte> batch, std::size_t at, T value) {
  store_be<T>(batch, at, value);
  return batch;
}

std::vector<std::byte> with_right_crc(std::vector<std::byte> batch) {
  const std::uint32_t crc = crc32c(ByteView(batch).subspan(batch_layout::kAttributes));
  return with<std::uint32_t>(std::move(batch), batch_layout::kCrc, crc);
}

KafkaError verdict(ByteView records, const ProduceLimits& limits = {}) {
  const auto checked = validate_produced(records, limits);
  return checked.has_value() ? KafkaError::kNone : checked.error().error;
}

// The bytes are those of an independent encoder.
TEST(RecordBatchBuilder, WritesTheBytesThatKafkaDefines) {
  EXPECT_EQ(
      small_batch(),
      bytes_from_hex("00000000000000000000004100000000026c45ee340000000000000000018bcfe568000000018bcfe"
                     "56800ffffffffffffffffffffffffffff000000011e000000026b0a68656c6c6f02026801"));
}

TEST(RecordBatchView, HasEveryFieldOfTheHeader) {
  const auto bytes =
      batch_of(3, {.producer_id = 77, .producer_epoch = 5, .base_sequence = 42, .transactional = true});
  const auto batch = RecordBatchView::parse(bytes).value();
  EXPECT_EQ(batch.size(), bytes.size());
  EXPECT_EQ(batch.base_offset(), Offset{0});
  EXPECT_EQ(batch.last_offset(), Offset{2});
  EXPECT_EQ(batch.next_offset(), Offset{3});
  EXPECT_EQ(batch.leader_epoch(), 0);
  EXPECT_EQ(batch.last_offset_delta(), 2);
  EXPECT_EQ(batch.base_timestamp_ms(), kNoonMs);
  EXPECT_EQ(batch.max_timestamp_ms(), kNoonMs + 2);
  EXPECT_EQ(batch.producer_id(), 77);
  EXPECT_EQ(batch.producer_epoch(), 5);
  EXPECT_EQ(batch.base_sequence(), 42);
  EXPECT_EQ(batch.record_count(), 3);
  EXPECT_EQ(batch.compression(), Compression::kNone);
  EXPECT_TRUE(batch.is_transactional());
  EXPECT_TRUE(batch.is_idempotent());
  EXPECT_FALSE(batch.is_control());
  EXPECT_FALSE(batch.is_log_append_time());
  EXPECT_TRUE(batch.crc_matches());
}

TEST(RecordBatchView, TakesOneBatchAndLeavesTheRest) {
  std::vector<std::byte> bytes = small_batch();
  const std::size_t size = bytes.size();
  bytes.push_back(std::byte{0xFF});
  EXPECT_EQ(RecordBatchView::parse(bytes).value().size(), size);
}

TEST(RecordBatchView, EveryTruncationIsCorrupt) {
  const auto bytes = small_batch();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> prefix(bytes.begin(), bytes.begin() + size);
    EXPECT_EQ(RecordBatchView::parse(prefix).error().code(), ErrorCode::kCorrupt) << size;
  }
}

TEST(RecordBatchView, SizesThatCannotBeAreCorrupt) {
  for (const std::int32_t length : {std::numeric_limits<std::int32_t>::min(), -1, 0, 48,
                                    std::numeric_limits<std::int32_t>::max()}) {
    const auto bytes = with(small_batch(), batch_layout::kBatchLength, length);
    EXPECT_EQ(RecordBatchView::parse(bytes).error().code(), ErrorCode::kCorrupt) << length;
  }
}

TEST(RecordBatchView, AnOffsetThatNoLogCanHaveIsCorrupt) {
  for (const std::int64_t offset : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
    const auto bytes = with(small_batch(), batch_layout::kBaseOffset, offset);
    EXPECT_EQ(RecordBatchView::parse(bytes).error().code(), ErrorCode::kCorrupt);
  }
}

TEST(RecordBatchView, AnOlderFormatIsNotSupported) {
  const auto bytes = with<std::int8_t>(small_batch(), batch_layout::kMagic, 1);
  EXPECT_EQ(RecordBatchView::parse(bytes).error().code(), ErrorCode::kNotSupported);
}

TEST(RecordBatchView, ADamagedByteBehindTheChecksumShows) {
  const auto good = small_batch();
  for (std::size_t at = batch_layout::kCrc; at < good.size(); ++at) {
    auto bytes = good;
    bytes[at] ^= std::byte{1};
    EXPECT_FALSE(RecordBatchView::parse(bytes).value().crc_matches()) << at;
  }
}

TEST(SplitBatches, FindsEveryBatch) {
  std::vector<std::byte> records;
  for (const int count : {1, 2, 3}) {
    const auto batch = batch_of(count);
    records.insert(records.end(), batch.begin(), batch.end());
  }
  const auto batches = split_batches(records).value();
  ASSERT_EQ(batches.size(), 3U);
  EXPECT_EQ(batches[2].record_count(), 3);
  EXPECT_TRUE(split_batches({}).value().empty());
}

TEST(SplitBatches, ATrailingPieceOfABatchIsLeftOut) {
  const auto batch = batch_of(1);
  for (std::size_t cut = 0; cut < batch.size(); ++cut) {
    std::vector<std::byte> records = batch;
    records.insert(records.end(), batch.begin(), batch.begin() + cut);
    EXPECT_EQ(split_batches(records).value().size(), 1U) << cut;
  }
}

TEST(SplitBatches, NonsenseIsCorruptAndEnds) {
  const auto batch = with<std::int32_t>(batch_of(1), batch_layout::kBatchLength, -5);
  EXPECT_EQ(split_batches(batch).error().code(), ErrorCode::kCorrupt);
}

TEST(RecordReader, GivesBackWhatWasBuilt) {
  const RecordHeaderView headers[] = {{.key = as_bytes("trace"), .value = as_bytes("42")},
                                      {.key = as_bytes(""), .value = std::nullopt}};
  RecordBatchBuilder builder;
  builder.add({.timestamp_ms = kNoonMs, .key = as_bytes("key"), .value = as_bytes("value")});
  builder.add({.timestamp_ms = kNoonMs - 5, .key = ByteView(), .headers = headers});
  EXPECT_EQ(builder.record_count(), 2);
  auto bytes = std::move(builder).build();
  store_be<std::int64_t>(bytes, batch_layout::kBaseOffset, 100);
  const auto batch = RecordBatchView::parse(bytes).value();
  EXPECT_EQ(batch.max_timestamp_ms(), kNoonMs);

  RecordReader reader(batch);
  const RecordView first = reader.next().value().value();
  EXPECT_EQ(first.offset, Offset{100});
  EXPECT_EQ(first.timestamp_ms, kNoonMs);
  EXPECT_EQ(as_text(first.key.value()), "key");
  EXPECT_EQ(as_text(first.value.value()), "value");
  EXPECT_TRUE(first.headers().empty());

  const RecordView second = reader.next().value().value();
  EXPECT_EQ(second.offset, Offset{101});
  EXPECT_EQ(second.timestamp_ms, kNoonMs - 5);
  EXPECT_EQ(second.key.value().size(), 0U);
  EXPECT_FALSE(second.value.has_value());
  ASSERT_EQ(second.headers().size(), 2U);
  EXPECT_EQ(as_text(second.headers()[0].key), "trace");
  EXPECT_EQ(as_text(second.headers()[0].value.value()), "42");
  EXPECT_FALSE(second.headers()[1].value.has_value());

  EXPECT_FALSE(reader.next().value().has_value());
  EXPECT_EQ(reader.index(), 2);
}

TEST(RecordReader, ReadsACompactedBatchThatLostRecords) {
  auto bytes = batch_of(3);
  // As compaction leaves it: the last offset stays, records are gone.
  std::size_t first_record_bytes = 1 + static_cast<std::size_t>(bytes[batch_layout::kRecords]) / 2;
  bytes.erase(bytes.begin() + batch_layout::kRecords,
              bytes.begin() + static_cast<std::ptrdiff_t>(batch_layout::kRecords + first_record_bytes));
  store_be<std::int32_t>(bytes, batch_layout::kRecordCount, 2);
  store_be<std::int32_t>(bytes, batch_layout::kBatchLength,
                         static_cast<std::int32_t>(bytes.size() - batch_layout::kUncounted));
  const auto batch = RecordBatchView::parse(bytes).value();
  EXPECT_EQ(batch.next_offset(), Offset{3});
  RecordReader reader(batch);
  EXPECT_EQ(reader.next().value()->offset, Offset{1});
  EXPECT_EQ(reader.next().value()->offset, Offset{2});
  EXPECT_FALSE(reader.next().value().has_value());
}

TEST(RecordReader, CompressedRecordsAreNotSupported) {
  const auto bytes = with<std::int16_t>(small_batch(), batch_layout::kAttributes, 3);
  RecordReader reader(RecordBatchView::parse(bytes).value());
  EXPECT_EQ(reader.next().error().code(), ErrorCode::kNotSupported);
  EXPECT_EQ(reader.next().error().code(), ErrorCode::kNotSupported);
}

TEST(ValidateProduced, AcceptsWhatProducersSend) {
  EXPECT_EQ(verdict(small_batch()), KafkaError::kNone);
  EXPECT_EQ(verdict(batch_of(1000)), KafkaError::kNone);
  EXPECT_EQ(verdict(batch_of(2, {.producer_id = 1, .producer_epoch = 0, .base_sequence = 0})),
            KafkaError::kNone);
  const auto bytes = batch_of(5);
  EXPECT_EQ(validate_produced(bytes)->record_count(), 5);
}

TEST(ValidateProduced, NoRecordsIsInvalid) { EXPECT_EQ(verdict({}), KafkaError::kInvalidRecord); }

TEST(ValidateProduced, ATruncatedBatchIsCorrupt) {
  const auto bytes = small_batch();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const std::vector<std::byte> prefix(bytes.begin(), bytes.begin() + size);
    EXPECT_EQ(verdict(prefix), KafkaError::kCorruptMessage) << size;
  }
}

TEST(ValidateProduced, TwoBatchesAreInvalid) {
  auto bytes = small_batch();
  const auto second = small_batch();
  bytes.insert(bytes.end(), second.begin(), second.end());
  EXPECT_EQ(verdict(bytes), KafkaError::kInvalidRecord);
}

TEST(ValidateProduced, OlderFormatsAreInvalid) {
  for (const std::int8_t magic : std::initializer_list<std::int8_t>{0, 1, 3}) {
    EXPECT_EQ(verdict(with(small_batch(), batch_layout::kMagic, magic)), KafkaError::kInvalidRecord);
  }
}

TEST(ValidateProduced, ZstdNeedsProduceVersion7) {
  const auto bytes = with_right_crc(with<std::int16_t>(small_batch(), batch_layout::kAttributes, 4));
  EXPECT_EQ(verdict(bytes, {.produce_version = 6}), KafkaError::kUnsupportedCompressionType);
  EXPECT_EQ(verdict(bytes, {.produce_version = 7}), KafkaError::kNone);
}

TEST(ValidateProduced, ACompressionThatDoesNotExistIsUnsupported) {
  const auto bytes = with_right_crc(with<std::int16_t>(small_batch(), batch_layout::kAttributes, 5));
  EXPECT_EQ(verdict(bytes), KafkaError::kUnsupportedCompressionType);
}

TEST(ValidateProduced, CompressedRecordsAreNotOpened) {
  auto bytes = with<std::int16_t>(small_batch(), batch_layout::kAttributes, 1);
  bytes.back() = std::byte{0xEE};
  EXPECT_EQ(verdict(with_right_crc(bytes)), KafkaError::kNone);
}

TEST(ValidateProduced, TheBaseOffsetIsTheBrokersToGive) {
  EXPECT_EQ(verdict(with<std::int64_t>(small_batch(), batch_layout::kBaseOffset, 1)),
            KafkaError::kInvalidRecord);
}

TEST(ValidateProduced, ABatchAboveTheLimitIsTooLarge) {
  const auto bytes = small_batch();
  const auto size = static_cast<std::int32_t>(bytes.size());
  EXPECT_EQ(verdict(bytes, {.max_message_bytes = size}), KafkaError::kNone);
  EXPECT_EQ(verdict(bytes, {.max_message_bytes = size - 1}), KafkaError::kMessageTooLarge);
}

TEST(ValidateProduced, AWrongChecksumIsCorrupt) {
  auto bytes = small_batch();
  bytes.back() ^= std::byte{1};
  EXPECT_EQ(verdict(bytes), KafkaError::kCorruptMessage);
}

TEST(ValidateProduced, CountsThatDisagreeAreInvalid) {
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  for (const std::int32_t count : {-1, 0, 2, kMax}) {
    EXPECT_EQ(verdict(with_right_crc(with(small_batch(), batch_layout::kRecordCount, count))),
              KafkaError::kInvalidRecord);
  }
  for (const std::int32_t delta : {-1, 1, kMax}) {
    EXPECT_EQ(verdict(with_right_crc(with(small_batch(), batch_layout::kLastOffsetDelta, delta))),
              KafkaError::kInvalidRecord);
  }
  // They agree with each other, but not with the records.
  auto bytes = with(small_batch(), batch_layout::kRecordCount, 2);
  EXPECT_EQ(verdict(with_right_crc(with(bytes, batch_layout::kLastOffsetDelta, 1))),
            KafkaError::kInvalidRecord);
}

TEST(ValidateProduced, ControlBatchesAreRefused) {
  EXPECT_EQ(verdict(with_right_crc(with<std::int16_t>(small_batch(), batch_layout::kAttributes, 0x20))),
            KafkaError::kInvalidRecord);
}

TEST(ValidateProduced, AProducerIdNeedsASequence) {
  EXPECT_EQ(verdict(batch_of(1, {.producer_id = 7, .producer_epoch = 0})), KafkaError::kInvalidRecord);
}

TEST(ValidateProduced, ARecordOutOfSequenceIsNamed) {
  auto bytes = batch_of(2);
  // The second record's offset delta: after the first record, its own length, attributes, timestamp.
  const std::size_t second = batch_layout::kRecords + 1 + static_cast<std::size_t>(bytes[61]) / 2;
  ASSERT_EQ(bytes[second + 3], std::byte{2});  // zigzag 1
  bytes[second + 3] = std::byte{0};
  const auto checked = validate_produced(with_right_crc(bytes));
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().error, KafkaError::kInvalidRecord);
  EXPECT_EQ(checked.error().record_index, 1);
}

TEST(ValidateProduced, DamagedRecordsUnderARightChecksumAreRefusedOrHarmless) {
  std::mt19937 random(7);
  const auto good = batch_of(20);
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    const std::size_t at =
        batch_layout::kAttributes + random() % (bytes.size() - batch_layout::kAttributes);
    bytes[at] = static_cast<std::byte>(random());
    bytes = with_right_crc(std::move(bytes));
    const auto checked = validate_produced(bytes);
    if (!checked.has_value() || checked->compression() != Compression::kNone) continue;
    RecordReader reader(*checked);
    for (int index = 0; index < 20; ++index) {
      const auto record = reader.next();
      ASSERT_TRUE(record.has_value());
      EXPECT_EQ((*record)->headers().size(), static_cast<std::size_t>((*record)->header_count));
    }
  }
}

}  // namespace
}  // namespace penstock::kafka
