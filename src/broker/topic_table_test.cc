#include "broker/topic_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace penstock::broker {
namespace {

Topic topic(std::string name, std::int32_t partitions = 1, std::uint8_t id = 1) {
  Topic made;
  made.id.bytes[0] = static_cast<std::byte>(id);
  made.name = std::move(name);
  made.partition_count = partitions;
  return made;
}

TEST(TopicTable, FindsByNameAndById) {
  const TopicTable empty;
  const auto table = empty.with(topic("a", 1, 1))->with(topic("b", 2, 2));
  EXPECT_EQ(table->find("b")->partition_count, 2);
  EXPECT_EQ(table->find(topic("", 1, 1).id)->name, "a");
  EXPECT_EQ(table->find("c"), nullptr);
  EXPECT_EQ(table->find(kafka::Uuid{}), nullptr);
  EXPECT_EQ(table->partition_total(), 3);
}

TEST(TopicTable, ASnapshotNeverChanges) {
  const auto before = TopicTable().with(topic("a"));
  const auto more = before->with(topic("b"));
  const auto less = more->without("a");
  EXPECT_EQ(before->topics().size(), 1U);
  EXPECT_EQ(more->topics().size(), 2U);
  EXPECT_EQ(less->find("a"), nullptr);
  EXPECT_NE(more->find("a"), nullptr);
}

TEST(Topic, PartitionsAreSpreadOverAllShardsEvenly) {
  for (std::size_t shards = 1; shards <= 8; ++shards) {
    for (std::uint8_t id = 0; id < 50; ++id) {
      const Topic spread = topic("t", 64, id);
      std::vector<int> counts(shards);
      for (std::int32_t i = 0; i < 64; ++i) {
        ASSERT_LT(spread.shard_of(i, shards), shards);
        ++counts[spread.shard_of(i, shards)];
      }
      const auto [least, most] = std::ranges::minmax(counts);
      EXPECT_LE(most - least, 1);
    }
  }
}

TEST(Topic, SmallTopicsDoNotAllBeginOnTheSameShard) {
  std::set<std::size_t> used;
  for (std::uint8_t id = 0; id < 50; ++id) used.insert(topic("t", 1, id).shard_of(0, 4));
  EXPECT_EQ(used.size(), 4U);
}

TEST(Topic, HasThePartitionsFromZeroOn) {
  const Topic three = topic("t", 3);
  EXPECT_FALSE(three.has_partition(-1));
  EXPECT_TRUE(three.has_partition(0));
  EXPECT_TRUE(three.has_partition(2));
  EXPECT_FALSE(three.has_partition(3));
}

TEST(TopicName, FollowsKafkasRule) {
  for (const std::string name : {"a", "A.b_c-9", "...", "0"})
    EXPECT_TRUE(is_valid_topic_name(name)) << name;
  EXPECT_TRUE(is_valid_topic_name(std::string(249, 'x')));
  EXPECT_FALSE(is_valid_topic_name(std::string(250, 'x')));
  for (const std::string name : {"", ".", "..", "a/b", "a b", "../a", "\xc3\xa9", "a\n"}) {
    EXPECT_FALSE(is_valid_topic_name(name)) << name;
  }
}

}  // namespace
}  // namespace penstock::broker
