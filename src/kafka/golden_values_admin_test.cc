// What the fields of decoded messages are, for the messages of transactions and of administration; as
// in golden_values_test.cc.

#include <gtest/gtest.h>

#include "kafka/golden_vectors_for_test.h"
#include "kafka/messages/add_offsets_to_txn.h"
#include "kafka/messages/add_partitions_to_txn.h"
#include "kafka/messages/alter_configs.h"
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/describe_transactions.h"
#include "kafka/messages/end_txn.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/list_transactions.h"
#include "kafka/messages/offset_for_leader_epoch.h"
#include "kafka/messages/txn_offset_commit.h"

namespace penstock::kafka {
namespace {

TEST(GoldenValues, EveryFieldOfDescribeConfigsRequestVersion4) {
  const DescribeConfigsRequest expected{
      .resources = {{.resource_type = ConfigResourceType{-4},
                     .resource_name = "str-4",
                     .configuration_keys = std::vector<std::string>{"grün-6"}}},
      .include_synonyms = true,
      .include_documentation = true};
  EXPECT_EQ(golden<DescribeConfigsRequest>(4), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeConfigsResponseVersion4) {
  const DescribeConfigsResponse expected{
      .throttle_time_ms = 70001,
      .results = {
          {.error_code = KafkaError{-304},
           .error_message = "str-5",
           .resource_type = ConfigResourceType{7},
           .resource_name = "str-7",
           .configs = {
               {.name = "str-10",
                .value = "str-11",
                .read_only = true,
                .config_source = ConfigSource{-14},
                .is_sensitive = true,
                .synonyms = {{.name = "str-17", .value = "grün-18", .source = ConfigSource{-20}}},
                .config_type = ConfigType{21},
                .documentation = "grün-21"}}}}};
  EXPECT_EQ(golden<DescribeConfigsResponse>(4), expected);
}

TEST(GoldenValues, EveryFieldOfAlterConfigsRequestVersion2) {
  const AlterConfigsRequest expected{.resources = {{.resource_type = ConfigResourceType{-4},
                                                    .resource_name = "str-4",
                                                    .configs = {{.name = "str-7", .value = "str-8"}}}},
                                     .validate_only = true};
  EXPECT_EQ(golden<AlterConfigsRequest>(2), expected);
}

TEST(GoldenValues, EveryFieldOfAlterConfigsResponseVersion2) {
  const AlterConfigsResponse expected{.throttle_time_ms = 70001,
                                      .responses = {{.error_code = KafkaError{-304},
                                                     .error_message = "str-5",
                                                     .resource_type = ConfigResourceType{7},
                                                     .resource_name = "str-7"}}};
  EXPECT_EQ(golden<AlterConfigsResponse>(2), expected);
}

TEST(GoldenValues, EveryFieldOfIncrementalAlterConfigsRequestVersion1) {
  const IncrementalAlterConfigsRequest expected{
      .resources =
          {{.resource_type = ConfigResourceType{-4},
            .resource_name = "str-4",
            .configs = {{.name = "str-7", .config_operation = ConfigOperation{9}, .value = "grün-9"}}}},
      .validate_only = true};
  EXPECT_EQ(golden<IncrementalAlterConfigsRequest>(1), expected);
}

TEST(GoldenValues, EveryFieldOfIncrementalAlterConfigsResponseVersion1) {
  const IncrementalAlterConfigsResponse expected{.throttle_time_ms = 70001,
                                                 .responses = {{.error_code = KafkaError{-304},
                                                                .error_message = "str-5",
                                                                .resource_type = ConfigResourceType{7},
                                                                .resource_name = "str-7"}}};
  EXPECT_EQ(golden<IncrementalAlterConfigsResponse>(1), expected);
}

TEST(GoldenValues, EveryFieldOfCreatePartitionsRequestVersion3) {
  const CreatePartitionsRequest expected{
      .topics = {{.name = "grün-3",
                  .count = -70004,
                  .assignments =
                      std::vector<CreatePartitionsRequest::Assignment>{{.broker_ids = {-70008}}}}},
      .timeout_ms = 70009,
      .validate_only = true};
  EXPECT_EQ(golden<CreatePartitionsRequest>(3), expected);
}

TEST(GoldenValues, EveryFieldOfCreatePartitionsResponseVersion3) {
  const CreatePartitionsResponse expected{
      .throttle_time_ms = 70001,
      .results = {{.name = "str-4", .error_code = KafkaError{305}, .error_message = "grün-6"}}};
  EXPECT_EQ(golden<CreatePartitionsResponse>(3), expected);
}

TEST(GoldenValues, EveryFieldOfInitProducerIdRequestVersion4) {
  const InitProducerIdRequest expected{.transactional_id = "str-1",
                                       .transaction_timeout_ms = -70002,
                                       .producer_id = 1099511627779,
                                       .producer_epoch = -304};
  EXPECT_EQ(golden<InitProducerIdRequest>(4), expected);
}

TEST(GoldenValues, EveryFieldOfInitProducerIdResponseVersion4) {
  const InitProducerIdResponse expected{.throttle_time_ms = 70001,
                                        .error_code = KafkaError{-302},
                                        .producer_id = 1099511627779,
                                        .producer_epoch = -304};
  EXPECT_EQ(golden<InitProducerIdResponse>(4), expected);
}

TEST(GoldenValues, EveryFieldOfAddPartitionsToTxnRequestVersion3) {
  const AddPartitionsToTxnRequest expected{.transactional_id = "str-1",
                                           .producer_id = -1099511627778,
                                           .producer_epoch = 303,
                                           .topics = {{.name = "grün-6", .partitions = {-70008}}}};
  EXPECT_EQ(golden<AddPartitionsToTxnRequest>(3), expected);
}

TEST(GoldenValues, EveryFieldOfAddPartitionsToTxnResponseVersion3) {
  const AddPartitionsToTxnResponse expected{
      .throttle_time_ms = 70001,
      .results_by_topic = {{.name = "str-4",
                            .results_by_partition = {{.partition_index = 70007,
                                                      .partition_error_code = KafkaError{-308}}}}}};
  EXPECT_EQ(golden<AddPartitionsToTxnResponse>(3), expected);
}

TEST(GoldenValues, EveryFieldOfAddOffsetsToTxnRequestVersion3) {
  const AddOffsetsToTxnRequest expected{.transactional_id = "str-1",
                                        .producer_id = -1099511627778,
                                        .producer_epoch = 303,
                                        .group_id = "str-4"};
  EXPECT_EQ(golden<AddOffsetsToTxnRequest>(3), expected);
}

TEST(GoldenValues, EveryFieldOfAddOffsetsToTxnResponseVersion3) {
  const AddOffsetsToTxnResponse expected{.throttle_time_ms = 70001, .error_code = KafkaError{-302}};
  EXPECT_EQ(golden<AddOffsetsToTxnResponse>(3), expected);
}

TEST(GoldenValues, EveryFieldOfEndTxnRequestVersion3) {
  const EndTxnRequest expected{.transactional_id = "str-1",
                               .producer_id = -1099511627778,
                               .producer_epoch = 303,
                               .committed = true};
  EXPECT_EQ(golden<EndTxnRequest>(3), expected);
}

TEST(GoldenValues, EveryFieldOfEndTxnResponseVersion3) {
  const EndTxnResponse expected{.throttle_time_ms = 70001, .error_code = KafkaError{-302}};
  EXPECT_EQ(golden<EndTxnResponse>(3), expected);
}

TEST(GoldenValues, EveryFieldOfTxnOffsetCommitRequestVersion3) {
  const TxnOffsetCommitRequest expected{
      .transactional_id = "str-1",
      .group_id = "str-2",
      .producer_id = 1099511627779,
      .producer_epoch = -304,
      .generation_id = 70005,
      .member_id = "grün-6",
      .group_instance_id = "str-7",
      .topics = {{.name = "str-10",
                  .partitions = {{.partition_index = 70013,
                                  .committed_offset = Offset{-1099511627790},
                                  .committed_leader_epoch = 70015,
                                  .committed_metadata = "str-16"}}}}};
  EXPECT_EQ(golden<TxnOffsetCommitRequest>(3), expected);
}

TEST(GoldenValues, EveryFieldOfTxnOffsetCommitResponseVersion3) {
  const TxnOffsetCommitResponse expected{
      .throttle_time_ms = 70001,
      .topics = {{.name = "str-4",
                  .partitions = {{.partition_index = 70007, .error_code = KafkaError{-308}}}}}};
  EXPECT_EQ(golden<TxnOffsetCommitResponse>(3), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetForLeaderEpochRequestVersion4) {
  const OffsetForLeaderEpochRequest expected{
      .replica_id = 70001,
      .topics = {{.topic = "str-4",
                  .partitions = {
                      {.partition = 70007, .current_leader_epoch = -70008, .leader_epoch = 70009}}}}};
  EXPECT_EQ(golden<OffsetForLeaderEpochRequest>(4), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetForLeaderEpochResponseVersion4) {
  const OffsetForLeaderEpochResponse expected{
      .throttle_time_ms = 70001,
      .topics = {{.topic = "str-4",
                  .partitions = {{.error_code = KafkaError{307},
                                  .partition = -70008,
                                  .leader_epoch = 70009,
                                  .end_offset = Offset{-1099511627786}}}}}};
  EXPECT_EQ(golden<OffsetForLeaderEpochResponse>(4), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeClusterRequestVersion1) {
  const DescribeClusterRequest expected{.include_cluster_authorized_operations = true,
                                        .endpoint_type = 3};
  EXPECT_EQ(golden<DescribeClusterRequest>(1), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeClusterResponseVersion1) {
  const DescribeClusterResponse expected{
      .throttle_time_ms = 70001,
      .error_code = KafkaError{-302},
      .error_message = "grün-3",
      .endpoint_type = 5,
      .cluster_id = "str-5",
      .controller_id = -70006,
      .brokers = {{.broker_id = 70009, .host = "str-10", .port = 70011, .rack = "grün-12"}},
      .cluster_authorized_operations = 70013};
  EXPECT_EQ(golden<DescribeClusterResponse>(1), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeLogDirsRequestVersion4) {
  const DescribeLogDirsRequest expected{
      .topics = std::vector<DescribeLogDirsRequest::Topic>{{.topic = "grün-3", .partitions = {70005}}}};
  EXPECT_EQ(golden<DescribeLogDirsRequest>(4), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeLogDirsResponseVersion4) {
  const DescribeLogDirsResponse expected{
      .throttle_time_ms = 70001,
      .error_code = KafkaError{-302},
      .results = {{.error_code = KafkaError{305},
                   .log_dir = "grün-6",
                   .topics = {{.name = "grün-9",
                               .partitions = {{.partition_index = -70012,
                                               .partition_size = 1099511627789,
                                               .offset_lag = -1099511627790,
                                               .is_future_key = true}}}},
                   .total_bytes = -1099511627792,
                   .usable_bytes = 1099511627793}}};
  EXPECT_EQ(golden<DescribeLogDirsResponse>(4), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeTopicPartitionsRequestVersion0) {
  const DescribeTopicPartitionsRequest expected{.topics = {{.name = "grün-3"}},
                                                .response_partition_limit = -70004,
                                                .cursor = DescribeTopicPartitionsRequest::Cursor{
                                                    .topic_name = "grün-6", .partition_index = 70007}};
  EXPECT_EQ(golden<DescribeTopicPartitionsRequest>(0), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeTopicPartitionsResponseVersion0) {
  const DescribeTopicPartitionsResponse expected{
      .throttle_time_ms = 70001,
      .topics = {{.error_code = KafkaError{-304},
                  .name = "str-5",
                  .topic_id = uuid_from(42),
                  .is_internal = true,
                  .partitions = {{.error_code = KafkaError{-310},
                                  .partition_index = 70011,
                                  .leader_id = -70012,
                                  .leader_epoch = 70013,
                                  .replica_nodes = {70015},
                                  .isr_nodes = {70017},
                                  .eligible_leader_replicas = std::vector<std::int32_t>{70019},
                                  .last_known_elr = std::vector<std::int32_t>{70021},
                                  .offline_replicas = {70023}}},
                  .topic_authorized_operations = -70024}},
      .next_cursor =
          DescribeTopicPartitionsResponse::Cursor{.topic_name = "str-26", .partition_index = 70027}};
  EXPECT_EQ(golden<DescribeTopicPartitionsResponse>(0), expected);
}

TEST(GoldenValues, EveryFieldOfConsumerGroupHeartbeatRequestVersion0) {
  const ConsumerGroupHeartbeatRequest expected{
      .group_id = "str-1",
      .member_id = "str-2",
      .member_epoch = 70003,
      .instance_id = "str-4",
      .rack_id = "str-5",
      .rebalance_timeout_ms = -70006,
      .subscribed_topic_names = std::vector<std::string>{"str-8"},
      .server_assignor = "grün-9",
      .topic_partitions = std::vector<ConsumerGroupHeartbeatRequest::TopicPartitions>{
          {.topic_id = uuid_from(84), .partitions = {-70014}}}};
  EXPECT_EQ(golden<ConsumerGroupHeartbeatRequest>(0), expected);
}

TEST(GoldenValues, EveryFieldOfConsumerGroupHeartbeatResponseVersion0) {
  const ConsumerGroupHeartbeatResponse expected{
      .throttle_time_ms = 70001,
      .error_code = KafkaError{-302},
      .error_message = "grün-3",
      .member_id = "str-4",
      .member_epoch = 70005,
      .heartbeat_interval_ms = -70006,
      .assignment = ConsumerGroupHeartbeatResponse::Assignment{
          .topic_partitions = {{.topic_id = uuid_from(70), .partitions = {-70012}}}}};
  EXPECT_EQ(golden<ConsumerGroupHeartbeatResponse>(0), expected);
}

TEST(GoldenValues, EveryFieldOfConsumerGroupDescribeRequestVersion0) {
  const ConsumerGroupDescribeRequest expected{.group_ids = {"str-2"},
                                              .include_authorized_operations = true};
  EXPECT_EQ(golden<ConsumerGroupDescribeRequest>(0), expected);
}

TEST(GoldenValues, EveryFieldOfConsumerGroupDescribeResponseVersion0) {
  const ConsumerGroupDescribeResponse expected{
      .throttle_time_ms = 70001,
      .groups = {{.error_code = KafkaError{-304},
                  .error_message = "str-5",
                  .group_id = "grün-6",
                  .group_state = "str-7",
                  .group_epoch = -70008,
                  .assignment_epoch = 70009,
                  .assignor_name = "str-10",
                  .members = {{.member_id = "str-13",
                               .instance_id = "str-14",
                               .rack_id = "grün-15",
                               .member_epoch = -70016,
                               .client_id = "str-17",
                               .client_host = "grün-18",
                               .subscribed_topic_names = {"str-20"},
                               .subscribed_topic_regex = "grün-21",
                               .assignment = {.topic_partitions = {{.topic_id = uuid_from(175),
                                                                    .topic_name = "str-26",
                                                                    .partitions = {-70028}}}},
                               .target_assignment = {.topic_partitions = {{.topic_id = uuid_from(224),
                                                                           .topic_name = "grün-33",
                                                                           .partitions = {70035}}}}}},
                  .authorized_operations = -70036}}};
  EXPECT_EQ(golden<ConsumerGroupDescribeResponse>(0), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeProducersRequestVersion0) {
  const DescribeProducersRequest expected{.topics = {{.name = "grün-3", .partition_indexes = {70005}}}};
  EXPECT_EQ(golden<DescribeProducersRequest>(0), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeProducersResponseVersion0) {
  const DescribeProducersResponse expected{
      .throttle_time_ms = 70001,
      .topics = {{.name = "str-4",
                  .partitions = {
                      {.partition_index = 70007,
                       .error_code = KafkaError{-308},
                       .error_message = "grün-9",
                       .active_producers = {{.producer_id = -1099511627788,
                                             .producer_epoch = 70013,
                                             .last_sequence = -70014,
                                             .last_timestamp = 1099511627791,
                                             .coordinator_epoch = -70016,
                                             .current_txn_start_offset = Offset{1099511627793}}}}}}}};
  EXPECT_EQ(golden<DescribeProducersResponse>(0), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeTransactionsRequestVersion0) {
  const DescribeTransactionsRequest expected{.transactional_ids = {"str-2"}};
  EXPECT_EQ(golden<DescribeTransactionsRequest>(0), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeTransactionsResponseVersion0) {
  const DescribeTransactionsResponse expected{
      .throttle_time_ms = 70001,
      .transaction_states = {{.error_code = KafkaError{-304},
                              .transactional_id = "str-5",
                              .transaction_state = "grün-6",
                              .transaction_timeout_ms = 70007,
                              .transaction_start_time_ms = -1099511627784,
                              .producer_id = 1099511627785,
                              .producer_epoch = -310,
                              .topics = {{.topic = "str-13", .partitions = {70015}}}}}};
  EXPECT_EQ(golden<DescribeTransactionsResponse>(0), expected);
}

TEST(GoldenValues, EveryFieldOfListTransactionsRequestVersion1) {
  const ListTransactionsRequest expected{.state_filters = {"str-2"},
                                         .producer_id_filters = {-1099511627780},
                                         .duration_filter = 1099511627781};
  EXPECT_EQ(golden<ListTransactionsRequest>(1), expected);
}

TEST(GoldenValues, EveryFieldOfListTransactionsResponseVersion1) {
  const ListTransactionsResponse expected{
      .throttle_time_ms = 70001,
      .error_code = KafkaError{-302},
      .unknown_state_filters = {"str-4"},
      .transaction_states = {
          {.transactional_id = "str-7", .producer_id = -1099511627784, .transaction_state = "grün-9"}}};
  EXPECT_EQ(golden<ListTransactionsResponse>(1), expected);
}

}  // namespace
}  // namespace penstock::kafka
