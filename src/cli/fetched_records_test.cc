#include "cli/fetched_records.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::cli {
namespace {

using kafka::Compression;
using Bytes = std::vector<std::byte>;
using Texts = std::vector<std::string>;

struct LogBatchOptions {
  Compression compression = Compression::kNone;
  std::int64_t transaction_of = -1;  // a producer id
};

// What a log is made of, as a broker would answer it.
class Log {
 public:
  Log& batch(const Texts& values, const LogBatchOptions& options = {}) {
    const bool is_transactional = options.transaction_of >= 0;
    kafka::RecordBatchBuilder builder({.producer_id = options.transaction_of,
                                       .transactional = is_transactional,
                                       .compression = options.compression});
    for (const std::string& value : values) builder.add({.timestamp_ms = 1, .value = as_bytes(value)});
    return add(std::move(builder).build());
  }
  Log& marker(std::int64_t producer, bool commits) {
    constexpr std::int16_t kControl = 0x30;
    const Bytes key = {std::byte{0}, std::byte{0}, std::byte{0}, static_cast<std::byte>(commits)};
    kafka::RecordBatchBuilder builder({.producer_id = producer, .transactional = true});
    builder.add({.timestamp_ms = 1, .key = key, .value = as_bytes("\0\0\0\0\0\0")});
    Bytes bytes = std::move(builder).build();
    store_be<std::int16_t>(bytes, batch_layout::kAttributes, kControl);
    return add(std::move(bytes));
  }
  Log& aborted(std::int64_t producer, std::int64_t first_offset) {
    aborted_.push_back({.producer_id = producer, .first_offset = Offset{first_offset}});
    return *this;
  }
  Log& add(Bytes bytes) {
    store_be<std::int64_t>(bytes, batch_layout::kBaseOffset, next_offset_);
    const auto batch = kafka::RecordBatchView::parse(bytes).value();
    store_be<std::uint32_t>(bytes, batch_layout::kCrc, batch.computed_crc());
    next_offset_ = batch.next_offset().value;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }

  Bytes& bytes() { return bytes_; }
  kafka::FetchResponse::Partition answer() const {
    return {.aborted_transactions = aborted_, .records = kafka::Records::borrow(bytes_)};
  }

 private:
  std::int64_t next_offset_ = 0;
  Bytes bytes_;
  std::vector<kafka::FetchResponse::AbortedTransaction> aborted_;
};

struct Read {
  Texts values;  // "offset:value"
  Offset position;
  std::optional<Error> error;
};

Read read(const Log& log, std::int64_t from = 0, Isolation isolation = Isolation::kReadCommitted) {
  const auto answer = log.answer();
  FetchedRecords records(answer, Offset{from}, isolation);
  Read read;
  while (true) {
    const auto record = records.next();
    if (!record) read.error = record.error();
    if (!record || !*record) break;
    read.values.push_back(fmt::format("{}:{}", (*record)->offset, as_text((*record)->value.value())));
  }
  read.position = records.position();
  return read;
}

TEST(FetchedRecords, GivesTheRecordsOfEveryBatch) {
  Log log;
  log.batch({"a", "b"}).batch({"c"});
  EXPECT_EQ(read(log).values, (Texts{"0:a", "1:b", "2:c"}));
  EXPECT_EQ(read(log).position, Offset{3});
  EXPECT_EQ(read(Log()).values, Texts{});
  EXPECT_EQ(read(Log(), 5).position, Offset{5});
}

TEST(FetchedRecords, WhatIsInFrontOfTheOffsetThatWasAskedForIsPassedOver) {
  Log log;
  log.batch({"a"}).batch({"b", "c", "d"});
  EXPECT_EQ(read(log, 2).values, (Texts{"2:c", "3:d"}));
  EXPECT_EQ(read(log, 4).values, Texts{});
  EXPECT_EQ(read(log, 4).position, Offset{4});
}

TEST(FetchedRecords, UnpacksEveryCodec) {
  for (const auto codec :
       {Compression::kGzip, Compression::kSnappy, Compression::kLz4, Compression::kZstd}) {
    Log log;
    const std::string value(100, 'x');
    log.batch({value, value}, {.compression = codec}).batch({"plain"});
    EXPECT_EQ(read(log, 1).values, (Texts{"1:" + value, "2:plain"})) << kafka::to_string(codec);
  }
}

TEST(FetchedRecords, APieceOfABatchAtTheEndIsLeftForTheNextFetch) {
  Log log;
  log.batch({"a"}).batch({"b"});
  for (std::size_t cut = 1; cut < 60; ++cut) {
    log.bytes().pop_back();
    EXPECT_EQ(read(log).values, (Texts{"0:a"})) << cut;
    EXPECT_EQ(read(log).position, Offset{1}) << cut;
    EXPECT_FALSE(read(log).error) << cut;
  }
}

TEST(FetchedRecords, ADamagedBatchIsNamedByItsOffsetsAndWhatIsInFrontIsGiven) {
  Log log;
  log.batch({"a"}).batch({"b", "c"}).batch({"d"});
  const std::size_t size_of_last = Log().batch({"d"}).bytes().size();
  log.bytes()[log.bytes().size() - size_of_last - 1] ^= std::byte{1};
  const Read damaged = read(log);
  EXPECT_EQ(damaged.values, (Texts{"0:a"}));
  EXPECT_EQ(damaged.position, Offset{1});
  ASSERT_TRUE(damaged.error);
  EXPECT_EQ(damaged.error->code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(damaged.error->message().contains("offsets 1 to 2")) << damaged.error->message();
  EXPECT_EQ(read(log, 3).values, (Texts{"3:d"}));
}

TEST(FetchedRecords, WhatCannotBeUnpackedUnderARightChecksumIsNamedToo) {
  Log log;
  Log packed;
  packed.batch({std::string(100, 'x')}, {.compression = Compression::kZstd});
  for (std::size_t i = batch_layout::kRecords; i < packed.bytes().size(); ++i)
    packed.bytes()[i] = std::byte{7};
  log.batch({"a"}).add(packed.bytes());
  const Read damaged = read(log);
  EXPECT_EQ(damaged.values, (Texts{"0:a"}));
  ASSERT_TRUE(damaged.error);
  EXPECT_TRUE(damaged.error->message().contains("zstd")) << damaged.error->message();
  EXPECT_TRUE(damaged.error->message().contains("offsets 1 to 1")) << damaged.error->message();
}

TEST(FetchedRecords, ControlBatchesAreNeverShown) {
  Log log;
  log.batch({"a"}, {.transaction_of = 9}).marker(9, true).batch({"b"});
  for (const auto isolation : {Isolation::kReadCommitted, Isolation::kReadUncommitted}) {
    EXPECT_EQ(read(log, 0, isolation).values, (Texts{"0:a", "2:b"}));
    EXPECT_EQ(read(log, 0, isolation).position, Offset{3});
  }
  Log only_marker;
  only_marker.marker(9, true);
  EXPECT_EQ(read(only_marker).position, Offset{1});
}

// Two producers take turns; one of 7's transactions is aborted, its next one is not.
TEST(FetchedRecords, AbortedTransactionsAreHiddenFromTheirFirstOffsetToTheirMarker) {
  Log log;
  log.batch({"plain"})                              // 0
      .batch({"7 aborted"}, {.transaction_of = 7})  // 1
      .batch({"8 kept"}, {.transaction_of = 8})     // 2
      .batch({"7 too"}, {.transaction_of = 7})      // 3
      .marker(7, false)                             // 4
      .batch({"7 again"}, {.transaction_of = 7})    // 5
      .marker(8, true)                              // 6
      .marker(7, true)                              // 7
      .aborted(7, 1);
  EXPECT_EQ(read(log).values, (Texts{"0:plain", "2:8 kept", "5:7 again"}));
  EXPECT_EQ(read(log, 0, Isolation::kReadUncommitted).values,
            (Texts{"0:plain", "1:7 aborted", "2:8 kept", "3:7 too", "5:7 again"}));
  EXPECT_EQ(read(log).position, Offset{8});
}

TEST(FetchedRecords, ATransactionThatWasAbortedTwiceIsHiddenTwice) {
  Log log;
  log.batch({"x"}, {.transaction_of = 7})
      .marker(7, false)
      .batch({"kept"}, {.transaction_of = 7})
      .marker(7, true)
      .batch({"y"}, {.transaction_of = 7})
      .marker(7, false)
      .aborted(7, 4)  // in any order
      .aborted(7, 0);
  EXPECT_EQ(read(log).values, (Texts{"2:kept"}));
  EXPECT_EQ(read(log, 3).values, Texts{});
}

}  // namespace
}  // namespace penstock::cli
