// docs/format.md, "The catalog", says what the code does: its examples are read from the document,
// parsed by the real code, and made again by it, byte for byte.

#include <gtest/gtest.h>

#include "base/testing/doc_example.h"
#include "group/consumer_records.h"
#include "group/records.h"

namespace penstock::group {
namespace {

TEST(CatalogFormat, TheDocumentsGroupIsReadAndMadeAgain) {
  EXPECT_EQ(*decode_group_key(doc_example("group-key")), "billing");
  EXPECT_EQ(group_key("billing"), doc_example("group-key"));
  const auto group = decode_group(doc_example("group"));
  ASSERT_TRUE(group);
  EXPECT_EQ(group->generation, 3);
  EXPECT_EQ(group->protocol, "range");
  ASSERT_EQ(group->members.size(), 1U);
  EXPECT_EQ(group->members[0].member_id, group->leader);
  EXPECT_EQ(group->members[0].session_timeout_ms, 10'000);
  EXPECT_EQ(encode(*group), doc_example("group"));
}

TEST(CatalogFormat, TheDocumentsOffsetIsReadAndMadeAgain) {
  const OffsetKey key{"billing", {"orders", 2}};
  EXPECT_EQ(*decode_offset_key(doc_example("offset-key")), key);
  EXPECT_EQ(offset_key(key.group, key.partition), doc_example("offset-key"));
  const auto offset = decode_offset(doc_example("offset"));
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->offset, Offset{42});
  EXPECT_EQ(offset->metadata, "note");
  EXPECT_EQ(encode(*offset), doc_example("offset"));
}

TEST(CatalogFormat, TheDocumentsGroupOfTheNewProtocolIsReadAndMadeAgain) {
  EXPECT_EQ(*decode_consumer_group_key(doc_example("consumer-group-key")), "billing");
  EXPECT_EQ(consumer_group_key("billing"), doc_example("consumer-group-key"));
  const auto group = decode_consumer_group(doc_example("consumer-group"));
  ASSERT_TRUE(group);
  EXPECT_EQ(group->epoch, 3);
  EXPECT_EQ(group->topics_digest, 0x0102030405060708);
  EXPECT_EQ(encode(*group), doc_example("consumer-group"));

  const ConsumerMemberKey key{"billing", "c-1"};
  EXPECT_EQ(*decode_consumer_member_key(doc_example("consumer-member-key")), key);
  EXPECT_EQ(consumer_member_key(key.group, key.member), doc_example("consumer-member-key"));
  const auto member = decode_consumer_member(doc_example("consumer-member"));
  ASSERT_TRUE(member) << member.error().message();
  EXPECT_EQ(member->topic_names, (std::vector<std::string>{"orders"}));
  EXPECT_EQ(member->rebalance_timeout_ms, 60'000);
  EXPECT_EQ(member->previous_epoch, 2);
  EXPECT_EQ(member->target.at(0).partitions, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(member->assigned.at(0).partitions, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(encode(*member), doc_example("consumer-member"));
}

TEST(CatalogFormat, TheDocumentsPendingOffsetsKeyIsReadAndMadeAgain) {
  const PendingOffsetKey key{"billing", 1000, {"orders", 2}};
  EXPECT_EQ(*decode_pending_offset_key(doc_example("pending-offset-key")), key);
  EXPECT_EQ(pending_offset_key(key.group, key.producer_id, key.partition),
            doc_example("pending-offset-key"));
}

}  // namespace
}  // namespace penstock::group
