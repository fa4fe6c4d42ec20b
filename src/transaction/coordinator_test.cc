#include "transaction/coordinator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/random.h"
#include "transaction/testing/transaction_machine.h"

namespace penstock::transaction::testing {
namespace {

using kafka::KafkaError;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Transactions : public ::testing::Test {
 protected:
  Transactions() { machine_.start(); }

  catalog::testing::MemoryCatalogStorage kept_;
  TransactionMachine machine_{kept_};
};

// ---- producers

TEST_F(Transactions, EachLifeOfAProducerHasALaterEpoch) {
  const ProducerIdentity first = machine_.producer();
  EXPECT_EQ(first.epoch, 0);
  const ProducerIdentity second = machine_.producer();
  EXPECT_EQ(second, (ProducerIdentity{first.id, 1}));
  EXPECT_EQ(machine_.add(first), KafkaError::kProducerFenced);
  EXPECT_EQ(machine_.add({first.id + 1, 1}), KafkaError::kInvalidProducerIdMapping);
  EXPECT_EQ(machine_.add(second), KafkaError::kNone);
}

TEST_F(Transactions, AProducerThatAsksAgainForItsNextEpochGetsTheSame) {
  const ProducerIdentity first = machine_.producer();
  const ProducerIdentity second = machine_.init(first).producer;
  EXPECT_EQ(second.epoch, 1);
  EXPECT_EQ(machine_.init(first).producer, second) << "the answer was lost";
  EXPECT_EQ(machine_.init(second).producer.epoch, 2);
  EXPECT_EQ(machine_.init(first).error, KafkaError::kProducerFenced);
}

TEST_F(Transactions, WhenTheEpochsAreUsedUpAProducerGetsANewId) {
  ProducerIdentity producer = machine_.producer();
  const std::int64_t first_id = producer.id;
  for (int i = 0; i < 32'766; ++i) {
    const ProducerIdentity next = machine_.init(producer).producer;
    ASSERT_EQ(next.id, first_id);
    ASSERT_EQ(next.epoch, producer.epoch + 1);
    producer = next;
  }
  const ProducerIdentity next = machine_.init(producer).producer;
  EXPECT_NE(next.id, first_id);
  EXPECT_EQ(next.epoch, 0);
  EXPECT_EQ(machine_.init(producer).producer, next) << "asked again";
}

TEST_F(Transactions, ATimeoutOutsideItsBoundsIsRefused) {
  for (const std::int32_t timeout_ms : {-1, 0, 15 * 60 * 1000 + 1})
    EXPECT_EQ(machine_.init({}, timeout_ms).error, KafkaError::kInvalidTransactionTimeout);
  EXPECT_EQ(machine_.init({}, 15 * 60 * 1000).error, KafkaError::kNone);
}

TEST_F(Transactions, WhatCannotBeWrittenDownDidNotHappen) {
  machine_.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  EXPECT_EQ(machine_.init().error, KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(machine_.coordinator.stats().ids, 0U);
  machine_.catalog.fail_with(std::nullopt);
  const ProducerIdentity producer = machine_.producer();
  EXPECT_EQ(producer.epoch, 0);
  machine_.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  EXPECT_EQ(machine_.add(producer), KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(machine_.state(), TransactionState::kEmpty);
}

// ---- transactions

TEST_F(Transactions, IsDecidedOnceAndSaidWhereItWrote) {
  const ProducerIdentity producer = machine_.producer();
  for (const Outcome outcome : {Outcome::kCommit, Outcome::kAbort}) {
    EXPECT_EQ(machine_.add(producer, 3), KafkaError::kNone);
    EXPECT_EQ(machine_.add(producer, 4), KafkaError::kNone);
    EXPECT_EQ(machine_.add(producer, 3), KafkaError::kNone) << "twice is once";
    EXPECT_EQ(machine_.scheduler.run(machine_.coordinator.add_group(machine_.kId, producer, "g")),
              KafkaError::kNone);
    EXPECT_EQ(machine_.state(), TransactionState::kOngoing);
    EXPECT_EQ(machine_.end(producer, outcome), KafkaError::kNone);
    const Decision& decision = machine_.markers.decisions.back();
    EXPECT_EQ(decision.producer, producer);
    EXPECT_EQ(decision.outcome, outcome);
    EXPECT_EQ(decision.partitions, (std::vector{partition_of(3), partition_of(4)}));
    EXPECT_EQ(decision.groups, std::vector<std::string>{"g"});
    EXPECT_EQ(machine_.end(producer, outcome), KafkaError::kNone) << "asked again";
    const Outcome other = outcome == Outcome::kCommit ? Outcome::kAbort : Outcome::kCommit;
    EXPECT_EQ(machine_.end(producer, other), KafkaError::kInvalidTxnState);
  }
  EXPECT_EQ(machine_.markers.decisions.size(), 2U);
  EXPECT_EQ(machine_.coordinator.stats().committed, 1U);
  EXPECT_EQ(machine_.coordinator.stats().aborted, 1U);
}

TEST_F(Transactions, WithoutOneThereIsNothingToEnd) {
  const ProducerIdentity producer = machine_.producer();
  EXPECT_EQ(machine_.end(producer), KafkaError::kInvalidTxnState);
  EXPECT_EQ(machine_.markers.tries, 0);
}

TEST_F(Transactions, ANewLifeAbortsWhatTheOldOneLeftOpen) {
  const ProducerIdentity old = machine_.producer();
  machine_.add(old);
  const ProducerIdentity next = machine_.producer();
  EXPECT_GT(next.epoch, old.epoch);
  ASSERT_EQ(machine_.markers.decisions.size(), 1U);
  EXPECT_EQ(machine_.markers.decisions[0].outcome, Outcome::kAbort);
  EXPECT_GT(machine_.markers.decisions[0].producer.epoch, old.epoch) << "the marker fences it off";
  EXPECT_EQ(machine_.end(old), KafkaError::kProducerFenced);
  EXPECT_EQ(machine_.state(), TransactionState::kEmpty);
}

TEST_F(Transactions, OneThatTakesTooLongIsAbortedAndItsProducerFencedOff) {
  const ProducerIdentity producer = machine_.producer();
  machine_.add(producer);
  machine_.sleep(milliseconds(TransactionMachine::kTimeoutMs - 1000));
  EXPECT_EQ(machine_.state(), TransactionState::kOngoing);
  machine_.sleep(seconds(3));
  EXPECT_EQ(machine_.state(), TransactionState::kCompleteAbort);
  EXPECT_EQ(machine_.markers.decisions.size(), 1U);
  EXPECT_EQ(machine_.coordinator.stats().timed_out, 1U);
  EXPECT_EQ(machine_.add(producer), KafkaError::kProducerFenced);
}

TEST_F(Transactions, MarkersThatCannotBeWrittenAreTriedAgainAndTheDecisionStands) {
  const ProducerIdentity producer = machine_.producer();
  machine_.add(producer);
  machine_.markers.fails = true;
  EXPECT_EQ(machine_.end(producer), KafkaError::kNone) << "it is decided";
  EXPECT_EQ(machine_.state(), TransactionState::kPrepareCommit);
  EXPECT_EQ(machine_.add(producer), KafkaError::kConcurrentTransactions);
  EXPECT_EQ(machine_.end(producer), KafkaError::kConcurrentTransactions);
  EXPECT_EQ(machine_.end(producer, Outcome::kAbort), KafkaError::kInvalidTxnState);
  EXPECT_EQ(machine_.init().error, KafkaError::kConcurrentTransactions);
  machine_.sleep(seconds(5));
  EXPECT_GT(machine_.coordinator.stats().marker_failures, 3U);
  machine_.markers.fails = false;
  machine_.sleep(seconds(2));
  EXPECT_EQ(machine_.state(), TransactionState::kCompleteCommit);
  EXPECT_EQ(machine_.markers.decisions.size(), 1U);
  EXPECT_EQ(machine_.add(producer), KafkaError::kNone);
}

TEST_F(Transactions, OnlyWhatWasAnnouncedIsVerified) {
  const ProducerIdentity producer = machine_.producer();
  const auto verify = [this](ProducerIdentity who, std::int32_t partition) {
    return machine_.coordinator.verify(machine_.kId, who, partition_of(partition));
  };
  EXPECT_EQ(verify(producer, 0), KafkaError::kInvalidTxnState);
  machine_.add(producer, 0);
  EXPECT_EQ(verify(producer, 0), KafkaError::kNone);
  EXPECT_EQ(verify(producer, 1), KafkaError::kInvalidTxnState);
  EXPECT_EQ(verify({producer.id, 9}, 0), KafkaError::kInvalidProducerEpoch);
  EXPECT_EQ(verify({producer.id + 1, 0}, 0), KafkaError::kInvalidProducerIdMapping);
  EXPECT_EQ(machine_.coordinator.verify(machine_.kId, producer, "g"), KafkaError::kInvalidTxnState);
  machine_.scheduler.run(machine_.coordinator.add_group(machine_.kId, producer, "g"));
  EXPECT_EQ(machine_.coordinator.verify(machine_.kId, producer, "g"), KafkaError::kNone);
  machine_.end(producer);
  EXPECT_EQ(verify(producer, 0), KafkaError::kInvalidTxnState);
}

// ---- bounds, and what is over

TEST(TransactionBounds, AreKept) {
  catalog::testing::MemoryCatalogStorage kept;
  TransactionSettings settings;
  settings.max_ids = 1;
  settings.max_partitions = 2;
  settings.max_groups = 1;
  TransactionMachine machine(kept, settings);
  machine.start();
  const ProducerIdentity producer = machine.producer();
  EXPECT_EQ(machine.scheduler.run(machine.coordinator.init_producer("other", 1000, {})).error,
            KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(machine.add(producer, 0), KafkaError::kNone);
  EXPECT_EQ(machine.add(producer, 1), KafkaError::kNone);
  EXPECT_EQ(machine.add(producer, 2), KafkaError::kPolicyViolation);
  const auto add_group = [&](const char* group) {
    return machine.scheduler.run(machine.coordinator.add_group(machine.kId, producer, group));
  };
  EXPECT_EQ(add_group("a"), KafkaError::kNone);
  EXPECT_EQ(add_group("b"), KafkaError::kPolicyViolation);
  EXPECT_EQ(machine.end(producer), KafkaError::kNone);
}

TEST_F(Transactions, AnIdWithoutTransactionsIsForgottenAfterAWeek) {
  const ProducerIdentity producer = machine_.producer();
  machine_.add(producer);
  machine_.end(producer);
  machine_.sleep(hours(7 * 24 - 1));
  EXPECT_NE(machine_.coordinator.find(machine_.kId), nullptr);
  machine_.sleep(hours(2));
  EXPECT_EQ(machine_.coordinator.find(machine_.kId), nullptr);
  EXPECT_FALSE(kept_.contains(transaction_key(machine_.kId)));
  EXPECT_EQ(machine_.producer().epoch, 0) << "with a new id";
}

// ---- restarts

TEST(TransactionRestart, WhatIsDecidedIsCarriedOutByTheNextLife) {
  for (const Outcome outcome : {Outcome::kCommit, Outcome::kAbort}) {
    catalog::testing::MemoryCatalogStorage kept;
    ProducerIdentity producer;
    {
      TransactionMachine machine(kept);
      machine.start();
      producer = machine.producer();
      machine.add(producer, 5);
      machine.markers.fails = true;
      EXPECT_EQ(machine.end(producer, outcome), KafkaError::kNone);
    }
    TransactionMachine machine(kept);
    machine.start();
    machine.sleep(seconds(1));
    ASSERT_EQ(machine.markers.decisions.size(), 1U);
    EXPECT_EQ(machine.markers.decisions[0].outcome, outcome);
    EXPECT_EQ(machine.markers.decisions[0].partitions, std::vector{partition_of(5)});
    EXPECT_EQ(machine.end(producer, outcome), KafkaError::kNone) << "asked again";
  }
}

TEST(TransactionRestart, OneThatIsOpenGoesOnAndItsTimeRunsOn) {
  catalog::testing::MemoryCatalogStorage kept;
  ProducerIdentity producer;
  {
    TransactionMachine machine(kept);
    machine.start();
    producer = machine.producer();
    machine.add(producer, 1);
  }
  {
    TransactionMachine machine(kept, {}, 1'700'000'000'000 + 30'000);
    machine.start();
    EXPECT_EQ(machine.state(), TransactionState::kOngoing);
    EXPECT_EQ(machine.add(producer, 2), KafkaError::kNone);
  }
  TransactionMachine machine(kept, {}, 1'700'000'000'000 + 59'000);
  machine.start();
  machine.sleep(seconds(3));
  EXPECT_EQ(machine.state(), TransactionState::kCompleteAbort);
  EXPECT_EQ(machine.markers.decisions.at(0).partitions.size(), 2U);
}

TEST(TransactionRestart, ADamagedRecordIsNamed) {
  catalog::testing::MemoryCatalogStorage kept{{transaction_key("payments"), "nonsense"}};
  TransactionMachine machine(kept);
  const auto started = machine.try_start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message().find("payments"), std::string::npos);
}

// Producers of one transactional id, each fencing the one before, on a catalog and markers that fail
// now and then, over restarts: what an answer says was decided is what the markers say, and each marker
// belongs to what was announced.
TEST(TransactionRestart, OverManyLivesNoDecisionIsLostOrChanged) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    catalog::testing::MemoryCatalogStorage kept;
    std::vector<std::pair<ProducerIdentity, std::int32_t>>
        committed;  // each with a partition of its own
    std::vector<Decision> decisions;
    std::int32_t next_partition = 0;
    std::int16_t last_epoch = -1;
    for (int life = 0; life < 4; ++life) {
      TransactionMachine machine(kept);
      machine.start();
      for (int producer_life = 0; producer_life < 3; ++producer_life) {
        const InitAnswer begun = machine.init();
        if (begun.error != KafkaError::kNone) {
          machine.catalog.fail_with(std::nullopt);
          machine.markers.fails = false;
          machine.sleep(seconds(2));
          continue;
        }
        EXPECT_GT(begun.producer.epoch, last_epoch);
        last_epoch = begun.producer.epoch;
        const auto steps = random.below(5);
        for (std::uint64_t step = 0; step < steps; ++step) {
          if (random.below(4) == 0) machine.catalog.fail_with(Error(ErrorCode::kIo, "drawn"));
          if (random.below(4) == 0) machine.catalog.fail_with(std::nullopt);
          machine.markers.fails = random.below(4) == 0;
          const std::int32_t partition = next_partition++;
          if (machine.add(begun.producer, partition) != KafkaError::kNone) continue;
          if (random.below(3) == 0) break;  // left open
          if (machine.end(begun.producer) == KafkaError::kNone)
            committed.emplace_back(begun.producer, partition);
        }
        machine.catalog.fail_with(std::nullopt);
      }
      if (life == 3) {
        machine.markers.fails = false;
        machine.sleep(minutes(3));
        EXPECT_EQ(machine.coordinator.stats().ongoing, 0U);
      }
      std::ranges::copy(machine.markers.decisions, std::back_inserter(decisions));
    }
    std::map<std::int32_t, Outcome> outcomes;
    for (const Decision& decision : decisions) {
      for (const TransactionPartition& partition : decision.partitions) {
        const auto [place, is_new] = outcomes.emplace(partition.partition, decision.outcome);
        EXPECT_EQ(place->second, decision.outcome) << "partition " << partition.partition;
      }
    }
    for (const auto& [producer, partition] : committed) {
      ASSERT_TRUE(outcomes.contains(partition)) << partition;
      EXPECT_EQ(outcomes.at(partition), Outcome::kCommit) << partition;
    }
  }
}

}  // namespace
}  // namespace penstock::transaction::testing
