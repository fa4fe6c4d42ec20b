#include <fmt/format.h>

#include <cstdlib>

#include "bench/stream_bench/load.h"
#include "bench/stream_bench/wire.h"
#include "kafka/frame.h"
#include "kafka/messages/fetch.h"
#include "kafka/record_batch.h"

namespace penstock::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int16_t kVersion = 11;
constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr auto kStallTimeout = std::chrono::seconds(60);
// The Java client's defaults.
constexpr std::int32_t kMaxWaitMs = 500;
constexpr std::int32_t kMaxBytes = 50 << 20;
constexpr std::int32_t kPartitionMaxBytes = 1 << 20;

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "stream_bench: {}\n", message);
  std::exit(1);
}

// One consumer: what it has read of its partitions.
struct Consumer {
  std::vector<std::int32_t> partitions{};
  std::vector<Offset> next{};       // of each of them
  std::vector<bool> is_finished{};  // its end was reached
  std::size_t finished = 0;
  bool has_read_all = false;  // at least once
  Clock::time_point asked_at{};

  bool is_at_the_end() const { return finished == partitions.size(); }
  void begin_again() {
    next.assign(partitions.size(), Offset{0});
    is_finished.assign(partitions.size(), false);
    finished = 0;
    has_read_all = true;
  }
};

class ConsumeLoad {
 public:
  ConsumeLoad(const ServerProcess& server, const Topic& topic, const Shape& shape)
      : topic_(topic.name()),
        consumers_(static_cast<std::size_t>(shape.connections)),
        wire_(server.address(), consumers_.size(),
              [this](std::size_t consumer, ByteView frame) { on_answer(consumer, frame); }) {
    if (shape.connections > shape.partitions) die("a consumer without a partition");
    for (std::int32_t i = 0; i < shape.partitions; ++i) {
      Consumer& consumer = consumers_[static_cast<std::size_t>(i) % consumers_.size()];
      consumer.partitions.push_back(i);
      consumer.next.emplace_back(0);
      consumer.is_finished.push_back(false);
    }
  }

  void run(std::chrono::nanoseconds time) {
    ends_at_ = Clock::now() + time;
    for (std::size_t i = 0; i < consumers_.size(); ++i) ask(i);
    while (done_ < consumers_.size()) {
      const std::uint64_t before = messages_;
      const auto deadline = Clock::now() + kStallTimeout;
      while (messages_ == before && done_ < consumers_.size()) {
        if (Clock::now() > deadline)
          die(fmt::format("consumers stand still after {} messages", messages_));
        wire_.turn(kPatience);
      }
    }
  }

  std::uint64_t messages() const { return messages_; }
  // Those that consumers read for the first time.
  std::uint64_t messages_of_first_pass() const { return messages_of_first_pass_; }
  Latencies& latencies() { return latencies_; }

 private:
  void ask(std::size_t number) {
    Consumer& consumer = consumers_[number];
    kafka::FetchRequest request;
    request.max_wait_ms = kMaxWaitMs;
    request.min_bytes = 1;
    request.max_bytes = kMaxBytes;
    auto& topic = request.topics.emplace_back();
    topic.topic = topic_;
    for (std::size_t i = 0; i < consumer.partitions.size(); ++i) {
      if (consumer.is_finished[i]) continue;
      auto& partition = topic.partitions.emplace_back();
      partition.partition = consumer.partitions[i];
      partition.fetch_offset = consumer.next[i];
      partition.partition_max_bytes = kPartitionMaxBytes;
    }
    consumer.asked_at = Clock::now();
    wire_.send(number, kafka::encode_request_frame(request, kVersion, 0, "stream_bench").flatten(), {});
  }

  void on_answer(std::size_t number, ByteView frame) {
    Consumer& consumer = consumers_[number];
    latencies_.add(Clock::now() - consumer.asked_at);
    const auto response = kafka::decode_response_frame<kafka::FetchRequest>(frame, kVersion, 0);
    if (!response) die(response.error().message());
    for (const auto& topic : response->responses) {
      for (const auto& partition : topic.partitions) take(consumer, partition);
    }
    if (consumer.is_at_the_end()) {
      consumer.begin_again();
      if (Clock::now() >= ends_at_) {
        ++done_;
        return;
      }
    }
    ask(number);
  }

  void take(Consumer& consumer, const kafka::FetchResponse::Partition& partition) {
    if (partition.error_code != kafka::KafkaError::kNone) {
      die(fmt::format("a fetch is refused: {}", to_string(partition.error_code)));
    }
    const auto place =
        static_cast<std::size_t>(std::ranges::find(consumer.partitions, partition.partition_index) -
                                 consumer.partitions.begin());
    const auto batches = kafka::split_batches(partition.records.view());
    if (!batches) die(batches.error().message());
    for (const kafka::RecordBatchView& batch : *batches) {
      const auto count = static_cast<std::uint64_t>(batch.record_count());
      messages_ += count;
      if (!consumer.has_read_all) messages_of_first_pass_ += count;
      consumer.next[place] = batch.next_offset();
    }
    if (consumer.next[place] >= partition.high_watermark && !consumer.is_finished[place]) {
      consumer.is_finished[place] = true;
      ++consumer.finished;
    }
  }

  const std::string topic_;
  std::vector<Consumer> consumers_;
  std::size_t done_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t messages_of_first_pass_ = 0;
  Clock::time_point ends_at_;
  Latencies latencies_;
  Wire wire_;
};

}  // namespace

Outcome consume(const ServerProcess& server, const Topic& topic, const Shape& shape,
                std::uint64_t messages, std::chrono::nanoseconds time) {
  ConsumeLoad load(server, topic, shape);
  const double server_cpu = server.cpu_seconds();
  const double client_cpu = own_cpu_seconds();
  const Stopwatch stopwatch;
  load.run(time);
  Outcome outcome;
  outcome.seconds = std::chrono::duration<double>(stopwatch.elapsed()).count();
  outcome.server_cpu_seconds = server.cpu_seconds() - server_cpu;
  outcome.client_cpu_seconds = own_cpu_seconds() - client_cpu;
  outcome.messages = load.messages();
  outcome.gigabytes = static_cast<double>(outcome.messages * shape.message_bytes) / 1e9;
  outcome.latencies = std::move(load.latencies());
  if (load.messages_of_first_pass() != messages) {
    die(fmt::format("{} messages were read of {}", load.messages_of_first_pass(), messages));
  }
  return outcome;
}

}  // namespace penstock::bench
