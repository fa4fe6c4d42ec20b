// What transactions commit in groups.

#include <gtest/gtest.h>

#include "group/testing/group_machine.h"

namespace penstock::group::testing {
namespace {

using kafka::KafkaError;
using std::chrono::hours;
using std::chrono::milliseconds;
using End = GroupCoordinator::TransactionEnd;

constexpr std::int64_t kProducer = 17;
const std::string kGroup = GroupMachine::kGroup;

class TransactionalCommits : public ::testing::Test {
 protected:
  static CommitRequest request_of(std::int32_t partition, std::int64_t offset) {
    CommitRequest request;
    CommitRequest::Part part;
    part.partition = {"orders", partition};
    part.record.offset = Offset{offset};
    request.parts.push_back(std::move(part));
    return request;
  }
  static GroupCoordinator::Verify says(KafkaError error) {
    return [error]() -> Task<KafkaError> { co_return error; };
  }
  static KafkaError commit(GroupMachine& machine, std::int32_t partition, std::int64_t offset,
                           KafkaError verified = KafkaError::kNone, std::int64_t producer = kProducer) {
    CommitRequest request = request_of(partition, offset);
    const GroupCoordinator::Verify verify = says(verified);
    machine.scheduler.run(machine.coordinator.commit_in_transaction(kGroup, producer, request, verify));
    return request.parts.front().error;
  }
  static Result<void> end(GroupMachine& machine, End how, std::int64_t producer = kProducer) {
    return machine.scheduler.run(machine.coordinator.end_transaction(kGroup, producer, how));
  }
  static bool is_unstable(GroupMachine& machine, std::int32_t partition) {
    const std::vector<TopicPartition> wanted = {{"orders", partition}};
    return machine.coordinator.committed(kGroup, wanted).at(0).is_unstable;
  }
  bool has_pending_keys() const {
    const auto first = kept_.lower_bound(std::string(kPendingOffsetPrefix));
    return first != kept_.end() && first->first.starts_with(kPendingOffsetPrefix);
  }

  catalog::testing::MemoryCatalogStorage kept_;
};

TEST_F(TransactionalCommits, AreInForceWhenTheTransactionIsCommitted) {
  GroupMachine machine(kept_);
  EXPECT_EQ(machine.commit(0, 5), KafkaError::kNone);
  EXPECT_EQ(commit(machine, 0, 7), KafkaError::kNone);
  EXPECT_EQ(commit(machine, 1, 8), KafkaError::kNone);
  EXPECT_EQ(machine.committed(0), Offset{5});
  EXPECT_EQ(machine.committed(1), std::nullopt);
  EXPECT_TRUE(is_unstable(machine, 0));
  EXPECT_TRUE(is_unstable(machine, 1));
  EXPECT_FALSE(is_unstable(machine, 2));
  EXPECT_TRUE(end(machine, End::kCommit));
  EXPECT_EQ(machine.committed(0), Offset{7});
  EXPECT_EQ(machine.committed(1), Offset{8});
  EXPECT_FALSE(is_unstable(machine, 0));
  EXPECT_FALSE(has_pending_keys());
  EXPECT_TRUE(end(machine, End::kAbort)) << "there is nothing to be ended";
  EXPECT_EQ(machine.committed(0), Offset{7});
}

TEST_F(TransactionalCommits, AreDroppedWhenItIsAborted) {
  GroupMachine machine(kept_);
  EXPECT_EQ(machine.commit(0, 5), KafkaError::kNone);
  EXPECT_EQ(commit(machine, 0, 7), KafkaError::kNone);
  EXPECT_EQ(commit(machine, 0, 9, KafkaError::kNone, kProducer + 1), KafkaError::kNone);
  EXPECT_TRUE(end(machine, End::kAbort));
  EXPECT_EQ(machine.committed(0), Offset{5});
  EXPECT_TRUE(is_unstable(machine, 0)) << "another producer's";
  EXPECT_TRUE(end(machine, End::kCommit, kProducer + 1));
  EXPECT_EQ(machine.committed(0), Offset{9});
}

TEST_F(TransactionalCommits, AreKnownAgainAfterARestart) {
  for (const End how : {End::kCommit, End::kAbort}) {
    kept_.clear();
    {
      GroupMachine machine(kept_);
      EXPECT_EQ(commit(machine, 0, 7), KafkaError::kNone);
    }
    {
      GroupMachine machine(kept_);
      EXPECT_TRUE(is_unstable(machine, 0));
      EXPECT_TRUE(end(machine, how));
    }
    GroupMachine machine(kept_);
    EXPECT_EQ(machine.committed(0), how == End::kCommit ? std::optional(Offset{7}) : std::nullopt);
    EXPECT_FALSE(is_unstable(machine, 0));
  }
}

TEST_F(TransactionalCommits, WithoutAnOpenTransactionNothingIsKept) {
  GroupMachine machine(kept_);
  EXPECT_EQ(commit(machine, 0, 7, KafkaError::kInvalidTxnState), KafkaError::kInvalidTxnState);
  EXPECT_FALSE(is_unstable(machine, 0));
  EXPECT_FALSE(has_pending_keys());
}

TEST_F(TransactionalCommits, AnAnswerThatTheEndHasOvertakenDoesNotCount) {
  GroupMachine machine(kept_);
  EXPECT_EQ(commit(machine, 1, 1), KafkaError::kNone);
  CommitRequest request = request_of(0, 7);
  const GroupCoordinator::Verify verify = [&]() -> Task<KafkaError> {
    co_await machine.scheduler.sleep_for(milliseconds(5));
    co_return KafkaError::kNone;
  };
  machine.scheduler.spawn(
      machine.coordinator.commit_in_transaction(kGroup, kProducer, request, verify));
  EXPECT_TRUE(end(machine, End::kCommit));
  machine.sleep(milliseconds(10));
  EXPECT_EQ(request.parts.front().error, KafkaError::kInvalidTxnState);
  EXPECT_EQ(machine.committed(0), std::nullopt);
  EXPECT_FALSE(is_unstable(machine, 0));
}

TEST_F(TransactionalCommits, WhatTheCatalogRefusesIsTriedAgain) {
  GroupMachine machine(kept_);
  EXPECT_EQ(commit(machine, 0, 7), KafkaError::kNone);
  machine.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  EXPECT_EQ(commit(machine, 0, 8), KafkaError::kCoordinatorNotAvailable);
  EXPECT_FALSE(end(machine, End::kAbort));
  EXPECT_TRUE(is_unstable(machine, 0));
  machine.catalog.fail_with(std::nullopt);
  EXPECT_TRUE(end(machine, End::kAbort));
  EXPECT_FALSE(is_unstable(machine, 0));
  EXPECT_FALSE(has_pending_keys());
}

TEST_F(TransactionalCommits, OfMembersAreCheckedAndOthersMayCommitBesideMembers) {
  GroupMachine machine(kept_);
  const JoinAnswer joined = machine.single_member();
  EXPECT_EQ(commit(machine, 0, 7), KafkaError::kNone) << "as before KIP-447";
  CommitRequest request = request_of(0, 8);
  request.caller.member.member_id = joined.member_id;
  request.caller.generation = joined.generation + 1;
  const GroupCoordinator::Verify verify = says(KafkaError::kNone);
  machine.scheduler.run(machine.coordinator.commit_in_transaction(kGroup, kProducer, request, verify));
  EXPECT_EQ(request.parts.front().error, KafkaError::kIllegalGeneration);
}

TEST_F(TransactionalCommits, KeepTheirGroupAndGoWithItOrTheirTopic) {
  GroupMachine machine(kept_);
  EXPECT_EQ(commit(machine, 0, 7), KafkaError::kNone);
  machine.sleep(hours(30 * 24));
  EXPECT_EQ(machine.coordinator.group_count(), 1U) << "nothing expires under an open transaction";
  EXPECT_TRUE(machine.scheduler.run(machine.coordinator.forget_topic("orders")));
  EXPECT_FALSE(has_pending_keys());
  EXPECT_EQ(commit(machine, 0, 7), KafkaError::kNone);
  EXPECT_EQ(machine.scheduler.run(machine.coordinator.delete_group(kGroup)), KafkaError::kNone);
  EXPECT_FALSE(has_pending_keys());
  EXPECT_TRUE(end(machine, End::kCommit));
  EXPECT_EQ(machine.committed(0), std::nullopt);
}

}  // namespace
}  // namespace penstock::group::testing
