#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::DeleteRecordsRequest;
using kafka::KafkaError;

class DeleteRecords : public ::testing::Test {
 protected:
  DeleteRecords() : machine_(storage_) {
    machine_.start();
    machine_.create_topic("orders", 2);
    for (int i = 0; i < 5; ++i) machine_.produce("orders", batch_of({"a", "b"}, 100 * (i + 1)));
  }
  DeleteRecordsRequest::Response::Partition ask(std::int64_t up_to, std::int32_t partition = 0,
                                                const std::string& topic_name = "orders") {
    DeleteRecordsRequest request;
    DeleteRecordsRequest::Topic topic;
    topic.name = topic_name;
    topic.partitions.push_back({.partition_index = partition, .offset = Offset{up_to}});
    request.topics.push_back(std::move(topic));
    return machine_.ask(request, 2).topics.at(0).partitions.at(0);
  }
  kafka::ListOffsetsResponse::Partition offset_at(std::int64_t timestamp) {
    kafka::ListOffsetsRequest request;
    kafka::ListOffsetsRequest::Topic topic;
    topic.name = "orders";
    topic.partitions.push_back({.partition_index = 0, .timestamp = timestamp});
    request.topics.push_back(std::move(topic));
    return machine_.ask(request, 7).topics.at(0).partitions.at(0);
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(DeleteRecords, MovesTheLogsStart) {
  const auto deleted = ask(4);
  EXPECT_EQ(deleted.error_code, KafkaError::kNone);
  EXPECT_EQ(deleted.low_watermark, Offset{4});
  EXPECT_EQ(offset_at(kafka::kEarliestTimestamp).offset, Offset{4});
  EXPECT_EQ(machine_.fetch("orders", Offset{3}).error_code, KafkaError::kOffsetOutOfRange);
  const auto rest = machine_.fetch("orders", Offset{4});
  EXPECT_EQ(rest.error_code, KafkaError::kNone);
  EXPECT_EQ(rest.log_start_offset, Offset{4});
}

TEST_F(DeleteRecords, ATimeBeforeTheStartIsAnsweredByWhatIsLeft) {
  (void)ask(5);  // in the middle of the batch of 4 and 5
  EXPECT_EQ(offset_at(0).offset, Offset{5});
  EXPECT_EQ(offset_at(400).offset, Offset{6});
}

TEST_F(DeleteRecords, MinusOneMeansAllThatConsumersCanSee) {
  EXPECT_EQ(ask(-1).low_watermark, Offset{10});
  EXPECT_EQ(offset_at(kafka::kEarliestTimestamp).offset, Offset{10});
  EXPECT_EQ(machine_.produce("orders", batch_of({"c"}, 900)).base_offset, Offset{10});
}

TEST_F(DeleteRecords, AnOlderOffsetChangesNothingAndALaterOneIsRefused) {
  EXPECT_EQ(ask(6).low_watermark, Offset{6});
  EXPECT_EQ(ask(2).low_watermark, Offset{6});
  EXPECT_EQ(ask(11).error_code, KafkaError::kOffsetOutOfRange);
  EXPECT_EQ(ask(11).low_watermark, Offset{-1});
  EXPECT_EQ(ask(-2).error_code, KafkaError::kOffsetOutOfRange);
}

TEST_F(DeleteRecords, OfWhatDoesNotExistIsAnError) {
  EXPECT_EQ(ask(1, 2).error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(ask(1, 0, "others").error_code, KafkaError::kUnknownTopicOrPartition);
}

}  // namespace
}  // namespace penstock::broker::testing
