#include "cli/group_member.h"

#include <gtest/gtest.h>

#include <mutex>

#include "cli/testing/fake_broker.h"
#include "kafka/consumer_protocol.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"

namespace penstock::cli {
namespace {

using kafka::ApiKey;
using kafka::KafkaError;
using kafka::RequestFrame;
using std::chrono::milliseconds;
using Frame = std::optional<std::vector<std::byte>>;

constexpr std::int32_t kPartitions = 3;

// A coordinator with one group, "billing", that answers as a test wants it: errors for the next
// requests of an API, one each.
class FakeCoordinator {
 public:
  explicit FakeCoordinator(bool is_old = false)
      : broker_({.newest_api_versions = 3, .apis = apis(is_old), .raw_answer = ""},
                [this](const RequestFrame& request) { return answer(request); }) {}

  std::vector<server::Address> bootstrap() const {
    return {{.host = "127.0.0.1", .port = broker_.port()}};
  }

  void fail_next(ApiKey api, std::vector<KafkaError> errors) {
    const std::lock_guard lock(mutex_);
    errors_[api] = std::move(errors);
  }
  // Another member, which is in every generation from now on; the one under test is the leader.
  void add_member(const std::string& id) {
    const std::lock_guard lock(mutex_);
    others_.push_back(id);
  }
  void close_next(ApiKey api) {
    const std::lock_guard lock(mutex_);
    closes_ = api;
  }

  std::vector<ApiKey> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::map<std::int32_t, Offset> committed() {
    const std::lock_guard lock(mutex_);
    return committed_;
  }
  std::map<std::string, std::vector<std::int32_t>> assigned() {
    const std::lock_guard lock(mutex_);
    return assigned_;
  }
  std::string last_member_id() {
    const std::lock_guard lock(mutex_);
    return last_member_id_;
  }

 private:
  static constexpr const char* kMemberId = "member-1";

  static std::vector<kafka::ApiVersionsResponse::ApiVersion> apis(bool is_old) {
    const auto newest = [is_old](int old, int version) {
      return static_cast<std::int16_t>(is_old ? old : version);
    };
    return {{ApiKey::kMetadata, 0, newest(1, 12)},    {ApiKey::kFindCoordinator, 0, newest(0, 4)},
            {ApiKey::kJoinGroup, 0, newest(1, 9)},    {ApiKey::kSyncGroup, 0, newest(0, 5)},
            {ApiKey::kHeartbeat, 0, newest(0, 4)},    {ApiKey::kLeaveGroup, 0, newest(0, 5)},
            {ApiKey::kOffsetCommit, 0, newest(2, 8)}, {ApiKey::kOffsetFetch, 0, newest(1, 8)}};
  }

  template <typename Response>
  static Frame respond(const RequestFrame& request, const Response& response) {
    return kafka::encode_response_frame(response, request.header.api_version,
                                        request.header.correlation_id)
        .flatten();
  }
  template <typename Request>
  static Request read(const RequestFrame& request) {
    return kafka::decode<Request>(request.body, request.header.api_version).value();
  }

  KafkaError next_error(ApiKey api) {
    auto& errors = errors_[api];
    if (errors.empty()) return KafkaError::kNone;
    const KafkaError error = errors.front();
    errors.erase(errors.begin());
    return error;
  }

  Frame answer(const RequestFrame& frame) {
    const std::lock_guard lock(mutex_);
    const ApiKey api = frame.header.api_key;
    asked_.push_back(api);
    if (closes_ == api) {
      closes_.reset();
      return std::nullopt;
    }
    const KafkaError error = next_error(api);
    switch (api) {
      case ApiKey::kMetadata: return respond(frame, metadata());
      case ApiKey::kFindCoordinator: {
        kafka::FindCoordinatorResponse response{
            .error_code = error, .node_id = 1, .host = "127.0.0.1", .port = broker_.port()};
        response.coordinators = {{.key = "billing",
                                  .node_id = 1,
                                  .host = "127.0.0.1",
                                  .port = broker_.port(),
                                  .error_code = error}};
        return respond(frame, response);
      }
      case ApiKey::kJoinGroup: return join(frame, error);
      case ApiKey::kSyncGroup: return sync(frame, error);
      case ApiKey::kHeartbeat: return respond(frame, kafka::HeartbeatResponse{.error_code = error});
      case ApiKey::kLeaveGroup: {
        const auto request = read<kafka::LeaveGroupRequest>(frame);
        last_member_id_ = request.members.empty() ? request.member_id : request.members.at(0).member_id;
        return respond(frame, kafka::LeaveGroupResponse{.error_code = error});
      }
      case ApiKey::kOffsetCommit: return commit(frame, error);
      case ApiKey::kOffsetFetch: return fetch_offsets(frame, error);
      default: return std::nullopt;
    }
  }

  kafka::MetadataResponse metadata() const {
    kafka::MetadataResponse response;
    response.brokers.push_back({.node_id = 1, .host = "127.0.0.1", .port = broker_.port()});
    auto& topic = response.topics.emplace_back();
    topic.name = "orders";
    for (std::int32_t i = 0; i < kPartitions; ++i)
      topic.partitions.push_back({.partition_index = i, .leader_id = 1});
    return response;
  }

  Frame join(const RequestFrame& frame, KafkaError error) {
    const auto request = read<kafka::JoinGroupRequest>(frame);
    last_member_id_ = request.member_id;
    EXPECT_EQ(request.protocols.at(0).name, "range");
    kafka::JoinGroupResponse response{.error_code = error,
                                      .generation_id = ++generation_,
                                      .protocol_name = "range",
                                      .leader = kMemberId,
                                      .member_id = kMemberId};
    response.members.push_back({.member_id = kMemberId, .metadata = request.protocols.at(0).metadata});
    for (const std::string& other : others_) {
      response.members.push_back(
          {.member_id = other,
           .metadata = kafka::encode(kafka::ConsumerSubscription{.topics = {"orders"}})});
    }
    return respond(frame, response);
  }

  Frame sync(const RequestFrame& frame, KafkaError error) {
    const auto request = read<kafka::SyncGroupRequest>(frame);
    EXPECT_EQ(request.generation_id, generation_);
    kafka::SyncGroupResponse response{.error_code = error};
    assigned_.clear();
    for (const auto& assignment : request.assignments) {
      if (assignment.member_id == kMemberId) response.assignment = assignment.assignment;
      for (const auto& topic : kafka::decode_assignment(assignment.assignment).value().topics)
        assigned_[assignment.member_id] = topic.partitions;
    }
    return respond(frame, response);
  }

  Frame commit(const RequestFrame& frame, KafkaError error) {
    const auto request = read<kafka::OffsetCommitRequest>(frame);
    kafka::OffsetCommitResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = "orders";
    for (const auto& partition : request.topics.at(0).partitions) {
      if (error == KafkaError::kNone)
        committed_[partition.partition_index] = partition.committed_offset;
      topic.partitions.push_back({.partition_index = partition.partition_index, .error_code = error});
    }
    return respond(frame, response);
  }

  Frame fetch_offsets(const RequestFrame& frame, KafkaError error) {
    kafka::OffsetFetchResponse response{.error_code = error};
    kafka::OffsetFetchResponse::Topic topic{.name = "orders"};
    kafka::OffsetFetchResponse::GroupTopic group_topic{.name = "orders"};
    for (std::int32_t i = 0; i < kPartitions; ++i) {
      const auto found = committed_.find(i);
      const Offset offset = found == committed_.end() ? Offset{-1} : found->second;
      topic.partitions.push_back({.partition_index = i, .committed_offset = offset});
      group_topic.partitions.push_back({.partition_index = i, .committed_offset = offset});
    }
    response.topics.push_back(topic);
    response.groups.push_back({.group_id = "billing", .topics = {group_topic}, .error_code = error});
    return respond(frame, response);
  }

  std::mutex mutex_;
  std::map<ApiKey, std::vector<KafkaError>> errors_;
  std::optional<ApiKey> closes_;
  std::vector<std::string> others_;
  std::vector<ApiKey> asked_;
  std::int32_t generation_ = 0;
  std::map<std::int32_t, Offset> committed_;
  std::map<std::string, std::vector<std::int32_t>> assigned_;
  std::string last_member_id_;
  FakeBroker broker_;  // last: its thread uses the rest
};

using Partitions = std::vector<std::int32_t>;

class GroupMemberTest : public testing::Test {
 protected:
  GroupMemberTest() : cluster_(coordinator_.bootstrap()), member_(cluster_, options()) {}

  static GroupMemberOptions options(milliseconds session = milliseconds(45'000)) {
    return {.group = "billing",
            .topic = "orders",
            .session_timeout = session,
            .timeout = milliseconds(10'000)};
  }

  FakeCoordinator coordinator_;
  KafkaCluster cluster_;
  GroupMember member_;
};

TEST_F(GroupMemberTest, TheLeaderSharesThePartitionsOut) {
  EXPECT_EQ(member_.join(), (Partitions{0, 1, 2}));
  coordinator_.add_member("member-0");
  EXPECT_EQ(member_.join(), (Partitions{2}));
  EXPECT_EQ(coordinator_.assigned(),
            (std::map<std::string, Partitions>{{"member-0", {0, 1}}, {"member-1", {2}}}));
}

TEST_F(GroupMemberTest, ACoordinatorOfTheFirstVersionsIsSpokenToAsWell) {
  FakeCoordinator old(true);
  KafkaCluster cluster(old.bootstrap());
  GroupMember member(cluster, options());
  EXPECT_EQ(member.join(), (Partitions{0, 1, 2}));
  EXPECT_EQ(member.commit({{1, Offset{5}}}), true);
  EXPECT_EQ(member.committed({0, 1, 2}), (std::map<std::int32_t, Offset>{{1, Offset{5}}}));
  EXPECT_TRUE(member.leave());
  EXPECT_EQ(old.last_member_id(), "member-1");
}

TEST_F(GroupMemberTest, JoinsWithTheIdThatTheCoordinatorWantsToSeeFirst) {
  coordinator_.fail_next(ApiKey::kJoinGroup, {KafkaError::kMemberIdRequired});
  EXPECT_EQ(member_.join(), (Partitions{0, 1, 2}));
  EXPECT_EQ(coordinator_.last_member_id(), "member-1");
}

TEST_F(GroupMemberTest, JoinsAgainWhateverChangesMeanwhile) {
  coordinator_.fail_next(ApiKey::kFindCoordinator, {KafkaError::kCoordinatorNotAvailable});
  coordinator_.fail_next(ApiKey::kJoinGroup, {KafkaError::kNotCoordinator, KafkaError::kNone,
                                              KafkaError::kUnknownMemberId, KafkaError::kNone});
  coordinator_.fail_next(ApiKey::kSyncGroup, {KafkaError::kRebalanceInProgress});
  EXPECT_EQ(member_.join(), (Partitions{0, 1, 2}));
}

TEST_F(GroupMemberTest, AMemberThatTheGroupHasForgottenJoinsAsANewOne) {
  ASSERT_TRUE(member_.join());
  coordinator_.fail_next(ApiKey::kJoinGroup, {KafkaError::kUnknownMemberId});
  EXPECT_EQ(member_.join(), (Partitions{0, 1, 2}));
  EXPECT_EQ(coordinator_.last_member_id(), "");
}

TEST_F(GroupMemberTest, ALostConnectionIsOpenedAgain) {
  ASSERT_TRUE(member_.join());
  coordinator_.close_next(ApiKey::kOffsetCommit);
  EXPECT_EQ(member_.commit({{0, Offset{7}}}), true);
  EXPECT_EQ(coordinator_.committed(), (std::map<std::int32_t, Offset>{{0, Offset{7}}}));
}

TEST_F(GroupMemberTest, WhatTheGroupRefusesForGoodIsSaid) {
  coordinator_.fail_next(ApiKey::kJoinGroup, {KafkaError::kInconsistentGroupProtocol});
  const auto joined = member_.join();
  ASSERT_FALSE(joined);
  EXPECT_TRUE(joined.error().message().contains("join group 'billing'")) << joined.error().message();
  EXPECT_TRUE(joined.error().message().contains("range")) << joined.error().message();
}

TEST_F(GroupMemberTest, AHeartbeatIsSentWhenItIsDueAndTellsOfARebalance) {
  GroupMember member(cluster_, options(milliseconds(150)));
  ASSERT_TRUE(member.join());
  const auto beats = [this] {
    const auto asked = coordinator_.asked();
    return std::ranges::count(asked, ApiKey::kHeartbeat);
  };
  EXPECT_EQ(member.keep_alive(), true);
  EXPECT_EQ(beats(), 0);
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(member.keep_alive_in(), milliseconds(0));
  EXPECT_EQ(member.keep_alive(), true);
  EXPECT_EQ(beats(), 1);
  coordinator_.fail_next(ApiKey::kHeartbeat, {KafkaError::kRebalanceInProgress});
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(member.keep_alive(), false);
}

TEST_F(GroupMemberTest, ACommitOfAMemberThatIsNoneAnyMoreIsRefusedWithoutAnError) {
  EXPECT_EQ(member_.commit({{0, Offset{7}}}), false);  // it never joined
  ASSERT_TRUE(member_.join());
  for (const auto error : {KafkaError::kIllegalGeneration, KafkaError::kRebalanceInProgress,
                           KafkaError::kUnknownMemberId}) {
    coordinator_.fail_next(ApiKey::kOffsetCommit, {error});
    EXPECT_EQ(member_.commit({{0, Offset{7}}}), false);
  }
  EXPECT_TRUE(coordinator_.committed().empty());
}

TEST_F(GroupMemberTest, CommittedOffsetsWaitForOpenTransactions) {
  ASSERT_TRUE(member_.join());
  ASSERT_EQ(member_.commit({{0, Offset{7}}, {2, Offset{9}}}), true);
  coordinator_.fail_next(ApiKey::kOffsetFetch, {KafkaError::kUnstableOffsetCommit});
  EXPECT_EQ(member_.committed({0, 1, 2}),
            (std::map<std::int32_t, Offset>{{0, Offset{7}}, {2, Offset{9}}}));
}

TEST_F(GroupMemberTest, WhoNeverJoinedHasNothingToLeave) {
  EXPECT_TRUE(member_.leave());
  EXPECT_TRUE(coordinator_.asked().empty());
}

}  // namespace
}  // namespace penstock::cli
