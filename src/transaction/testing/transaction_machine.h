// TransactionMachine: a coordinator on virtual time whose markers are only counted.
//
// Ownership: the storage must outlive it. Threading: the test's.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catalog/testing/memory_catalog.h"
#include "task/sim_reactor.h"
#include "transaction/coordinator.h"
#include "transaction/producer_ids.h"

namespace penstock::transaction::testing {

inline TransactionPartition partition_of(std::int32_t index) {
  TransactionPartition partition;
  partition.topic_id.bytes[0] = std::byte{7};
  partition.partition = index;
  return partition;
}

// Takes a while for each decision; can be told to fail.
class NotedMarkers final : public Markers {
 public:
  explicit NotedMarkers(Scheduler& scheduler) : scheduler_(scheduler) {}

  Task<Decision> write(Decision decision) override {
    ++tries;
    co_await scheduler_.sleep_for(std::chrono::microseconds(50));
    if (fails) co_return decision;
    decisions.push_back(decision);
    decision.partitions.clear();
    decision.groups.clear();
    co_return decision;
  }

  bool fails = false;
  int tries = 0;
  std::vector<Decision> decisions;

 private:
  Scheduler& scheduler_;
};

class TransactionMachine {
 public:
  static constexpr std::int32_t kTimeoutMs = 60'000;
  static constexpr const char* kId = "payments";

  explicit TransactionMachine(catalog::testing::MemoryCatalogStorage& storage,
                              TransactionSettings settings = {},
                              std::int64_t wall_ms = 1'700'000'000'000)
      : settings_(settings), clock(wall_ms), catalog(storage) {}
  ~TransactionMachine() {
    scheduler.run(coordinator.stop());
    scheduler.run_to_end();
  }

  Result<void> try_start() {
    return scheduler.run(coordinator.start([](const std::string&) { return true; }));
  }
  void start() {
    const auto started = try_start();
    EXPECT_TRUE(started) << started.error().message();
  }
  void sleep(Duration delay) { scheduler.run(sleep_for(scheduler, delay)); }

  InitAnswer init(ProducerIdentity known = {}, std::int32_t timeout_ms = kTimeoutMs) {
    return scheduler.run(coordinator.init_producer(kId, timeout_ms, known));
  }
  ProducerIdentity producer() {
    const InitAnswer answer = init();
    EXPECT_EQ(answer.error, kafka::KafkaError::kNone);
    return answer.producer;
  }
  kafka::KafkaError add(ProducerIdentity producer, std::int32_t partition = 0) {
    return scheduler.run(coordinator.add_partitions(kId, producer, {partition_of(partition)}));
  }
  kafka::KafkaError end(ProducerIdentity producer, Outcome outcome = Outcome::kCommit) {
    return scheduler.run(coordinator.end(kId, producer, outcome));
  }
  TransactionState state() const { return coordinator.find(kId)->state; }

 private:
  static Task<void> sleep_for(Scheduler& scheduler, Duration delay) {
    co_await scheduler.sleep_for(delay);
  }

  TransactionSettings settings_;

 public:
  ManualClock clock;
  SimReactor reactor{clock};
  Scheduler scheduler{clock, reactor};
  catalog::testing::MemoryCatalog catalog;
  NotedMarkers markers{scheduler};
  ProducerIdBlocks blocks{scheduler, catalog};
  ProducerIds ids{scheduler, [this] { return blocks.take(); }};
  TransactionCoordinator coordinator{scheduler, catalog, markers, [this] { return ids.next(); },
                                     settings_};
};

}  // namespace penstock::transaction::testing
