// What a broker does to its partitions by itself.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::hours;
using std::chrono::minutes;

class Upkeep : public ::testing::Test {
 protected:
  Upkeep() : machine_(storage_) { machine_.start(); }

  KafkaError create(const std::string& name, const std::string& setting, const std::string& value) {
    kafka::CreateTopicsRequest request;
    kafka::CreateTopicsRequest::Topic topic;
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    topic.configs.push_back({.name = setting, .value = value});
    request.topics.push_back(std::move(topic));
    return machine_.ask(request, 7).topics.at(0).error_code;
  }
  Offset start_of(const std::string& topic) {
    return machine_.fetch(topic, Offset{1}).log_start_offset;
  }
  void produce_now(const std::string& topic) {
    machine_.produce(topic, batch_of({"a"}, machine_.scheduler.clock().wall_ms()));
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(Upkeep, DeletesWhatIsTooOldAndOnlyThat) {
  ASSERT_EQ(create("short", "retention.ms", "3600000"), KafkaError::kNone);
  ASSERT_EQ(create("long", "retention.ms", "-1"), KafkaError::kNone);
  ASSERT_EQ(machine_.create_topic("week"), KafkaError::kNone);
  for (const char* topic : {"short", "long", "week"}) produce_now(topic);
  machine_.sleep(minutes(50));
  EXPECT_EQ(start_of("short"), Offset{0});
  machine_.sleep(minutes(20));
  EXPECT_EQ(start_of("short"), Offset{1});
  EXPECT_EQ(start_of("week"), Offset{0});
  machine_.sleep(hours(7 * 24));
  EXPECT_EQ(start_of("week"), Offset{1});
  EXPECT_EQ(start_of("long"), Offset{0});
}

TEST_F(Upkeep, ScrubbingComesRoundByItselfAndFindsWhatRotted) {
  ASSERT_EQ(create("orders", "retention.ms", "-1"), KafkaError::kNone);
  for (int i = 0; i < 30; ++i) {
    machine_.produce("orders", batch_of({std::string(40'000, 'x')}, 100));
  }
  const std::string path = "/data/topics/orders/0/" + log::segment_file_name(1);
  machine_.sleep(minutes(11));
  EXPECT_TRUE(machine_.reports().empty());
  storage_.flip_bit(path, FilePosition{20'000}, 3);
  machine_.sleep(hours(7 * 24 + 1));
  ASSERT_EQ(machine_.reports().size(), 1U);
  EXPECT_NE(machine_.reports().front().find(path), std::string::npos) << machine_.reports().front();
}

TEST_F(Upkeep, PaddingIsPaidBackByItself) {
  ASSERT_EQ(create("orders", "retention.ms", "-1"), KafkaError::kNone);
  for (int i = 0; i < 30; ++i) machine_.produce("orders", batch_of({"a"}, 100));
  const std::string path = "/data/topics/orders/0/" + log::segment_file_name(1);
  const auto size = [&] { return machine_.scheduler.run(machine_.disk.info(path))->size_bytes; };
  machine_.sleep(minutes(1));
  const std::uint64_t before = size();
  machine_.sleep(minutes(10));
  EXPECT_LT(size(), before / 2);
  EXPECT_TRUE(machine_.reports().empty());
  for (std::int64_t offset = 0; offset < 30; ++offset) {
    const auto fetched = machine_.fetch("orders", Offset{offset});
    EXPECT_EQ(fetched.error_code, KafkaError::kNone) << offset;
  }
}

TEST_F(Upkeep, ASettingThatIsNotServedIsRefusedByName) {
  EXPECT_EQ(create("orders", "segment.ms", "1"), KafkaError::kInvalidConfig);
  EXPECT_EQ(create("orders", "retention.ms", "soon"), KafkaError::kInvalidConfig);
  EXPECT_EQ(create("orders", "retention.ms", "1000"), KafkaError::kNone);
}

}  // namespace
}  // namespace penstock::broker::testing
