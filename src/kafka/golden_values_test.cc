// What the fields of decoded messages are: one vector per message and shape, field by field. The names
// here are those of Kafka's definitions, so a field that is decoded into the wrong member shows.

#include <gtest/gtest.h>

#include "kafka/golden_vectors_for_test.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sync_group.h"

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

TEST(GoldenValues, EveryFieldOfFindCoordinatorRequestVersion3) {
  const FindCoordinatorRequest expected{.key = "str-1", .key_type = CoordinatorKeyType{3}};
  EXPECT_EQ(golden<FindCoordinatorRequest>(3), expected);
}

TEST(GoldenValues, EveryFieldOfFindCoordinatorRequestVersion4) {
  const FindCoordinatorRequest expected{.key_type = CoordinatorKeyType{-2},
                                        .coordinator_keys = {"grün-3"}};
  EXPECT_EQ(golden<FindCoordinatorRequest>(4), expected);
}

TEST(GoldenValues, EveryFieldOfFindCoordinatorResponseVersion3) {
  const FindCoordinatorResponse expected{.throttle_time_ms = 70001,
                                         .error_code = KafkaError{-302},
                                         .error_message = "grün-3",
                                         .node_id = -70004,
                                         .host = "str-5",
                                         .port = -70006};
  EXPECT_EQ(golden<FindCoordinatorResponse>(3), expected);
}

TEST(GoldenValues, EveryFieldOfFindCoordinatorResponseVersion4) {
  const FindCoordinatorResponse expected{.throttle_time_ms = 70001,
                                         .coordinators = {{.key = "str-4",
                                                           .node_id = 70005,
                                                           .host = "grün-6",
                                                           .port = 70007,
                                                           .error_code = KafkaError{-308},
                                                           .error_message = "grün-9"}}};
  EXPECT_EQ(golden<FindCoordinatorResponse>(4), expected);
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

TEST(GoldenValues, EveryFieldOfOffsetCommitRequestVersion8) {
  const OffsetCommitRequest expected{
      .group_id = "str-1",
      .generation_id_or_member_epoch = -70002,
      .member_id = "grün-3",
      .group_instance_id = "str-4",
      .topics = {{.name = "str-7",
                  .partitions = {{.partition_index = -70010,
                                  .committed_offset = Offset{1099511627787},
                                  .committed_leader_epoch = -70012,
                                  .committed_metadata = "str-13"}}}}};
  EXPECT_EQ(golden<OffsetCommitRequest>(8), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetCommitResponseVersion8) {
  const OffsetCommitResponse expected{
      .throttle_time_ms = 70001,
      .topics = {{.name = "str-4",
                  .partitions = {{.partition_index = 70007, .error_code = KafkaError{-308}}}}}};
  EXPECT_EQ(golden<OffsetCommitResponse>(8), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetFetchRequestVersion7) {
  const OffsetFetchRequest expected{
      .group_id = "str-1",
      .topics =
          std::vector<OffsetFetchRequest::Topic>{{.name = "str-4", .partition_indexes = {-70006}}},
      .require_stable = true};
  EXPECT_EQ(golden<OffsetFetchRequest>(7), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetFetchRequestVersion8) {
  const OffsetFetchRequest expected{
      .groups = {{.group_id = "grün-3",
                  .topics =
                      std::vector<OffsetFetchRequest::GroupTopic>{
                          {.name = "grün-6", .partition_indexes = {-70008}}}}},
      .require_stable = true};
  EXPECT_EQ(golden<OffsetFetchRequest>(8), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetFetchRequestVersion9) {
  const OffsetFetchRequest expected{
      .groups = {{.group_id = "grün-3",
                  .member_id = "str-4",
                  .member_epoch = 70005,
                  .topics =
                      std::vector<OffsetFetchRequest::GroupTopic>{
                          {.name = "str-8", .partition_indexes = {-70010}}}}},
      .require_stable = true};
  EXPECT_EQ(golden<OffsetFetchRequest>(9), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetFetchResponseVersion7) {
  const OffsetFetchResponse expected{
      .throttle_time_ms = 70001,
      .topics = {{.name = "str-4",
                  .partitions = {{.partition_index = 70007,
                                  .committed_offset = Offset{-1099511627784},
                                  .committed_leader_epoch = 70009,
                                  .metadata = "str-10",
                                  .error_code = KafkaError{311}}}}},
      .error_code = KafkaError{-312}};
  EXPECT_EQ(golden<OffsetFetchResponse>(7), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetFetchResponseVersion8) {
  const OffsetFetchResponse expected{
      .throttle_time_ms = 70001,
      .groups = {{.group_id = "str-4",
                  .topics = {{.name = "str-7",
                              .partitions = {{.partition_index = -70010,
                                              .committed_offset = Offset{1099511627787},
                                              .committed_leader_epoch = -70012,
                                              .metadata = "str-13",
                                              .error_code = KafkaError{-314}}}}},
                  .error_code = KafkaError{315}}}};
  EXPECT_EQ(golden<OffsetFetchResponse>(8), expected);
}

TEST(GoldenValues, EveryFieldOfJoinGroupRequestVersion9) {
  const JoinGroupRequest expected{
      .group_id = "str-1",
      .session_timeout_ms = -70002,
      .rebalance_timeout_ms = 70003,
      .member_id = "str-4",
      .group_instance_id = "str-5",
      .protocol_type = "grün-6",
      .protocols = {{.name = "grün-9", .metadata = bytes_from_hex("0a0d101316")}},
      .reason = "str-11"};
  EXPECT_EQ(golden<JoinGroupRequest>(9), expected);
}

TEST(GoldenValues, EveryFieldOfJoinGroupResponseVersion9) {
  const JoinGroupResponse expected{.throttle_time_ms = 70001,
                                   .error_code = KafkaError{-302},
                                   .generation_id = 70003,
                                   .protocol_type = "str-4",
                                   .protocol_name = "str-5",
                                   .leader = "grün-6",
                                   .skip_assignment = true,
                                   .member_id = "str-8",
                                   .members = {{.member_id = "str-11",
                                                .group_instance_id = "grün-12",
                                                .metadata = bytes_from_hex("0d10131619")}}};
  EXPECT_EQ(golden<JoinGroupResponse>(9), expected);
}

TEST(GoldenValues, EveryFieldOfHeartbeatRequestVersion4) {
  const HeartbeatRequest expected{.group_id = "str-1",
                                  .generation_id = -70002,
                                  .member_id = "grün-3",
                                  .group_instance_id = "str-4"};
  EXPECT_EQ(golden<HeartbeatRequest>(4), expected);
}

TEST(GoldenValues, EveryFieldOfHeartbeatResponseVersion4) {
  const HeartbeatResponse expected{.throttle_time_ms = 70001, .error_code = KafkaError{-302}};
  EXPECT_EQ(golden<HeartbeatResponse>(4), expected);
}

TEST(GoldenValues, EveryFieldOfLeaveGroupRequestVersion2) {
  const LeaveGroupRequest expected{.group_id = "str-1", .member_id = "str-2"};
  EXPECT_EQ(golden<LeaveGroupRequest>(2), expected);
}

TEST(GoldenValues, EveryFieldOfLeaveGroupRequestVersion5) {
  const LeaveGroupRequest expected{
      .group_id = "str-1",
      .members = {{.member_id = "str-4", .group_instance_id = "str-5", .reason = "grün-6"}}};
  EXPECT_EQ(golden<LeaveGroupRequest>(5), expected);
}

TEST(GoldenValues, EveryFieldOfLeaveGroupResponseVersion2) {
  const LeaveGroupResponse expected{.throttle_time_ms = 70001, .error_code = KafkaError{-302}};
  EXPECT_EQ(golden<LeaveGroupResponse>(2), expected);
}

TEST(GoldenValues, EveryFieldOfLeaveGroupResponseVersion5) {
  const LeaveGroupResponse expected{
      .throttle_time_ms = 70001,
      .error_code = KafkaError{-302},
      .members = {
          {.member_id = "str-5", .group_instance_id = "grün-6", .error_code = KafkaError{307}}}};
  EXPECT_EQ(golden<LeaveGroupResponse>(5), expected);
}

TEST(GoldenValues, EveryFieldOfSyncGroupRequestVersion5) {
  const SyncGroupRequest expected{
      .group_id = "str-1",
      .generation_id = -70002,
      .member_id = "grün-3",
      .group_instance_id = "str-4",
      .protocol_type = "str-5",
      .protocol_name = "grün-6",
      .assignments = {{.member_id = "grün-9", .assignment = bytes_from_hex("0a0d101316")}}};
  EXPECT_EQ(golden<SyncGroupRequest>(5), expected);
}

TEST(GoldenValues, EveryFieldOfSyncGroupResponseVersion5) {
  const SyncGroupResponse expected{.throttle_time_ms = 70001,
                                   .error_code = KafkaError{-302},
                                   .protocol_type = "grün-3",
                                   .protocol_name = "str-4",
                                   .assignment = bytes_from_hex("05080b0e11")};
  EXPECT_EQ(golden<SyncGroupResponse>(5), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeGroupsRequestVersion5) {
  const DescribeGroupsRequest expected{.groups = {"str-2"}, .include_authorized_operations = true};
  EXPECT_EQ(golden<DescribeGroupsRequest>(5), expected);
}

TEST(GoldenValues, EveryFieldOfDescribeGroupsResponseVersion5) {
  const DescribeGroupsResponse expected{
      .throttle_time_ms = 70001,
      .groups = {{.error_code = KafkaError{-304},
                  .group_id = "str-5",
                  .group_state = "grün-6",
                  .protocol_type = "str-7",
                  .protocol_data = "str-8",
                  .members = {{.member_id = "str-11",
                               .group_instance_id = "grün-12",
                               .client_id = "str-13",
                               .client_host = "str-14",
                               .member_metadata = bytes_from_hex("0f1215181b"),
                               .member_assignment = bytes_from_hex("101316191c")}},
                  .authorized_operations = 70017}}};
  EXPECT_EQ(golden<DescribeGroupsResponse>(5), expected);
}

TEST(GoldenValues, EveryFieldOfListGroupsRequestVersion5) {
  const ListGroupsRequest expected{.states_filter = {"str-2"}, .types_filter = {"str-4"}};
  EXPECT_EQ(golden<ListGroupsRequest>(5), expected);
}

TEST(GoldenValues, EveryFieldOfListGroupsResponseVersion5) {
  const ListGroupsResponse expected{.throttle_time_ms = 70001,
                                    .error_code = KafkaError{-302},
                                    .groups = {{.group_id = "str-5",
                                                .protocol_type = "grün-6",
                                                .group_state = "str-7",
                                                .group_type = "str-8"}}};
  EXPECT_EQ(golden<ListGroupsResponse>(5), expected);
}

TEST(GoldenValues, EveryFieldOfDeleteGroupsRequestVersion2) {
  const DeleteGroupsRequest expected{.groups_names = {"str-2"}};
  EXPECT_EQ(golden<DeleteGroupsRequest>(2), expected);
}

TEST(GoldenValues, EveryFieldOfDeleteGroupsResponseVersion2) {
  const DeleteGroupsResponse expected{
      .throttle_time_ms = 70001, .results = {{.group_id = "str-4", .error_code = KafkaError{305}}}};
  EXPECT_EQ(golden<DeleteGroupsResponse>(2), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetDeleteRequestVersion0) {
  const OffsetDeleteRequest expected{
      .group_id = "str-1", .topics = {{.name = "str-4", .partitions = {{.partition_index = 70007}}}}};
  EXPECT_EQ(golden<OffsetDeleteRequest>(0), expected);
}

TEST(GoldenValues, EveryFieldOfOffsetDeleteResponseVersion0) {
  const OffsetDeleteResponse expected{
      .error_code = KafkaError{301},
      .throttle_time_ms = -70002,
      .topics = {{.name = "str-5",
                  .partitions = {{.partition_index = -70008, .error_code = KafkaError{309}}}}}};
  EXPECT_EQ(golden<OffsetDeleteResponse>(0), expected);
}

// As librdkafka 2.0.2 sends them, without the header: with bytes that nobody needs behind them.

TEST(BytesOfLibrdkafka, ListGroupsEndsWithOneByteTooMany) {
  const auto request = decode<ListGroupsRequest>(bytes_from_hex("010000"), 4);
  ASSERT_TRUE(request.has_value()) << request.error().message();
  EXPECT_TRUE(request->states_filter.empty());
}

TEST(BytesOfLibrdkafka, OffsetFetchOfAllTopicsEndsWithThreeBytesTooMany) {
  const auto request = decode<OffsetFetchRequest>(bytes_from_hex("0267000000000000"), 7);
  ASSERT_TRUE(request.has_value()) << request.error().message();
  EXPECT_EQ(request->group_id, "g");
  EXPECT_FALSE(request->topics.has_value());
  EXPECT_FALSE(request->require_stable);
}

}  // namespace
}  // namespace penstock::kafka
