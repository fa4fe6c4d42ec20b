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

TEST(ShardThreads, ProduceAndFetchAcrossThreads) {
  constexpr std::size_t kShards = 2;
  constexpr std::int32_t kPartitions = 4;
  constexpr int kRounds = 25;
  constexpr std::size_t kRecords = kShards * kRounds * kPartitions;
  TempDirectory directory;
  const std::string data = directory / "data";
  std::filesystem::create_directories(data + "/topics");
  for (std::size_t i = 0; i < kShards; ++i)
    std::filesystem::create_directories(fmt::format("{}/pool/{}", data, i));

  const Settings settings;
  std::vector<std::unique_ptr<ThreadShard>> shards;
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < kShards; ++i) {
    shards.push_back(std::make_unique<ThreadShard>(settings, data, i));
    peers.push_back(Peer{&shards[i]->scheduler, &shards[i]->broker});
  }
  for (const auto& shard : shards) shard->broker.connect(peers);

  // Until here and after the join, everything belongs to this thread.
  std::atomic<int> failures = 0;
  std::atomic<std::size_t> left = kShards - 1;
  Broker& first = shards[0]->broker;
  const auto prepare = [&]() -> Task<void> {
    auto started = co_await first.start();
    if (!started) ++failures;
    TopicSpec spec;
    spec.name = "orders";
    spec.partition_count = kPartitions;
    const auto created = co_await first.controller().create_topic(spec);
    if (created.error != KafkaError::kNone) ++failures;
    for (std::size_t i = 1; i < kShards; ++i) {
      auto begin = [&, i]() -> Task<bool> {
        auto clients = run_clients(shards[i]->broker, kPartitions, kRounds, kRecords, failures);
        shards[i]->scheduler.spawn(note_end(std::move(clients), left));
        co_return true;
      };
      co_await call_on(first.scheduler(), shards[i]->scheduler, begin);
    }
    co_await run_clients(first, kPartitions, kRounds, kRecords, failures);
  };
  for (std::size_t i = 1; i < kShards; ++i) {
    shards[i]->thread = std::thread([&shards, i] { shards[i]->scheduler.run_until_stopped(); });
  }
  // The first shard also stops the broker, while the others' threads still serve.
  const auto stop = [&]() -> Task<void> {
    while (left > 0) co_await first.scheduler().sleep_for(milliseconds(1));
    if (!co_await first.stop()) ++failures;
    for (std::size_t i = 1; i < kShards; ++i) shards[i]->scheduler.stop();
  };
  shards[0]->scheduler.run(prepare());
  shards[0]->scheduler.run(stop());
  for (std::size_t i = 1; i < kShards; ++i) shards[i]->thread.join();
  for (const auto& shard : shards) shard->scheduler.run(shard->pool.close());
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace penstock::broker::testing
