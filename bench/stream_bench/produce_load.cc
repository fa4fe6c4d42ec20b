#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "base/bytes.h"
#include "bench/stream_bench/load.h"
#include "bench/stream_bench/wire.h"
#include "kafka/frame.h"
#include "kafka/messages/produce.h"
#include "kafka/record.h"

namespace penstock::bench {

namespace {

using Clock = std::chrono::steady_clock;

// The last version in which nothing follows the batch, so that it can be shared by all frames.
constexpr std::int16_t kVersion = 8;
constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr auto kAnswerTimeout = std::chrono::seconds(60);

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "stream_bench: {}\n", message);
  std::exit(1);
}

struct Batch {
  std::vector<std::byte> bytes;
  std::uint64_t messages = 0;
};

Batch make_batch(const Shape& shape) {
  kafka::RecordBatchBuilder builder;
  std::vector<std::byte> value(shape.message_bytes);
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::byte>('a' + i % 26);
  const std::uint64_t messages = std::max<std::uint64_t>(1, shape.batch_bytes / shape.message_bytes);
  const std::int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  for (std::uint64_t i = 0; i < messages; ++i) builder.add({.timestamp_ms = now_ms, .value = value});
  return {.bytes = std::move(builder).build(), .messages = messages};
}

// The frame of a request, without the batch, which is its end.
class Head {
 public:
  Head(const std::string& topic, const Batch& batch) {
    kafka::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    auto& partitions = request.topic_data.emplace_back();
    partitions.name = topic;
    partitions.partition_data.emplace_back().records = kafka::Records::borrow(batch.bytes);
    bytes_ = kafka::encode_request_frame(request, kVersion, 0, "stream_bench").flatten();
    bytes_.resize(bytes_.size() - batch.bytes.size());
  }

  std::vector<std::byte> with(std::int32_t correlation_id, std::int32_t partition) const {
    constexpr std::size_t kCorrelationIdAt =
        kafka::kFrameSizeBytes + 4;               // after the key and the version
    constexpr std::size_t kPartitionFromEnd = 8;  // its index, and the size of the batch
    std::vector<std::byte> bytes = bytes_;
    store_be(bytes, kCorrelationIdAt, correlation_id);
    store_be(bytes, bytes.size() - kPartitionFromEnd, partition);
    return bytes;
  }

 private:
  std::vector<std::byte> bytes_;
};

class ProduceLoad {
 public:
  ProduceLoad(const ServerProcess& server, const Topic& topic, const Shape& shape)
      : shape_(shape),
        batch_(make_batch(shape)),
        head_(topic.name(), batch_),
        waiting_(static_cast<std::size_t>(shape.connections)),
        wire_(server.address(), waiting_.size(),
              [this](std::size_t connection, ByteView frame) { on_answer(connection, frame); }) {}

  const Batch& batch() const { return batch_; }

  void run_closed(std::chrono::nanoseconds time) {
    ends_at_ = Clock::now() + time;
    keeps_sending_ = true;
    for (int i = 0; i < shape_.in_flight; ++i) {
      for (std::size_t connection = 0; connection < waiting_.size(); ++connection) {
        send(connection, Clock::now());
      }
    }
    while (Clock::now() < ends_at_) wire_.turn(kPatience);
    keeps_sending_ = false;
    await_answers();
  }

  void run_paced(std::chrono::nanoseconds time, double requests_per_second) {
    const auto start = Clock::now();
    const auto count =
        static_cast<std::uint64_t>(std::chrono::duration<double>(time).count() * requests_per_second);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto due =
          start + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(static_cast<double>(i) / requests_per_second));
      for (auto now = Clock::now(); now < due; now = Clock::now()) wire_.turn(due - now);
      send(i % waiting_.size(), due);
    }
    await_answers();
  }

  std::uint64_t answered() const { return latencies_.count(); }
  Latencies& latencies() { return latencies_; }

 private:
  void send(std::size_t connection, Clock::time_point due) {
    const auto partition =
        static_cast<std::int32_t>(sent_ % static_cast<std::uint64_t>(shape_.partitions));
    waiting_[connection].push_back(due);
    ++sent_;
    wire_.send(connection, head_.with(static_cast<std::int32_t>(sent_), partition), batch_.bytes);
  }

  void on_answer(std::size_t connection, ByteView frame) {
    const auto parsed = kafka::parse_response(frame, kafka::ApiKey::kProduce, kVersion);
    if (!parsed) die(parsed.error().message());
    const auto response = kafka::decode<kafka::ProduceResponse>(parsed->body, kVersion);
    if (!response) die(response.error().message());
    const kafka::KafkaError error = response->responses.at(0).partition_responses.at(0).error_code;
    if (error != kafka::KafkaError::kNone) die(fmt::format("a batch is refused: {}", to_string(error)));
    const auto now = Clock::now();
    latencies_.add(now - waiting_[connection].front());
    waiting_[connection].pop_front();
    if (keeps_sending_ && now < ends_at_) send(connection, now);
  }

  void await_answers() {
    const auto deadline = Clock::now() + kAnswerTimeout;
    while (answered() < sent_) {
      if (Clock::now() > deadline)
        die(fmt::format("{} of {} requests are answered", answered(), sent_));
      wire_.turn(kPatience);
    }
  }

  const Shape shape_;
  const Batch batch_;
  const Head head_;
  std::vector<std::deque<Clock::time_point>> waiting_;  // when each unanswered request was due
  std::uint64_t sent_ = 0;
  Latencies latencies_;
  bool keeps_sending_ = false;
  Clock::time_point ends_at_;
  Wire wire_;
};

}  // namespace

Outcome produce(const ServerProcess& server, const Topic& topic, const Shape& shape,
                std::chrono::nanoseconds time, double messages_per_second) {
  ProduceLoad load(server, topic, shape);
  const double server_cpu = server.cpu_seconds();
  const double client_cpu = own_cpu_seconds();
  const Stopwatch stopwatch;
  if (messages_per_second > 0) {
    load.run_paced(time, messages_per_second / static_cast<double>(load.batch().messages));
  } else {
    load.run_closed(time);
  }
  Outcome outcome;
  outcome.seconds = std::chrono::duration<double>(stopwatch.elapsed()).count();
  outcome.server_cpu_seconds = server.cpu_seconds() - server_cpu;
  outcome.client_cpu_seconds = own_cpu_seconds() - client_cpu;
  outcome.messages = load.answered() * load.batch().messages;
  outcome.gigabytes = static_cast<double>(outcome.messages * shape.message_bytes) / 1e9;
  outcome.latencies = std::move(load.latencies());
  return outcome;
}

}  // namespace penstock::bench
