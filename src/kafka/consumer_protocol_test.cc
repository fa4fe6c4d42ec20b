#include "kafka/consumer_protocol.h"

#include <gtest/gtest.h>

namespace penstock::kafka {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

// As python3-kafka's ConsumerProtocolMemberMetadata(0, ["ab"], b"") writes it, but for the user data,
// which is null here.
TEST(ConsumerProtocol, ASubscriptionHasTheBytesThatKafkaDefines) {
  EXPECT_EQ(encode(ConsumerSubscription{.topics = {"ab"}}),
            bytes_of({0, 0, 0, 0, 0, 1, 0, 2, 'a', 'b', 255, 255, 255, 255}));
}

TEST(ConsumerProtocol, AnAssignmentHasTheBytesThatKafkaDefines) {
  EXPECT_EQ(encode(ConsumerAssignment{.topics = {{"ab", {1, 2}}}}),
            bytes_of({0, 0, 0, 0, 0, 1, 0, 2, 'a', 'b', 0,   0,   0,
                      2, 0, 0, 0, 1, 0, 0, 0, 2,   255, 255, 255, 255}));
}

TEST(ConsumerProtocol, WhatWasWrittenIsReadAgain) {
  const ConsumerSubscription subscription{.topics = {"orders", "", "clicks"}};
  EXPECT_EQ(decode_subscription(encode(subscription)), subscription);
  const ConsumerAssignment assignment{.topics = {{"orders", {0, 7}}, {"clicks", {}}}};
  EXPECT_EQ(decode_assignment(encode(assignment)), assignment);
}

// Version 3 goes on with owned partitions, a generation and a rack.
TEST(ConsumerProtocol, FieldsOfLaterVersionsAreLeftAlone) {
  auto subscription = bytes_of({0, 3, 0, 0, 0, 1, 0, 2, 'a', 'b', 0, 0, 0, 1, 9});
  const auto later = bytes_of({0, 0, 0, 0, 0, 0, 0, 5, 255, 255});
  subscription.insert(subscription.end(), later.begin(), later.end());
  EXPECT_EQ(decode_subscription(subscription), (ConsumerSubscription{.topics = {"ab"}}));
}

TEST(ConsumerProtocol, NoBytesAreAnAssignmentOfNothing) {
  EXPECT_EQ(decode_assignment({}), ConsumerAssignment{});
}

TEST(ConsumerProtocol, WhatIsCutShortIsCorrupt) {
  const auto subscription = encode(ConsumerSubscription{.topics = {"orders"}});
  const auto assignment = encode(ConsumerAssignment{.topics = {{"orders", {0, 1}}}});
  for (std::size_t size = 0; size < subscription.size(); ++size)
    EXPECT_FALSE(decode_subscription(ByteView(subscription).first(size))) << size;
  for (std::size_t size = 1; size < assignment.size(); ++size)
    EXPECT_FALSE(decode_assignment(ByteView(assignment).first(size))) << size;
}

TEST(ConsumerProtocol, CountsAboveWhatIsThereAreCorrupt) {
  const auto claim = bytes_of({0, 0, 127, 255, 255, 255, 0, 0});
  const auto subscription = decode_subscription(claim);
  ASSERT_FALSE(subscription);
  EXPECT_EQ(subscription.error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(decode_assignment(claim));
  EXPECT_FALSE(
      decode_subscription(bytes_of({255, 255, 0, 0, 0, 0, 255, 255, 255, 255})));  // version -1
  EXPECT_FALSE(
      decode_subscription(bytes_of({0, 0, 255, 255, 255, 255, 255, 255, 255, 255})));  // null list
}

}  // namespace
}  // namespace penstock::kafka
