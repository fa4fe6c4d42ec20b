// Consumer groups through their requests: what the wire's versions say, on which shard whatever they
// live, and what a topic has to do with it.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"
#include "group/records.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kShards = 3;

class GroupRequests : public ::testing::Test {
 protected:
  GroupRequests() : machine_(storage_, options()) {
    machine_.start();
    machine_.create_topic("orders", 2);
  }
  static BrokerMachineOptions options() {
    BrokerMachineOptions options;
    options.shard_count = kShards;
    options.settings.groups.initial_rebalance_delay = Duration{};
    return options;
  }
  static kafka::JoinGroupRequest join_request(std::string member_id = {}) {
    kafka::JoinGroupRequest request;
    request.group_id = "billing";
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 60'000;
    request.member_id = std::move(member_id);
    request.protocol_type = "consumer";
    request.protocols = {{"range", {std::byte{1}}}};
    return request;
  }
  kafka::OffsetCommitRequest commit_request(Offset offset, std::int32_t partition = 0,
                                            const std::string& topic = "orders") {
    kafka::OffsetCommitRequest request;
    request.group_id = "billing";
    request.topics.resize(1);
    request.topics[0].name = topic;
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].partition_index = partition;
    request.topics[0].partitions[0].committed_offset = offset;
    request.topics[0].partitions[0].committed_metadata = "note";
    return request;
  }
  KafkaError commit(const kafka::OffsetCommitRequest& request, std::int16_t version = 8,
                    std::size_t shard = 0) {
    return machine_.ask(request, version, shard).topics.at(0).partitions.at(0).error_code;
  }

  std::ptrdiff_t committed_offsets() const {
    return std::ranges::count_if(storage_.catalog, [](const auto& entry) {
      return entry.first.starts_with(group::kOffsetPrefix);
    });
  }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(GroupRequests, AMemberJoinsSyncsAndLivesOnWhicheverShardItAsks) {
  const auto joined = machine_.ask(join_request(), 0, 1);
  EXPECT_EQ(joined.error_code, KafkaError::kNone);
  EXPECT_EQ(joined.generation_id, 1);
  EXPECT_EQ(joined.protocol_name, "range");
  EXPECT_EQ(joined.leader, joined.member_id);
  ASSERT_EQ(joined.members.size(), 1U);
  EXPECT_EQ(joined.members[0].metadata, (std::vector{std::byte{1}}));

  kafka::SyncGroupRequest sync;
  sync.group_id = "billing";
  sync.generation_id = joined.generation_id;
  sync.member_id = joined.member_id;
  sync.assignments = {{joined.member_id, {std::byte{7}}}};
  const auto synced = machine_.ask(sync, 5, 2);
  EXPECT_EQ(synced.error_code, KafkaError::kNone);
  EXPECT_EQ(synced.protocol_type, "consumer");
  EXPECT_EQ(synced.assignment, (std::vector{std::byte{7}}));

  kafka::HeartbeatRequest beat;
  beat.group_id = "billing";
  beat.generation_id = joined.generation_id;
  beat.member_id = joined.member_id;
  for (std::size_t shard = 0; shard < kShards; ++shard)
    EXPECT_EQ(machine_.ask(beat, 4, shard).error_code, KafkaError::kNone) << shard;

  kafka::DescribeGroupsRequest describe;
  describe.groups = {"billing", "unknown", "billing"};
  const auto described = machine_.ask(describe, 5);
  ASSERT_EQ(described.groups.size(), 2U);
  EXPECT_EQ(described.groups[0].group_state, "Stable");
  ASSERT_EQ(described.groups[0].members.size(), 1U);
  EXPECT_EQ(described.groups[0].members[0].client_id, "test");
  EXPECT_EQ(described.groups[0].members[0].client_host, "/192.0.2.1");
  EXPECT_EQ(described.groups[0].members[0].member_assignment, (std::vector{std::byte{7}}));
  EXPECT_EQ(described.groups[1].group_state, "Dead");

  kafka::LeaveGroupRequest leave;
  leave.group_id = "billing";
  leave.member_id = joined.member_id;
  EXPECT_EQ(machine_.ask(leave, 0).error_code, KafkaError::kNone);
  EXPECT_EQ(machine_.ask(leave, 1).error_code, KafkaError::kUnknownMemberId);
  leave.members = {{.member_id = joined.member_id}, {.member_id = "", .group_instance_id = "one"}};
  const auto left = machine_.ask(leave, 3);
  EXPECT_EQ(left.error_code, KafkaError::kNone);
  ASSERT_EQ(left.members.size(), 2U);
  EXPECT_EQ(left.members[0].error_code, KafkaError::kUnknownMemberId);
  EXPECT_EQ(left.members[1].group_instance_id, "one");
}

kafka::ConsumerGroupHeartbeatRequest consumer_request() {
  kafka::ConsumerGroupHeartbeatRequest request;
  request.group_id = "shipping";
  request.rebalance_timeout_ms = 60'000;
  request.subscribed_topic_names = std::vector<std::string>{"orders"};
  request.topic_partitions.emplace();
  return request;
}

TEST_F(GroupRequests, AMemberOfTheNewProtocolIsAssignedCommitsAndIsDescribedOnEveryShard) {
  kafka::ConsumerGroupHeartbeatRequest beat = consumer_request();
  beat.rack_id = "r1";
  const auto joined = machine_.ask(beat, 0, 1);
  ASSERT_EQ(joined.error_code, KafkaError::kNone) << joined.error_message.value_or("");
  ASSERT_TRUE(joined.member_id);
  EXPECT_EQ(joined.member_epoch, 1);
  EXPECT_EQ(joined.heartbeat_interval_ms, 5'000);
  ASSERT_TRUE(joined.assignment);
  ASSERT_EQ(joined.assignment->topic_partitions.size(), 1U);
  EXPECT_EQ(joined.assignment->topic_partitions[0].partitions, (std::vector<std::int32_t>{0, 1}));

  kafka::ConsumerGroupHeartbeatRequest living;
  living.group_id = "shipping";
  living.member_id = *joined.member_id;
  living.member_epoch = 1;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    const auto lives = machine_.ask(living, 0, shard);
    EXPECT_EQ(lives.error_code, KafkaError::kNone) << shard;
    EXPECT_FALSE(lives.assignment && shard > 0);
  }

  kafka::ConsumerGroupDescribeRequest describe;
  describe.group_ids = {"shipping", "unknown", "shipping"};
  const auto described = machine_.ask(describe, 0, 2);
  ASSERT_EQ(described.groups.size(), 2U);
  EXPECT_EQ(described.groups[0].group_state, "Stable");
  EXPECT_EQ(described.groups[0].assignor_name, "uniform");
  ASSERT_EQ(described.groups[0].members.size(), 1U);
  const auto& member = described.groups[0].members[0];
  EXPECT_EQ(member.client_id, "test");
  EXPECT_EQ(member.client_host, "/192.0.2.1");
  EXPECT_EQ(member.rack_id, "r1");
  EXPECT_EQ(member.subscribed_topic_names, (std::vector<std::string>{"orders"}));
  ASSERT_EQ(member.assignment.topic_partitions.size(), 1U);
  EXPECT_EQ(member.assignment.topic_partitions[0].topic_name, "orders");
  EXPECT_EQ(member.target_assignment, member.assignment);
  EXPECT_EQ(described.groups[1].error_code, KafkaError::kGroupIdNotFound);
  EXPECT_TRUE(described.groups[1].error_message);

  kafka::ListGroupsRequest list;
  list.types_filter = {"Consumer"};
  const auto listed = machine_.ask(list, 5);
  ASSERT_EQ(listed.groups.size(), 1U);
  EXPECT_EQ(listed.groups[0].group_id, "shipping");
  EXPECT_EQ(listed.groups[0].group_type, "consumer");
  list.types_filter = {"classic"};
  EXPECT_TRUE(machine_.ask(list, 5).groups.empty());

  kafka::OffsetCommitRequest offsets = commit_request(Offset{5});
  offsets.group_id = "shipping";
  offsets.member_id = *joined.member_id;
  offsets.generation_id_or_member_epoch = 1;
  EXPECT_EQ(commit(offsets, 8), KafkaError::kUnsupportedVersion);
  EXPECT_EQ(commit(offsets, 9), KafkaError::kNone);
  offsets.generation_id_or_member_epoch = 2;
  EXPECT_EQ(commit(offsets, 9), KafkaError::kStaleMemberEpoch);

  kafka::OffsetFetchRequest fetch;
  fetch.groups.resize(1);
  fetch.groups[0].group_id = "shipping";
  fetch.groups[0].topics.reset();
  fetch.groups[0].member_id = *joined.member_id;
  fetch.groups[0].member_epoch = 1;
  const auto fetched = machine_.ask(fetch, 9);
  ASSERT_EQ(fetched.groups.at(0).topics.size(), 1U);
  EXPECT_EQ(fetched.groups[0].topics[0].partitions.at(0).committed_offset, Offset{5});
  fetch.groups[0].member_epoch = 7;
  EXPECT_EQ(machine_.ask(fetch, 9).groups.at(0).error_code, KafkaError::kStaleMemberEpoch);

  machine_.create_topic("clicks", 1);
  kafka::ConsumerGroupHeartbeatRequest more = living;
  more.subscribed_topic_names = std::vector<std::string>{"orders", "clicks"};
  const auto told = machine_.ask(more, 0);
  ASSERT_TRUE(told.assignment);
  EXPECT_EQ(told.assignment->topic_partitions.size(), 2U);
  EXPECT_EQ(told.member_epoch, 2);
}

TEST_F(GroupRequests, WhatAMemberOfTheNewProtocolMayNotSayIsRefusedWithAReason) {
  const auto refusal = [&](auto change) {
    kafka::ConsumerGroupHeartbeatRequest request = consumer_request();
    change(request);
    const auto refused = machine_.ask(request, 0);
    EXPECT_TRUE(refused.error_message.has_value());
    return refused.error_code;
  };
  using Request = kafka::ConsumerGroupHeartbeatRequest;
  const auto kInvalid = KafkaError::kInvalidRequest;
  EXPECT_EQ(refusal([](Request& r) { r.group_id.clear(); }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.group_id.assign(40'000, 'g'); }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.member_id.assign(1025, 'm'); }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.instance_id = ""; }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.rack_id = ""; }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.rebalance_timeout_ms = -1; }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.subscribed_topic_names.reset(); }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.topic_partitions.reset(); }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.topic_partitions->resize(1); }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.member_epoch = 1; }), kInvalid) << "who?";
  EXPECT_EQ(refusal([](Request& r) { r.member_epoch = -3; }), kInvalid);
  EXPECT_EQ(refusal([](Request& r) {
              r.member_id = "m";
              r.member_epoch = -2;
            }),
            kInvalid)
      << "only static members come back";
  EXPECT_EQ(refusal([](Request& r) { r.subscribed_topic_names->front().assign(kMiB + 1, 't'); }),
            kInvalid);
  EXPECT_EQ(refusal([](Request& r) { r.server_assignor = "sticky"; }),
            KafkaError::kUnsupportedAssignor);
  EXPECT_EQ(refusal([](Request& r) {
              r.member_id = "m";
              r.member_epoch = 1;
            }),
            KafkaError::kGroupIdNotFound);
}

TEST_F(GroupRequests, FromVersion4OnANewMemberIsGivenItsIdFirst) {
  const auto told = machine_.ask(join_request(), 4);
  EXPECT_EQ(told.error_code, KafkaError::kMemberIdRequired);
  EXPECT_TRUE(told.member_id.starts_with("test-")) << told.member_id;
  EXPECT_EQ(machine_.ask(join_request(told.member_id), 9).error_code, KafkaError::kNone);
}

TEST_F(GroupRequests, AGroupWithoutANameIsNoneButMayHaveOffsets) {
  kafka::JoinGroupRequest join = join_request();
  join.group_id.clear();
  EXPECT_EQ(machine_.ask(join, 9).error_code, KafkaError::kInvalidGroupId);
  EXPECT_EQ(machine_.ask(kafka::HeartbeatRequest{}, 4).error_code, KafkaError::kInvalidGroupId);
  EXPECT_EQ(machine_.ask(kafka::SyncGroupRequest{}, 5).error_code, KafkaError::kInvalidGroupId);
  EXPECT_EQ(machine_.ask(kafka::LeaveGroupRequest{}, 5).error_code, KafkaError::kInvalidGroupId);
  kafka::OffsetCommitRequest request = commit_request(Offset{1});
  request.group_id.clear();
  EXPECT_EQ(commit(request), KafkaError::kNone);
  request.group_id.assign(group::kMaxGroupIdBytes + 1, 'g');
  EXPECT_EQ(commit(request), KafkaError::kInvalidGroupId);
}

TEST_F(GroupRequests, AMemberThatSaysTooMuchIsRefused) {
  kafka::JoinGroupRequest join = join_request();
  join.protocols[0].metadata.resize(kMiB + 1);
  EXPECT_EQ(machine_.ask(join, 9).error_code, KafkaError::kInvalidRequest);
  join.protocols.assign(65, {});
  EXPECT_EQ(machine_.ask(join, 9).error_code, KafkaError::kInvalidRequest);
}

TEST_F(GroupRequests, OffsetsAreCommittedAndFetchedInEveryVersionsWay) {
  EXPECT_EQ(commit(commit_request(Offset{5}), 2, 1), KafkaError::kNone);
  EXPECT_EQ(commit(commit_request(Offset{1}, 2)), KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(commit(commit_request(Offset{1}, 0, "nothing")), KafkaError::kUnknownTopicOrPartition);

  kafka::OffsetFetchRequest fetch;
  fetch.group_id = "billing";
  fetch.topics = std::vector<kafka::OffsetFetchRequest::Topic>{{"orders", {0, 1}}};
  for (std::int16_t version = 1; version <= 7; ++version) {
    const auto fetched = machine_.ask(fetch, version, 2);
    ASSERT_EQ(fetched.topics.size(), 1U) << version;
    ASSERT_EQ(fetched.topics[0].partitions.size(), 2U);
    EXPECT_EQ(fetched.topics[0].partitions[0].committed_offset, Offset{5});
    EXPECT_EQ(fetched.topics[0].partitions[0].metadata, "note");
    EXPECT_EQ(fetched.topics[0].partitions[1].committed_offset, Offset{-1});
    EXPECT_EQ(fetched.topics[0].partitions[1].error_code, KafkaError::kNone);
  }
  fetch.topics->at(0).partition_indexes = {0, 0, 1, 0};
  EXPECT_EQ(machine_.ask(fetch, 7).topics.at(0).partitions.size(), 2U) << "each is told once";
  fetch.topics.reset();
  EXPECT_EQ(machine_.ask(fetch, 7).topics.at(0).partitions.size(), 1U);

  fetch.groups.resize(3);
  fetch.groups[0].group_id = "billing";
  fetch.groups[0].topics.reset();
  fetch.groups[1].group_id = "another";
  fetch.groups[2] = fetch.groups[0];
  const auto fetched = machine_.ask(fetch, 8);
  ASSERT_EQ(fetched.groups.size(), 2U);
  EXPECT_EQ(fetched.groups[0].topics.at(0).partitions.at(0).committed_offset, Offset{5});
  EXPECT_TRUE(fetched.groups[1].topics.empty());
}

TEST_F(GroupRequests, ATopicThatIsDeletedTakesWhatWasCommittedForItOnAllShards) {
  EXPECT_EQ(commit(commit_request(Offset{5})), KafkaError::kNone);
  EXPECT_EQ(committed_offsets(), 1);
  EXPECT_EQ(machine_.delete_topic("orders"), KafkaError::kNone);
  EXPECT_EQ(committed_offsets(), 0);
}

TEST_F(GroupRequests, WhatCouldNotGoWithATopicGoesBeforeItsNameIsUsedAgain) {
  EXPECT_EQ(commit(commit_request(Offset{5})), KafkaError::kNone);
  machine_.catalog().fail_with(Error(ErrorCode::kNoSpace, "full"), 1);
  EXPECT_EQ(machine_.delete_topic("orders"), KafkaError::kNone);
  EXPECT_EQ(committed_offsets(), 1);
  EXPECT_EQ(machine_.create_topic("orders"), KafkaError::kKafkaStorageError);
  machine_.catalog().fail_with(std::nullopt);
  EXPECT_EQ(machine_.create_topic("orders"), KafkaError::kNone);
  EXPECT_EQ(committed_offsets(), 0);
}

TEST_F(GroupRequests, GroupsOfAllShardsAreListedDeletedAndThereAgainAfterARestart) {
  for (int i = 0; i < 20; ++i) {
    kafka::OffsetCommitRequest request = commit_request(Offset{i});
    request.group_id = fmt::format("group-{:02}", i);
    EXPECT_EQ(commit(request), KafkaError::kNone);
  }
  kafka::DeleteGroupsRequest erase;
  erase.groups_names = {"group-07", "unknown", "group-07"};
  const auto erased = machine_.ask(erase, 2);
  ASSERT_EQ(erased.results.size(), 2U);
  EXPECT_EQ(erased.results.at(0).error_code, KafkaError::kNone);
  EXPECT_EQ(erased.results.at(1).error_code, KafkaError::kGroupIdNotFound);

  BrokerStorage others;  // the log's contents are of no matter here
  others.catalog = storage_.catalog;
  BrokerMachine again(others, options());
  again.start();
  const auto all = again.ask(kafka::ListGroupsRequest{}, 5).groups;
  ASSERT_EQ(all.size(), 19U);
  EXPECT_EQ(all[7].group_id, "group-08");
  EXPECT_EQ(all[7].group_state, "Empty");
  EXPECT_EQ(all[7].group_type, "classic");
  kafka::ListGroupsRequest filtered;
  filtered.states_filter = {"stable"};
  EXPECT_TRUE(again.ask(filtered, 5).groups.empty());
  filtered.states_filter = {"EMPTY"};
  EXPECT_EQ(again.ask(filtered, 5).groups.size(), 19U);
  filtered.types_filter = {"consumer"};
  EXPECT_TRUE(again.ask(filtered, 5).groups.empty());
}

TEST_F(GroupRequests, OffsetsAreDeletedOneByOne) {
  EXPECT_EQ(commit(commit_request(Offset{5}, 0)), KafkaError::kNone);
  EXPECT_EQ(commit(commit_request(Offset{6}, 1)), KafkaError::kNone);
  kafka::OffsetDeleteRequest erase;
  erase.group_id = "billing";
  erase.topics.resize(1);
  erase.topics[0].name = "orders";
  erase.topics[0].partitions = {{0}, {9}};
  const auto erased = machine_.ask(erase, 0);
  EXPECT_EQ(erased.error_code, KafkaError::kNone);
  EXPECT_EQ(erased.topics.at(0).partitions.at(0).error_code, KafkaError::kNone);
  EXPECT_EQ(erased.topics[0].partitions.at(1).error_code, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(committed_offsets(), 1);
  erase.group_id = "unknown";
  EXPECT_EQ(machine_.ask(erase, 0).error_code, KafkaError::kGroupIdNotFound);
}

TEST_F(GroupRequests, AJoinThatWaitsEndsWhenTheServerStops) {
  const auto joined = machine_.ask(join_request(), 0);
  BackgroundAnswer<kafka::JoinGroupResponse> waiting;
  machine_.start_asking(waiting, join_request(), 0, 1);
  machine_.sleep(seconds(1));
  EXPECT_FALSE(waiting.is_there());
  for (std::size_t shard = 0; shard < kShards; ++shard) machine_.broker(shard).release_waiting();
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(waiting.is_there());
  EXPECT_EQ(waiting->error_code, KafkaError::kNotCoordinator);
}

// The member stays: a lost connection may come back, and what ends a membership is its session.
TEST_F(GroupRequests, AJoinThatWaitsEndsWhenItsClientGoesAndTheGroupGoesOn) {
  machine_.ask(join_request(), 0);
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    Client client{.host = "/192.0.2.2"};
    BackgroundAnswer<kafka::JoinGroupResponse> waiting;
    machine_.start_asking(waiting, join_request(), 0, shard, client);
    machine_.sleep(seconds(1));
    EXPECT_FALSE(waiting.is_there());
    client.gone.abort();
    machine_.sleep(milliseconds(1));
    ASSERT_TRUE(waiting.is_there());
    EXPECT_EQ(waiting->error_code, KafkaError::kRebalanceInProgress);
    EXPECT_EQ(client.waiting_count, 0U);
    EXPECT_EQ(machine_.broker(shard).stats().waiting_requests, 0U);
  }
  const auto members = [this] {
    std::uint64_t count = 0;
    for (std::size_t shard = 0; shard < kShards; ++shard)
      count += machine_.broker(shard).groups().stats().members;
    return count;
  };
  EXPECT_EQ(members(), 1 + kShards);
  machine_.sleep(seconds(600));
  EXPECT_EQ(members(), 0U) << "their sessions have ended";
}

TEST_F(GroupRequests, ASyncThatWaitsEndsWhenItsClientGoes) {
  const auto leader = machine_.ask(join_request(), 0);
  BackgroundAnswer<kafka::JoinGroupResponse> again;
  BackgroundAnswer<kafka::JoinGroupResponse> follower;
  machine_.start_asking(follower, join_request(), 0);
  machine_.start_asking(again, join_request(leader.member_id), 0);
  machine_.sleep(seconds(1));
  ASSERT_TRUE(follower.is_there());
  ASSERT_EQ(follower->leader, leader.member_id);
  kafka::SyncGroupRequest sync;
  sync.group_id = join_request().group_id;
  sync.generation_id = follower->generation_id;
  sync.member_id = follower->member_id;
  Client client{.host = "/192.0.2.2"};
  BackgroundAnswer<kafka::SyncGroupResponse> waiting;
  machine_.start_asking(waiting, sync, 0, 1, client);
  machine_.sleep(milliseconds(1));
  EXPECT_FALSE(waiting.is_there());
  client.gone.abort();
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(waiting.is_there());
  EXPECT_EQ(waiting->error_code, KafkaError::kRebalanceInProgress);
}

TEST_F(GroupRequests, AJoinThatFindsNoPlaceToWaitIsToldToComeAgain) {
  machine_.settings().waiting.of_shard = 0;
  EXPECT_EQ(machine_.ask(join_request(), 0).error_code, KafkaError::kCoordinatorNotAvailable);
}

}  // namespace
}  // namespace penstock::broker::testing
