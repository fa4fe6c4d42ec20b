// What no message of today has, but the schema language does.

#include "kafka/codec.h"

#include <gtest/gtest.h>

#include "kafka/golden_vectors_for_test.h"

namespace penstock::kafka {
namespace {

struct Sample {
  static constexpr std::string_view kName = "Sample";
  static constexpr Versions kVersions = "0-3";
  static constexpr Versions kFlexible = "2+";

  struct Inner {
    std::int16_t number = 5;

    static void fields(auto& io) { io("Number", &Inner::number, {.versions = "0+"}); }
    bool operator==(const Inner&) const = default;
  };

  double share = 0;
  std::vector<std::byte> token{};
  std::optional<std::vector<std::byte>> data{};
  std::optional<Inner> inner{};
  std::optional<Inner> tagged_inner{};

  static void fields(auto& io) {
    io("Share", &Sample::share, {.versions = "0+"});
    io("Token", &Sample::token, {.versions = "0+"});
    io("Data", &Sample::data, {.versions = "0+", .nullable = "0+"});
    io("Inner", &Sample::inner, {.versions = "0+", .nullable = "1+"});
    io("TaggedInner", &Sample::tagged_inner, {.versions = "3+", .nullable = "3+", .tag = 4});
  }
  bool operator==(const Sample&) const = default;
};

void expect_bytes(const Sample& sample, std::int16_t version, std::string_view hex) {
  const auto bytes = bytes_from_hex(hex);
  EXPECT_EQ(encode(sample, version).flatten(), bytes);
  EXPECT_EQ(encoded_size(sample, version), bytes.size());
  const auto decoded = decode<Sample>(bytes, version);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
  EXPECT_EQ(*decoded, sample);
}

TEST(Codec, BytesHaveTheLongLengthOrTheCompactOne) {
  const Sample sample{.share = 0.5, .token = bytes_from_hex("aabb"), .data = bytes_from_hex("cc")};
  expect_bytes(sample, 1,
               "3fe0000000000000"
               "00000002aabb"
               "00000001cc"
               "ff");
  expect_bytes(sample, 2,
               "3fe0000000000000"
               "03aabb"
               "02cc"
               "ff"
               "00");
}

TEST(Codec, ANullableStructHasAByteInFrontThatSaysWhetherItIsThere) {
  expect_bytes({.inner = Sample::Inner{.number = 7}}, 1,
               "0000000000000000"
               "00000000"
               "ffffffff"
               "01"
               "0007");
  expect_bytes({.inner = Sample::Inner{.number = 7}}, 2,
               "0000000000000000"
               "01"
               "00"
               "01"
               "0007"
               "00"
               "00");
}

TEST(Codec, AStructThatIsNotNullableInThisVersionIsSentWithItsDefaults) {
  EXPECT_EQ(encode(Sample(), 0).flatten(), bytes_from_hex("0000000000000000"
                                                          "00000000"
                                                          "ffffffff"
                                                          "0005"));
}

TEST(Codec, ATaggedFieldIsSentOnlyIfItIsNotTheDefault) {
  expect_bytes({}, 3,
               "0000000000000000"
               "01"
               "00"
               "ff"
               "00");
  expect_bytes({.tagged_inner = Sample::Inner{}}, 3,
               "0000000000000000"
               "01"
               "00"
               "ff"
               "01"
               "04"
               "04"
               "01"
               "0005"
               "00");
}

TEST(Codec, ATaggedFieldMustFillItsSectionExactly) {
  for (const std::string_view section : {"0401000500", "0501000500aa", "0301000500"}) {
    const auto bytes =
        bytes_from_hex(fmt::format("0000000000000000"
                                   "01"
                                   "00"
                                   "ff"
                                   "01"
                                   "04"
                                   "{}",
                                   section));
    const bool exact = section.starts_with("04");
    EXPECT_EQ(decode<Sample>(bytes, 3).has_value(), exact) << section;
  }
}

}  // namespace
}  // namespace penstock::kafka
