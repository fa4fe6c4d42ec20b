// BrokerMachine: brokers of one or more shards in this process, over a simulated disk, asked one
// request at a time through the same frames that a connection would bring.
//
// All shards run on the one scheduler of the simulation, so time is virtual and a run is reproducible.
// Ownership: the storage must outlive it. Threading: the test's.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/handlers.h"
#include "catalog/testing/memory_catalog.h"
#include "disk/sim_disk.h"
#include "kafka/record.h"
#include "log/testing/reports.h"

namespace penstock::broker::testing {

inline constexpr const char* kDataDirectory = "/data";

// One batch of records with these values, as a producer sends it.
inline std::vector<std::byte> batch_of(const std::vector<std::string>& values,
                                       std::int64_t timestamp_ms = 1000,
                                       const kafka::BatchOptions& options = {}) {
  kafka::RecordBatchBuilder builder(options);
  for (const std::string& value : values) {
    kafka::NewRecord record;
    record.timestamp_ms = timestamp_ms++;
    record.value = as_bytes(value);
    builder.add(record);
  }
  return std::move(builder).build();
}

// The values of all records, in order.
inline std::vector<std::string> values_of(const kafka::Records& records) {
  std::vector<std::string> values;
  ByteView rest = records.view();
  while (!rest.empty()) {
    const std::size_t size = 12 + static_cast<std::size_t>(load_be<std::int32_t>(rest, 8));
    const auto batch = kafka::RecordBatchView::parse(rest.first(size));
    if (!batch) {
      ADD_FAILURE() << "an unreadable batch was served";
      return values;
    }
    kafka::RecordReader reader(*batch);
    for (auto record = reader.next(); record && *record; record = reader.next()) {
      values.emplace_back(as_text(*(*record)->value));
    }
    rest = rest.subspan(size);
  }
  return values;
}

// What became of a request that runs beside the test.
template <typename Response>
struct BackgroundAnswer {
  std::optional<Result<std::optional<Response>>> outcome;
  bool is_there() const { return outcome.has_value(); }
  const Response& operator*() const { return ***outcome; }
  const Response* operator->() const { return &***outcome; }
};

// What outlives a machine: the disk's contents and the catalog's.
struct BrokerStorage : SimStorage {
  catalog::testing::MemoryCatalogStorage catalog;
};

struct BrokerMachineOptions {
  std::size_t shard_count = 1;
  SimDiskOptions disk{};
  Settings settings{};
  std::uint64_t smallest_segment_bytes = 32 * kKiB;
};

class BrokerMachine : public SimMachine {
 public:
  explicit BrokerMachine(BrokerStorage& storage, BrokerMachineOptions options = {})
      : SimMachine(prepared(storage, options.shard_count), options.disk),
        settings_(options.settings),
        catalog_(storage.catalog) {
    log::SegmentPoolOptions pool_options{.ready_files = 0,
                                         .smallest_bytes = options.smallest_segment_bytes};
    std::vector<Peer> peers;
    for (std::size_t i = 0; i < options.shard_count; ++i) {
      auto& shard = shards_.emplace_back(std::make_unique<Shard>(*this, pool_options, i));
      peers.push_back(Peer{&scheduler, &shard->broker});
    }
    for (const auto& shard : shards_) shard->broker.connect(peers);
  }
  ~BrokerMachine() { (void)stop(); }

  Result<StartReport> try_start() {
    for (const auto& shard : shards_) {
      if (auto started = scheduler.run(shard->pool.start()); !started)
        return Unexpected(started.error());
    }
    return scheduler.run(broker().start());
  }
  StartReport start() {
    auto report = try_start();
    EXPECT_TRUE(report) << report.error().message();
    return report.value_or(StartReport{});
  }
  // Closes everything; a second call does nothing.
  Result<void> stop() {
    if (is_stopped_) return {};
    is_stopped_ = true;
    Result<void> stopped;
    for (const auto& shard : shards_) shard->broker.release_waiting();
    sleep(std::chrono::milliseconds(1));
    stopped = scheduler.run(broker().stop());
    for (const auto& shard : shards_) scheduler.run(shard->pool.close());
    return stopped;
  }

  Broker& broker(std::size_t shard = 0) { return shards_[shard]->broker; }
  Settings& settings() { return settings_; }
  catalog::testing::MemoryCatalog& catalog() { return catalog_; }
  // What the operator was told.
  const std::vector<std::string>& reports() const { return reports_.lines(); }

  // Asks, on a shard's connection; the answer must come, and be one. Records in it stay valid.
  template <typename Request>
  typename Request::Response ask(const Request& request, std::int16_t version, std::size_t shard = 0) {
    auto answered = try_ask(request, version, shard);
    EXPECT_TRUE(answered) << answered.error().message();
    if (!answered) return {};
    EXPECT_TRUE(*answered) << "nothing was answered";
    return std::move(**answered);
  }
  // An error means that the connection is closed; nothing, that nothing is answered.
  template <typename Request>
  Result<std::optional<typename Request::Response>> try_ask(const Request& request,
                                                            std::int16_t version,
                                                            std::size_t shard = 0) {
    return scheduler.run(exchange<Request>(frame_of(request, version), version, shard, client(shard)));
  }
  // `background` must stay until the answer is there.
  template <typename Request>
  void start_asking(BackgroundAnswer<typename Request::Response>& background, const Request& request,
                    std::int16_t version, std::size_t shard = 0) {
    start_asking(background, request, version, shard, client(shard));
  }
  // On a connection of its own.
  template <typename Request>
  void start_asking(BackgroundAnswer<typename Request::Response>& background, const Request& request,
                    std::int16_t version, std::size_t shard, Client& asker) {
    scheduler.spawn(
        exchange_beside<Request>(background, frame_of(request, version), version, shard, asker));
  }
  Result<std::optional<kafka::ByteChain>> handle(ByteView frame) {
    AnswerMemory::Share memory(broker().answers(), 0);
    return scheduler.run(broker().handle(SharedSlice::copy_of(frame), client(0), memory));
  }
  // The connection of those who have none of their own.
  Client& client(std::size_t shard) { return shards_[shard]->client; }

  void sleep(Duration delay) { scheduler.run(sleep_for(scheduler, delay)); }

  // Dies; what is left unwinds.
  void die(SimCrash how) {
    disk.crash(how);
    catalog_.fail_with(Error(ErrorCode::kIo, "the machine is dead"));
    (void)stop();
  }

  // --- Requests in short

  kafka::KafkaError create_topic(const std::string& name, std::int32_t partitions = 1) {
    kafka::CreateTopicsRequest request;
    request.timeout_ms = 1000;
    kafka::CreateTopicsRequest::Topic topic;
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    request.topics.push_back(std::move(topic));
    return ask(request, 7).topics.at(0).error_code;
  }
  kafka::KafkaError delete_topic(const std::string& name) {
    kafka::DeleteTopicsRequest request;
    request.topic_names = {name};
    return ask(request, 5).responses.at(0).error_code;
  }
  kafka::ProduceResponse::Partition produce(const std::string& topic,
                                            const std::vector<std::byte>& batch,
                                            std::int32_t partition = 0, std::size_t shard = 0) {
    return ask(produce_request(topic, batch, partition), 9, shard)
        .responses.at(0)
        .partition_responses.at(0);
  }
  static kafka::ProduceRequest produce_request(const std::string& topic,
                                               const std::vector<std::byte>& batch,
                                               std::int32_t partition = 0, std::int16_t acks = -1) {
    kafka::ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = 30'000;
    kafka::ProduceRequest::Partition data;
    data.index = partition;
    data.records = kafka::Records::borrow(batch);
    kafka::ProduceRequest::Topic to;
    to.name = topic;
    to.partition_data.push_back(std::move(data));
    request.topic_data.push_back(std::move(to));
    return request;
  }
  static kafka::FetchRequest fetch_request(const std::string& topic, Offset from,
                                           std::int32_t partition = 0) {
    kafka::FetchRequest request;
    request.min_bytes = 1;
    request.max_bytes = 1 << 20;
    kafka::FetchRequest::Partition wanted;
    wanted.partition = partition;
    wanted.fetch_offset = from;
    wanted.partition_max_bytes = 1 << 20;
    kafka::FetchRequest::Topic of;
    of.topic = topic;
    of.partitions.push_back(wanted);
    request.topics.push_back(std::move(of));
    return request;
  }
  kafka::FetchResponse::Partition fetch(const std::string& topic, Offset from,
                                        std::int32_t partition = 0, std::size_t shard = 0) {
    return ask(fetch_request(topic, from, partition), 11, shard).responses.at(0).partitions.at(0);
  }

 private:
  struct Shard {
    Shard(BrokerMachine& machine, log::SegmentPoolOptions pool_options, std::size_t index)
        : random(index + 1),
          pool(machine.scheduler, machine.disk, pool_directory(index), pool_options),
          broker(log::LogContext{machine.scheduler, machine.disk, pool, random, &machine.reports_},
                 machine.catalog_, machine.settings_, kDataDirectory, index) {}
    Random random;
    log::SegmentPool pool;
    Broker broker;
    Client client{.host = kClientHost};
  };

  static std::string pool_directory(std::size_t shard) {
    return fmt::format("{}/pool/{}", kDataDirectory, shard);
  }
  static SimStorage& prepared(SimStorage& storage, std::size_t shard_count) {
    storage.make_directories(std::string(kDataDirectory) + "/topics");
    for (std::size_t i = 0; i < shard_count; ++i) storage.make_directories(pool_directory(i));
    return storage;
  }

  template <typename Request>
  static SharedSlice frame_of(const Request& request, std::int16_t version) {
    const auto frame = kafka::encode_request_frame(request, version, kCorrelationId, "test").flatten();
    return SharedSlice::copy_of(ByteView(frame).subspan(kafka::kFrameSizeBytes));
  }
  template <typename Request>
  Task<Result<std::optional<typename Request::Response>>> exchange(SharedSlice frame,
                                                                   std::int16_t version,
                                                                   std::size_t shard, Client& asker) {
    using Answer = std::optional<typename Request::Response>;
    AnswerMemory::Share memory(broker(shard).answers(), 0);
    auto answered = co_await broker(shard).handle(std::move(frame), asker, memory);
    if (!answered) co_return Unexpected(answered.error());
    if (!*answered) co_return Answer();
    answers_.push_back((*answered)->flatten());
    auto response = kafka::decode_response_frame<Request>(
        ByteView(answers_.back()).subspan(kafka::kFrameSizeBytes), version, kCorrelationId);
    if (!response) co_return Unexpected(response.error());
    co_return Answer(std::move(*response));
  }
  template <typename Request>
  Task<void> exchange_beside(BackgroundAnswer<typename Request::Response>& background,
                             SharedSlice frame, std::int16_t version, std::size_t shard,
                             Client& asker) {
    background.outcome = co_await exchange<Request>(std::move(frame), version, shard, asker);
  }
  static Task<void> sleep_for(Scheduler& scheduler, Duration delay) {
    co_await scheduler.sleep_for(delay);
  }

  static constexpr std::int32_t kCorrelationId = 4711;
  static constexpr const char* kClientHost = "/192.0.2.1";

  Settings settings_;
  catalog::testing::MemoryCatalog catalog_;
  log::testing::Reports reports_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::deque<std::vector<std::byte>> answers_;  // records of decoded answers are views into them
  bool is_stopped_ = false;
};

}  // namespace penstock::broker::testing
