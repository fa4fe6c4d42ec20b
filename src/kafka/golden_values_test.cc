// What the fields of decoded messages are: one vector per message and shape, field by field. The names
// here are those of Kafka's definitions, so a field that is decoded into the wrong member shows.

#include <gtest/gtest.h>

#include "kafka/golden_vectors_for_test.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/produce.h"

namespace penstock::kafka {
namespace {

TEST(GoldenValues, EveryFieldOfProduceRequestVersion8) {
  const auto records = bytes_from_hex("0a0d101316");
  const ProduceRequest expected{
      .transactional_id = "str-1",
      .acks = -302,
      .timeout_ms = 70003,
      .topic_data = {{.name = "grün-6",
                      .partition_data = {{.index = 70009, .records = Records::borrow(records)}}}}};
  EXPECT_EQ(golden<ProduceRequest>(8), expected);
}

TEST(GoldenValues, EveryFieldOfProduceRequestVersion11) {
  const auto records = bytes_from_hex("0a0d101316");
  const ProduceRequest expected{
      .transactional_id = "str-1",
      .acks = -302,
      .timeout_ms = 70003,
      .topic_data = {{.name = "grün-6",
                      .partition_data = {{.index = 70009, .records = Records::borrow(records)}}}}};
  EXPECT_EQ(golden<ProduceRequest>(11), expected);
}

TEST(GoldenValues, EveryFieldOfProduceResponseVersion8) {
  const ProduceResponse expected{
      .responses = {{.name = "grün-3",
                     .partition_responses = {{.index = -70006,
                                              .error_code = KafkaError{307},
                                              .base_offset = Offset{-1099511627784},
                                              .log_append_time_ms = 1099511627785,
                                              .log_start_offset = Offset{-1099511627786},
                                              .record_errors = {{.batch_index = 70013,
                                                                 .batch_index_error_message =
                                                                     "str-14"}},
                                              .error_message = "grün-15"}}}},
      .throttle_time_ms = -70016};
  EXPECT_EQ(golden<ProduceResponse>(8), expected);
}

TEST(GoldenValues, EveryFieldOfProduceResponseVersion11) {
  const ProduceResponse expected{
      .responses =
          {{.name = "grün-3",
            .partition_responses = {{.index = -70006,
                                     .error_code = KafkaError{307},
                                     .base_offset = Offset{-1099511627784},
                                     .log_append_time_ms = 1099511627785,
                                     .log_start_offset = Offset{-1099511627786},
                                     .record_errors = {{.batch_index = 70013,
                                                        .batch_index_error_message = "str-14"}},
                                     .error_message = "grün-15",
                                     .current_leader = {.leader_id = 70017, .leader_epoch = -70018}}}}},
      .throttle_time_ms = 70019,
      .node_endpoints = {{.node_id = -70022, .host = "str-23", .port = -70024, .rack = "str-25"}}};
  EXPECT_EQ(golden<ProduceResponse>(11), expected);
}

TEST(GoldenValues, EveryFieldOfFetchRequestVersion11) {
  const FetchRequest expected{.replica_id = 70001,
                              .max_wait_ms = -70002,
                              .min_bytes = 70003,
                              .max_bytes = -70004,
                              .isolation_level = -6,
                              .session_id = -70006,
                              .session_epoch = 70007,
                              .topics = {{.topic = "str-10",
                                          .partitions = {{.partition = 70013,
                                                          .current_leader_epoch = -70014,
                                                          .fetch_offset = Offset{1099511627791},
                                                          .log_start_offset = Offset{-1099511627792},
                                                          .partition_max_bytes = 70017}}}},
                              .forgotten_topics_data = {{.topic = "str-20", .partitions = {-70022}}},
                              .rack_id = "str-23"};
  EXPECT_EQ(golden<FetchRequest>(11), expected);
}

TEST(GoldenValues, EveryFieldOfFetchRequestVersion16) {
  const FetchRequest expected{
      .cluster_id = "str-1",
      .replica_state = {.replica_id = 70003, .replica_epoch = -1099511627780},
      .max_wait_ms = 70005,
      .min_bytes = -70006,
      .max_bytes = 70007,
      .isolation_level = 9,
      .session_id = 70009,
      .session_epoch = -70010,
      .topics = {{.topic_id = uuid_from(91),
                  .partitions = {{.partition = -70016,
                                  .current_leader_epoch = 70017,
                                  .fetch_offset = Offset{-1099511627794},
                                  .last_fetched_epoch = 70019,
                                  .log_start_offset = Offset{-1099511627796},
                                  .partition_max_bytes = 70021}}}},
      .forgotten_topics_data = {{.topic_id = uuid_from(168), .partitions = {-70026}}},
      .rack_id = "grün-27"};
  EXPECT_EQ(golden<FetchRequest>(16), expected);
}

TEST(GoldenValues, EveryFieldOfFetchResponseVersion11) {
  const auto records = bytes_from_hex("1316191c1f");
  const FetchResponse expected{
      .throttle_time_ms = 70001,
      .error_code = KafkaError{-302},
      .session_id = 70003,
      .responses = {{.topic = "grün-6",
                     .partitions = {{.partition_index = 70009,
                                     .error_code = KafkaError{-310},
                                     .high_watermark = Offset{1099511627787},
                                     .last_stable_offset = Offset{-1099511627788},
                                     .log_start_offset = Offset{1099511627789},
                                     .aborted_transactions =
                                         std::vector<FetchResponse::AbortedTransaction>{
                                             {.producer_id = -1099511627792,
                                              .first_offset = Offset{1099511627793}}},
                                     .preferred_read_replica = -70018,
                                     .records = Records::borrow(records)}}}}};
  EXPECT_EQ(golden<FetchResponse>(11), expected);
}

TEST(GoldenValues, EveryFieldOfFetchResponseVersion16) {
  const auto records = bytes_from_hex("1c1f222528");
  const FetchResponse expected{
      .throttle_time_ms = 70001,
      .error_code = KafkaError{-302},
      .session_id = 70003,
      .responses =
          {{.topic_id = uuid_from(42),
            .partitions = {{.partition_index = 70009,
                            .error_code = KafkaError{-310},
                            .high_watermark = Offset{1099511627787},
                            .last_stable_offset = Offset{-1099511627788},
                            .log_start_offset = Offset{1099511627789},
                            .diverging_epoch = {.epoch = 70015, .end_offset = Offset{-1099511627792}},
                            .current_leader = {.leader_id = -70018, .leader_epoch = 70019},
                            .snapshot_id = {.end_offset = Offset{1099511627797}, .epoch = -70022},
                            .aborted_transactions =
                                std::vector<FetchResponse::AbortedTransaction>{
                                    {.producer_id = 1099511627801,
                                     .first_offset = Offset{-1099511627802}}},
                            .preferred_read_replica = 70027,
                            .records = Records::borrow(records)}}}},
      .node_endpoints = {{.node_id = 70031, .host = "str-32", .port = 70033, .rack = "str-34"}}};
  EXPECT_EQ(golden<FetchResponse>(16), expected);
}

TEST(GoldenValues, EveryFieldOfListOffsetsRequestVersion7) {
  const ListOffsetsRequest expected{.replica_id = 70001,
                                    .isolation_level = 3,
                                    .topics = {{.name = "str-5",
                                                .partitions = {{.partition_index = -70008,
                                                                .current_leader_epoch = 70009,
                                                                .timestamp = -1099511627786}}}}};
  EXPECT_EQ(golden<ListOffsetsRequest>(7), expected);
}

TEST(GoldenValues, EveryFieldOfListOffsetsResponseVersion7) {
  const ListOffsetsResponse expected{.throttle_time_ms = 70001,
                                     .topics = {{.name = "str-4",
                                                 .partitions = {{.partition_index = 70007,
                                                                 .error_code = KafkaError{-308},
                                                                 .timestamp = 1099511627785,
                                                                 .offset = Offset{-1099511627786},
                                                                 .leader_epoch = 70011}}}}};
  EXPECT_EQ(golden<ListOffsetsResponse>(7), expected);
}

TEST(GoldenValues, EveryFieldOfMetadataRequestVersion10) {
  const MetadataRequest expected{
      .topics = std::vector<MetadataRequest::Topic>{{.topic_id = uuid_from(21), .name = "str-4"}},
      .allow_auto_topic_creation = true,
      .include_cluster_authorized_operations = true,
      .include_topic_authorized_operations = true};
  EXPECT_EQ(golden<MetadataRequest>(10), expected);
}

TEST(GoldenValues, EveryFieldOfMetadataRequestVersion12) {
  const MetadataRequest expected{
      .topics = std::vector<MetadataRequest::Topic>{{.topic_id = uuid_from(21), .name = "str-4"}},
      .allow_auto_topic_creation = true,
      .include_topic_authorized_operations = true};
  EXPECT_EQ(golden<MetadataRequest>(12), expected);
}

TEST(GoldenValues, EveryFieldOfMetadataResponseVersion10) {
  const MetadataResponse expected{
      .throttle_time_ms = 70001,
      .brokers = {{.node_id = -70004, .host = "str-5", .port = -70006, .rack = "str-7"}},
      .cluster_id = "str-8",
      .controller_id = 70009,
      .topics = {{.error_code = KafkaError{-312},
                  .name = "str-13",
                  .topic_id = uuid_from(98),
                  .is_internal = true,
                  .partitions = {{.error_code = KafkaError{-318},
                                  .partition_index = 70019,
                                  .leader_id = -70020,
                                  .leader_epoch = 70021,
                                  .replica_nodes = {70023},
                                  .isr_nodes = {70025},
                                  .offline_replicas = {70027}}},
                  .topic_authorized_operations = -70028}},
      .cluster_authorized_operations = 70029};
  EXPECT_EQ(golden<MetadataResponse>(10), expected);
}

TEST(GoldenValues, EveryFieldOfMetadataResponseVersion12) {
  const MetadataResponse expected{
      .throttle_time_ms = 70001,
      .brokers = {{.node_id = -70004, .host = "str-5", .port = -70006, .rack = "str-7"}},
      .cluster_id = "str-8",
      .controller_id = 70009,
      .topics = {{.error_code = KafkaError{-312},
                  .name = "str-13",
                  .topic_id = uuid_from(98),
                  .is_internal = true,
                  .partitions = {{.error_code = KafkaError{-318},
                                  .partition_index = 70019,
                                  .leader_id = -70020,
                                  .leader_epoch = 70021,
                                  .replica_nodes = {70023},
                                  .isr_nodes = {70025},
                                  .offline_replicas = {70027}}},
                  .topic_authorized_operations = -70028}}};
  EXPECT_EQ(golden<MetadataResponse>(12), expected);
}

TEST(GoldenValues, EveryFieldOfApiVersionsRequestVersion3) {
  const ApiVersionsRequest expected{.client_software_name = "str-1",
                                    .client_software_version = "str-2"};
  EXPECT_EQ(golden<ApiVersionsRequest>(3), expected);
}

TEST(GoldenValues, EveryFieldOfApiVersionsResponseVersion3) {
  const ApiVersionsResponse expected{
      .error_code = KafkaError{301},
      .api_keys = {{.api_key = ApiKey{-304}, .min_version = 305, .max_version = -306}},
      .throttle_time_ms = 70007,
      .supported_features = {{.name = "str-10", .min_version = 311, .max_version = -312}},
      .finalized_features_epoch = 1099511627789,
      .finalized_features = {{.name = "str-16", .max_version_level = 317, .min_version_level = -318}},
      .zk_migration_ready = true};
  EXPECT_EQ(golden<ApiVersionsResponse>(3), expected);
}

TEST(GoldenValues, EveryFieldOfCreateTopicsRequestVersion7) {
  const CreateTopicsRequest expected{
      .topics = {{.name = "grün-3",
                  .num_partitions = -70004,
                  .replication_factor = 305,
                  .assignments = {{.partition_index = -70008, .broker_ids = {-70010}}},
                  .configs = {{.name = "str-13", .value = "str-14"}}}},
      .timeout_ms = 70015,
      .validate_only = true};
  EXPECT_EQ(golden<CreateTopicsRequest>(7), expected);
}

TEST(GoldenValues, EveryFieldOfCreateTopicsResponseVersion7) {
  const CreateTopicsResponse expected{
      .throttle_time_ms = 70001,
      .topics = {{.name = "str-4",
                  .topic_id = uuid_from(35),
                  .error_code = KafkaError{-306},
                  .error_message = "str-7",
                  .topic_config_error_code = KafkaError{-308},
                  .num_partitions = 70009,
                  .replication_factor = -310,
                  .configs = std::vector<CreateTopicsResponse::Config>{{.name = "str-13",
                                                                        .value = "str-14",
                                                                        .read_only = true,
                                                                        .config_source = 17,
                                                                        .is_sensitive = true}}}}};
  EXPECT_EQ(golden<CreateTopicsResponse>(7), expected);
}

TEST(GoldenValues, EveryFieldOfDeleteTopicsRequestVersion5) {
  const DeleteTopicsRequest expected{.topic_names = {"str-2"}, .timeout_ms = 70003};
  EXPECT_EQ(golden<DeleteTopicsRequest>(5), expected);
}

TEST(GoldenValues, EveryFieldOfDeleteTopicsRequestVersion6) {
  const DeleteTopicsRequest expected{.topics = {{.name = "grün-3", .topic_id = uuid_from(28)}},
                                     .timeout_ms = 70005};
  EXPECT_EQ(golden<DeleteTopicsRequest>(6), expected);
}

TEST(GoldenValues, EveryFieldOfDeleteTopicsResponseVersion5) {
  const DeleteTopicsResponse expected{
      .throttle_time_ms = 70001,
      .responses = {{.name = "str-4", .error_code = KafkaError{305}, .error_message = "grün-6"}}};
  EXPECT_EQ(golden<DeleteTopicsResponse>(5), expected);
}

TEST(GoldenValues, EveryFieldOfDeleteTopicsResponseVersion6) {
  const DeleteTopicsResponse expected{.throttle_time_ms = 70001,
                                      .responses = {{.name = "str-4",
                                                     .topic_id = uuid_from(35),
                                                     .error_code = KafkaError{-306},
                                                     .error_message = "str-7"}}};
  EXPECT_EQ(golden<DeleteTopicsResponse>(6), expected);
}

}  // namespace
}  // namespace penstock::kafka
