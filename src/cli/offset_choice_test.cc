#include "cli/offset_choice.h"

#include <gtest/gtest.h>

namespace penstock::cli {
namespace {

using Kind = OffsetChoice::Kind;

std::pair<Kind, std::int64_t> parsed(std::string_view text) {
  const OffsetChoice choice = OffsetChoice::parse(text).value();
  return {choice.kind, choice.number};
}

TEST(OffsetChoice, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parsed("beginning").first, Kind::kBeginning);
  EXPECT_EQ(parsed("end").first, Kind::kEnd);
  EXPECT_EQ(parsed("0"), std::pair(Kind::kOffset, std::int64_t{0}));
  EXPECT_EQ(parsed("17"), std::pair(Kind::kOffset, std::int64_t{17}));
  EXPECT_EQ(parsed("-5"), std::pair(Kind::kLast, std::int64_t{5}));
  EXPECT_EQ(parsed("@1700000000123"), std::pair(Kind::kTime, std::int64_t{1'700'000'000'123}));
}

TEST(OffsetChoice, ReadsTimesInUtc) {
  EXPECT_EQ(parsed("2023-11-14T22:13:20Z"), std::pair(Kind::kTime, std::int64_t{1'700'000'000'000}));
  EXPECT_EQ(parsed("2023-11-14T22:13:20.123Z"),
            std::pair(Kind::kTime, std::int64_t{1'700'000'000'123}));
  EXPECT_EQ(parsed("2023-11-14T22:13Z"), std::pair(Kind::kTime, std::int64_t{1'699'999'980'000}));
  EXPECT_EQ(parsed("1970-01-02"), std::pair(Kind::kTime, std::int64_t{86'400'000}));
  EXPECT_EQ(parsed("2024-02-29").first, Kind::kTime);
}

TEST(OffsetChoice, TheFarthestLastIsNoOverflow) {
  EXPECT_EQ(parsed("-9223372036854775808").first, Kind::kLast);
  EXPECT_GT(parsed("-9223372036854775808").second, 0);
}

TEST(OffsetChoice, RefusesEverythingElse) {
  for (const std::string_view wrong :
       {"", "start", "1x", "@", "@-1", "@x", "2023-02-29", "2023-13-01", "2023-11-14T25:00Z",
        "2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-11-14T22:13:20.1Z", "+023-11-14",
        "1969-01-01", "99999999999999999999"}) {
    const auto refused = OffsetChoice::parse(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_TRUE(refused.error().message().contains("beginning")) << refused.error().message();
  }
}

}  // namespace
}  // namespace penstock::cli
