// Histories: random work of producers on a broker that dies now and then, checked against what they
// were told. Per partition one order for all, nothing acknowledged is lost, nothing is there twice,
// consumers of committed transactions see those whole and nothing else, and committed offsets follow
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/random.h"
#include "broker/testing/transactions_fixture.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;

constexpr std::int32_t kPartitions = 4;
constexpr int kTriesMax = 20;

// What became of a value, as far as its producer was told.
enum class Fate { kPending, kCommitted, kAborted };

struct Written {
  std::int32_t partition = 0;
  Offset offset;
  Fate fate = Fate::kPending;
};

// One transactional producer and its newest transaction.
struct Worker {
  Producer producer;
  std::vector<std::string> values{};
  std::int64_t group_offset = -1;  // committed within it
};

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

  void begin_life(Worker& worker) {
    const std::string id = worker.producer.transactional_id;
    for (const std::string& value : worker.values) written_.at(value).fate = Fate::kAborted;
    worker.values.clear();
    worker.group_offset = -1;
    const KafkaError error = until_done([&] {
      const auto begun = init(id);
      worker.producer = {begun.producer_id, begun.producer_epoch, {}, id};
      return begun.error_code;
    });
    ASSERT_EQ(error, KafkaError::kNone);
  }
  void write(Worker& worker) {
    const auto partition = static_cast<std::int32_t>(random_->below(kPartitions));
    ASSERT_EQ(until_done([&] { return announce(worker.producer, partition); }), KafkaError::kNone);
    const std::string value = fmt::format("{}-{}", worker.producer.transactional_id, ++next_value_);
    const std::int32_t sequence = worker.producer.next[partition]++;
    Offset offset{-1};
    const KafkaError error = until_done([&] {
      const auto sent = send(worker.producer, partition, sequence, value, true);
      offset = sent.base_offset;
      return sent.error_code;
    });
    ASSERT_EQ(error, KafkaError::kNone);
    written_[value] = {partition, offset, Fate::kPending};
    worker.values.push_back(value);
  }
  void commit_group_offset(Worker& worker) {
    ASSERT_EQ(until_done([&] { return announce_group(worker.producer); }), KafkaError::kNone);
    const std::int64_t offset = ++next_group_offset_;
    ASSERT_EQ(until_done([&] { return commit_offset(worker.producer, 0, offset); }), KafkaError::kNone);
    worker.group_offset = offset;
  }
  void finish(Worker& worker, bool committed) {
    if (worker.values.empty() && worker.group_offset < 0) return;
    ASSERT_EQ(until_done([&] { return end(worker.producer, committed); }), KafkaError::kNone);
    for (const std::string& value : worker.values)
      written_.at(value).fate = committed ? Fate::kCommitted : Fate::kAborted;
    if (committed && worker.group_offset >= 0) group_offset_ = worker.group_offset;
    worker.values.clear();
    worker.group_offset = -1;
  }
  // A plain producer that sends everything twice.
  void write_plain() {
    const auto partition = static_cast<std::int32_t>(random_->below(kPartitions));
    const std::string value = fmt::format("plain-{}", ++next_value_);
    const std::int32_t sequence = plain_.next[partition]++;
    Offset first{-1};
    const KafkaError error = until_done([&] {
      const auto sent = send(plain_, partition, sequence, value, false);
      first = sent.base_offset;
      return sent.error_code;
    });
    ASSERT_EQ(error, KafkaError::kNone);
    EXPECT_EQ(send(plain_, partition, sequence, value, false).base_offset, first);
    revive();
    written_[value] = {partition, first, Fate::kCommitted};
  }

  void let_live() {
    machine_->disk.crash_after(std::numeric_limits<std::uint64_t>::max(), SimCrash::kKill);
  }

  void check() {
    let_live();
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      std::map<Offset, std::string> expected;  // in the order of offsets
      for (const auto& [value, written] : written_) {
        if (written.partition != partition || written.fate != Fate::kCommitted) continue;
        if (written.offset >= latest(partition, true)) continue;  // behind an open transaction
        EXPECT_TRUE(expected.emplace(written.offset, value).second) << value << " has no own offset";
      }
      std::vector<std::string> in_order;
      for (const auto& [offset, value] : expected) in_order.push_back(value);
      EXPECT_EQ(committed_values(partition), in_order) << "partition " << partition;
    }
    if (group_offset_ >= 0) EXPECT_EQ(committed(0, false).committed_offset.value, group_offset_);
  }

  void live(std::uint64_t seed) {
    Random random(seed);
    random_ = &random;
    std::array<Worker, 2> workers;
    workers[0].producer.transactional_id = "a";
    workers[1].producer.transactional_id = "b";
    for (Worker& worker : workers) begin_life(worker);
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
      if (random.below(8) == 0 && !machine_->disk.has_crashed()) check();
      revive();
    }
    let_live();
    for (Worker& worker : workers) finish(worker, random.below(2) == 0);
    restart();
    check();
    for (std::int32_t partition = 0; partition < kPartitions; ++partition)
      EXPECT_EQ(latest(partition, true), latest(partition, false)) << "nothing is held up";
  }

  Random* random_ = nullptr;
  Producer plain_;
  std::map<std::string, Written> written_;
  std::int64_t group_offset_ = -1;
  std::int64_t next_group_offset_ = 0;
  int next_value_ = 0;
};

TEST_F(HistoryTest, OverDeathsProducersAndConsumersSeeWhatTheyWereTold) {
  for (std::uint64_t seed = 0; seed < 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    (void)machine_->stop();
    machine_.reset();
    storage_ = std::make_unique<BrokerStorage>();
    written_.clear();
    group_offset_ = -1;
    next_group_offset_ = 0;
    SetUp();
    live(seed);
  }
}

}  // namespace
}  // namespace penstock::broker::testing
