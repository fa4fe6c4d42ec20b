#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <vector>

#include "kafka/golden_vectors_for_test.h"
#include "kafka/reader.h"
#include "kafka/writer.h"

namespace penstock::kafka {
namespace {

std::vector<std::byte> written(auto write) {
  Writer writer;
  write(writer);
  SizeCounter size;
  write(size);
  std::vector<std::byte> bytes = std::move(writer).take_bytes();
  EXPECT_EQ(size.size(), bytes.size());
  return bytes;
}

TEST(Primitives, FixedWidthIntegersAreBigEndian) {
  const auto bytes = written([](auto& out) {
    out.integer(std::int8_t{-2});
    out.integer(std::int16_t{0x0102});
    out.integer(std::int32_t{0x01020304});
    out.integer(std::int64_t{-1});
    out.integer(std::uint32_t{0xE3069283});
    out.boolean(true);
    out.float64(1.5);
  });
  EXPECT_EQ(bytes, bytes_from_hex("fe"
                                  "0102"
                                  "01020304"
                                  "ffffffffffffffff"
                                  "e3069283"
                                  "01"
                                  "3ff8000000000000"));
  Reader reader(bytes);
  EXPECT_EQ(reader.integer<std::int8_t>(), -2);
  EXPECT_EQ(reader.integer<std::int16_t>(), 0x0102);
  EXPECT_EQ(reader.integer<std::int32_t>(), 0x01020304);
  EXPECT_EQ(reader.integer<std::int64_t>(), -1);
  EXPECT_EQ(reader.integer<std::uint32_t>(), 0xE3069283U);
  EXPECT_TRUE(reader.boolean());
  EXPECT_EQ(reader.float64(), 1.5);
  reader.expect_end();
  EXPECT_TRUE(reader.ok());
}

struct Variable {
  std::int64_t value;
  std::string_view hex;
};

TEST(Primitives, UnsignedVarintsPutTheLowestSevenBitsFirst) {
  for (const auto& [value, hex] : {Variable{0, "00"},
                                   {127, "7f"},
                                   {128, "8001"},
                                   {300, "ac02"},
                                   {16383, "ff7f"},
                                   {16384, "808001"},
                                   {0xFFFFFFFF, "ffffffff0f"}}) {
    const auto number = static_cast<std::uint32_t>(value);
    const auto bytes = written([&](auto& out) { out.uvarint(number); });
    EXPECT_EQ(bytes, bytes_from_hex(hex));
    EXPECT_EQ(Reader(bytes).uvarint(), number);
  }
}

TEST(Primitives, SignedVarintsAreZigzag) {
  for (const auto& [value, hex] : {Variable{0, "00"},
                                   {-1, "01"},
                                   {1, "02"},
                                   {-64, "7f"},
                                   {64, "8001"},
                                   {std::numeric_limits<std::int32_t>::max(), "feffffff0f"},
                                   {std::numeric_limits<std::int32_t>::min(), "ffffffff0f"}}) {
    const auto number = static_cast<std::int32_t>(value);
    const auto bytes = written([&](auto& out) { out.varint(number); });
    EXPECT_EQ(bytes, bytes_from_hex(hex)) << value;
    EXPECT_EQ(Reader(bytes).varint(), number);
    // A varlong of the same value is the same bytes.
    EXPECT_EQ(written([&](auto& out) { out.varlong(value); }), bytes);
    EXPECT_EQ(Reader(bytes).varlong(), value);
  }
}

TEST(Primitives, VarlongsReachBothEnds) {
  for (const auto& [value, hex] :
       {Variable{std::numeric_limits<std::int64_t>::max(), "feffffffffffffffff01"},
        {std::numeric_limits<std::int64_t>::min(), "ffffffffffffffffff01"}}) {
    const auto bytes = written([&](auto& out) { out.varlong(value); });
    EXPECT_EQ(bytes, bytes_from_hex(hex));
    EXPECT_EQ(Reader(bytes).varlong(), value);
  }
}

TEST(Primitives, AVarintThatIsTooLongOrTooLargeIsAnError) {
  for (const std::string_view hex : {"ffffffff10", "ffffffffff01", "8080808080808000", "80"}) {
    const auto bytes = bytes_from_hex(hex);
    Reader reader(bytes);
    EXPECT_EQ(reader.uvarint(), 0U);
    EXPECT_FALSE(reader.ok()) << hex;
  }
  for (const std::string_view hex : {"ffffffffffffffffff02", "ffffffffffffffffffff01"}) {
    const auto bytes = bytes_from_hex(hex);
    Reader reader(bytes);
    EXPECT_EQ(reader.varlong(), 0);
    EXPECT_FALSE(reader.ok()) << hex;
  }
}

TEST(Primitives, StringsAndBytesTellNullFromEmptyInBothEncodings) {
  const auto bytes = written([](auto& out) {
    for (const bool compact : {false, true}) {
      out.string("ab", compact);
      out.string("", compact);
      out.string(std::nullopt, compact);
      out.bytes(as_bytes("c"), compact);
      out.bytes(std::nullopt, compact);
      out.array_count(3, compact);
      out.array_count(std::nullopt, compact);
    }
    out.raw(as_bytes("xyz"));  // counts are checked against what is left
  });
  EXPECT_EQ(bytes, bytes_from_hex("00026162"
                                  "0000"
                                  "ffff"
                                  "0000000163"
                                  "ffffffff"
                                  "00000003"
                                  "ffffffff"
                                  "036162"
                                  "01"
                                  "00"
                                  "0263"
                                  "00"
                                  "04"
                                  "00"
                                  "78797a"));
  Reader reader(bytes);
  for (const bool compact : {false, true}) {
    EXPECT_EQ(as_text(reader.string(compact).value()), "ab");
    EXPECT_EQ(as_text(reader.string(compact).value()), "");
    EXPECT_FALSE(reader.string(compact).has_value());
    EXPECT_EQ(as_text(reader.bytes(compact).value()), "c");
    EXPECT_FALSE(reader.bytes(compact).has_value());
    EXPECT_EQ(reader.array_count(compact), 3U);
    EXPECT_FALSE(reader.array_count(compact).has_value());
  }
  EXPECT_TRUE(reader.ok());
}

TEST(Reader, ALengthBeyondTheBytesIsAnErrorBeforeAnythingIsTaken) {
  for (const std::string_view hex : {"7fff61", "fffe", "0002ff"}) {
    const auto bytes = bytes_from_hex(hex);
    Reader reader(bytes);
    EXPECT_FALSE(reader.string(false).has_value());
    EXPECT_FALSE(reader.ok()) << hex;
  }
  for (const std::string_view hex : {"7fffffff00", "00000002ff", "fffffffe"}) {
    const auto bytes = bytes_from_hex(hex);
    Reader reader(bytes);
    EXPECT_FALSE(reader.array_count(false).has_value());
    EXPECT_FALSE(reader.ok()) << hex;
  }
  const auto bytes = bytes_from_hex("ffffffff0f00");
  Reader reader(bytes);
  EXPECT_FALSE(reader.bytes(true).has_value());
  EXPECT_FALSE(reader.ok());
}

TEST(Reader, TheFirstErrorStaysAndNamesTheField) {
  const auto bytes = bytes_from_hex("0001");
  Reader reader(bytes);
  EXPECT_EQ(reader.integer<std::int16_t>(), 1);
  reader.set_field("Topics");
  EXPECT_EQ(reader.integer<std::int32_t>(), 0);
  reader.set_field("Later");
  EXPECT_EQ(reader.uvarint(), 0U);
  EXPECT_TRUE(reader.take(1).empty());
  EXPECT_EQ(reader.uuid(), Uuid());
  reader.fail(ErrorCode::kTooLarge, "not kept");
  EXPECT_EQ(reader.error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(reader.error().message(), "field Topics at byte 2: needs 4 bytes, 0 are left");
}

TEST(Reader, ASectionMustBeUsedUpExactly) {
  const auto bytes = bytes_from_hex("01020304");
  Reader exact(bytes);
  const std::size_t end = exact.enter(2);
  exact.take(2);
  exact.leave(end);
  EXPECT_EQ(exact.remaining(), 2U);
  EXPECT_TRUE(exact.ok());

  Reader partly(bytes);
  const std::size_t outer_end = partly.enter(2);
  partly.take(1);
  partly.leave(outer_end);
  EXPECT_FALSE(partly.ok());

  Reader beyond(bytes);
  beyond.enter(2);
  beyond.take(3);
  EXPECT_FALSE(beyond.ok());
}

TEST(Reader, TaggedFieldsCanBeSkippedUnread) {
  const auto bytes = bytes_from_hex(
      "02"
      "00"
      "01"
      "aa"
      "4e"
      "02"
      "bbcc"
      "dd");
  Reader reader(bytes);
  reader.skip_tagged_fields();
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 1U);
  const auto endless = bytes_from_hex(
      "ffffffff0f"
      "00"
      "00");
  Reader bounded(endless);
  bounded.skip_tagged_fields();
  EXPECT_FALSE(bounded.ok());
}

TEST(Writer, SlicesBecomePiecesOfTheChainWithoutACopy) {
  const SharedSlice first = SharedSlice::copy_of(as_bytes("first"));
  const SharedSlice second = SharedSlice::copy_of(as_bytes("second"));
  Writer writer;
  writer.integer(std::int16_t{7});
  writer.records(Records({first, second}), true);
  writer.integer(std::int8_t{9});
  writer.records(Records(), true);
  const ByteChain chain = std::move(writer).take_chain();
  ASSERT_EQ(chain.pieces().size(), 4U);
  EXPECT_EQ(chain.pieces()[1].data(), first.data());
  EXPECT_EQ(chain.pieces()[2].data(), second.data());
  EXPECT_EQ(chain.size(), 2U + 1 + 5 + 6 + 1 + 1);
  EXPECT_EQ(chain.flatten(), bytes_from_hex("0007"
                                            "0c"
                                            "6669727374"
                                            "7365636f6e64"
                                            "09"
                                            "00"));
}

TEST(Writer, AnEmptyChainHasNoPieces) {
  EXPECT_TRUE(Writer().take_chain().pieces().empty());
  ByteChain chain;
  chain.append(std::vector<std::byte>());
  chain.append(SharedSlice());
  EXPECT_TRUE(chain.pieces().empty());
  EXPECT_EQ(chain.size(), 0U);
}

TEST(Writer, AStringThatItsLengthPrefixCannotSayIsCutAtACharacter) {
  const std::string too_long = std::string(32766, 'x') + "\u00fc and more";
  const auto cut = written([&](auto& out) { out.string(too_long, false); });
  Reader reader(cut);
  EXPECT_EQ(as_text(reader.string(false).value()), std::string(32766, 'x'));
  const auto whole = written([&](auto& out) { out.string(too_long, true); });
  Reader compact(whole);
  EXPECT_EQ(as_text(compact.string(true).value()), too_long);
}

TEST(Records, CompareByContentWhereverTheBytesAre) {
  const Records borrowed = Records::borrow(as_bytes("abcd"));
  const Records shared({SharedSlice::copy_of(as_bytes("ab")), SharedSlice::copy_of(as_bytes("cd"))});
  EXPECT_EQ(borrowed, shared);
  EXPECT_NE(Records::empty(), Records());
  EXPECT_EQ(shared.size(), 4U);
  EXPECT_TRUE(Records().view().empty());
}

}  // namespace
}  // namespace penstock::kafka
