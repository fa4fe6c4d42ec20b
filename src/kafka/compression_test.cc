#include "kafka/compression.h"

#include <gtest/gtest.h>

#include <rapidcheck.h>

#include <string>

#include "base/random.h"
#include "kafka/record.h"

namespace penstock::kafka {
namespace {

constexpr std::array kCodecs = {Compression::kGzip, Compression::kSnappy, Compression::kLz4,
                                Compression::kZstd};

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string text_of(const Result<std::vector<std::byte>>& bytes) {
  return bytes ? std::string(as_text(*bytes)) : bytes.error().message();
}

// `text` as Python's gzip, snappy, lz4.frame and zstandard compress it.
struct Foreign {
  Compression codec;
  std::string_view hex;
};
constexpr std::string_view kForeignText = "water ";
constexpr int kForeignTimes = 20;
constexpr std::array kForeign = {
    Foreign{Compression::kGzip, "1f8b08000000000002032b4f2c492d5228a73b09009fc8664178000000"},
    Foreign{Compression::kSnappy, "7814776174657220fe0600c60600"},
    Foreign{Compression::kSnappy,
            "82534e415050590000000001000000010000000e7814776174657220fe0600c60600"},
    Foreign{Compression::kLz4,
            "04224d186840780000000000000081100000006f77617465722006005a50617465722000000000"},
    Foreign{Compression::kZstd, "28b52ffd20786d00003077617465722001002f692902"},
};

TEST(Compression, ReadsWhatOtherLibrariesWrite) {
  for (const Foreign& foreign : kForeign) {
    EXPECT_EQ(text_of(decompress(foreign.codec, from_hex(foreign.hex))),
              repeated(kForeignText, kForeignTimes))
        << to_string(foreign.codec);
  }
}

TEST(Compression, EveryCodecGivesBackWhatItTook) {
  rc::check([] {
    const auto codec = static_cast<Compression>(*rc::gen::inRange(0, 5));
    const auto plain =
        *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
    const ByteView bytes = std::as_bytes(std::span(plain));
    const auto back = decompress(codec, compress(codec, bytes));
    RC_ASSERT(back.has_value());
    RC_ASSERT(std::ranges::equal(*back, bytes));
  });
}

TEST(Compression, LargeInputGoesThroughInPieces) {
  Random random(1);
  std::vector<std::byte> plain(5 * kMiB + 17);
  for (std::byte& byte : plain) byte = static_cast<std::byte>(random.below(7));
  for (const Compression codec : kCodecs) {
    const auto packed = compress(codec, plain);
    EXPECT_LT(packed.size(), plain.size()) << to_string(codec);
    EXPECT_EQ(decompress(codec, packed), plain) << to_string(codec);
  }
}

TEST(Compression, SeveralMembersOrFramesAreOneBatch) {
  for (const Compression codec : {Compression::kGzip, Compression::kLz4, Compression::kZstd}) {
    std::vector<std::byte> packed = compress(codec, as_bytes("one "));
    const auto second = compress(codec, as_bytes("two"));
    packed.insert(packed.end(), second.begin(), second.end());
    EXPECT_EQ(text_of(decompress(codec, packed)), "one two") << to_string(codec);
  }
}

// Kafka's Java client refuses frames with dependent blocks.
TEST(Compression, Lz4BlocksAreIndependent) {
  const auto packed = compress(Compression::kLz4, as_bytes(repeated("water ", 100'000)));
  constexpr std::size_t kFlagsAt = 4;
  constexpr unsigned kBlockIndependence = 0x20;
  EXPECT_NE(std::to_integer<unsigned>(packed[kFlagsAt]) & kBlockIndependence, 0U);
}

TEST(Compression, WhatIsCutShortIsCorrupt) {
  for (const Compression codec : kCodecs) {
    const auto packed = compress(codec, as_bytes(repeated("water ", 100)));
    for (std::size_t size = 0; size < packed.size(); ++size) {
      // Snappy in blocks may end behind its header: a batch without records.
      const auto unpacked = decompress(codec, ByteView(packed).first(size));
      if (unpacked) {
        EXPECT_EQ(codec, Compression::kSnappy);
        EXPECT_TRUE(unpacked->empty());
      } else {
        EXPECT_EQ(unpacked.error().code(), ErrorCode::kCorrupt) << unpacked.error().message();
      }
    }
  }
}

TEST(Compression, NonsenseIsCorrupt) {
  for (const Compression codec : kCodecs) {
    const auto unpacked = decompress(codec, as_bytes("this was never compressed by anybody"));
    ASSERT_FALSE(unpacked) << to_string(codec);
    EXPECT_EQ(unpacked.error().code(), ErrorCode::kCorrupt);
    EXPECT_TRUE(unpacked.error().message().contains(to_string(codec))) << unpacked.error().message();
  }
}

TEST(Compression, ACodecThatDoesNotExistIsNotSupported) {
  const auto unpacked = decompress(static_cast<Compression>(5), as_bytes("x"));
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().code(), ErrorCode::kNotSupported);
}

TEST(Compression, NothingUnpacksToMoreThanTheLimit) {
  const std::string plain(3 * kMiB, 'x');
  for (const Compression codec : kCodecs) {
    const auto packed = compress(codec, as_bytes(plain));
    EXPECT_EQ(decompress(codec, packed, plain.size()).value().size(), plain.size());
    const auto unpacked = decompress(codec, packed, plain.size() - 1);
    ASSERT_FALSE(unpacked) << to_string(codec);
    EXPECT_EQ(unpacked.error().code(), ErrorCode::kTooLarge) << to_string(codec);
  }
}

// A raw snappy block says its size in front; here 4 GiB less one byte.
TEST(Compression, ASizeThatIsOnlyClaimedTakesNoMemory) {
  const auto claim = from_hex("ffffffff0f00");
  const auto unpacked = decompress(Compression::kSnappy, claim);
  ASSERT_FALSE(unpacked);
}

TEST(Compression, CodecsAreParsedByName) {
  EXPECT_EQ(parse_compression("none"), Compression::kNone);
  EXPECT_EQ(parse_compression("zstd"), Compression::kZstd);
  const auto unknown = parse_compression("brotli");
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().message().contains("gzip")) << unknown.error().message();
}

// ---- batches

std::vector<std::byte> batch_of(int records, Compression compression, std::string_view value) {
  RecordBatchBuilder builder({.compression = compression});
  for (int i = 0; i < records; ++i) builder.add({.timestamp_ms = 1000 + i, .value = as_bytes(value)});
  return std::move(builder).build();
}

TEST(CompressedBatch, IsReadRecordByRecord) {
  for (const Compression codec : kCodecs) {
    const auto bytes = batch_of(100, codec, "the same again and again");
    const auto batch = RecordBatchView::parse(bytes).value();
    EXPECT_EQ(batch.compression(), codec);
    EXPECT_TRUE(batch.crc_matches());
    EXPECT_EQ(batch.record_count(), 100);
    const auto plain = decompress(codec, batch.records()).value();
    RecordReader reader(batch, plain);
    for (int i = 0; i < 100; ++i) {
      const auto record = reader.next().value();
      ASSERT_TRUE(record);
      EXPECT_EQ(record->offset, Offset{i});
      EXPECT_EQ(record->timestamp_ms, 1000 + i);
      EXPECT_EQ(as_text(record->value.value()), "the same again and again");
      EXPECT_TRUE(record->headers().empty());
    }
    EXPECT_FALSE(reader.next().value());
  }
}

TEST(CompressedBatch, StaysPlainWhereCompressionWouldMakeItLarger) {
  for (const Compression codec : kCodecs) {
    const auto bytes = batch_of(1, codec, "x");
    EXPECT_EQ(RecordBatchView::parse(bytes).value().compression(), Compression::kNone);
    EXPECT_EQ(bytes, batch_of(1, Compression::kNone, "x"));
  }
}

TEST(CompressedBatch, TheBuilderKnowsItsSizeBeforeCompression) {
  RecordBatchBuilder builder;
  EXPECT_EQ(builder.size(), kBatchHeaderBytes);
  builder.add({.value = as_bytes("hello")});
  const std::size_t size_bytes = builder.size();
  EXPECT_EQ(std::move(builder).build().size(), size_bytes);
}

}  // namespace
}  // namespace penstock::kafka
