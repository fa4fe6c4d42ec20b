// What clients are told of the cluster, its directories, its partitions and their epochs.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::DescribeClusterRequest;
using kafka::DescribeLogDirsRequest;
using kafka::DescribeTopicPartitionsRequest;
using kafka::DescribeTopicPartitionsResponse;
using kafka::KafkaError;
using kafka::OffsetForLeaderEpochRequest;
using kafka::OffsetForLeaderEpochResponse;

// ---- DescribeCluster

TEST(DescribeCluster, NamesTheClusterAndItsOneBroker) {
  BrokerStorage storage;
  BrokerMachineOptions options;
  options.settings.node_id = 7;
  options.settings.cluster_id = "logs";
  options.settings.advertised_host = "broker.example";
  options.settings.advertised_port = 19092;
  BrokerMachine machine(storage, options);
  machine.start();
  for (std::int16_t version = 0; version <= 1; ++version) {
    const auto response = machine.ask(DescribeClusterRequest{}, version);
    EXPECT_EQ(response.error_code, KafkaError::kNone);
    EXPECT_EQ(response.cluster_id, "logs");
    EXPECT_EQ(response.controller_id, 7);
    ASSERT_EQ(response.brokers.size(), 1U);
    EXPECT_EQ(response.brokers[0].broker_id, 7);
    EXPECT_EQ(response.brokers[0].host, "broker.example");
    EXPECT_EQ(response.brokers[0].port, 19092);
  }
}

TEST(DescribeCluster, HasNoControllersOfTheirOwn) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  const auto error_for = [&machine](std::int8_t endpoint_type) {
    const auto response = machine.ask(DescribeClusterRequest{.endpoint_type = endpoint_type}, 1);
    EXPECT_TRUE(response.brokers.empty());
    EXPECT_TRUE(response.error_message.has_value());
    return response.error_code;
  };
  EXPECT_EQ(error_for(2), KafkaError::kMismatchedEndpointType);
  EXPECT_EQ(error_for(0), KafkaError::kUnsupportedEndpointType);
  EXPECT_EQ(error_for(3), KafkaError::kUnsupportedEndpointType);
}

// ---- DescribeLogDirs

TEST(DescribeLogDirs, TellsTheSizesOfAllPartitionsOnAllShards) {
  BrokerStorage storage;
  BrokerMachineOptions options;
  options.shard_count = 2;
  BrokerMachine machine(storage, options);
  machine.start();
  machine.create_topic("orders", 3);
  machine.create_topic("returns", 1);
  machine.produce("orders", batch_of({std::string(5000, 'x')}), 1);
  for (std::int16_t version = 1; version <= 4; ++version) {
    const auto response = machine.ask(DescribeLogDirsRequest{.topics = std::nullopt}, version);
    EXPECT_EQ(response.error_code, KafkaError::kNone);
    ASSERT_EQ(response.results.size(), 1U);
    const auto& directory = response.results[0];
    EXPECT_EQ(directory.error_code, KafkaError::kNone);
    EXPECT_EQ(directory.log_dir, kDataDirectory);
    ASSERT_EQ(directory.topics.size(), 2U);
    EXPECT_EQ(directory.topics[0].name, "orders");
    ASSERT_EQ(directory.topics[0].partitions.size(), 3U);
    EXPECT_EQ(directory.topics[1].name, "returns");
    ASSERT_EQ(directory.topics[1].partitions.size(), 1U);
    for (std::int32_t i = 0; i < 3; ++i) {
      const auto& partition = directory.topics[0].partitions[static_cast<std::size_t>(i)];
      EXPECT_EQ(partition.partition_index, i);
      EXPECT_EQ(partition.offset_lag, 0);
      EXPECT_EQ(partition.partition_size >= 5000, i == 1) << partition.partition_size;
    }
    EXPECT_EQ(directory.total_bytes > 0, version == 4);
    EXPECT_EQ(directory.usable_bytes > 0, version == 4);
    EXPECT_LE(directory.usable_bytes, directory.total_bytes);
  }
}

TEST(DescribeLogDirs, LeavesOutWhatIsNotThere) {
  BrokerStorage storage;
  BrokerMachine machine(storage);
  machine.start();
  machine.create_topic("orders", 3);
  const DescribeLogDirsRequest some{
      .topics = std::vector<DescribeLogDirsRequest::Topic>{
          {.topic = "orders", .partitions = {2, 3, -1}}, {.topic = "nothing", .partitions = {0}}}};
  const auto response = machine.ask(some, 4);
  ASSERT_EQ(response.results.size(), 1U);
  ASSERT_EQ(response.results[0].topics.size(), 1U);
  ASSERT_EQ(response.results[0].topics[0].partitions.size(), 1U);
  EXPECT_EQ(response.results[0].topics[0].partitions[0].partition_index, 2);
  const auto none = machine.ask(DescribeLogDirsRequest{}, 4);
  ASSERT_EQ(none.results.size(), 1U);
  EXPECT_TRUE(none.results[0].topics.empty());
}

// ---- DescribeTopicPartitions

class DescribeTopicPartitions : public ::testing::Test {
 protected:
  DescribeTopicPartitions() : machine_(storage_) {
    machine_.start();
    machine_.create_topic("a", 3);
    machine_.create_topic("b", 1);
    machine_.create_topic("c", 4);
  }
  static DescribeTopicPartitionsRequest asking_for(const std::vector<std::string>& names,
                                                   std::int32_t limit = 2000) {
    DescribeTopicPartitionsRequest request;
    for (const std::string& name : names) request.topics.push_back({.name = name});
    request.response_partition_limit = limit;
    return request;
  }
  static DescribeTopicPartitionsRequest from(DescribeTopicPartitionsRequest request, std::string topic,
                                             std::int32_t partition) {
    request.cursor = DescribeTopicPartitionsRequest::Cursor{.topic_name = std::move(topic),
                                                            .partition_index = partition};
    return request;
  }
  // "a/0", and "a: ERROR" for a topic with one.
  static std::vector<std::string> described_in(const DescribeTopicPartitionsResponse& response) {
    std::vector<std::string> described;
    for (const auto& topic : response.topics) {
      if (topic.error_code != KafkaError::kNone)
        described.push_back(*topic.name + ": " + std::string(to_string(topic.error_code)));
      for (const auto& partition : topic.partitions)
        described.push_back(*topic.name + "/" + std::to_string(partition.partition_index));
    }
    return described;
  }
  std::vector<std::string> ask(const DescribeTopicPartitionsRequest& request) {
    return described_in(machine_.ask(request, 0));
  }
  static std::vector<std::string> all() {
    return {"a/0", "a/1", "a/2", "b/0", "c/0", "c/1", "c/2", "c/3"};
  }
  // All pages, and how many they were.
  std::pair<std::vector<std::string>, int> ask_for_pages(DescribeTopicPartitionsRequest request) {
    std::pair<std::vector<std::string>, int> pages;
    while (pages.second < 100) {
      const auto page = machine_.ask(request, 0);
      const auto described = described_in(page);
      pages.first.insert(pages.first.end(), described.begin(), described.end());
      ++pages.second;
      if (!page.next_cursor) break;
      request =
          from(std::move(request), page.next_cursor->topic_name, page.next_cursor->partition_index);
    }
    return pages;
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(DescribeTopicPartitions, DescribesAllTopicsOrThoseThatAreNamed) {
  EXPECT_EQ(ask(asking_for({})), all());
  EXPECT_EQ(ask(asking_for({"c", "a", "c"})),
            (std::vector<std::string>{"a/0", "a/1", "a/2", "c/0", "c/1", "c/2", "c/3"}));
  const auto response = machine_.ask(asking_for({"b"}), 0);
  EXPECT_FALSE(response.next_cursor);
  ASSERT_EQ(response.topics.size(), 1U);
  EXPECT_EQ(response.topics[0].topic_id, machine_.broker().topics()->find("b")->id);
  const auto& partition = response.topics[0].partitions.at(0);
  EXPECT_EQ(partition.leader_id, machine_.settings().node_id);
  EXPECT_EQ(partition.leader_epoch, 0);
  EXPECT_EQ(partition.replica_nodes, std::vector{machine_.settings().node_id});
  EXPECT_EQ(partition.isr_nodes, partition.replica_nodes);
  EXPECT_TRUE(partition.offline_replicas.empty());
}

TEST_F(DescribeTopicPartitions, ATopicThatIsNotThereIsAnErrorAndTheOthersAreDescribed) {
  EXPECT_EQ(ask(asking_for({"b", "bb", "not a name"})),
            (std::vector<std::string>{"b/0", "bb: UNKNOWN_TOPIC_OR_PARTITION",
                                      "not a name: INVALID_TOPIC_EXCEPTION"}));
}

TEST_F(DescribeTopicPartitions, PagesOfAnySizeAddUpToTheWhole) {
  const std::vector<std::vector<std::string>> ways = {{}, {"a", "b", "c"}};
  for (const auto& names : ways) {
    for (std::int32_t limit = 1; limit <= 9; ++limit) {
      const auto [described, pages] = ask_for_pages(asking_for(names, limit));
      EXPECT_EQ(described, all()) << limit;
      EXPECT_EQ(pages, (8 + limit - 1) / limit) << limit;
    }
  }
  const auto [described, pages] = ask_for_pages(asking_for({"a", "aa", "b"}, 3));
  EXPECT_EQ(described,
            (std::vector<std::string>{"a/0", "a/1", "a/2", "aa: UNKNOWN_TOPIC_OR_PARTITION", "b/0"}));
  EXPECT_EQ(pages, 2);
}

TEST_F(DescribeTopicPartitions, APageHasAtLeastOnePartitionAndABoundedNumber) {
  EXPECT_EQ(ask(asking_for({}, 0)), std::vector<std::string>{"a/0"});
  EXPECT_EQ(ask(asking_for({}, -5)), std::vector<std::string>{"a/0"});
  machine_.create_topic("d", 2000);
  const auto response = machine_.ask(asking_for({}, 1'000'000), 0);
  EXPECT_EQ(described_in(response).size(), 2000U);
  ASSERT_TRUE(response.next_cursor);
  EXPECT_EQ(response.next_cursor->topic_name, "d");
  EXPECT_EQ(response.next_cursor->partition_index, 1992);
}

TEST_F(DescribeTopicPartitions, ACursorMayPointAnywhere) {
  EXPECT_EQ(ask(from(asking_for({}), "b", 0)),
            (std::vector<std::string>{"b/0", "c/0", "c/1", "c/2", "c/3"}));
  EXPECT_EQ(ask(from(asking_for({}), "bb", 3)), (std::vector<std::string>{"c/0", "c/1", "c/2", "c/3"}))
      << "its topic has been deleted";
  EXPECT_EQ(ask(from(asking_for({}), "c", 3)), std::vector<std::string>{"c/3"});
  EXPECT_EQ(ask(from(asking_for({}), "c", 99)), std::vector<std::string>{});
  EXPECT_EQ(ask(from(asking_for({"a"}), "b", 0)), std::vector<std::string>{});
  EXPECT_EQ(ask(from(asking_for({}), "a", -1)), std::vector<std::string>{"a: INVALID_REQUEST"});
  EXPECT_EQ(ask(from(asking_for({"b"}), "a", -1)), std::vector<std::string>{"b: INVALID_REQUEST"});
}

// ---- OffsetForLeaderEpoch

class OffsetForLeaderEpoch : public ::testing::Test {
 protected:
  OffsetForLeaderEpoch() : machine_(storage_) {
    machine_.start();
    machine_.create_topic("orders", 2);
  }
  OffsetForLeaderEpochResponse::Partition ask(std::int32_t epoch, std::int32_t current_epoch = -1,
                                              std::int32_t partition = 1, std::int16_t version = 4) {
    const OffsetForLeaderEpochRequest request{
        .topics = {{.topic = "orders",
                    .partitions = {{.partition = partition,
                                    .current_leader_epoch = current_epoch,
                                    .leader_epoch = epoch}}}}};
    return machine_.ask(request, version).topics.at(0).partitions.at(0);
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(OffsetForLeaderEpoch, TheCurrentOneEndsWhereConsumersMayReadTo) {
  machine_.produce("orders", batch_of({"a", "b"}), 1);
  for (std::int16_t version = 2; version <= 4; ++version) {
    const auto answer = ask(0, 0, 1, version);
    EXPECT_EQ(answer.error_code, KafkaError::kNone);
    EXPECT_EQ(answer.partition, 1);
    EXPECT_EQ(answer.leader_epoch, 0);
    EXPECT_EQ(answer.end_offset, Offset{2});
  }
  EXPECT_EQ(ask(0, -1, 0).end_offset, Offset{0});
}

TEST_F(OffsetForLeaderEpoch, OfAnotherOneNothingIsKnown) {
  for (const std::int32_t epoch : {-1, 1, 99}) {
    const auto answer = ask(epoch);
    EXPECT_EQ(answer.error_code, KafkaError::kNone);
    EXPECT_EQ(answer.leader_epoch, -1);
    EXPECT_EQ(answer.end_offset, Offset{-1});
  }
}

TEST_F(OffsetForLeaderEpoch, ErrorsAreThoseOfFetch) {
  EXPECT_EQ(ask(0, 1).error_code, KafkaError::kUnknownLeaderEpoch);
  const auto unknown = ask(0, -1, 2);
  EXPECT_EQ(unknown.error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(unknown.end_offset, Offset{-1});
}

}  // namespace
}  // namespace penstock::broker::testing
