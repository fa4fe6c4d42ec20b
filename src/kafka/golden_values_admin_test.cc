// What the fields of decoded messages are, for the messages of transactions and of administration; as
// in golden_values_test.cc.

#include <gtest/gtest.h>

#include "kafka/golden_vectors_for_test.h"
#include "kafka/messages/add_offsets_to_txn.h"
#include "kafka/messages/add_partitions_to_txn.h"
#include "kafka/messages/alter_configs.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/end_txn.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/init_producer_id.h"
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

}  // namespace
}  // namespace penstock::kafka
