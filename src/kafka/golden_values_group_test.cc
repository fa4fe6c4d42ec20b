// What the fields of decoded messages are, for the messages of groups; as in golden_values_test.cc.

#include <gtest/gtest.h>

#include "kafka/golden_vectors_for_test.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/sync_group.h"

namespace penstock::kafka {
namespace {

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
