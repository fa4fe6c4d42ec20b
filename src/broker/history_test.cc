// Histories: random work of producers on a broker that dies now and then, and check_history() on what
// they were told. The same with real clients on a real server is tests/clients/history_test.py.
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "base/random.h"
#include "broker/testing/history_check.h"
#include "broker/testing/transactions_fixture.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;

constexpr std::int32_t kPartitions = 4;
constexpr int kTriesMax = 20;

// The producers, as histories number them.
constexpr std::uint32_t kPlain = 2;

// One transactional producer and its newest transaction.
struct Worker {
  std::uint32_t number = 0;
  Producer producer;
  std::uint64_t transaction = 0;
  bool has_work = false;
};

// A message's bytes are its name, and are read back as it.
std::string value_of(history::Name name) { return fmt::format("{}-{}", name.producer, name.number); }
std::optional<history::Name> name_in(const std::string& value) {
  history::Name name;
  const int matched = std::sscanf(value.c_str(), "%u-%lu", &name.producer, &name.number);
  return matched == 2 && value == value_of(name) ? std::optional(name) : std::nullopt;
}

class HistoryTest : public TransactionsFixture {
 protected:
  // Whether the machine has died; then there is a new one.
  bool revive() {
    if (!machine_->disk.has_crashed()) return false;
    (void)machine_->stop();
    machine_.reset();
    start();
    return true;
  }
  void maybe_arm_death() {
    if (random_->below(12) != 0 || machine_->disk.has_crashed()) return;
    const SimCrash how = random_->below(2) == 0 ? SimCrash::kKill : SimCrash::kPowerCut;
    machine_->disk.crash_after(machine_->disk.steps() + random_->below(12), how);
  }
  // Asks until the answer is `kNone` and comes from a machine that lives, as a client with retries
  // does.
  template <typename Ask>
  KafkaError until_done(Ask ask) {
    KafkaError error = KafkaError::kUnknownServerError;
    for (int tries = 0; tries < kTriesMax; ++tries) {
      error = ask();
      const bool has_died = revive();
      if (error == KafkaError::kNone && !has_died) return error;
      const bool is_final =
          error == KafkaError::kProducerFenced || error == KafkaError::kInvalidProducerEpoch ||
          error == KafkaError::kOutOfOrderSequenceNumber || error == KafkaError::kInvalidTxnState;
      if (is_final && !has_died) return error;
      machine_->sleep(milliseconds(200));
    }
    return error;
  }

  void begin_transaction(Worker& worker) {
    worker.transaction = next_transaction_++;
    worker.has_work = false;
    history_.transactions[worker.transaction] = {};
  }
  void end_transaction(Worker& worker, history::Fate fate) {
    history_.transactions.at(worker.transaction) = {.fate = fate, .ended = ++clock_};
    begin_transaction(worker);
  }
  void begin_life(Worker& worker) {
    const std::string id = worker.producer.transactional_id;
    const KafkaError error = until_done([&] {
      const auto begun = init(id);
      worker.producer = {begun.producer_id, begun.producer_epoch, {}, id};
      return begun.error_code;
    });
    ASSERT_EQ(error, KafkaError::kNone);
    end_transaction(worker, history::Fate::kAborted);
  }
  // Sends until it is acknowledged, and returns the offset.
  Offset send_until_done(Producer& producer, history::Name name, history::Write write) {
    const bool is_transactional = write.transaction.has_value();
    const std::int32_t partition = write.partition.index;
    const std::int32_t sequence = producer.next[partition]++;
    Offset offset{-1};
    const KafkaError error = until_done([&] {
      const auto sent = send(producer, partition, sequence, value_of(name), is_transactional);
      offset = sent.base_offset;
      return sent.error_code;
    });
    EXPECT_EQ(error, KafkaError::kNone);
    write.offset = offset.value;
    history_.writes[name] = write;
    return offset;
  }
  history::Partition any_partition() {
    return {.topic = 0, .index = static_cast<std::int32_t>(random_->below(kPartitions))};
  }
  void write(Worker& worker) {
    const history::Partition partition = any_partition();
    ASSERT_EQ(until_done([&] { return announce(worker.producer, partition.index); }),
              KafkaError::kNone);
    send_until_done(worker.producer, {worker.number, next_number_++},
                    {.partition = partition, .transaction = worker.transaction});
    worker.has_work = true;
  }
  // Each worker commits for a partition of its own, as members of a group do.
  void commit_group_offset(Worker& worker) {
    ASSERT_EQ(until_done([&] { return announce_group(worker.producer); }), KafkaError::kNone);
    const auto partition = static_cast<std::int32_t>(worker.number);
    history::OffsetCommit commit{.group = kGroup,
                                 .partition = {.topic = 0, .index = partition},
                                 .offset = ++next_group_offset_,
                                 .began = ++clock_,
                                 .is_answered = true,
                                 .transaction = worker.transaction};
    ASSERT_EQ(until_done([&] { return commit_offset(worker.producer, partition, commit.offset); }),
              KafkaError::kNone);
    commit.ended = ++clock_;
    history_.commits.push_back(commit);
    worker.has_work = true;
  }
  void finish(Worker& worker, bool committed) {
    if (!worker.has_work) return;
    ASSERT_EQ(until_done([&] { return end(worker.producer, committed); }), KafkaError::kNone);
    end_transaction(worker, committed ? history::Fate::kCommitted : history::Fate::kAborted);
  }
  // A plain producer that sends everything twice.
  void write_plain() {
    const history::Name name{kPlain, next_number_++};
    const history::Partition partition = any_partition();
    const Offset first = send_until_done(plain_, name, {.partition = partition});
    const std::int32_t sequence = plain_.next[partition.index] - 1;
    EXPECT_EQ(send(plain_, partition.index, sequence, value_of(name), false).base_offset, first);
    revive();
  }

  void let_live() {
    machine_->disk.crash_after(std::numeric_limits<std::uint64_t>::max(), SimCrash::kKill);
  }

  void check(bool is_over) {
    let_live();
    history_.is_over = is_over;
    for (std::int32_t index = 0; index < kPartitions; ++index) {
      const history::Partition partition{.topic = 0, .index = index};
      history::Log& log = history_.logs[partition];
      log = {.all = entries(index, false),
             .committed = entries(index, true),
             .stable_end = latest(index, true).value,
             .end = latest(index, false).value};
      const std::uint64_t began = ++clock_;
      const Offset offset = committed(index, false).committed_offset;
      if (offset.value >= 0)
        history_.sights.push_back({kGroup, partition, offset.value, began, ++clock_});
    }
    EXPECT_EQ(check_history(history_).findings, std::vector<std::string>{});
  }
  std::vector<history::Entry> entries(std::int32_t partition, bool only_committed) {
    std::vector<history::Entry> found;
    for (const Stored& message : stored(partition, only_committed))
      found.push_back({message.offset.value, name_in(message.value)});
    return found;
  }

  void live(std::uint64_t seed) {
    Random random(seed);
    random_ = &random;
    std::array<Worker, 2> workers;
    for (std::uint32_t number = 0; number < workers.size(); ++number) {
      workers[number].number = number;
      workers[number].producer.transactional_id = fmt::format("worker {}", number);
      begin_transaction(workers[number]);
      begin_life(workers[number]);
    }
    plain_ = producer();
    for (int step = 0; step < 60 && !HasFailure(); ++step) {
      maybe_arm_death();
      Worker& worker = workers[random.below(workers.size())];
      switch (random.below(10)) {
        case 0: finish(worker, false); break;
        case 1:
        case 2: finish(worker, true); break;
        case 3: commit_group_offset(worker); break;
        case 4: begin_life(worker); break;
        case 5:
        case 6: write_plain(); break;
        default: write(worker); break;
      }
      if (random.below(8) == 0 && !machine_->disk.has_crashed()) check(false);
      revive();
    }
    let_live();
    for (Worker& worker : workers) finish(worker, random.below(2) == 0);
    restart();
    check(true);
  }

  Random* random_ = nullptr;
  Producer plain_;
  history::History history_;
  std::uint64_t clock_ = 0;
  std::uint64_t next_transaction_ = 0;
  std::uint64_t next_number_ = 0;
  std::int64_t next_group_offset_ = 0;
};

TEST_F(HistoryTest, OverDeathsProducersAndConsumersSeeWhatTheyWereTold) {
  for (std::uint64_t seed = 0; seed < 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    (void)machine_->stop();
    machine_.reset();
    storage_ = std::make_unique<BrokerStorage>();
    history_ = {};
    clock_ = next_transaction_ = next_number_ = 0;
    next_group_offset_ = 0;
    SetUp();
    live(seed);
  }
}

}  // namespace
}  // namespace penstock::broker::testing
