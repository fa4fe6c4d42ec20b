// The classic group protocol: what each request is answered in each state.

#include "group/group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "group/testing/group_machine.h"
#include "kafka/consumer_protocol.h"

namespace penstock::group::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Groups : public ::testing::Test {
 protected:
  static GroupSettings without_delay() {
    GroupSettings settings;
    settings.initial_rebalance_delay = Duration{};
    return settings;
  }
  static JoinRequest request(std::string member_id = {}) {
    return GroupMachine::join_request(std::move(member_id));
  }
  static JoinRequest static_request(std::string instance) {
    JoinRequest joining = request();
    joining.member.instance_id = std::move(instance);
    return joining;
  }

  // Two members of one generation: the leader, and the other one, both synced.
  std::pair<JoinAnswer, JoinAnswer> two_members(JoinRequest first = request(),
                                                JoinRequest second = request()) {
    const JoinAnswer alone = machine_.single_member(first);
    const WaitingJoin other = machine_.start_join(second);
    first.member.member_id = alone.member_id;
    const JoinAnswer leader = machine_.join(std::move(first));
    machine_.sleep(milliseconds(1));
    EXPECT_TRUE(other->is_there());
    const WaitingSync synced = machine_.start_sync(*other->answer);
    EXPECT_EQ(
        machine_
            .sync(leader, {{leader.member_id, bytes_of("one")}, {(*other)->member_id, bytes_of("two")}})
            .error,
        KafkaError::kNone);
    machine_.sleep(milliseconds(1));
    EXPECT_TRUE(synced->is_there());
    EXPECT_EQ((*synced)->assignment, bytes_of("two"));
    return {leader, *other->answer};
  }

  catalog::testing::MemoryCatalogStorage kept_;
  GroupMachine machine_{kept_, without_delay()};
};

// ---- joining

TEST_F(Groups, AFirstMemberLeadsAndIsToldWhoIsThere) {
  const JoinAnswer joined = machine_.join(request());
  EXPECT_EQ(joined.error, KafkaError::kNone);
  EXPECT_EQ(joined.generation, 1);
  EXPECT_EQ(joined.leader, joined.member_id);
  EXPECT_TRUE(joined.member_id.starts_with("client-"));
  EXPECT_EQ(joined.protocol, "range");
  ASSERT_EQ(joined.members.size(), 1U);
  EXPECT_EQ(joined.members[0].metadata, bytes_of("r"));
  EXPECT_EQ(machine_.state(), "CompletingRebalance");
}

TEST_F(Groups, TwoMembersShareAGenerationAndOnlyTheLeaderIsToldWhoIsThere) {
  const auto [leader, other] = two_members();
  EXPECT_EQ(leader.generation, 2);
  EXPECT_EQ(other.generation, 2);
  EXPECT_EQ(leader.members.size(), 2U);
  EXPECT_TRUE(other.members.empty());
  EXPECT_EQ(other.leader, leader.member_id);
  EXPECT_EQ(machine_.state(), "Stable");
  EXPECT_EQ(machine_.sync(leader).assignment, bytes_of("one")) << "asked again, told again";
}

TEST_F(Groups, AnEmptyGroupWaitsForMoreMembersAndNoLongerThanTheyAllowARebalance) {
  GroupSettings settings;
  settings.initial_rebalance_delay = seconds(3);
  catalog::testing::MemoryCatalogStorage kept;
  GroupMachine machine(kept, settings);
  JoinRequest joining = request();
  joining.rebalance_timeout = seconds(8);
  const WaitingJoin first = machine.start_join(joining);
  std::vector<WaitingJoin> others;
  for (int i = 0; i < 3; ++i) {  // at 2, 4 and 6 s: each makes it wait for longer
    machine.sleep(seconds(2));
    EXPECT_FALSE(first->is_there()) << i;
    others.push_back(machine.start_join(joining));
  }
  machine.sleep(milliseconds(1900));  // 7.9 s
  EXPECT_FALSE(first->is_there());
  machine.sleep(milliseconds(200));
  ASSERT_TRUE(first->is_there());
  EXPECT_EQ((*first)->members.size(), 4U);
  EXPECT_EQ((*first)->generation, 1);
}

TEST_F(Groups, ANewMemberIsGivenItsIdAndJoinsWithIt) {
  JoinRequest joining = request();
  joining.must_know_its_id = true;
  const JoinAnswer told = machine_.join(joining);
  EXPECT_EQ(told.error, KafkaError::kMemberIdRequired);
  ASSERT_FALSE(told.member_id.empty());
  joining.member.member_id = told.member_id;
  const JoinAnswer joined = machine_.join(joining);
  EXPECT_EQ(joined.error, KafkaError::kNone);
  EXPECT_EQ(joined.member_id, told.member_id);
}

TEST_F(Groups, AnIdThatIsNotUsedIsForgotten) {
  JoinRequest joining = request();
  joining.must_know_its_id = true;
  joining.member.member_id = machine_.join(joining).member_id;
  machine_.sleep(seconds(11));
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kUnknownMemberId);
}

TEST_F(Groups, AnIdThatIsNotUsedDisturbsNobody) {
  const JoinAnswer joined = machine_.single_member();
  JoinRequest joining = request();
  joining.must_know_its_id = true;
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kMemberIdRequired);
  for (int i = 0; i < 5; ++i) {
    machine_.sleep(seconds(5));
    EXPECT_EQ(machine_.beat(joined), KafkaError::kNone) << i;
  }
}

TEST_F(Groups, AnIdThatWasGivenOutIsNoStaticMembers) {
  const JoinAnswer first = machine_.single_member(static_request("one"));
  JoinRequest joining = request();
  joining.must_know_its_id = true;
  joining.member.member_id = machine_.join(joining).member_id;
  joining.member.instance_id = "one";
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kFencedInstanceId);
  EXPECT_EQ(machine_.coordinator.heartbeat(GroupMachine::kGroup, {first.member_id, "one"}, 1),
            KafkaError::kNone);
}

TEST_F(Groups, ARebalanceWaitsForAMemberThatWasGivenItsId) {
  const JoinAnswer leader = machine_.single_member();
  JoinRequest joining = request();
  joining.must_know_its_id = true;
  joining.member.member_id = machine_.join(joining).member_id;
  const WaitingJoin again = machine_.start_join(request(leader.member_id));
  EXPECT_FALSE(again->is_there()) << "the leader joined again: a rebalance, with the new one";
  const JoinAnswer joined = machine_.join(joining);
  EXPECT_EQ(joined.error, KafkaError::kNone);
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(again->is_there());
  EXPECT_EQ((*again)->members.size(), 2U);
}

TEST_F(Groups, WhatNobodyElseSpeaksIsRefused) {
  machine_.single_member();
  JoinRequest joining = request();
  joining.protocols = {{"sticky", {}}};
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kInconsistentGroupProtocol);
  joining = request();
  joining.protocol_type = "connect";
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kInconsistentGroupProtocol);
}

TEST_F(Groups, WithoutAProtocolNobodyJoins) {
  JoinRequest joining = request();
  joining.protocols.clear();
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kInconsistentGroupProtocol);
  joining = request();
  joining.protocol_type.clear();
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kInconsistentGroupProtocol);
}

TEST_F(Groups, TheProtocolIsOneThatAllSpeakAndMostPrefer) {
  JoinRequest first = request();
  first.protocols = {{"range", bytes_of("1")}, {"sticky", bytes_of("1s")}};
  JoinRequest second = request();
  second.protocols = {{"fancy", bytes_of("2f")}, {"sticky", bytes_of("2s")}, {"range", bytes_of("2")}};
  JoinRequest third = request();
  third.protocols = {{"sticky", bytes_of("3s")}, {"range", bytes_of("3")}};
  const JoinAnswer alone = machine_.single_member(first);
  const WaitingJoin b = machine_.start_join(second);
  const WaitingJoin c = machine_.start_join(third);
  first.member.member_id = alone.member_id;
  const JoinAnswer leader = machine_.join(first);
  EXPECT_EQ(leader.protocol, "sticky");
  EXPECT_EQ(leader.members.size(), 3U);
  for (const JoinedMember& member : leader.members) EXPECT_EQ(member.metadata.size(), 2U);
}

TEST_F(Groups, ASessionTimeoutOutsideOfWhatIsAllowedIsRefused) {
  JoinRequest joining = request();
  joining.session_timeout = milliseconds(5999);
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kInvalidSessionTimeout);
  joining.session_timeout = minutes(30) + milliseconds(1);
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kInvalidSessionTimeout);
}

TEST_F(Groups, AFullGroupTakesNobodyElse) {
  GroupSettings settings = without_delay();
  settings.max_members = 2;
  catalog::testing::MemoryCatalogStorage kept;
  GroupMachine machine(kept, settings);
  const JoinAnswer first = machine.single_member();
  const WaitingJoin second = machine.start_join(request());
  EXPECT_EQ(machine.join(request(first.member_id)).error, KafkaError::kNone);
  EXPECT_EQ(machine.join(request()).error, KafkaError::kGroupMaxSizeReached);
}

TEST_F(Groups, TooManyGroupsAreRefused) {
  GroupSettings settings = without_delay();
  settings.max_groups = 1;
  catalog::testing::MemoryCatalogStorage kept;
  GroupMachine machine(kept, settings);
  machine.single_member();
  EXPECT_EQ(machine.scheduler.run(machine.coordinator.join("another", request())).error,
            KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(machine.commit(0, 1, {}, -1, "another"), KafkaError::kCoordinatorNotAvailable);
}

TEST_F(Groups, AMemberThatHasNotHeardOfItsGenerationIsToldItAgain) {
  const auto [leader, other] = two_members();
  const JoinAnswer again = machine_.join(request(other.member_id));
  EXPECT_EQ(again.error, KafkaError::kNone);
  EXPECT_EQ(again.generation, 2);
  EXPECT_EQ(machine_.state(), "Stable");
}

TEST_F(Groups, AMemberThatSaysSomethingElseBeginsARebalance) {
  const auto [leader, other] = two_members();
  JoinRequest joining = request(other.member_id);
  joining.protocols[0].metadata = bytes_of("more topics");
  const WaitingJoin again = machine_.start_join(joining);
  EXPECT_EQ(machine_.state(), "PreparingRebalance");
  EXPECT_EQ(machine_.beat(leader), KafkaError::kRebalanceInProgress);
  EXPECT_EQ(machine_.sync(leader).error, KafkaError::kRebalanceInProgress);
  EXPECT_EQ(machine_.join(request(leader.member_id)).generation, 3);
  machine_.sleep(milliseconds(1));
  EXPECT_TRUE(again->is_there());
}

TEST_F(Groups, ALeaderThatJoinsAgainBeginsARebalance) {
  const JoinAnswer leader = machine_.single_member();
  EXPECT_EQ(machine_.join(request(leader.member_id)).generation, leader.generation + 1);
}

TEST_F(Groups, WhoDoesNotJoinAgainInTimeIsLeftOut) {
  const auto [leader, other] = two_members();
  JoinRequest joining = request(leader.member_id);
  const WaitingJoin again = machine_.start_join(joining);
  for (int i = 0; i < 7; ++i) {  // it lives, and does not join
    machine_.sleep(seconds(8));
    EXPECT_EQ(machine_.beat(other), KafkaError::kRebalanceInProgress);
  }
  EXPECT_FALSE(again->is_there());
  machine_.sleep(seconds(5));
  ASSERT_TRUE(again->is_there());
  EXPECT_EQ((*again)->members.size(), 1U);
  EXPECT_EQ(machine_.beat(other), KafkaError::kUnknownMemberId);
}

TEST_F(Groups, ANewLeaderIsFoundWhenTheOldOneDoesNotJoinAgain) {
  const auto [leader, other] = two_members();
  JoinRequest joining = request(other.member_id);
  joining.protocols[0].metadata = bytes_of("changed");
  const WaitingJoin again = machine_.start_join(joining);
  machine_.sleep(seconds(11));  // the leader's session
  ASSERT_TRUE(again->is_there());
  EXPECT_EQ((*again)->leader, other.member_id);
  EXPECT_EQ((*again)->members.size(), 1U);
}

// ---- syncing

TEST_F(Groups, FollowersWaitForTheLeadersAssignmentAndWhoIsNotInItGetsNothing) {
  const JoinAnswer alone = machine_.single_member();
  const WaitingJoin other = machine_.start_join(request());
  const JoinAnswer leader = machine_.join(request(alone.member_id));
  machine_.sleep(milliseconds(1));
  const WaitingSync waiting = machine_.start_sync(*other->answer);
  machine_.sleep(seconds(5));
  EXPECT_FALSE(waiting->is_there());
  EXPECT_EQ(machine_.sync(leader, {{leader.member_id, bytes_of("all")}}).assignment, bytes_of("all"));
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(waiting->is_there());
  EXPECT_EQ((*waiting)->error, KafkaError::kNone);
  EXPECT_TRUE((*waiting)->assignment.empty());
}

TEST_F(Groups, AMemberWhoseSyncWaitedForLongHasASessionsTimeToJoinAgain) {
  const JoinAnswer alone = machine_.single_member();
  const WaitingJoin other = machine_.start_join(request());
  const JoinAnswer leader = machine_.join(request(alone.member_id));
  machine_.sleep(milliseconds(1));
  const WaitingSync waiting = machine_.start_sync(*other->answer);
  for (int i = 0; i < 3; ++i) {
    machine_.sleep(seconds(8));
    EXPECT_EQ(machine_.beat(leader), KafkaError::kNone);
  }
  EXPECT_EQ(machine_.leave(leader.member_id), KafkaError::kNone);
  machine_.sleep(seconds(9));
  ASSERT_TRUE(waiting->is_there());
  EXPECT_EQ((*waiting)->error, KafkaError::kRebalanceInProgress);
  EXPECT_EQ(machine_.beat(*other->answer), KafkaError::kRebalanceInProgress);
}

TEST_F(Groups, ALeaderThatDoesNotSyncInTimeIsLeftOut) {
  const JoinAnswer alone = machine_.single_member();
  const WaitingJoin other = machine_.start_join(request());
  const JoinAnswer leader = machine_.join(request(alone.member_id));
  machine_.sleep(milliseconds(1));
  const WaitingSync waiting = machine_.start_sync(*other->answer);
  for (int i = 0; i < 8; ++i) {
    machine_.sleep(seconds(8));
    (void)machine_.beat(leader);
  }
  ASSERT_TRUE(waiting->is_there());
  EXPECT_EQ((*waiting)->error, KafkaError::kRebalanceInProgress);
  EXPECT_EQ(machine_.beat(leader), KafkaError::kUnknownMemberId);
}

TEST_F(Groups, ASyncOfAnotherGenerationProtocolOrMemberIsRefused) {
  const JoinAnswer joined = machine_.join(request());
  JoinAnswer wrong = joined;
  wrong.generation = 0;
  EXPECT_EQ(machine_.sync(wrong).error, KafkaError::kIllegalGeneration);
  wrong = joined;
  wrong.member_id = "nobody";
  EXPECT_EQ(machine_.sync(wrong).error, KafkaError::kUnknownMemberId);
  SyncRequest sync = GroupMachine::sync_request(joined, {});
  sync.protocol = "roundrobin";
  EXPECT_EQ(machine_.scheduler.run(machine_.coordinator.sync(GroupMachine::kGroup, sync)).error,
            KafkaError::kInconsistentGroupProtocol);
  sync.protocol = "range";
  sync.protocol_type = "connect";
  EXPECT_EQ(machine_.scheduler.run(machine_.coordinator.sync(GroupMachine::kGroup, sync)).error,
            KafkaError::kInconsistentGroupProtocol);
  EXPECT_EQ(machine_.scheduler.run(machine_.coordinator.sync("unknown", sync)).error,
            KafkaError::kUnknownMemberId);
}

TEST_F(Groups, AnAssignmentThatCannotBeKeptIsNotGivenOut) {
  const JoinAnswer joined = machine_.join(request());
  machine_.catalog.fail_with(Error(ErrorCode::kIo, "no"));
  EXPECT_EQ(machine_.sync(joined, {{joined.member_id, bytes_of("all")}}).error,
            KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(machine_.state(), "PreparingRebalance");
  machine_.catalog.fail_with(std::nullopt);
  const JoinAnswer again = machine_.join(request(joined.member_id));
  EXPECT_EQ(machine_.sync(again, {{joined.member_id, bytes_of("all")}}).assignment, bytes_of("all"));
}

TEST_F(Groups, ARebalanceThatBeginsWhileTheAssignmentIsBeingKeptWins) {
  const JoinAnswer joined = machine_.join(request());
  const WaitingSync waiting = machine_.start_sync(joined, {{joined.member_id, bytes_of("all")}});
  const WaitingJoin other = machine_.start_join(request());
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(waiting->is_there());
  EXPECT_EQ((*waiting)->error, KafkaError::kRebalanceInProgress);
  EXPECT_EQ(machine_.state(), "PreparingRebalance");
  EXPECT_EQ(machine_.join(request(joined.member_id)).members.size(), 2U);
}

TEST_F(Groups, ALeaderThatSyncsTwiceAtOnceGivesOutOneAssignment) {
  const JoinAnswer joined = machine_.join(request());
  const WaitingSync lost = machine_.start_sync(joined, {{joined.member_id, bytes_of("first")}});
  const WaitingSync again = machine_.start_sync(joined, {{joined.member_id, bytes_of("second")}});
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(again->is_there());
  EXPECT_EQ((*lost)->error, KafkaError::kRebalanceInProgress);
  EXPECT_EQ((*again)->assignment, bytes_of("first"));
  EXPECT_EQ(decode_group(kept_.at(group_key(GroupMachine::kGroup)))->members.at(0).assignment,
            bytes_of("first"));
}

TEST_F(Groups, AnAssignmentThatIsTooLargeToBeKeptIsRefused) {
  const JoinAnswer joined = machine_.join(request());
  const SyncAnswer refused =
      machine_.sync(joined, {{joined.member_id, std::vector<std::byte>(17U << 20)}});
  EXPECT_EQ(refused.error, KafkaError::kUnknownServerError);
  EXPECT_EQ(machine_.state(), "PreparingRebalance");
  EXPECT_EQ(machine_.catalog.write_count(), 0U);
}

TEST_F(Groups, AnAssignmentOfTheGenerationBeforeDoesNotEndTheWaitForThisOnes) {
  const JoinAnswer first = machine_.join(request());
  const WaitingSync of_first = machine_.start_sync(first, {{first.member_id, bytes_of("old")}});
  JoinRequest changed = request(first.member_id);
  changed.protocols[0].metadata = bytes_of("changed");
  const JoinAnswer second = machine_.join(changed);
  ASSERT_EQ(second.generation, first.generation + 1);
  machine_.sleep(std::chrono::microseconds(50));
  const WaitingSync kept = machine_.start_sync(second, {{second.member_id, bytes_of("new")}});
  machine_.sleep(std::chrono::microseconds(60));  // the first one's write has ended
  const WaitingSync repeated = machine_.start_sync(second, {{second.member_id, bytes_of("other")}});
  machine_.sleep(milliseconds(1));
  EXPECT_EQ((*of_first)->error, KafkaError::kRebalanceInProgress);
  EXPECT_EQ((*repeated)->assignment, bytes_of("new"));
  EXPECT_EQ(decode_group(kept_.at(group_key(GroupMachine::kGroup)))->members.at(0).assignment,
            bytes_of("new"));
}

// ---- living and leaving

TEST_F(Groups, AHeartbeatKeepsAMemberAndSilenceLosesIt) {
  const auto [leader, other] = two_members();
  for (int i = 0; i < 5; ++i) {
    machine_.sleep(seconds(9));
    EXPECT_EQ(machine_.beat(leader), i == 0 ? KafkaError::kNone : KafkaError::kRebalanceInProgress);
    if (i == 0) EXPECT_EQ(machine_.beat(leader), KafkaError::kNone);
  }
  EXPECT_EQ(machine_.beat(other), KafkaError::kUnknownMemberId);
  JoinAnswer earlier = leader;
  earlier.generation = 1;
  EXPECT_EQ(machine_.beat(earlier), KafkaError::kIllegalGeneration);
}

TEST_F(Groups, AMemberThatLeavesBeginsARebalanceAndTheLastOneEmptiesTheGroup) {
  const auto [leader, other] = two_members();
  EXPECT_EQ(machine_.leave(other.member_id), KafkaError::kNone);
  EXPECT_EQ(machine_.state(), "PreparingRebalance");
  EXPECT_EQ(machine_.join(request(leader.member_id)).members.size(), 1U);
  EXPECT_EQ(machine_.leave(leader.member_id), KafkaError::kNone);
  EXPECT_EQ(machine_.state(), "Empty");
  EXPECT_EQ(machine_.leave(leader.member_id), KafkaError::kUnknownMemberId);
  EXPECT_EQ(machine_.beat(leader), KafkaError::kUnknownMemberId);
}

TEST_F(Groups, AMemberWhoseJoinWaitsDoesNotExpire) {
  const auto [leader, other] = two_members();
  JoinRequest patient = request(other.member_id);
  patient.protocols[0].metadata = bytes_of("changed");
  const WaitingJoin again = machine_.start_join(patient);
  for (int i = 0; i < 4; ++i) {
    machine_.sleep(seconds(9));
    EXPECT_EQ(machine_.beat(leader), KafkaError::kRebalanceInProgress);
  }
  EXPECT_FALSE(again->is_there());
  EXPECT_EQ(machine_.join(request(leader.member_id)).members.size(), 2U);
}

TEST_F(Groups, TheMemberOfALostConnectionMayJoinAgainAndTheOldRequestEnds) {
  const auto [leader, other] = two_members();
  JoinRequest joining = request(other.member_id);
  joining.protocols[0].metadata = bytes_of("changed");
  const WaitingJoin lost = machine_.start_join(joining);
  const WaitingJoin again = machine_.start_join(joining);
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(lost->is_there());
  EXPECT_EQ((*lost)->error, KafkaError::kRebalanceInProgress);
  EXPECT_FALSE(again->is_there());
}

TEST_F(Groups, AServerThatStopsAnswersEverybodyWhoWaits) {
  const JoinAnswer joined = machine_.single_member();
  const WaitingJoin waiting = machine_.start_join(request());
  machine_.coordinator.release_waiting();
  machine_.sleep(milliseconds(1));
  ASSERT_TRUE(waiting->is_there());
  EXPECT_EQ((*waiting)->error, KafkaError::kNotCoordinator);
  EXPECT_EQ(machine_.join(request()).error, KafkaError::kNotCoordinator);
  EXPECT_EQ(machine_.beat(joined), KafkaError::kNotCoordinator);
  EXPECT_EQ(machine_.commit(0, 1), KafkaError::kNotCoordinator);
}

// ---- static members (KIP-345)

TEST_F(Groups, AStaticMemberThatRestartsTakesItsPlaceAndNobodyElseHearsOfIt) {
  const auto [leader, other] = two_members(request(), static_request("two"));
  const JoinAnswer back = machine_.join(static_request("two"));
  EXPECT_EQ(back.error, KafkaError::kNone);
  EXPECT_EQ(back.generation, other.generation);
  EXPECT_NE(back.member_id, other.member_id);
  EXPECT_EQ(machine_.state(), "Stable");
  EXPECT_EQ(machine_.sync(back).assignment, bytes_of("two"));
  EXPECT_EQ(machine_.coordinator.heartbeat(GroupMachine::kGroup, {other.member_id, "two"}, 2),
            KafkaError::kFencedInstanceId);
  EXPECT_EQ(machine_.coordinator.heartbeat(GroupMachine::kGroup, {back.member_id, "two"}, 2),
            KafkaError::kNone);
}

TEST_F(Groups, AStaticLeaderThatRestartsIsToldThatItsAssignmentHolds) {
  const JoinAnswer leader = machine_.single_member(static_request("one"));
  JoinRequest joining = static_request("one");
  joining.can_skip_assignment = true;
  const JoinAnswer back = machine_.join(joining);
  EXPECT_TRUE(back.skip_assignment);
  EXPECT_EQ(back.leader, back.member_id);
  EXPECT_EQ(back.members.size(), 1U);
  joining.can_skip_assignment = false;
  const JoinAnswer older = machine_.join(joining);
  EXPECT_FALSE(older.skip_assignment);
  EXPECT_NE(older.leader, older.member_id) << "or it would assign, and nobody would be told";
  EXPECT_EQ(machine_.state(), "Stable");
}

TEST_F(Groups, AStaticMemberThatRestartsWithOtherTopicsBeginsARebalance) {
  machine_.single_member(static_request("one"));
  JoinRequest joining = static_request("one");
  joining.protocols[0].metadata = bytes_of("other topics");
  EXPECT_EQ(machine_.join(joining).generation, 2);
}

TEST_F(Groups, OfARestartedStaticConsumersMetadataOnlyTheTopicsCount) {
  // As the Java client: with what it owns, and since which generation, behind the topics.
  const auto subscription = [](const char* topic, std::string_view more) {
    std::vector<std::byte> bytes = kafka::encode(kafka::ConsumerSubscription{.topics = {topic}});
    std::ranges::copy(as_bytes(more), std::back_inserter(bytes));
    return bytes;
  };
  JoinRequest joining = static_request("one");
  joining.protocols[0].metadata = subscription("a", "owns partitions since generation 7");
  machine_.single_member(joining);
  joining.protocols[0].metadata = subscription("a", "owns nothing");
  EXPECT_EQ(machine_.join(joining).generation, 1);
  joining.protocols[0].metadata = subscription("b", "owns nothing");
  EXPECT_EQ(machine_.join(joining).generation, 2);
}

TEST_F(Groups, AStaticMemberStaysInARebalanceUntilItsSessionEnds) {
  JoinRequest patient = static_request("two");
  patient.session_timeout = minutes(5);
  const auto [leader, other] = two_members(request(), patient);
  const WaitingJoin again = machine_.start_join(request(leader.member_id));
  machine_.sleep(seconds(61));
  ASSERT_TRUE(again->is_there());
  EXPECT_EQ((*again)->members.size(), 2U);
}

TEST_F(Groups, StaticMembersThatDoNotComeBackToARebalanceEndWithTheirSessions) {
  JoinRequest hasty = static_request("one");
  hasty.rebalance_timeout = milliseconds(10);
  const JoinAnswer only = machine_.single_member(hasty);
  const WaitingJoin dynamic = machine_.start_join(request());
  machine_.sleep(milliseconds(1));
  for (const auto& member : machine_.coordinator.describe(GroupMachine::kGroup).members) {
    if (member.member_id != only.member_id)
      EXPECT_EQ(machine_.leave(member.member_id), KafkaError::kNone);
  }
  EXPECT_EQ(machine_.state(), "PreparingRebalance") << "the static one is left, and does not join";
  machine_.sleep(seconds(30));
  EXPECT_EQ((*dynamic)->error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(machine_.state(), "Empty");
}

TEST_F(Groups, AStaticMemberIsRemovedByItsInstanceId) {
  machine_.single_member(static_request("one"));
  const auto leave = [this](LeavingMember member) {
    return machine_.coordinator.leave(GroupMachine::kGroup, {std::move(member)}).front();
  };
  EXPECT_EQ(leave({"", "another"}), KafkaError::kUnknownMemberId);
  EXPECT_EQ(leave({"somebody", "one"}), KafkaError::kFencedInstanceId);
  EXPECT_EQ(leave({"", "one"}), KafkaError::kNone);
  EXPECT_EQ(machine_.state(), "Empty");
}

// ---- restarts

TEST_F(Groups, ARestartGoesOnWithTheSameGeneration) {
  JoinAnswer joined;
  catalog::testing::MemoryCatalogStorage kept;
  {
    GroupMachine machine(kept, without_delay());
    joined = machine.single_member();
  }
  GroupMachine machine(kept, without_delay());
  EXPECT_EQ(machine.state(), "Stable");
  EXPECT_EQ(machine.beat(joined), KafkaError::kNone);
  EXPECT_EQ(machine.sync(joined).assignment, bytes_of("all"));
  machine.sleep(seconds(11));
  EXPECT_EQ(machine.state(), "Empty") << "it did not come back";
  EXPECT_EQ(machine.join(request()).generation, 3) << "one for each, and one for the emptiness";
}

TEST_F(Groups, AnEmptyGroupKeepsItsGenerationOverARestart) {
  catalog::testing::MemoryCatalogStorage kept;
  {
    GroupMachine machine(kept, without_delay());
    const JoinAnswer joined = machine.single_member();
    EXPECT_EQ(machine.leave(joined.member_id), KafkaError::kNone);
  }
  GroupMachine machine(kept, without_delay());
  EXPECT_EQ(machine.state(), "Empty");
  EXPECT_EQ(machine.join(request()).generation, 3);
}

}  // namespace
}  // namespace penstock::group::testing
