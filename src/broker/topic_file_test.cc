#include "broker/topic_file.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::broker {
namespace {

constexpr const char* kText = R"({
  "format": 1,
  "name": "orders",
  "id": "01112131415161718191a1b1c1d1e1f1",
  "partitions": 3,
  "leader_epoch": 5,
  "created_ms": 1700000000123,
  "settings": {"retention.ms": "1000"}
}
)";

TEST(TopicFile, IsReadAsEarlierVersionsWroteIt) {
  const auto topic = decode_topic_file(kText);
  ASSERT_TRUE(topic) << topic.error().message();
  for (std::size_t i = 0; i < topic->id.bytes.size(); ++i)
    EXPECT_EQ(topic->id.bytes[i], static_cast<std::byte>(16 * i + 1));
  EXPECT_EQ(topic->name, "orders");
  EXPECT_EQ(topic->partition_count, 3);
  EXPECT_EQ(topic->leader_epoch, 5);
  EXPECT_EQ(topic->created_ms, 1'700'000'000'123);
  EXPECT_EQ(topic->settings.retention_ms, 1000);
}

TEST(TopicFile, WhatIsNotOneIsRefused) {
  const auto refused = [](const std::string& what, const std::string& with) {
    std::string text = kText;
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), with);
    const auto decoded = decode_topic_file(text);
    return decoded ? "taken" : std::string(to_string(decoded.error().code()));
  };
  const std::string corrupt(to_string(ErrorCode::kCorrupt));
  EXPECT_EQ(refused("\"format\": 1", "\"format\": 2"), to_string(ErrorCode::kNotSupported));
  EXPECT_EQ(refused("orders", "../orders"), corrupt);
  EXPECT_EQ(refused("orders", ""), corrupt);
  EXPECT_EQ(refused("\"orders\"", "7"), corrupt);
  EXPECT_EQ(refused("0111", "011"), corrupt);
  EXPECT_EQ(refused("0111", "011X"), corrupt);
  EXPECT_EQ(refused("\"partitions\": 3", "\"partitions\": 0"), corrupt);
  EXPECT_EQ(refused("\"partitions\": 3", "\"partitions\": \"3\""), corrupt);
  EXPECT_EQ(refused("\"partitions\": 3,", ""), corrupt);
  EXPECT_EQ(refused("\"1000\"", "1000"), corrupt);
  EXPECT_FALSE(decode_topic_file(""));
  EXPECT_FALSE(decode_topic_file("{"));
  EXPECT_FALSE(decode_topic_file("[]"));
}

}  // namespace
}  // namespace penstock::broker
