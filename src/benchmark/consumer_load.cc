// ConsumerLoad.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "benchmark/load.h"
#include "benchmark/message_row.h"
#include "benchmark/message_stamp.h"

namespace penstock::benchmark {

namespace {

constexpr int kPollMs = 50;
constexpr int kQueryTimeoutMs = 30'000;

}  // namespace

struct ConsumerLoad::Consumer {
  explicit Consumer(const LoadTimes& times) : latencies(times.start, times.event, times.end) {}

  void consume(const std::stop_token& token) {
    while (!token.stop_requested()) {
      rd_kafka_message_t* const message = rd_kafka_consumer_poll(client.get(), kPollMs);
      if (message == nullptr) continue;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        take(*message);
      } else if (first_error.empty()) {
        first_error = rd_kafka_message_errstr(message);
      }
      rd_kafka_message_destroy(message);
    }
  }

  void take(const rd_kafka_message_t& message) {
    received_bytes.fetch_add(message.len, std::memory_order_relaxed);
    if (!records_latencies) {
      received.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    const auto now = SteadyClock::now();
    const std::optional<MessageStamp> stamp = stamp_of(message.payload, message.len);
    if (!stamp || stamp->load != load) return;
    const MessageRow::Seen seen = rows[{message.partition, stamp->producer}].see(stamp->sequence);
    if (seen == MessageRow::Seen::kAgain) {
      ++duplicated;
      return;
    }
    const bool is_elsewhere = static_cast<std::int32_t>(stamp->partition) != message.partition;
    if (seen == MessageRow::Seen::kLate || is_elsewhere) ++out_of_order;
    latencies.add(stamp->meant(), now - stamp->meant());
    received.fetch_add(1, std::memory_order_relaxed);
  }

  std::uint64_t load = 0;
  bool records_latencies = true;
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> received_bytes{0};
  // By its thread, and by others when that has ended.
  LatencyRecorder latencies;
  std::map<std::pair<std::int32_t, std::uint32_t>, MessageRow> rows;
  std::uint64_t duplicated = 0;
  std::uint64_t out_of_order = 0;
  std::string first_error;
  RdkafkaClient client;
  std::jthread thread;
};

Result<std::unique_ptr<ConsumerLoad>> ConsumerLoad::start(const LoadTarget& target,
                                                          const LoadShape& shape,
                                                          const LoadTimes& times, From from) {
  std::unique_ptr<ConsumerLoad> load(new ConsumerLoad());
  load->times_ = times;
  RdkafkaSettings settings = {
      {"bootstrap.servers", target.brokers},
      {"group.id", "penstock-bench"},  // of which nothing is used: partitions are assigned here
      {"enable.auto.commit", "false"},
      {"auto.offset.reset", "error"},
  };
  settings.insert(settings.end(), shape.client_settings.begin(), shape.client_settings.end());
  const int count = std::min(shape.consumers, shape.partitions);
  for (int i = 0; i < count; ++i) {
    auto consumer = std::make_unique<Consumer>(times);
    consumer->load = target.load;
    consumer->records_latencies = from == From::kNow;
    Result<RdkafkaConf> conf = make_conf(settings);
    if (!conf) return Unexpected(conf.error());
    Result<RdkafkaClient> client = make_client(RD_KAFKA_CONSUMER, std::move(*conf));
    if (!client) return Unexpected(client.error());
    consumer->client = std::move(*client);
    rd_kafka_poll_set_consumer(consumer->client.get());
    const RdkafkaPartitions partitions(rd_kafka_topic_partition_list_new(shape.partitions / count + 1));
    for (int partition = i; partition < shape.partitions; partition += count) {
      auto* entry =
          rd_kafka_topic_partition_list_add(partitions.get(), target.topic.c_str(), partition);
      std::int64_t first = 0;
      std::int64_t end = 0;
      const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
          consumer->client.get(), target.topic.c_str(), partition, &first, &end, kQueryTimeoutMs);
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fail(ErrorCode::kIo, "ask for the end of {}/{}: {}", target.topic, partition,
                    rd_kafka_err2str(code));
      }
      entry->offset = from == From::kNow ? end : first;
    }
    const rd_kafka_resp_err_t code = rd_kafka_assign(consumer->client.get(), partitions.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return fail(ErrorCode::kIo, "assign partitions: {}", rd_kafka_err2str(code));
    }
    load->consumers_.push_back(std::move(consumer));
  }
  for (const auto& consumer : load->consumers_) {
    consumer->thread =
        std::jthread([&one = *consumer](const std::stop_token& token) { one.consume(token); });
  }
  return load;
}

ConsumerLoad::~ConsumerLoad() { stop(); }

void ConsumerLoad::stop() {
  for (const auto& consumer : consumers_) consumer->thread.request_stop();
  for (const auto& consumer : consumers_) {
    if (!consumer->thread.joinable()) continue;
    consumer->thread.join();
    rd_kafka_consumer_close(consumer->client.get());
  }
}

std::uint64_t ConsumerLoad::received() const {
  std::uint64_t count = 0;
  for (const auto& consumer : consumers_) count += consumer->received;
  return count;
}

std::uint64_t ConsumerLoad::received_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& consumer : consumers_) bytes += consumer->received_bytes;
  return bytes;
}

LatencyRecorder ConsumerLoad::latencies() const {
  LatencyRecorder all(times_.start, times_.event, times_.end);
  for (const auto& consumer : consumers_) all.add_all(consumer->latencies);
  return all;
}

std::uint64_t ConsumerLoad::duplicated() const {
  std::uint64_t count = 0;
  for (const auto& consumer : consumers_) count += consumer->duplicated;
  return count;
}

std::uint64_t ConsumerLoad::out_of_order() const {
  std::uint64_t count = 0;
  for (const auto& consumer : consumers_) count += consumer->out_of_order;
  return count;
}

std::string ConsumerLoad::first_error() const {
  for (const auto& consumer : consumers_) {
    if (!consumer->first_error.empty()) return consumer->first_error;
  }
  return "";
}

}  // namespace penstock::benchmark
