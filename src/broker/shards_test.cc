// Several shards: requests reach the partitions wherever they live.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/temp_directory.h"
#include "broker/testing/broker_machine.h"
#include "disk/blocking_disk.h"
#include "task/epoll_reactor.h"
#include "task/join.h"
#include "task/remote.h"

namespace penstock::broker::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;

// ---- in virtual time

class Shards : public ::testing::Test {
 protected:
  static constexpr std::size_t kShards = 3;
  static constexpr std::int32_t kPartitions = 6;
  static BrokerMachineOptions options() {
    BrokerMachineOptions several;
    several.shard_count = kShards;
    return several;
  }

  BrokerStorage storage_;
};

TEST_F(Shards, EveryShardServesEveryPartition) {
  {
    BrokerMachine machine(storage_, options());
    machine.start();
    ASSERT_EQ(machine.create_topic("orders", kPartitions), KafkaError::kNone);
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      for (std::size_t shard = 0; shard < kShards; ++shard) {
        const auto batch = batch_of({std::to_string(shard)});
        const auto produced = machine.produce("orders", batch, partition, shard);
        ASSERT_EQ(produced.error_code, KafkaError::kNone);
        ASSERT_EQ(produced.base_offset, Offset{static_cast<std::int64_t>(shard)});
      }
    }
  }
  // And the same after a restart with another number of shards.
  for (const std::size_t shards : {1UL, 2UL}) {
    BrokerMachineOptions fewer = options();
    fewer.shard_count = shards;
    BrokerMachine machine(storage_, fewer);
    machine.start();
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      EXPECT_EQ(values_of(machine.fetch("orders", Offset{0}, partition, shards - 1).records),
                (std::vector<std::string>{"0", "1", "2"}));
    }
  }
}

TEST_F(Shards, AFetchOfAllPartitionsKeepsTheOrderAndTheLimitOfTheRequest) {
  BrokerMachine machine(storage_, options());
  machine.start();
  machine.create_topic("orders", kPartitions);
  std::size_t one = 0;
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    const auto batch = batch_of({std::string(1000, 'x')});
    one = batch.size();
    machine.produce("orders", batch, partition);
  }
  kafka::FetchRequest asked = BrokerMachine::fetch_request("orders", Offset{0});
  auto& partitions = asked.topics[0].partitions;
  partitions.resize(kPartitions, partitions[0]);
  for (std::int32_t i = 0; i < kPartitions; ++i)
    partitions[static_cast<std::size_t>(i)].partition = kPartitions - 1 - i;
  asked.max_bytes = static_cast<std::int32_t>(3 * one + 10);
  const auto response = machine.ask(asked, 11, 1);
  for (std::size_t i = 0; i < kPartitions; ++i) {
    const auto& part = response.responses[0].partitions[i];
    EXPECT_EQ(part.partition_index, kPartitions - 1 - static_cast<std::int32_t>(i));
    EXPECT_EQ(part.records.size(), i < 3 ? one : 0U) << i;
  }
}

TEST_F(Shards, AWaitingFetchIsWokenByAnyShard) {
  BrokerMachine machine(storage_, options());
  machine.start();
  machine.create_topic("orders", kPartitions);
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    kafka::FetchRequest asked = BrokerMachine::fetch_request("orders", Offset{0}, partition);
    asked.max_wait_ms = 60'000;
    BackgroundAnswer<kafka::FetchResponse> answer;
    machine.start_asking(answer, asked, 11, 2);
    machine.sleep(milliseconds(5));
    EXPECT_FALSE(answer.is_there());
    machine.produce("orders", batch_of({"x"}), partition, 1);
    machine.sleep(milliseconds(1));
    EXPECT_TRUE(answer.is_there()) << partition;
  }
}

// ---- on threads of their own, on real files

// A shard as the server runs it: its own thread, scheduler, disk and pool.
struct ThreadShard {
  ThreadShard(const Settings& settings, const std::string& data, std::size_t index)
      : reactor(*EpollReactor::create()),
        disk(IoMode::kBuffered),
        random(index + 1),
        pool(scheduler, disk, fmt::format("{}/pool/{}", data, index),
             {.ready_files = 0, .smallest_bytes = 32 * kKiB}),
        broker(log::LogContext{scheduler, disk, pool, random}, catalog, settings, data, index) {}

  SystemClock clock;
  std::unique_ptr<EpollReactor> reactor;
  Scheduler scheduler{clock, *reactor};
  BlockingDisk disk;
  Random random;
  log::SegmentPool pool;
  catalog::testing::MemoryCatalogStorage kept;
  catalog::testing::MemoryCatalog catalog{kept};
  Broker broker;
  std::thread thread;
};

constexpr std::int32_t kCorrelationId = 5;

template <typename Request>
Task<typename Request::Response> ask(Broker& broker, const Request& request, std::int16_t version,
                                     std::vector<std::byte>& frame_out) {
  const auto frame = kafka::encode_request_frame(request, version, kCorrelationId, "t").flatten();
  Client client{.host = "/192.0.2.1"};
  AnswerMemory::Share memory(broker.answers(), 0);
  auto answered = co_await broker.handle(
      SharedSlice::copy_of(ByteView(frame).subspan(kafka::kFrameSizeBytes)), client, memory);
  PENSTOCK_ASSERT(answered && *answered, "a request of the test is not answered");
  frame_out = (*answered)->flatten();
  auto response = kafka::decode_response_frame<Request>(
      ByteView(frame_out).subspan(kafka::kFrameSizeBytes), version, kCorrelationId);
  PENSTOCK_ASSERT(response, "an answer of the broker cannot be read");
  co_return std::move(*response);
}

// A producer and a consumer on one shard's connections: appends to all partitions, and reads until it
// has seen `expected` records, waiting for what others produce.
Task<bool> produce_to_all(Broker& broker, std::int32_t partitions, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const auto batch = batch_of({"value"});
    kafka::ProduceRequest request = BrokerMachine::produce_request("orders", batch, 0);
    auto& data = request.topic_data[0].partition_data;
    data.resize(static_cast<std::size_t>(partitions), data[0]);
    for (std::int32_t i = 0; i < partitions; ++i) data[static_cast<std::size_t>(i)].index = i;
    std::vector<std::byte> frame;
    const auto response = co_await ask(broker, request, 9, frame);
    for (const auto& part : response.responses[0].partition_responses) {
      if (part.error_code != KafkaError::kNone) co_return false;
    }
  }
  co_return true;
}

Task<std::size_t> consume_all(Broker& broker, std::int32_t partitions, std::size_t expected) {
  kafka::FetchRequest request = BrokerMachine::fetch_request("orders", Offset{0});
  request.max_wait_ms = 500;
  auto& wanted = request.topics[0].partitions;
  wanted.resize(static_cast<std::size_t>(partitions), wanted[0]);
  for (std::int32_t i = 0; i < partitions; ++i) wanted[static_cast<std::size_t>(i)].partition = i;
  std::size_t seen = 0;
  for (int idle = 0; seen < expected && idle < 20;) {
    std::vector<std::byte> frame;
    const auto response = co_await ask(broker, request, 11, frame);
    const std::size_t before = seen;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto count = values_of(response.responses[0].partitions[i].records).size();
      wanted[i].fetch_offset = wanted[i].fetch_offset + static_cast<std::int64_t>(count);
      seen += count;
    }
    if (seen == before) ++idle;
  }
  co_return seen;
}

// One shard's clients, ended before the others are.
Task<void> run_clients(Broker& broker, std::int32_t partitions, int rounds, std::size_t expected,
                       std::atomic<int>& failures) {
  std::vector<Task<void>> clients;
  const auto produce = [](Broker& to, std::int32_t count, int times,
                          std::atomic<int>& failed) -> Task<void> {
    if (!co_await produce_to_all(to, count, times)) ++failed;
  };
  const auto consume = [](Broker& from, std::int32_t count, std::size_t all,
                          std::atomic<int>& failed) -> Task<void> {
    if (co_await consume_all(from, count, all) != all) ++failed;
  };
  clients.push_back(produce(broker, partitions, rounds, failures));
  clients.push_back(consume(broker, partitions, expected, failures));
  co_await join(broker.scheduler(), std::move(clients));
}

Task<void> note_end(Task<void> clients, std::atomic<std::size_t>& left) {
  co_await clients;
  --left;
}

// The shards of one server.
class ShardThreads : public ::testing::Test {
 protected:
  static constexpr std::size_t kShards = 2;
  static constexpr std::int32_t kPartitions = 4;

  ShardThreads() {
    std::filesystem::create_directories(data_ + "/topics");
    std::vector<Peer> peers;
    for (std::size_t i = 0; i < kShards; ++i) {
      std::filesystem::create_directories(fmt::format("{}/pool/{}", data_, i));
      shards_.push_back(std::make_unique<ThreadShard>(settings_, data_, i));
      peers.push_back(Peer{&shards_[i]->scheduler, &shards_[i]->broker});
    }
    for (const auto& shard : shards_) shard->broker.connect(peers);
  }

  Broker& broker(std::size_t shard) { return shards_[shard]->broker; }
  Scheduler& scheduler(std::size_t shard) { return shards_[shard]->scheduler; }

  // Runs `work` on the first shard, on this thread. The first shard also stops the broker, while the
  // others' threads still serve; until they start and after they have ended, everything is this
  // thread's.
  template <typename Work>
  void run(Work& work) {
    for (std::size_t i = 1; i < kShards; ++i)
      shards_[i]->thread = std::thread([this, i] { scheduler(i).run_until_stopped(); });
    const auto all = [&]() -> Task<void> {
      if (!co_await broker(0).start()) ++failures_;
      TopicSpec spec;
      spec.name = "orders";
      spec.partition_count = kPartitions;
      const auto created = co_await broker(0).controller().create_topic(spec);
      if (created.error != KafkaError::kNone) ++failures_;
      co_await work();
      if (!co_await broker(0).stop()) ++failures_;
      for (std::size_t i = 1; i < kShards; ++i) scheduler(i).stop();
    };
    scheduler(0).run(all());
    for (std::size_t i = 1; i < kShards; ++i) shards_[i]->thread.join();
    for (const auto& shard : shards_) shard->scheduler.run(shard->pool.close());
  }

  TempDirectory directory_;
  const std::string data_ = directory_ / "data";
  const Settings settings_;
  std::vector<std::unique_ptr<ThreadShard>> shards_;
  std::atomic<int> failures_ = 0;
};

TEST_F(ShardThreads, ProduceAndFetchAcrossThreads) {
  constexpr int kRounds = 25;
  constexpr std::size_t kRecords = kShards * kRounds * kPartitions;
  std::atomic<std::size_t> left = kShards - 1;
  const auto work = [&]() -> Task<void> {
    for (std::size_t i = 1; i < kShards; ++i) {
      auto begin = [&, i]() -> Task<bool> {
        auto clients = run_clients(broker(i), kPartitions, kRounds, kRecords, failures_);
        scheduler(i).spawn(note_end(std::move(clients), left));
        co_return true;
      };
      co_await call_on(scheduler(0), scheduler(i), begin);
    }
    co_await run_clients(broker(0), kPartitions, kRounds, kRecords, failures_);
    while (left > 0) co_await scheduler(0).sleep_for(milliseconds(1));
  };
  run(work);
  EXPECT_EQ(failures_, 0);
}

// ---- transactions

struct TransactionalProducer {
  std::string id;
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
};

Task<void> send_in_transaction(Broker& broker, const TransactionalProducer& producer,
                               std::int32_t partition, std::int32_t sequence,
                               std::atomic<int>& failures) {
  kafka::BatchOptions options;
  options.producer_id = producer.producer_id;
  options.producer_epoch = producer.epoch;
  options.base_sequence = sequence;
  options.transactional = true;
  const auto batch = batch_of({"value"}, 1000, options);
  auto request = BrokerMachine::produce_request("orders", batch, partition);
  request.transactional_id = producer.id;
  std::vector<std::byte> frame;
  const auto sent = co_await ask(broker, request, 9, frame);
  if (sent.responses[0].partition_responses[0].error_code != KafkaError::kNone) ++failures;
}

// Several batches at once, none of which waits for the answer to the one in front of it.
Task<void> run_transaction(Broker& broker, const TransactionalProducer& producer, int number,
                           std::int32_t partitions, std::atomic<int>& failures) {
  constexpr int kBatches = 3;
  std::vector<std::byte> frame;
  kafka::AddPartitionsToTxnRequest announcement;
  announcement.transactional_id = producer.id;
  announcement.producer_id = producer.producer_id;
  announcement.producer_epoch = producer.epoch;
  auto& announced = announcement.topics.emplace_back();
  announced.name = "orders";
  for (std::int32_t partition = 0; partition < partitions; ++partition)
    announced.partitions.push_back(partition);
  co_await ask(broker, announcement, 3, frame);
  std::vector<Task<void>> sends;
  for (int i = 0; i < kBatches; ++i) {
    for (std::int32_t partition = 0; partition < partitions; ++partition) {
      sends.push_back(
          send_in_transaction(broker, producer, partition, number * kBatches + i, failures));
    }
  }
  co_await join(broker.scheduler(), std::move(sends));
  kafka::EndTxnRequest end;
  end.transactional_id = producer.id;
  end.producer_id = producer.producer_id;
  end.producer_epoch = producer.epoch;
  end.committed = true;
  const auto ended = co_await ask(broker, end, 3, frame);
  if (ended.error_code != KafkaError::kNone) ++failures;
}

// The first batch of a transaction in a partition has to wait until the transaction's coordinator was
// asked, on another thread. Those behind it would find a gap in front of them.
TEST_F(ShardThreads, BatchesBehindTheFirstOfATransactionDoNotOvertakeIt) {
  const auto work = [&]() -> Task<void> {
    TransactionalProducer producer;
    for (int i = 0; producer.id.empty() || broker(0).coordinator_of(producer.id).broker == &broker(0);
         ++i)
      producer.id = fmt::format("payments-{}", i);
    kafka::InitProducerIdRequest init;
    init.transactional_id = producer.id;
    init.transaction_timeout_ms = 60'000;
    std::vector<std::byte> frame;
    const auto begun = co_await ask(broker(0), init, 4, frame);
    producer.producer_id = begun.producer_id;
    producer.epoch = begun.producer_epoch;
    for (int number = 0; number < 20; ++number)
      co_await run_transaction(broker(0), producer, number, kPartitions, failures_);
  };
  run(work);
  EXPECT_EQ(failures_, 0);
}

}  // namespace
}  // namespace penstock::broker::testing
