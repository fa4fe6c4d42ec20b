// Idempotent and transactional producers of a partition: retries, restarts, deaths at every step.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "file/small_file.h"
#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

constexpr std::int64_t kProducer = 7;

BatchShape shape_of(std::int32_t sequence, std::int64_t producer_id = kProducer,
                    std::size_t payload_bytes = 3000) {
  BatchShape shape;
  shape.producer_id = producer_id;
  shape.base_sequence = sequence;
  shape.payload_bytes = payload_bytes;
  return shape;
}

// The batch of a producer with that number; the same bytes each time.
std::vector<std::byte> numbered(std::int32_t sequence, std::int64_t producer_id = kProducer) {
  return make_batch(static_cast<std::uint64_t>(sequence), shape_of(sequence, producer_id));
}

struct Sent {
  ProducerCheck verdict;
  Offset base_offset;
};

class PartitionProducers : public ::testing::Test {
 protected:
  static Task<Result<Sent>> send_and_wait(Partition& partition, ByteView batch,
                                          std::optional<TransactionGuard> verified = std::nullopt) {
    auto ticket = co_await partition.append(batch, kLeaderEpoch, verified);
    if (!ticket) co_return Unexpected(ticket.error());
    const Sent sent{ticket->verdict, ticket->base_offset};
    auto durable = co_await partition.wait_acknowledged(std::move(*ticket));
    if (!durable) co_return Unexpected(durable.error());
    co_return sent;
  }
  static Result<Sent> try_send(LogMachine& machine, std::int32_t sequence,
                               std::int64_t producer_id = kProducer) {
    const auto batch = numbered(sequence, producer_id);
    return machine.scheduler.run(send_and_wait(machine.partition(), batch));
  }
  static Sent send(LogMachine& machine, std::int32_t sequence, std::int64_t producer_id = kProducer) {
    const auto sent = try_send(machine, sequence, producer_id);
    EXPECT_TRUE(sent) << sent.error().message();
    return sent.value_or(Sent{ProducerCheck::kOutOfOrder, Offset{-1}});
  }
  // The numbers in the log, per producer, in their order.
  static std::map<std::int64_t, std::vector<std::int32_t>> numbers_in(LogMachine& machine) {
    std::map<std::int64_t, std::vector<std::int32_t>> numbers;
    for (const auto& batch : machine.read_all(machine.marks().log_start)) {
      const auto header = BatchHeader::parse(batch);
      if (!header->is_control) numbers[header->producer_id].push_back(header->base_sequence);
    }
    return numbers;
  }
  static std::vector<std::int32_t> up_to(std::int32_t count) {
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(count));
    for (std::int32_t i = 0; i < count; ++i) numbers[static_cast<std::size_t>(i)] = i;
    return numbers;
  }

  SimStorage storage_;
};

TEST_F(PartitionProducers, ABatchThatIsSentAgainIsAcknowledgedWhereItIs) {
  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(send(machine, 0).base_offset, Offset{0});
  EXPECT_EQ(send(machine, 1).base_offset, Offset{1});
  const Sent again = send(machine, 0);
  EXPECT_EQ(again.verdict, ProducerCheck::kDuplicate);
  EXPECT_EQ(again.base_offset, Offset{0});
  EXPECT_EQ(machine.marks().append_end, Offset{2});
  EXPECT_EQ(send(machine, 3).verdict, ProducerCheck::kOutOfOrder);
  EXPECT_EQ(machine.marks().append_end, Offset{2});
  EXPECT_EQ(send(machine, 2).base_offset, Offset{2});
}

TEST_F(PartitionProducers, ADuplicateOfWhatIsOnItsWayWaitsForIt) {
  LogMachine machine(storage_);
  machine.start();
  send(machine, 0);  // there is a file, and a segment
  BackgroundAppend first;
  BackgroundAppend again;
  machine.start_append(first, 1, shape_of(1));
  machine.start_append(again, 1, shape_of(1));
  machine.sleep(std::chrono::microseconds(1));
  EXPECT_FALSE(first.outcome);
  EXPECT_FALSE(again.outcome) << "acknowledged before it was durable";
  machine.sleep(std::chrono::milliseconds(20));
  ASSERT_TRUE(first.outcome && again.outcome);
  EXPECT_EQ(**first.outcome, Offset{1});
  EXPECT_EQ(**again.outcome, Offset{1});
  EXPECT_EQ(machine.marks().append_end, Offset{2});
}

TEST_F(PartitionProducers, AppendsThatWaitForTheFirstFileKeepTheirOrder) {
  LogMachine machine(storage_);
  machine.start();
  std::vector<BackgroundAppend> appends(10);
  for (std::size_t i = 0; i < appends.size(); ++i) {
    machine.start_append(appends[i], i, shape_of(static_cast<std::int32_t>(i)));
    if (i % 3 == 0) machine.sleep(std::chrono::microseconds(1));
  }
  machine.sleep(std::chrono::milliseconds(50));
  EXPECT_EQ(numbers_in(machine)[kProducer], up_to(10));
}

TEST_F(PartitionProducers, AProducerIsKnownAgainAfterEveryKindOfEnd) {
  std::int32_t next = 0;
  for (const std::optional<SimCrash> end :
       {std::optional<SimCrash>(), std::optional(SimCrash::kKill), std::optional(SimCrash::kPowerCut),
        std::optional<SimCrash>()}) {
    LogMachine machine(storage_);
    machine.start();
    for (std::int32_t sequence = std::max(0, next - 5); sequence < next; ++sequence) {
      const Sent again = send(machine, sequence);
      EXPECT_EQ(again.verdict, ProducerCheck::kDuplicate) << sequence;
      EXPECT_EQ(again.base_offset, Offset{sequence});
    }
    if (next > 0) EXPECT_EQ(send(machine, next + 1).verdict, ProducerCheck::kOutOfOrder);
    for (int i = 0; i < 40; ++i) EXPECT_EQ(send(machine, next++).verdict, ProducerCheck::kNext);
    if (end) {
      machine.die(*end);
    } else {
      EXPECT_TRUE(machine.stop());
    }
  }
  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(numbers_in(machine)[kProducer], up_to(next));
}

TEST_F(PartitionProducers, ADamagedFileIsFoundAgainInTheLog) {
  {
    LogMachine machine(storage_);
    machine.start();
    for (std::int32_t i = 0; i < 40; ++i) send(machine, i);
    EXPECT_TRUE(machine.stop());
  }
  {
    SimMachine machine(storage_);
    const std::vector<std::byte> damaged(16 * kKiB, std::byte{0x5A});
    ASSERT_TRUE(machine.scheduler.run(file::replace_small_file(machine.disk, kPartitionDirectory,
                                                               std::string(kProducersFile), damaged)));
  }
  LogMachine machine(storage_);
  machine.start();
  ASSERT_EQ(machine.report().findings.size(), 1U);
  EXPECT_NE(machine.report().findings[0].find("producers is damaged"), std::string::npos);
  EXPECT_EQ(send(machine, 39).verdict, ProducerCheck::kDuplicate);
  EXPECT_EQ(send(machine, 41).verdict, ProducerCheck::kOutOfOrder);
}

TEST_F(PartitionProducers, WhatAFullDiskRefusedMayBeSentAgain) {
  LogMachineOptions options;
  LogMachine machine(storage_, options);
  machine.start();
  std::int32_t next = 0;
  send(machine, next++);
  storage_.set_capacity(0);
  while (try_send(machine, next)) ASSERT_LT(++next, 1000) << "the disk is never full";
  EXPECT_FALSE(try_send(machine, next));
  storage_.set_capacity(kGiB);
  EXPECT_EQ(send(machine, next).verdict, ProducerCheck::kNext);
  EXPECT_EQ(send(machine, next).verdict, ProducerCheck::kDuplicate);
  EXPECT_EQ(numbers_in(machine)[kProducer], up_to(next + 1));
}

// ---- deaths

// Sends `count` batches of each of two producers, each again until it is acknowledged or the machine is
// dead; returns how many were.
class Retrying : public PartitionProducers {
 protected:
  static constexpr std::int32_t kCount = 30;
  static constexpr std::int64_t kProducers[] = {3, 4};

  static LogMachineOptions options_of(std::uint64_t seed) {
    LogMachineOptions options;
    options.disk.seed = seed;
    options.salt_seed = seed;
    options.partition.commit = seed % 3 == 2 ? CommitPolicy::kBatch : CommitPolicy::kSync;
    options.partition.checkpoint_bytes = 12 * kKiB;
    return options;
  }

  struct Life {
    std::int32_t next[2] = {0, 0};  // of each producer, the first that was not acknowledged
    std::uint64_t steps = 0;
  };

  static void live(SimStorage& storage, std::uint64_t seed, std::optional<std::uint64_t> die_after,
                   SimCrash death, Life& life) {
    LogMachine machine(storage, options_of(seed));
    if (die_after) machine.disk.crash_after(*die_after, death);
    if (machine.try_start()) {
      for (std::int32_t i = 0; i < kCount && !machine.disk.has_crashed(); ++i) {
        for (std::size_t producer = 0; producer < 2; ++producer) {
          if (life.next[producer] > i) continue;
          const auto sent = try_send(machine, life.next[producer], kProducers[producer]);
          // Nobody hears of what a dead machine still acknowledges from memory.
          if (!sent || machine.disk.has_crashed()) continue;
          ASSERT_NE(sent->verdict, ProducerCheck::kOutOfOrder);
          ++life.next[producer];
        }
      }
    }
    const auto stopped = machine.stop();
    EXPECT_TRUE(stopped || machine.disk.has_crashed()) << stopped.error().message();
    life.steps = machine.disk.steps();
  }
};

TEST_F(Retrying, AtEveryStepOfALifeNothingIsThereTwiceAndNothingIsMissing) {
  for (const SimCrash death : {SimCrash::kKill, SimCrash::kPowerCut}) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      // What a batch topic acknowledges, a power cut may take.
      if (death == SimCrash::kPowerCut && seed % 3 == 2) continue;
      Life whole;
      {
        SimStorage storage;
        live(storage, seed, std::nullopt, death, whole);
        ASSERT_EQ(whole.next[0], kCount);
      }
      for (std::uint64_t step = 1; step <= whole.steps; ++step) {
        SCOPED_TRACE(fmt::format("seed {}, step {}, {}", seed, step,
                                 death == SimCrash::kKill ? "kill" : "power cut"));
        SimStorage storage;
        Life life;
        live(storage, seed, step, death, life);
        live(storage, seed, step / 2 + 1, death, life);
        live(storage, seed, std::nullopt, death, life);
        LogMachine machine(storage, options_of(seed));
        machine.start();
        ASSERT_EQ(machine.report().findings, std::vector<std::string>{});
        auto numbers = numbers_in(machine);
        for (const std::int64_t producer : kProducers)
          ASSERT_EQ(numbers[producer], up_to(kCount)) << "producer " << producer;
        if (HasFailure()) return;
      }
    }
  }
}

// ---- transactions

class Transactions : public PartitionProducers {
 protected:
  static void send_transactional(LogMachine& machine, std::int32_t sequence,
                                 std::int64_t producer_id = kProducer) {
    BatchShape shape = shape_of(sequence, producer_id);
    shape.is_transactional = true;
    const auto batch = make_batch(static_cast<std::uint64_t>(sequence), shape);
    const TransactionGuard verified = machine.partition().producers().guard(producer_id);
    const auto sent = machine.scheduler.run(send_and_wait(machine.partition(), batch, verified));
    ASSERT_TRUE(sent) << sent.error().message();
    ASSERT_EQ(sent->verdict, ProducerCheck::kNext);
  }
  static Task<Result<Offset>> end_and_wait(Partition& partition, TransactionMarker marker) {
    auto ticket = co_await partition.end_transaction(marker, kLeaderEpoch);
    if (!ticket) co_return Unexpected(ticket.error());
    const Offset offset = ticket->base_offset;
    auto durable = co_await partition.wait_acknowledged(std::move(*ticket));
    if (!durable) co_return Unexpected(durable.error());
    co_return offset;
  }
  static Offset end_transaction(LogMachine& machine, TransactionOutcome outcome,
                                std::int64_t producer_id = kProducer) {
    TransactionMarker marker;
    marker.producer_id = producer_id;
    marker.outcome = outcome;
    const auto offset = machine.scheduler.run(end_and_wait(machine.partition(), marker));
    EXPECT_TRUE(offset) << offset.error().message();
    return offset.value_or(Offset{-1});
  }
};

TEST_F(Transactions, AreKnownAgainAfterEveryKindOfEnd) {
  constexpr std::int64_t kOther = 8;
  {
    LogMachine machine(storage_);
    machine.start();
    send_transactional(machine, 0);          // 0
    send_transactional(machine, 0, kOther);  // 1
    EXPECT_EQ(end_transaction(machine, TransactionOutcome::kAbort), Offset{2});
    EXPECT_EQ(machine.partition().last_stable_offset(), Offset{1});
    machine.die(SimCrash::kPowerCut);
  }
  for (const bool dies : {true, false, false}) {
    LogMachine machine(storage_);
    machine.start();
    EXPECT_EQ(machine.partition().last_stable_offset(), Offset{1});
    const std::vector<AbortedTransaction> expected{{kProducer, Offset{0}, Offset{2}, Offset{1}}};
    EXPECT_EQ(machine.partition().producers().aborted_within(Offset{0}, Offset{3}), expected);
    if (dies) {
      machine.die(SimCrash::kKill);
    } else {
      EXPECT_TRUE(machine.stop());
    }
  }
  LogMachine machine(storage_);
  machine.start();
  EXPECT_EQ(end_transaction(machine, TransactionOutcome::kCommit, kOther), Offset{3});
  EXPECT_EQ(machine.partition().last_stable_offset(), Offset{4});
  EXPECT_EQ(machine.partition().producers().aborted_within(Offset{0}, Offset{4}).size(), 1U);
}

TEST_F(Transactions, OneThatBeganBelowTheLogsStartHoldsReadersAtTheStart) {
  LogMachine machine(storage_);
  machine.start();
  send_transactional(machine, 0);
  for (std::int32_t i = 0; i < 20; ++i) send(machine, i, 9);
  ASSERT_TRUE(machine.scheduler.run(machine.partition().delete_below(Offset{5})));
  EXPECT_EQ(machine.partition().last_stable_offset(), Offset{5});
}

}  // namespace
}  // namespace penstock::log::testing
