#include "group/records.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "group/consumer_records.h"

namespace penstock::group {
namespace {

TEST(GroupRecords, AreReadAsTheyWereWritten) {
  GroupRecord group{.generation = 7,
                    .protocol_type = "consumer",
                    .protocol = "range",
                    .leader = "a",
                    .changed_ms = 1'700'000'000'000};
  MemberRecord member;
  member.member_id = "a";
  member.instance_id = "one";
  member.client_host = "/127.0.0.1";
  member.session_timeout_ms = 45'000;
  member.protocols = {{"range", {std::byte{1}, std::byte{2}}}};
  member.assignment = {std::byte{3}};
  group.members = {member};
  EXPECT_EQ(*decode_group(encode(group)), group);

  const OffsetRecord offset{
      .offset = Offset{5}, .leader_epoch = 2, .metadata = "note", .committed_ms = 1'700'000'000'000};
  EXPECT_EQ(*decode_offset(encode(offset)), offset);
}

TEST(GroupRecords, EveryTruncationAndANewerVersionIsRefused) {
  const std::string whole = encode(OffsetRecord{.metadata = "note"});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_offset(whole.substr(0, size))) << size;
  EXPECT_FALSE(decode_offset(whole + "x"));
  std::string newer = whole;
  newer[1] = 1;
  const auto decoded = decode_offset(newer);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), ErrorCode::kNotSupported);
}

// Arrays take more memory than their bytes, and decoding has a limit of it.
TEST(GroupRecords, TheLargestGroupThatIsServedIsReadAgain) {
  constexpr std::size_t kMostMembers = 10'000;
  constexpr std::size_t kMostProtocols = 64;
  GroupRecord group;
  group.members.resize(kMostMembers);
  for (MemberRecord& member : group.members) member.protocols.resize(kMostProtocols);
  const auto decoded = decode_group(encode(group));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(decoded->members.size(), kMostMembers);
}

RC_GTEST_PROP(GroupRecords, KeysAreReadAsTheyWereWrittenAndNoGroupsKeysBeginAsAnothers,
              (const std::string& group, const std::string& other, const std::string& topic,
               std::int32_t partition)) {
  const OffsetKey key{group, {topic, partition}};
  RC_ASSERT(*decode_offset_key(offset_key(group, key.partition)) == key);
  RC_ASSERT(*decode_group_key(group_key(group)) == group);
  RC_ASSERT(offset_key(group, key.partition).starts_with(offset_prefix(other)) == (group == other));
}

TEST(GroupRecords, ThoseOfTheNewProtocolAreReadAsTheyWereWritten) {
  const ConsumerGroupRecord group{
      .epoch = 7, .assignment_epoch = 6, .changed_ms = 1'700'000'000'000, .topics_digest = -5};
  EXPECT_EQ(*decode_consumer_group(encode(group)), group);
  ConsumerMemberRecord member;
  member.instance_id = "one";
  member.client_host = "/127.0.0.1";
  member.topic_names = {"orders"};
  member.assignor = "range";
  member.epoch = 6;
  member.previous_epoch = 5;
  member.target = {{kafka::Uuid{{std::byte{1}}}, {0, 2}}};
  member.revoking = {{kafka::Uuid{{std::byte{1}}}, {1}}};
  EXPECT_EQ(*decode_consumer_member(encode(member)), member);
  EXPECT_EQ(to_records(from_records(member.target)), member.target);
  EXPECT_EQ(*decode_consumer_group_key(consumer_group_key("g")), "g");
  const ConsumerMemberKey key{"g", "m"};
  EXPECT_EQ(*decode_consumer_member_key(consumer_member_key("g", "m")), key);
  EXPECT_TRUE(consumer_member_key("g", "m").starts_with(consumer_member_prefix("g")));
}

TEST(GroupRecords, WhatIsNoKeyIsRefused) {
  EXPECT_FALSE(decode_consumer_group_key(group_key("a")));
  EXPECT_FALSE(decode_consumer_member_key(consumer_member_prefix("a")));
  EXPECT_FALSE(decode_group_key(""));
  EXPECT_FALSE(decode_group_key("x"));
  EXPECT_FALSE(decode_group_key(group_key("a") + "b"));
  EXPECT_FALSE(decode_offset_key(group_key("a")));
  EXPECT_FALSE(decode_offset_key(offset_prefix("a")));
}

}  // namespace
}  // namespace penstock::group
