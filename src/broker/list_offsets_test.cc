#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using kafka::ListOffsetsRequest;

class ListOffsets : public ::testing::Test {
 protected:
  ListOffsets() : machine_(storage_) {
    machine_.start();
    machine_.create_topic("orders");
  }
  kafka::ListOffsetsResponse::Partition ask(std::int64_t timestamp, std::int32_t partition = 0,
                                            std::int32_t leader_epoch = -1) {
    ListOffsetsRequest request;
    request.replica_id = -1;
    ListOffsetsRequest::Partition wanted;
    wanted.partition_index = partition;
    wanted.timestamp = timestamp;
    wanted.current_leader_epoch = leader_epoch;
    ListOffsetsRequest::Topic topic;
    topic.name = "orders";
    topic.partitions.push_back(wanted);
    request.topics.push_back(std::move(topic));
    return machine_.ask(request, 7).topics.at(0).partitions.at(0);
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(ListOffsets, OfAnEmptyPartition) {
  EXPECT_EQ(ask(kafka::kEarliestTimestamp).offset, Offset{0});
  EXPECT_EQ(ask(kafka::kLatestTimestamp).offset, Offset{0});
  for (const std::int64_t timestamp : {kafka::kMaxTimestamp, std::int64_t{0}, std::int64_t{5}}) {
    const auto part = ask(timestamp);
    EXPECT_EQ(part.error_code, KafkaError::kNone);
    EXPECT_EQ(part.offset, Offset{-1});
    EXPECT_EQ(part.timestamp, -1);
  }
}

TEST_F(ListOffsets, EndsAndTimesInsideOfBatches) {
  machine_.produce("orders", batch_of({"a", "b", "c"}, 100));  // 100, 101, 102
  machine_.produce("orders", batch_of({"d", "e"}, 300));       // 300, 301
  EXPECT_EQ(ask(kafka::kEarliestTimestamp).offset, Offset{0});
  EXPECT_EQ(ask(kafka::kEarliestTimestamp).timestamp, -1);
  EXPECT_EQ(ask(kafka::kLatestTimestamp).offset, Offset{5});
  EXPECT_EQ(ask(0).offset, Offset{0});
  EXPECT_EQ(ask(101).offset, Offset{1});
  EXPECT_EQ(ask(101).timestamp, 101);
  EXPECT_EQ(ask(103).offset, Offset{3});
  EXPECT_EQ(ask(103).timestamp, 300);
  EXPECT_EQ(ask(301).offset, Offset{4});
  EXPECT_EQ(ask(302).offset, Offset{-1});
  EXPECT_EQ(ask(302).error_code, KafkaError::kNone);
}

TEST_F(ListOffsets, TheRecordWithTheLatestTime) {
  machine_.produce("orders", batch_of({"a", "b"}, 500));
  machine_.produce("orders", batch_of({"c"}, 100));
  const auto part = ask(kafka::kMaxTimestamp);
  EXPECT_EQ(part.offset, Offset{1});
  EXPECT_EQ(part.timestamp, 501);
}

TEST_F(ListOffsets, Errors) {
  EXPECT_EQ(ask(kafka::kLatestTimestamp, 1).error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(ask(kafka::kLatestTimestamp, 0, 3).error_code, KafkaError::kUnknownLeaderEpoch);
  EXPECT_EQ(ask(kafka::kLatestTimestamp, 0, 0).error_code, KafkaError::kNone);
  EXPECT_EQ(ask(-4).error_code, KafkaError::kInvalidRequest);
}

}  // namespace
}  // namespace penstock::broker::testing
