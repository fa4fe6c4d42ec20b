// docs/format.md, "The catalog", says what the code does of topics: its examples are read from the
// document, parsed by the real code, and made again by it, byte for byte.

#include <gtest/gtest.h>

#include "base/testing/doc_example.h"
#include "broker/topic_records.h"

namespace penstock::broker {
namespace {

TEST(TopicFormat, TheDocumentsTopicIsReadAndMadeAgain) {
  const auto topic = decode_topic({doc_example("topic-key"), doc_example("topic")});
  ASSERT_TRUE(topic) << topic.error().message();
  EXPECT_EQ(topic->name, "orders");
  EXPECT_EQ(topic->id.bytes[1], std::byte{0x11});
  EXPECT_EQ(topic->partition_count, 3);
  EXPECT_EQ(topic->leader_epoch, 4);
  EXPECT_EQ(topic->created_ms, 1'700'000'000'000);
  EXPECT_EQ(topic->settings.retention_ms, 86'400'000);
  EXPECT_EQ(topic_key("orders"), doc_example("topic-key"));
  EXPECT_EQ(encode(*topic), doc_example("topic"));
}

TEST(TopicFormat, TheDocumentsDeletedTopicIsReadAndMadeAgain) {
  const auto topic =
      decode_deleted_topic({doc_example("deleted-topic-key"), doc_example("deleted-topic")});
  ASSERT_TRUE(topic) << topic.error().message();
  EXPECT_EQ(topic->name, "orders");
  EXPECT_EQ(topic->deleted_ms, 1'700'000'000'000);
  EXPECT_EQ(deleted_topic_key("orders"), doc_example("deleted-topic-key"));
  EXPECT_EQ(encode(*topic), doc_example("deleted-topic"));
}

}  // namespace
}  // namespace penstock::broker
