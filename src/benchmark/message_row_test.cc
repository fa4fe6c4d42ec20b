#include "benchmark/message_row.h"

#include <gtest/gtest.h>

#include <vector>

#include "benchmark/message_stamp.h"

namespace penstock::benchmark {
namespace {

using Seen = MessageRow::Seen;

std::vector<Seen> see_all(const std::vector<std::uint64_t>& numbers) {
  MessageRow row;
  std::vector<Seen> seen;
  for (const std::uint64_t number : numbers) seen.push_back(row.see(number));
  return seen;
}

TEST(MessageRow, InOrderAllAreNew) {
  EXPECT_EQ(see_all({0, 1, 2}), (std::vector{Seen::kNew, Seen::kNew, Seen::kNew}));
}

TEST(MessageRow, TellsLateFromTwice) {
  EXPECT_EQ(see_all({0, 3, 1, 1, 3, 2, 4}),
            (std::vector{Seen::kNew, Seen::kNew, Seen::kLate, Seen::kAgain, Seen::kAgain, Seen::kLate,
                         Seen::kNew}));
}

TEST(MessageRow, HasABoundOnWhatIsMissing) {
  MessageRow row;
  EXPECT_EQ(row.see(1'000'000'000'000), Seen::kNew);
  EXPECT_EQ(row.see(5), Seen::kLate);
  EXPECT_EQ(row.see(999'999'999'999), Seen::kAgain);
}

TEST(MessageStamp, IsFoundAgainAndNothingElseIs) {
  std::vector<std::byte> message(100);
  put_stamp({.load = 7, .meant_ns = 8, .producer = 9, .partition = 10, .sequence = 11}, message);
  const auto stamp = stamp_of(message.data(), message.size());
  ASSERT_TRUE(stamp.has_value());
  EXPECT_EQ(stamp->load, 7U);
  EXPECT_EQ(stamp->sequence, 11U);
  EXPECT_FALSE(stamp_of(message.data(), kMessageBytesMin - 1).has_value());
  message[0] = std::byte{0};
  EXPECT_FALSE(stamp_of(message.data(), message.size()).has_value());
  EXPECT_FALSE(stamp_of(nullptr, 0).has_value());
}

}  // namespace
}  // namespace penstock::benchmark
