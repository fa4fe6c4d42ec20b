// The new group protocol: what each heartbeat is answered.

#include "group/consumer_group.h"

#include <gtest/gtest.h>

#include "group/testing/consumer_client.h"
#include "group/testing/group_machine.h"

namespace penstock::group::testing {
namespace {

using kafka::KafkaError;
using std::chrono::minutes;
using std::chrono::seconds;

class ConsumerGroups : public ::testing::Test {
 protected:
  ConsumerGroups() : orders_(machine_.topics.set("orders", 4).id) {}

  // Says what it has to say, and does what it is told.
  ConsumerHeartbeatAnswer beat(ConsumerClient& client) { return beat(client, machine_); }
  static ConsumerHeartbeatAnswer beat(ConsumerClient& client, GroupMachine& machine) {
    const ConsumerHeartbeatAnswer answer = machine.beat(client.request());
    client.take(answer);
    client.settle();
    return answer;
  }
  KafkaError send(const ConsumerHeartbeat& request) { return machine_.beat(request).error; }
  void beat_until_quiet(std::vector<ConsumerClient*> clients) {
    for (int round = 0; round < 4; ++round)
      for (ConsumerClient* client : clients) EXPECT_EQ(beat(*client).error, KafkaError::kNone);
  }
  std::size_t count(const ConsumerClient& client) const { return partition_count(client.used()); }
  ConsumerGroupDescription described() const {
    return machine_.coordinator.describe_consumer_group(GroupMachine::kGroup);
  }
  KafkaError delete_group() {
    return machine_.scheduler.run(machine_.coordinator.delete_group(GroupMachine::kGroup));
  }
  Assignment orders(std::set<std::int32_t> partitions) const { return {{orders_, partitions}}; }
  static ConsumerClient client_of(std::set<std::string> topics = {"orders"}) {
    return ConsumerClient(std::move(topics));
  }
  static ConsumerClient static_client(std::string instance = "one") {
    return ConsumerClient({"orders"}, std::move(instance));
  }

  catalog::testing::MemoryCatalogStorage kept_;
  GroupMachine machine_{kept_};
  kafka::Uuid orders_;
};

// ---- joining and sharing

TEST_F(ConsumerGroups, AFirstMemberIsGivenAnIdAndEverything) {
  ConsumerClient client = client_of();
  const auto answer = beat(client);
  EXPECT_EQ(answer.error, KafkaError::kNone);
  EXPECT_FALSE(answer.member_id.empty());
  EXPECT_EQ(answer.epoch, 1);
  EXPECT_EQ(answer.heartbeat_interval, seconds(5));
  EXPECT_EQ(answer.assigned, orders({0, 1, 2, 3}));
  EXPECT_EQ(described().state, "Stable");
  EXPECT_EQ(beat(client).assigned, std::nullopt) << "no news";
}

TEST_F(ConsumerGroups, WhatAMemberOwnsIsNobodyElsesUntilItSaysThatItHasLetGo) {
  ConsumerClient first = client_of();
  ConsumerClient second = client_of();
  beat(first);
  EXPECT_EQ(beat(first).error, KafkaError::kNone);
  const auto joined = beat(second);
  EXPECT_EQ(joined.epoch, 2);
  EXPECT_EQ(joined.assigned, Assignment());
  EXPECT_EQ(described().state, "Reconciling");

  const auto told = machine_.beat(first.request());
  ASSERT_TRUE(told.assigned);
  EXPECT_EQ(partition_count(*told.assigned), 2U);
  EXPECT_EQ(told.epoch, 1) << "until it has let go";
  first.take(told);
  EXPECT_EQ(beat(second).assigned, std::nullopt) << "the first one still has them";
  first.settle();
  EXPECT_EQ(beat(first).epoch, 2);
  beat(second);
  EXPECT_EQ(count(second), 2U);
  EXPECT_FALSE(intersects(first.used(), second.used()));
  EXPECT_EQ(described().state, "Stable");
}

TEST_F(ConsumerGroups, AMemberIsNotAskedForWhatItMayBeAboutToTake) {
  ConsumerClient first = client_of();
  first.take(machine_.beat(first.request()));
  first.begin();  // and does not say so yet
  ConsumerClient second = client_of();
  beat(second);
  EXPECT_EQ(machine_.beat(first.request()).assigned, std::nullopt);
  beat(second);
  EXPECT_EQ(count(second), 0U);
  first.end();
  beat_until_quiet({&first, &second});
  EXPECT_EQ(count(first), 2U);
  EXPECT_EQ(count(second), 2U);
}

TEST_F(ConsumerGroups, MembersWithOtherTopicsGetTheirs) {
  const kafka::Uuid clicks = machine_.topics.set("clicks", 2).id;
  ConsumerClient both = client_of({"orders", "clicks", "nothing"});
  ConsumerClient one = client_of({"clicks"});
  beat_until_quiet({&both, &one});
  beat_until_quiet({&both, &one});
  EXPECT_EQ(one.used(), (Assignment{{clicks, {0, 1}}}));
  EXPECT_EQ(both.used(), orders({0, 1, 2, 3}));
  both.subscribe({"clicks"});
  beat_until_quiet({&both, &one});
  EXPECT_EQ(count(both), 1U);
  EXPECT_EQ(count(one), 1U);
}

TEST_F(ConsumerGroups, TheAssignorIsTheOneThatMostMembersAskFor) {
  ConsumerClient first = client_of();
  ConsumerHeartbeat joining = first.request();
  joining.assignor = "range";
  first.take(machine_.beat(joining));
  EXPECT_EQ(described().assignor, "range");
  ConsumerClient second = client_of();
  beat(second);
  EXPECT_EQ(described().assignor, "range") << "who does not ask has no vote";
}

TEST_F(ConsumerGroups, AFullGroupTakesNobody) {
  GroupSettings settings;
  settings.max_members = 1;
  catalog::testing::MemoryCatalogStorage kept;
  GroupMachine machine(kept, settings);
  ConsumerClient first = client_of();
  ConsumerClient second = client_of();
  EXPECT_EQ(beat(first, machine).error, KafkaError::kNone);
  EXPECT_EQ(beat(second, machine).error, KafkaError::kGroupMaxSizeReached);
  EXPECT_EQ(beat(first, machine).error, KafkaError::kNone);
}

// ---- epochs

TEST_F(ConsumerGroups, AMemberThatMissedAnAnswerIsToldAgain) {
  ConsumerClient first = client_of();
  ConsumerClient second = client_of();
  beat_until_quiet({&first, &second});
  EXPECT_EQ(send(second.leave_request()), KafkaError::kNone);
  const ConsumerHeartbeat asked = first.request();
  const auto lost = machine_.beat(asked);
  EXPECT_GT(lost.epoch, asked.epoch);
  EXPECT_EQ(send(asked), KafkaError::kFencedMemberEpoch) << "it does not say what it has";
  first.lose();
  const auto again = machine_.beat(first.request());
  EXPECT_EQ(again.error, KafkaError::kNone);
  EXPECT_EQ(again.epoch, lost.epoch);
  EXPECT_EQ(again.assigned, orders({0, 1, 2, 3}));
}

TEST_F(ConsumerGroups, AnEpochThatNobodyGaveIsFenced) {
  ConsumerClient client = client_of();
  beat(client);
  ConsumerHeartbeat request = client.request();
  request.epoch = client.epoch() + 1;
  EXPECT_EQ(send(request), KafkaError::kFencedMemberEpoch);
  EXPECT_EQ(beat(client).error, KafkaError::kNone);
}

TEST_F(ConsumerGroups, AMemberThatJoinsAgainIsToldWhatItHas) {
  ConsumerClient client = client_of();
  const auto joined = beat(client);
  client.start_over();
  const auto again = beat(client);
  EXPECT_EQ(again.error, KafkaError::kNone);
  EXPECT_EQ(again.member_id, joined.member_id);
  EXPECT_EQ(again.assigned, joined.assigned);
  EXPECT_EQ(described().members.size(), 1U);
}

TEST_F(ConsumerGroups, WhoIsNotThereIsToldSo) {
  ConsumerClient nobody = client_of();
  ConsumerHeartbeat request = nobody.request();
  request.member.member_id = "nobody";
  request.epoch = 3;
  EXPECT_EQ(send(request), KafkaError::kGroupIdNotFound);
  ConsumerClient client = client_of();
  beat(client);
  EXPECT_EQ(send(request), KafkaError::kUnknownMemberId);
  request.epoch = kLeaveEpoch;
  EXPECT_EQ(send(request), KafkaError::kUnknownMemberId);
}

// ---- leaving and dying

TEST_F(ConsumerGroups, WhatALeavingMemberHadGoesToTheOthersAtOnce) {
  ConsumerClient first = client_of();
  ConsumerClient second = client_of();
  beat_until_quiet({&first, &second});
  const auto left = machine_.beat(second.leave_request());
  EXPECT_EQ(left.error, KafkaError::kNone);
  EXPECT_EQ(left.epoch, kLeaveEpoch);
  beat(first);
  EXPECT_EQ(count(first), 4U);
  EXPECT_EQ(send(first.leave_request()), KafkaError::kNone);
  EXPECT_EQ(described().state, "Empty");
}

TEST_F(ConsumerGroups, ASilentMemberIsRemovedAfterASession) {
  ConsumerClient first = client_of();
  ConsumerClient second = client_of();
  beat_until_quiet({&first, &second});
  for (int i = 0; i < 9; ++i) {
    machine_.sleep(seconds(5));
    beat(first);
  }
  EXPECT_EQ(described().members.size(), 1U);
  EXPECT_EQ(count(first), 4U);
  EXPECT_EQ(beat(second).error, KafkaError::kUnknownMemberId);
}

TEST_F(ConsumerGroups, AMemberThatDoesNotLetGoInTimeIsRemoved) {
  ConsumerClient first = client_of();
  beat(first);
  EXPECT_EQ(beat(first).error, KafkaError::kNone);
  ConsumerClient second = client_of();
  beat(second);
  first.take(machine_.beat(first.request()));  // and does nothing about it
  for (int i = 0; i < 13 && first.epoch() != kJoinEpoch; ++i) {
    machine_.sleep(seconds(5));
    first.take(machine_.beat(first.request()));
    beat(second);
  }
  EXPECT_EQ(first.epoch(), kJoinEpoch) << "it was told that it is no member any more";
  EXPECT_EQ(count(second), 4U);
}

// ---- static members

TEST_F(ConsumerGroups, AStaticMemberThatComesBackHasWhatItHadAndNobodyHearsOfIt) {
  ConsumerClient first = static_client();
  ConsumerClient second = client_of();
  beat_until_quiet({&first, &second});
  const Assignment had = first.used();
  const std::string old_id = first.id();
  EXPECT_EQ(machine_.beat(first.leave_request(kLeaveForAWhileEpoch)).epoch, kLeaveForAWhileEpoch);
  const std::int32_t epoch = described().epoch;
  EXPECT_EQ(beat(second).assigned, std::nullopt);
  first.restart();
  const auto back = beat(first);
  EXPECT_EQ(back.error, KafkaError::kNone);
  EXPECT_NE(back.member_id, old_id);
  EXPECT_EQ(back.epoch, epoch);
  EXPECT_EQ(first.used(), had);
  EXPECT_EQ(described().epoch, epoch);
  ConsumerHeartbeat old = first.request();
  old.member.member_id = old_id;
  EXPECT_EQ(send(old), KafkaError::kFencedInstanceId);
}

TEST_F(ConsumerGroups, AStaticMemberThatComesBackForOtherTopicsDoesNotKeepWhatItHad) {
  machine_.topics.set("clicks", 1);
  ConsumerClient first = static_client();
  beat_until_quiet({&first});
  EXPECT_EQ(send(first.leave_request(kLeaveForAWhileEpoch)), KafkaError::kNone);
  ConsumerClient again({"clicks"}, "one");
  const auto back = beat(again);
  EXPECT_EQ(back.epoch, described().epoch);
  EXPECT_EQ(count(again), 1U);
}

TEST_F(ConsumerGroups, AnInstanceIdThatIsInUseIsNotGivenAway) {
  ConsumerClient first = static_client();
  beat(first);
  ConsumerClient second = static_client();
  EXPECT_EQ(beat(second).error, KafkaError::kUnreleasedInstanceId);
  ConsumerHeartbeat unknown = first.request();
  unknown.member.instance_id = "another";
  EXPECT_EQ(send(unknown), KafkaError::kUnknownMemberId);
  machine_.sleep(seconds(46));
  EXPECT_EQ(beat(second).error, KafkaError::kNone) << "its session has ended";
}

TEST_F(ConsumerGroups, AStaticMemberThatDoesNotComeBackIsRemoved) {
  ConsumerClient first = static_client();
  beat(first);
  EXPECT_EQ(send(first.leave_request(kLeaveForAWhileEpoch)), KafkaError::kNone);
  EXPECT_EQ(described().members.size(), 1U);
  machine_.sleep(seconds(46));
  EXPECT_EQ(described().state, "Empty");
}

// ---- topics

TEST_F(ConsumerGroups, PartitionsAndTopicsThatComeAndGoAreNoticed) {
  ConsumerClient client = client_of({"orders", "clicks"});
  beat(client);
  machine_.topics.set("orders", 5);
  beat(client);
  EXPECT_EQ(count(client), 5U);
  machine_.topics.set("clicks", 2);
  beat(client);
  EXPECT_EQ(count(client), 7U);
  machine_.topics.set("another", 2);
  const std::int32_t epoch = described().epoch;
  EXPECT_EQ(beat(client).assigned, std::nullopt);
  EXPECT_EQ(described().epoch, epoch) << "nobody subscribes to it";
  machine_.topics.remove("orders");
  const auto told = beat(client);
  EXPECT_EQ(count(client), 2U);
  EXPECT_EQ(told.epoch, epoch + 1) << "what is deleted need not be let go of";
}

TEST_F(ConsumerGroups, EveryMemberIsToldThatATopicIsGone) {
  ConsumerClient first = client_of();
  ConsumerClient second = client_of();
  beat_until_quiet({&first, &second});
  machine_.topics.remove("orders");
  EXPECT_EQ(beat(first).assigned, Assignment());
  EXPECT_EQ(beat(second).assigned, Assignment());
}

// ---- offsets

TEST_F(ConsumerGroups, OffsetsAreCommittedWithTheMembersEpoch) {
  ConsumerClient client = client_of();
  beat(client);
  const auto commit = [&](std::string member, std::int32_t epoch, bool knows_epochs) {
    CommitRequest request;
    request.caller = {
        .member = {std::move(member), {}}, .generation = epoch, .knows_epochs = knows_epochs};
    request.parts.resize(1);
    request.parts[0].partition = {"orders", 0};
    request.parts[0].record.offset = Offset{7};
    machine_.scheduler.run(machine_.coordinator.commit(GroupMachine::kGroup, request));
    return request.parts[0].error;
  };
  EXPECT_EQ(commit(client.id(), client.epoch(), true), KafkaError::kNone);
  EXPECT_EQ(commit(client.id(), client.epoch() + 1, true), KafkaError::kStaleMemberEpoch);
  EXPECT_EQ(commit(client.id(), client.epoch(), false), KafkaError::kUnsupportedVersion);
  EXPECT_EQ(commit("nobody", client.epoch(), true), KafkaError::kUnknownMemberId);
  EXPECT_EQ(commit("", -1, true), KafkaError::kUnknownMemberId);
  const auto fetch = [&](std::string member, std::int32_t epoch) {
    return machine_.coordinator.check_fetch(GroupMachine::kGroup,
                                            {.member = {std::move(member), {}}, .generation = epoch});
  };
  EXPECT_EQ(fetch("", -1), KafkaError::kNone);
  EXPECT_EQ(fetch(client.id(), client.epoch()), KafkaError::kNone);
  EXPECT_EQ(fetch(client.id(), client.epoch() - 1), KafkaError::kStaleMemberEpoch);
  EXPECT_EQ(fetch("nobody", 1), KafkaError::kUnknownMemberId);
  EXPECT_EQ(send(client.leave_request()), KafkaError::kNone);
  EXPECT_EQ(commit("", -1, false), KafkaError::kNone) << "an operator's";
  EXPECT_EQ(machine_.committed(0), Offset{7});
}

// ---- beside the classic protocol

TEST_F(ConsumerGroups, AGroupWithMembersKeepsItsProtocol) {
  ConsumerClient client = client_of();
  beat(client);
  const JoinAnswer refused = machine_.join(GroupMachine::join_request());
  EXPECT_EQ(refused.error, KafkaError::kInconsistentGroupProtocol);
  EXPECT_EQ(machine_.join(GroupMachine::join_request("somebody")).error,
            KafkaError::kInconsistentGroupProtocol);
  EXPECT_EQ(machine_.leave("somebody"), KafkaError::kUnknownMemberId);
  EXPECT_EQ(machine_.state(), "Dead") << "to those who ask for a classic group";
  EXPECT_EQ(machine_.coordinator.list().at(0).type, GroupType::kConsumer);
}

TEST_F(ConsumerGroups, AnEmptyGroupChangesItsProtocolAndKeepsItsOffsets) {
  GroupSettings settings;
  settings.initial_rebalance_delay = Duration{};
  catalog::testing::MemoryCatalogStorage kept;
  std::optional<GroupMachine> machine(std::in_place, kept, settings);
  const auto restart = [&] {
    machine.emplace(kept, settings);
    return machine->coordinator.list().at(0).type;
  };
  EXPECT_EQ(machine->commit(0, 5), KafkaError::kNone);
  const JoinAnswer joined = machine->single_member();
  ConsumerClient client = client_of();
  EXPECT_EQ(beat(client, *machine).error, KafkaError::kGroupIdNotFound);
  EXPECT_EQ(machine->leave(joined.member_id), KafkaError::kNone);
  EXPECT_EQ(beat(client, *machine).error, KafkaError::kNone);
  EXPECT_EQ(machine->committed(0), Offset{5});
  EXPECT_EQ(restart(), GroupType::kConsumer);
  EXPECT_EQ(beat(client, *machine).error, KafkaError::kNone);
  ConsumerClient second = client_of();
  EXPECT_EQ(beat(second, *machine).error, KafkaError::kNone);
  EXPECT_EQ(restart(), GroupType::kConsumer);
  EXPECT_EQ(machine->coordinator.describe_consumer_group(GroupMachine::kGroup).members.size(), 2U);

  EXPECT_EQ(machine->beat(client.leave_request()).error, KafkaError::kNone);
  EXPECT_EQ(machine->beat(second.leave_request()).error, KafkaError::kNone);
  machine->single_member();
  EXPECT_EQ(machine->committed(0), Offset{5});
  EXPECT_EQ(restart(), GroupType::kClassic);
  EXPECT_EQ(machine->state(), "Stable");
}

// ---- the catalog

TEST_F(ConsumerGroups, ARestartGoesOnWithTheSameMembersAndAssignments) {
  catalog::testing::MemoryCatalogStorage kept;
  ConsumerClient first = static_client();
  ConsumerClient second = client_of();
  kafka::Uuid topic;
  {
    GroupMachine machine(kept);
    topic = machine.topics.set("orders", 4).id;
    for (int i = 0; i < 3; ++i) {
      beat(first, machine);
      beat(second, machine);
    }
  }
  GroupMachine machine(kept);
  machine.topics.restore("orders", 4, topic);
  for (ConsumerClient* client : {&first, &second}) {
    const Assignment used = client->used();
    const std::int32_t epoch = client->epoch();
    EXPECT_EQ(beat(*client, machine).epoch, epoch);
    EXPECT_EQ(client->used(), used);
    EXPECT_EQ(count(*client), 2U);
  }
}

TEST_F(ConsumerGroups, WhatCannotBeKeptIsNotAnswered) {
  ConsumerClient first = client_of();
  beat(first);
  machine_.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  ConsumerClient second = client_of();
  EXPECT_EQ(beat(second).error, KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(described().members.size(), 1U) << "nobody knows its id";
  machine_.catalog.fail_with(std::nullopt);
  beat_until_quiet({&first, &second});
  EXPECT_EQ(count(first), 2U);
  EXPECT_EQ(count(second), 2U);
}

TEST_F(ConsumerGroups, WhatCouldNotBeWrittenIsWrittenLaterWhoeverSpeaks) {
  ConsumerClient client = client_of();
  beat(client);
  machine_.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  machine_.sleep(minutes(1));
  EXPECT_EQ(described().state, "Empty");
  EXPECT_TRUE(kept_.contains(consumer_member_key(GroupMachine::kGroup, client.id())));
  machine_.catalog.fail_with(std::nullopt);
  machine_.sleep(minutes(1));
  EXPECT_FALSE(kept_.contains(consumer_member_key(GroupMachine::kGroup, client.id())));
}

TEST_F(ConsumerGroups, AHeartbeatWithoutNewsWritesNothing) {
  ConsumerClient client = client_of();
  beat_until_quiet({&client});
  const std::uint64_t writes = machine_.catalog.write_count();
  beat_until_quiet({&client});
  EXPECT_EQ(machine_.catalog.write_count(), writes);
}

TEST_F(ConsumerGroups, MembersThatJoinAtOnceShareWrites) {
  std::vector<std::shared_ptr<Waiting<ConsumerHeartbeatAnswer>>> waiting;
  const std::uint64_t writes = machine_.catalog.write_count();
  for (int i = 0; i < 20; ++i) waiting.push_back(machine_.start_beat(client_of().request()));
  machine_.sleep(seconds(1));
  for (const auto& answer : waiting) {
    ASSERT_TRUE(answer->is_there());
    EXPECT_EQ((*answer)->error, KafkaError::kNone);
  }
  EXPECT_EQ(machine_.catalog.write_count(), writes + 2);
}

TEST_F(ConsumerGroups, OnlyAGroupWithoutMembersIsDeleted) {
  ConsumerClient client = client_of();
  beat(client);
  EXPECT_EQ(delete_group(), KafkaError::kNonEmptyGroup);
  EXPECT_EQ(send(client.leave_request()), KafkaError::kNone);
  EXPECT_EQ(delete_group(), KafkaError::kNone);
  EXPECT_TRUE(kept_.empty());
  EXPECT_EQ(described().error, KafkaError::kGroupIdNotFound);
  EXPECT_EQ(delete_group(), KafkaError::kGroupIdNotFound);
}

TEST_F(ConsumerGroups, AGroupThatCouldNotBeDeletedIsWrittenAnew) {
  ConsumerClient client = client_of();
  beat(client);
  EXPECT_EQ(send(client.leave_request()), KafkaError::kNone);
  const std::int32_t epoch = described().epoch;
  machine_.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  EXPECT_EQ(delete_group(), KafkaError::kCoordinatorNotAvailable);
  machine_.catalog.fail_with(std::nullopt);
  EXPECT_EQ(described().epoch, epoch);
  client.restart();
  EXPECT_EQ(beat(client).epoch, epoch + 1);
}

TEST_F(ConsumerGroups, AnEmptyGroupWithoutOffsetsIsForgotten) {
  ConsumerClient client = client_of();
  beat(client);
  EXPECT_TRUE(machine_.scheduler.run(machine_.coordinator.expire()));
  EXPECT_EQ(machine_.coordinator.group_count(), 1U);
  EXPECT_EQ(send(client.leave_request()), KafkaError::kNone);
  EXPECT_TRUE(machine_.scheduler.run(machine_.coordinator.expire()));
  EXPECT_EQ(machine_.coordinator.group_count(), 0U);
  EXPECT_TRUE(kept_.empty());
}

TEST_F(ConsumerGroups, OffsetsOfTopicsThatAreConsumedAreNotDeleted) {
  ConsumerClient client = client_of();
  beat(client);
  std::vector<KafkaError> errors;
  EXPECT_EQ(machine_.scheduler.run(machine_.coordinator.delete_offsets(
                GroupMachine::kGroup, {{"orders", 0}, {"clicks", 0}}, errors)),
            KafkaError::kNone);
  EXPECT_EQ(errors, (std::vector{KafkaError::kGroupSubscribedToTopic, KafkaError::kNone}));
}

TEST_F(ConsumerGroups, RecordsThatContradictEachOtherAreNamedAtTheStart) {
  ConsumerClient first = client_of();
  beat(first);
  const std::string own = kept_.at(consumer_member_key(GroupMachine::kGroup, first.id()));
  kept_[consumer_member_key(GroupMachine::kGroup, "another")] = own;
  catalog::testing::MemoryCatalog catalog(kept_);
  Random random(1);
  const GroupSettings settings;
  const auto start = [&] {
    GroupCoordinator coordinator(machine_.scheduler, catalog, random, machine_.topics, settings);
    const auto started =
        machine_.scheduler.run(coordinator.start([](const std::string&) { return true; }));
    return started ? std::string() : started.error().message();
  };
  EXPECT_NE(start().find("billing"), std::string::npos);
  kept_.erase(consumer_group_key(GroupMachine::kGroup));
  EXPECT_NE(start().find("billing"), std::string::npos);
}

}  // namespace
}  // namespace penstock::group::testing
