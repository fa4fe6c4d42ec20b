#include "broker/topic_settings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "broker/topic_records.h"
#include "broker/topic_table.h"

namespace penstock::broker::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr const char* kLargestNumber = "9223372036854775807";

TEST(TopicSettings, AreReadAsTheyAreWritten) {
  Topic topic;
  topic.name = "orders";
  topic.partition_count = 1;
  topic.id.bytes[0] = std::byte{1};
  const std::vector<std::pair<std::string, std::string>> all = {
      {"commit", "batch"},
      {"tail", "rewrite"},
      {"message.timestamp.type", "LogAppendTime"},
      {"cleanup.policy", "delete"},
      {"compression.type", "producer"},
      {"retention.ms", "86400000"},
      {"retention.bytes", "-1"},
      {"segment.bytes", "1073741824"},
      {"segment.ms", "604800000"},
      {"max.message.bytes", "1048588"},
      {"flush.messages", "500"},
      {"flush.ms", "20"},
      {"persist.bytes", "65536"},
      {"min.insync.replicas", "1"}};
  for (const auto& [name, value] : all) EXPECT_TRUE(topic.settings.set(name, value)) << name;
  EXPECT_EQ(topic.settings.entries(), all);
  const auto again = decode_topic({topic_key(topic.name), encode(topic)});
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->settings, topic.settings);
}

TEST(TopicSettings, WhatIsUnknownOrImpossibleIsNamed) {
  TopicSettings settings;
  const auto unknown = settings.set("segment.jitter.ms", "1");
  EXPECT_EQ(unknown.error().code(), ErrorCode::kNotSupported);
  for (const char* known :
       {"segment.jitter.ms", "commit", "retention.ms", "flush.ms", "persist.bytes"}) {
    EXPECT_NE(unknown.error().message().find(known), std::string::npos) << known;
  }
  const std::vector<std::pair<std::string, std::vector<std::string>>> impossible = {
      {"retention.ms", {"", "x", "-2", "1.5", "12h", "99999999999999999999"}},
      {"flush.messages", {"0", "-1", "all"}},
      {"flush.ms", {"-1", "1s"}},
      {"persist.bytes", {"4095", "67108865", "1MiB"}},
      {"commit", {"", "Sync", "async", "sync "}},
      {"tail", {"", "padded"}},
      {"segment.bytes", {"1048575", "2147483648", "-1"}},
      {"segment.ms", {"999", "-1"}},
      {"max.message.bytes", {"0", "-1", "67108865"}},
      {"message.timestamp.type", {"", "createtime"}},
      {"min.insync.replicas", {"0", "2"}},
      {"cleanup.policy", {"", "compact", "compact,delete"}},
      {"compression.type", {"gzip", "uncompressed"}},
  };
  for (const auto& [name, values] : impossible) {
    for (const std::string& value : values) {
      const auto set = settings.set(name, value);
      ASSERT_FALSE(set) << name << " " << value;
      EXPECT_EQ(set.error().code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(set.error().message().find(name), std::string::npos);
    }
  }
  EXPECT_EQ(settings, TopicSettings());
}

TEST(TopicSettings, WhatIsUnsetFollowsTheBroker) {
  TopicSettings settings;
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"retention.ms", "1"}, {"persist.messages", "1"}, {"commit", "batch"}}) {
    ASSERT_TRUE(settings.set(name, value));
    ASSERT_TRUE(settings.unset(name));
  }
  EXPECT_EQ(settings, TopicSettings());
  EXPECT_EQ(settings.unset("segment.jitter.ms").error().code(), ErrorCode::kNotSupported);
}

TEST(TopicSettings, SegmentsAreOfAPowerOfTwoAtMost) {
  TopicSettings settings;
  const Settings broker;
  EXPECT_EQ(settings.partition_options(broker).segment_age, Duration::max());
  ASSERT_TRUE(settings.set("segment.bytes", "100000000"));
  ASSERT_TRUE(settings.set("segment.ms", "2000"));
  EXPECT_EQ(settings.partition_options(broker).segment_bytes, 64 * kMiB);
  EXPECT_EQ(settings.partition_options(broker).segment_age, std::chrono::seconds(2));
  ASSERT_TRUE(settings.set("segment.ms", kLargestNumber));
  EXPECT_GT(settings.partition_options(broker).segment_age, std::chrono::hours(24 * 365 * 200));
}

TEST(TopicSettings, AreAllInTheDocumentWithTheirDefaults) {
  std::ifstream file(std::filesystem::path(PENSTOCK_DOCS_DIRECTORY) / "topic_settings.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const DescribedSetting& setting : TopicSettings().describe(Settings{}))
    EXPECT_TRUE(text.contains(fmt::format("| `{}` |", setting.name))) << setting.name;
}

TEST(TopicSettings, AnotherNameSetsTheSame) {
  TopicSettings by_kafkas_name;
  ASSERT_TRUE(by_kafkas_name.set("flush.messages", "7"));
  ASSERT_TRUE(by_kafkas_name.set("flush.ms", "8"));
  TopicSettings by_ours;
  ASSERT_TRUE(by_ours.set("persist.messages", "7"));
  ASSERT_TRUE(by_ours.set("persist.interval.ms", "8"));
  EXPECT_EQ(by_ours, by_kafkas_name);
}

TEST(TopicSettings, RetentionGoesBeforeTheBrokersOwn) {
  Settings defaults;
  defaults.retention_bytes = 1000;
  TopicSettings settings;
  EXPECT_EQ(settings.retention(defaults).time, hours(7 * 24));
  EXPECT_EQ(settings.retention(defaults).bytes, 1000U);
  ASSERT_TRUE(settings.set("retention.ms", "-1"));
  ASSERT_TRUE(settings.set("retention.bytes", "-1"));
  EXPECT_EQ(settings.retention(defaults).time, std::nullopt);
  EXPECT_EQ(settings.retention(defaults).bytes, std::nullopt);
  ASSERT_TRUE(settings.set("retention.ms", kLargestNumber));
  EXPECT_EQ(settings.retention(defaults).time, std::nullopt);
  ASSERT_TRUE(settings.set("retention.ms", "1500"));
  EXPECT_EQ(settings.retention(defaults).time, milliseconds(1500));
}

TEST(TopicSettings, DurabilityIsSyncWithThresholdsThatKafkasNamesReach) {
  const Settings defaults;
  TopicSettings settings;
  EXPECT_EQ(settings.partition_options(defaults).commit, log::CommitPolicy::kSync);
  ASSERT_TRUE(settings.set("flush.messages", "500"));
  EXPECT_EQ(settings.partition_options(defaults).commit, log::CommitPolicy::kSync);
  ASSERT_TRUE(settings.set("commit", "batch"));
  ASSERT_TRUE(settings.set("tail", "rewrite"));
  EXPECT_EQ(settings.partition_options(defaults).tail, log::TailPolicy::kRewrite);
  ASSERT_TRUE(settings.set("flush.ms", "20"));
  ASSERT_TRUE(settings.set("persist.bytes", "65536"));
  const log::PartitionOptions options = settings.partition_options(defaults);
  EXPECT_EQ(options.commit, log::CommitPolicy::kBatch);
  EXPECT_EQ(options.persist.records, 500U);
  EXPECT_EQ(options.persist.bytes, 65'536U);
  EXPECT_EQ(options.persist.interval, milliseconds(20));
  // What Kafka's tools say for never.
  ASSERT_TRUE(settings.set("flush.messages", kLargestNumber));
  ASSERT_TRUE(settings.set("flush.ms", kLargestNumber));
  EXPECT_GT(settings.partition_options(defaults).persist.interval, hours(1'000'000));
}

}  // namespace
}  // namespace penstock::broker::testing
