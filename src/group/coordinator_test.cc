// What groups have committed, and groups for operators.

#include "group/coordinator.h"

#include <gtest/gtest.h>

#include "group/testing/group_machine.h"

namespace penstock::group::testing {
namespace {

using kafka::KafkaError;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Coordinator : public ::testing::Test {
 protected:
  static GroupSettings settings() {
    GroupSettings settings;
    settings.initial_rebalance_delay = Duration{};
    return settings;
  }
  // A consumer of these topics.
  static JoinRequest consumer_of(const std::string& topic) {
    JoinRequest request = GroupMachine::join_request();
    std::vector<std::byte> subscription(8 + topic.size());  // version 0, one topic
    store_be<std::int32_t>(subscription, 2, 1);
    store_be<std::int16_t>(subscription, 6, static_cast<std::int16_t>(topic.size()));
    std::ranges::copy(as_bytes(topic), subscription.begin() + 8);
    request.protocols = {{"range", subscription}};
    return request;
  }
  KafkaError delete_group(const std::string& group = GroupMachine::kGroup) {
    return machine_.scheduler.run(machine_.coordinator.delete_group(group));
  }

  catalog::testing::MemoryCatalogStorage kept_;
  GroupMachine machine_{kept_, settings()};
};

// ---- committing

TEST_F(Coordinator, WhatAMemberCommitsIsThereAndNobodyElseMayCommit) {
  const JoinAnswer joined = machine_.single_member();
  EXPECT_EQ(machine_.commit(0, 5, {joined.member_id, {}}, joined.generation), KafkaError::kNone);
  EXPECT_EQ(machine_.committed(0), Offset{5});
  EXPECT_EQ(machine_.committed(1), std::nullopt);
  EXPECT_EQ(machine_.commit(0, 6, {joined.member_id, {}}, joined.generation + 1),
            KafkaError::kIllegalGeneration);
  EXPECT_EQ(machine_.commit(0, 6, {"nobody", {}}, joined.generation), KafkaError::kUnknownMemberId);
  EXPECT_EQ(machine_.commit(0, 6), KafkaError::kUnknownMemberId) << "while the group has members";
  EXPECT_EQ(machine_.committed(0), Offset{5});
}

TEST_F(Coordinator, WithoutMembersAnybodyCommitsWithoutAGeneration) {
  EXPECT_EQ(machine_.commit(0, 5), KafkaError::kNone);
  EXPECT_EQ(machine_.commit(0, 7), KafkaError::kNone);
  EXPECT_EQ(machine_.committed(0), Offset{7});
  EXPECT_EQ(machine_.commit(0, 8, {"somebody", {}}, 3, "another"), KafkaError::kIllegalGeneration);
  EXPECT_EQ(machine_.coordinator.group_count(), 1U);
}

// Members come and go within it, and what has gone makes room for others.
TEST_F(Coordinator, GroupsHoldNoMoreThanTheyMay) {
  GroupSettings small = settings();
  small.memory_bytes = 10'000;
  catalog::testing::MemoryCatalogStorage kept;
  GroupMachine machine(kept, small);
  JoinRequest large = GroupMachine::join_request();
  large.protocols = {{"range", std::vector<std::byte>(6000)}};
  const auto join = [&machine, &large](const std::string& group) {
    return machine.scheduler.run(machine.coordinator.join(group, large)).error;
  };
  EXPECT_EQ(join("first"), KafkaError::kNone);
  EXPECT_EQ(join("second"), KafkaError::kGroupMaxSizeReached);
  EXPECT_EQ(machine.coordinator.stats().refused, 1U);
  machine.sleep(large.session_timeout + minutes(6));
  EXPECT_EQ(join("second"), KafkaError::kNone) << "the first one's session has ended";

  int committed = 0;
  while (machine.commit(committed, 1, {}, -1, "offsets") == KafkaError::kNone) ++committed;
  EXPECT_GT(committed, 5);
  EXPECT_LT(committed, 20);
  EXPECT_EQ(machine.commit(committed, 1, {}, -1, "offsets"), KafkaError::kInvalidCommitOffsetSize);
  EXPECT_EQ(machine.commit(0, 2, {}, -1, "offsets"), KafkaError::kNone)
      << "it takes no more than before";
}

// Or a full shard would lose its groups with the next rebalance.
TEST_F(Coordinator, WhoIsThereGoesOnInAFullShard) {
  catalog::testing::MemoryCatalogStorage kept;
  GroupMachine machine(kept, settings());
  JoinRequest large = GroupMachine::join_request();
  large.protocols = {{"range", std::vector<std::byte>(6000)}};
  const JoinAnswer joined = machine.join(large);
  ASSERT_EQ(machine.sync(joined, {{joined.member_id, std::vector<std::byte>(100)}}).error,
            KafkaError::kNone);
  EXPECT_EQ(machine.commit(0, 1, {joined.member_id, {}}, joined.generation), KafkaError::kNone);

  machine.settings().memory_bytes = 5000;  // less than there is, as after a start with another setting
  EXPECT_EQ(
      machine.coordinator.heartbeat(GroupMachine::kGroup, {joined.member_id, {}}, joined.generation),
      KafkaError::kNone);
  EXPECT_EQ(machine.commit(0, 2, {joined.member_id, {}}, joined.generation), KafkaError::kNone);
  large.member.member_id = joined.member_id;
  const JoinAnswer again = machine.join(large);
  EXPECT_EQ(again.error, KafkaError::kNone);
  EXPECT_EQ(machine.sync(again, {{again.member_id, std::vector<std::byte>(100)}}).error,
            KafkaError::kNone);
  EXPECT_EQ(machine.sync(again, {{again.member_id, std::vector<std::byte>(101)}}).error,
            KafkaError::kGroupMaxSizeReached);
  large.protocols[0].metadata.resize(6001);
  EXPECT_EQ(machine.join(large).error, KafkaError::kGroupMaxSizeReached);
  EXPECT_EQ(machine.leave(joined.member_id), KafkaError::kNone);
}

TEST_F(Coordinator, BeforeTheAssignmentIsThereNobodyCommits) {
  const JoinAnswer joined = machine_.join(GroupMachine::join_request());
  EXPECT_EQ(machine_.commit(0, 5, {joined.member_id, {}}, joined.generation),
            KafkaError::kRebalanceInProgress);
}

TEST_F(Coordinator, ACommitIsAHeartbeat) {
  const JoinAnswer joined = machine_.single_member();
  for (int i = 0; i < 4; ++i) {
    machine_.sleep(seconds(9));
    EXPECT_EQ(machine_.commit(0, i, {joined.member_id, {}}, joined.generation), KafkaError::kNone);
  }
}

TEST_F(Coordinator, CommittedOffsetsAreThereAfterARestart) {
  catalog::testing::MemoryCatalogStorage kept;
  {
    GroupMachine machine(kept, settings());
    EXPECT_EQ(machine.commit(0, 5), KafkaError::kNone);
    EXPECT_EQ(machine.commit(1, 9, {}, -1, "another"), KafkaError::kNone);
  }
  GroupMachine machine(kept, settings());
  EXPECT_EQ(machine.committed(0), Offset{5});
  EXPECT_EQ(machine.committed(1), std::nullopt);
  const auto all = machine.coordinator.committed("another", std::nullopt);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].record->offset, Offset{9});
  EXPECT_EQ(all[0].record->metadata, "note");
}

TEST_F(Coordinator, ACommitThatCannotBeKeptIsNotServed) {
  EXPECT_EQ(machine_.commit(0, 5), KafkaError::kNone);
  machine_.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  EXPECT_EQ(machine_.commit(0, 6), KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(machine_.committed(0), Offset{5});
}

TEST_F(Coordinator, OneBadPartIsRefusedAndTheOthersAreCommitted) {
  CommitRequest request;
  for (std::int32_t i = 0; i < 3; ++i) {
    CommitRequest::Part part;
    part.partition = {"orders", i};
    part.record.offset = Offset{i};
    if (i == 1) part.record.metadata.assign(4097, 'm');
    if (i == 2) part.error = KafkaError::kUnknownTopicOrPartition;
    request.parts.push_back(part);
  }
  machine_.scheduler.run(machine_.coordinator.commit(GroupMachine::kGroup, request));
  EXPECT_EQ(request.parts[0].error, KafkaError::kNone);
  EXPECT_EQ(request.parts[1].error, KafkaError::kOffsetMetadataTooLarge);
  EXPECT_EQ(request.parts[2].error, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(machine_.coordinator.committed(GroupMachine::kGroup, std::nullopt).size(), 1U);
}

// ---- deleting

TEST_F(Coordinator, OnlyAGroupWithoutMembersIsDeletedAndWithAllThatItHas) {
  EXPECT_EQ(delete_group(), KafkaError::kGroupIdNotFound);
  const JoinAnswer joined = machine_.single_member();
  EXPECT_EQ(machine_.commit(0, 5, {joined.member_id, {}}, joined.generation), KafkaError::kNone);
  EXPECT_EQ(machine_.commit(0, 3, {}, -1, "billing2"), KafkaError::kNone);
  EXPECT_EQ(delete_group(), KafkaError::kNonEmptyGroup);
  EXPECT_EQ(machine_.leave(joined.member_id), KafkaError::kNone);
  EXPECT_EQ(delete_group(), KafkaError::kNone);
  EXPECT_EQ(machine_.state(), "Dead");
  EXPECT_EQ(machine_.committed(0), std::nullopt);
  EXPECT_EQ(machine_.committed(0, "billing2"), Offset{3}) << "a name that begins the same";
  ASSERT_EQ(kept_.size(), 1U);
  EXPECT_EQ(decode_offset_key(kept_.begin()->first)->group, "billing2");
}

TEST_F(Coordinator, AGroupThatCannotBeDeletedStays) {
  EXPECT_EQ(machine_.commit(0, 5), KafkaError::kNone);
  machine_.catalog.fail_with(Error(ErrorCode::kIo, "no"));
  EXPECT_EQ(delete_group(), KafkaError::kCoordinatorNotAvailable);
  machine_.catalog.fail_with(std::nullopt);
  EXPECT_EQ(machine_.committed(0), Offset{5});
  EXPECT_EQ(machine_.commit(0, 6), KafkaError::kNone);
}

TEST_F(Coordinator, OffsetsOfATopicThatIsReadAreNotDeleted) {
  const JoinAnswer joined = machine_.single_member(consumer_of("orders"));
  EXPECT_EQ(machine_.commit(0, 5, {joined.member_id, {}}, joined.generation), KafkaError::kNone);
  std::vector<KafkaError> errors;
  const auto erase = [&] {
    return machine_.scheduler.run(machine_.coordinator.delete_offsets(
        GroupMachine::kGroup, {{"orders", 0}, {"invoices", 0}}, errors));
  };
  EXPECT_EQ(erase(), KafkaError::kNone);
  EXPECT_EQ(errors, (std::vector{KafkaError::kGroupSubscribedToTopic, KafkaError::kNone}));
  EXPECT_EQ(machine_.committed(0), Offset{5});
  EXPECT_EQ(machine_.leave(joined.member_id), KafkaError::kNone);
  EXPECT_EQ(erase(), KafkaError::kNone);
  EXPECT_EQ(machine_.committed(0), std::nullopt);
}

TEST_F(Coordinator, OfMembersThatAreNoConsumersNoOffsetsAreDeleted) {
  JoinRequest request = GroupMachine::join_request();
  request.protocol_type = "connect";
  machine_.single_member(request);
  std::vector<KafkaError> errors;
  EXPECT_EQ(machine_.scheduler.run(
                machine_.coordinator.delete_offsets(GroupMachine::kGroup, {{"orders", 0}}, errors)),
            KafkaError::kNonEmptyGroup);
}

TEST_F(Coordinator, ATopicThatIsDeletedTakesWhatWasCommittedForItAlsoWhatIsOnItsWay) {
  EXPECT_EQ(machine_.commit(0, 5), KafkaError::kNone);
  CommitRequest late;
  late.parts.push_back({{"orders", 1}, {}});
  late.parts.push_back({{"invoices", 1}, {}});
  const auto commit = [&]() -> Task<void> {
    co_await machine_.coordinator.commit(GroupMachine::kGroup, late);
  };
  machine_.scheduler.spawn(commit());
  EXPECT_TRUE(machine_.scheduler.run(machine_.coordinator.forget_topic("orders")));
  const auto left = machine_.coordinator.committed(GroupMachine::kGroup, std::nullopt);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].partition.topic, "invoices");
  ASSERT_EQ(kept_.size(), 1U);
  EXPECT_EQ(decode_offset_key(kept_.begin()->first)->partition.topic, "invoices");
}

// ---- what is not kept

TEST_F(Coordinator, TheOffsetsOfAGroupWithoutMembersGoWhenItHasBeenWithoutForLong) {
  const JoinAnswer joined = machine_.single_member();
  EXPECT_EQ(machine_.commit(0, 5, {joined.member_id, {}}, joined.generation), KafkaError::kNone);
  for (int day = 0; day < 10; ++day) {  // as long as it has members, they are kept
    for (int beat = 0; beat < 24 * 60 * 10; ++beat) {
      machine_.sleep(seconds(9));
      if (machine_.beat(joined) != KafkaError::kNone) break;
    }
  }
  EXPECT_EQ(machine_.committed(0), Offset{5});
  EXPECT_EQ(machine_.leave(joined.member_id), KafkaError::kNone);
  machine_.sleep(hours(7 * 24) - minutes(1));
  EXPECT_EQ(machine_.committed(0), Offset{5});
  machine_.sleep(minutes(20));
  EXPECT_EQ(machine_.committed(0), std::nullopt);
  EXPECT_EQ(machine_.state(), "Dead");
  EXPECT_TRUE(kept_.empty());
}

TEST_F(Coordinator, WhatWasCommittedWithoutMembersGoesByItsAge) {
  EXPECT_EQ(machine_.commit(0, 5), KafkaError::kNone);
  machine_.sleep(hours(5 * 24));
  EXPECT_EQ(machine_.commit(1, 6), KafkaError::kNone);
  machine_.sleep(hours(3 * 24));
  EXPECT_EQ(machine_.committed(0), std::nullopt);
  EXPECT_EQ(machine_.committed(1), Offset{6});
  machine_.sleep(hours(5 * 24));
  EXPECT_EQ(machine_.coordinator.group_count(), 0U);
}

TEST_F(Coordinator, OffsetsOfATopicThatAGroupReadsNoMoreGoByTheirAge) {
  EXPECT_EQ(machine_.commit(0, 5), KafkaError::kNone);
  const JoinAnswer joined = machine_.single_member(consumer_of("invoices"));
  for (int i = 0; i < 8 * 24 * 60 * 60 / 9; ++i) {
    machine_.sleep(seconds(9));
    if (machine_.beat(joined) != KafkaError::kNone) break;
  }
  EXPECT_EQ(machine_.committed(0), std::nullopt);
  EXPECT_EQ(machine_.state(), "Stable");
}

TEST_F(Coordinator, WhatIsBeingCommittedIsNotTakenForWhatIsNotKept) {
  // The first commit of a group, and one of a group whose offsets are about to be too old.
  EXPECT_EQ(machine_.commit(0, 5, {}, -1, "old"), KafkaError::kNone);
  machine_.sleep(hours(7 * 24) - milliseconds(1));
  ASSERT_EQ(machine_.committed(0, "old"), Offset{5});
  machine_.sleep(milliseconds(1));
  CommitRequest first;
  first.parts.push_back({{"orders", 0}, {.offset = Offset{1}}});
  CommitRequest later;
  later.parts.push_back({{"orders", 0}, {.offset = Offset{6}}});
  const auto commit = [&](std::string group, CommitRequest& request) -> Task<void> {
    co_await machine_.coordinator.commit(std::move(group), request);
  };
  machine_.scheduler.start(commit("new", first));
  machine_.scheduler.start(commit("old", later));
  EXPECT_TRUE(machine_.scheduler.run(machine_.coordinator.expire()));
  machine_.sleep(milliseconds(1));
  EXPECT_EQ(machine_.committed(0, "new"), Offset{1});
  EXPECT_EQ(machine_.committed(0, "old"), Offset{6});
  EXPECT_EQ(kept_.size(), 2U);
}

TEST_F(Coordinator, AGroupThatNobodyHasJoinedGoesWithoutAWrite) {
  JoinRequest joining = GroupMachine::join_request();
  joining.must_know_its_id = true;
  EXPECT_EQ(machine_.join(joining).error, KafkaError::kMemberIdRequired);
  machine_.sleep(minutes(11));
  EXPECT_EQ(machine_.coordinator.group_count(), 0U);
  EXPECT_EQ(machine_.catalog.write_count(), 0U);
}

TEST_F(Coordinator, AGroupThatIsDeletedAsSoonAsItIsEmptyStaysDeleted) {
  const JoinAnswer joined = machine_.single_member();
  EXPECT_EQ(machine_.leave(joined.member_id), KafkaError::kNone);
  EXPECT_EQ(delete_group(), KafkaError::kNone);
  machine_.sleep(seconds(1));
  EXPECT_TRUE(kept_.empty());
}

// ---- for operators

TEST_F(Coordinator, DescribesItsMembersAndWhatTheyHave) {
  const JoinAnswer joined = machine_.single_member();
  const GroupDescription described = machine_.coordinator.describe(GroupMachine::kGroup);
  EXPECT_EQ(described.state, "Stable");
  EXPECT_EQ(described.protocol_type, "consumer");
  EXPECT_EQ(described.protocol, "range");
  ASSERT_EQ(described.members.size(), 1U);
  EXPECT_EQ(described.members[0].member_id, joined.member_id);
  EXPECT_EQ(described.members[0].client_id, "client");
  EXPECT_EQ(described.members[0].client_host, "/192.0.2.1");
  EXPECT_EQ(described.members[0].metadata, bytes_of("r"));
  EXPECT_EQ(described.members[0].assignment, bytes_of("all"));
  EXPECT_EQ(machine_.coordinator.describe("unknown").state, "Dead");
  ASSERT_EQ(machine_.coordinator.list().size(), 1U);
  EXPECT_EQ(machine_.coordinator.list()[0].state, "Stable");
}

TEST_F(Coordinator, ADamagedRecordIsNamedAtTheStart) {
  catalog::testing::MemoryCatalogStorage kept;
  kept[group_key("billing")] = "rubbish";
  ManualClock clock;
  SimReactor reactor(clock);
  Scheduler scheduler(clock, reactor);
  catalog::testing::MemoryCatalog catalog(kept);
  Random random(1);
  const GroupSettings defaults;
  const FakeTopics topics;
  GroupCoordinator coordinator(scheduler, catalog, random, topics, defaults);
  const auto started = scheduler.run(coordinator.start([](const std::string&) { return true; }));
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message().find("billing"), std::string::npos);
}

}  // namespace
}  // namespace penstock::group::testing
