// ProducerLoad.

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "benchmark/load.h"
#include "benchmark/message_stamp.h"
#include "disk/measurement.h"

namespace penstock::benchmark {

namespace {

constexpr int kPollMs = 50;
constexpr std::chrono::seconds kGiveUp{60};  // on messages that nobody acknowledges
constexpr std::chrono::microseconds kRoomAgain{100};
constexpr std::chrono::microseconds kShortestSleep{60};

// A mean over many, of which each part comes with its sum and count.
struct RunningMean {
  double sum = 0;
  double count = 0;

  void add(const nlohmann::json& window) {
    sum += window.value("sum", 0.0);
    count += window.value("cnt", 0.0);
  }
  double value() const { return count > 0 ? sum / count : 0; }
};

std::vector<std::byte> filling_of(std::size_t bytes, std::uint64_t seed) {
  const SharedSlice filling = incompressible(align_up(bytes, sizeof(std::uint64_t)), seed);
  const ByteView view = filling.view().first(bytes);
  return {view.begin(), view.end()};
}

}  // namespace

struct ProducerLoad::Producer {
  explicit Producer(const LoadTimes& times)
      : start(times.start), end(times.end), latencies(times.start, times.event, times.end) {}

  // librdkafka calls these from poll(), which is to say on the thread `polling`.
  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<Producer*>(opaque)->count(*message);
  }
  static int on_stats(rd_kafka_t*, char* json, std::size_t length, void* opaque) {
    static_cast<Producer*>(opaque)->take_stats(std::string_view(json, length));
    return 0;
  }

  void count(const rd_kafka_message_t& delivered) {
    if (delivered.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return fail(1, rd_kafka_err2str(delivered.err));
    }
    const auto now = SteadyClock::now();
    const std::optional<MessageStamp> stamp = stamp_of(delivered.payload, delivered.len);
    if (stamp) latencies.add(stamp->meant(), now - stamp->meant());
    if (now >= start && now < end) ++acknowledged_in_time;
    acknowledged.fetch_add(1, std::memory_order_relaxed);
  }

  void poll_until_all_is_answered() {
    auto give_up = SteadyClock::time_point::max();
    while (!has_sent_all || (rd_kafka_outq_len(client.get()) > 0 && SteadyClock::now() < give_up)) {
      rd_kafka_poll(client.get(), kPollMs);
      if (is_abandoned)
        rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
      if (has_sent_all && give_up == SteadyClock::time_point::max()) {
        give_up = SteadyClock::now() + kGiveUp;
      }
    }
    const auto left = static_cast<std::uint64_t>(rd_kafka_outq_len(client.get()));
    if (left > 0) fail(left, "no acknowledgement came");
  }

  // By either thread.
  void fail(std::uint64_t count, std::string_view why) {
    const std::lock_guard lock(error_mutex);
    if (first_error.empty()) first_error = why;
    failed += count;
  }

  void take_stats(std::string_view text) {
    const auto now = SteadyClock::now();
    if (now < start || now > end) return;
    const auto stats = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!stats.is_object() || !stats.contains("brokers")) return;
    for (const auto& [name, broker] : stats["brokers"].items()) {
      if (broker.contains("int_latency")) queue.add(broker["int_latency"]);
      if (broker.contains("rtt")) network.add(broker["rtt"]);
    }
  }

  std::uint32_t number = 0;
  std::uint64_t load = 0;
  SteadyClock::time_point start;
  SteadyClock::time_point end;
  std::vector<std::byte> message;            // its stamp is put in place for each
  std::vector<std::uint64_t> next_sequence;  // by partition
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<bool> has_sent_all{false};
  std::atomic<bool> is_abandoned{false};
  // By the polling thread, and by others when it has ended.
  std::uint64_t acknowledged_in_time = 0;
  LatencyRecorder latencies;
  RunningMean queue;
  RunningMean network;
  std::mutex error_mutex;
  std::string first_error;
  RdkafkaClient client;
  RdkafkaTopic topic;
  std::jthread sending;
  std::jthread polling;
};

Result<std::unique_ptr<ProducerLoad>> ProducerLoad::start(const LoadTarget& target,
                                                          const LoadShape& shape,
                                                          const LoadTimes& times) {
  std::unique_ptr<ProducerLoad> load(new ProducerLoad());
  load->shape_ = shape;
  load->times_ = times;
  RdkafkaSettings settings = {
      {"bootstrap.servers", target.brokers},
      {"acks", "all"},
      // As the Java client does by default: a retry neither doubles messages nor changes their order.
      {"enable.idempotence", "true"},
      {"linger.ms", std::to_string(shape.linger_ms)},
      {"queue.buffering.max.messages",
       std::to_string(shape.rate ? 1'000'000 : std::max(shape.window, shape.batch))},
      {"statistics.interval.ms", "1000"},
      {"message.max.bytes", std::to_string(batch_bytes_max(shape.message_bytes))},
  };
  settings.insert(settings.end(), shape.client_settings.begin(), shape.client_settings.end());
  for (int i = 0; i < shape.producers; ++i) {
    auto producer = std::make_unique<Producer>(times);
    producer->number = static_cast<std::uint32_t>(i);
    producer->load = target.load;
    producer->message = filling_of(shape.message_bytes, target.load + producer->number);
    producer->next_sequence.resize(static_cast<std::size_t>(shape.partitions));
    Result<RdkafkaConf> conf = make_conf(settings);
    if (!conf) return Unexpected(conf.error());
    rd_kafka_conf_set_dr_msg_cb(conf->get(), Producer::on_delivery);
    rd_kafka_conf_set_stats_cb(conf->get(), Producer::on_stats);
    rd_kafka_conf_set_opaque(conf->get(), producer.get());
    Result<RdkafkaClient> client = make_client(RD_KAFKA_PRODUCER, std::move(*conf));
    if (!client) return Unexpected(client.error());
    producer->client = std::move(*client);
    producer->topic.reset(rd_kafka_topic_new(producer->client.get(), target.topic.c_str(), nullptr));
    load->producers_.push_back(std::move(producer));
  }
  load->first_due_ = SteadyClock::now();
  for (const auto& producer : load->producers_) {
    Producer& one = *producer;
    one.sending = std::jthread([&load = *load, &one] { load.send_all(one); });
    one.polling = std::jthread([&one] { one.poll_until_all_is_answered(); });
  }
  return load;
}

ProducerLoad::~ProducerLoad() {
  stop();
  join();
}

void ProducerLoad::abandon() {
  stop();
  for (const auto& producer : producers_) producer->is_abandoned = true;
}

void ProducerLoad::join() {
  for (const auto& producer : producers_) {
    if (producer->sending.joinable()) producer->sending.join();
    if (producer->polling.joinable()) producer->polling.join();
  }
}

// Producers take turns: batch `number` of one of them is the (number * producers + its own)th of all.
void ProducerLoad::send_all(Producer& producer) const {
  const auto all = static_cast<std::uint64_t>(shape_.producers);
  for (std::uint64_t batch = 0; !is_stopped_; ++batch) {
    auto meant = SteadyClock::now();
    if (shape_.rate) {
      const std::uint64_t number =
          (batch * all + producer.number) * static_cast<std::uint64_t>(shape_.batch);
      meant = first_due_ + shape_.rate->due(number);
      if (meant >= times_.end) break;
      while (!is_stopped_ && SteadyClock::now() < meant) {
        const auto left = meant - SteadyClock::now();
        constexpr std::chrono::milliseconds kLookUp{100};  // for whoever wants it to stop
        if (left > kShortestSleep) {
          std::this_thread::sleep_for(
              std::min<std::chrono::nanoseconds>(left - kShortestSleep, kLookUp));
        }
      }
    } else if (meant >= times_.end) {
      break;
    }
    send_batch(producer, shape_, batch, meant, is_stopped_);
  }
  producer.has_sent_all = true;
}

void ProducerLoad::send_batch(Producer& producer, const LoadShape& shape, std::uint64_t batch,
                              SteadyClock::time_point meant, const std::atomic<bool>& is_stopped) {
  const auto partition = static_cast<std::uint32_t>((batch + producer.number) %
                                                    static_cast<std::uint64_t>(shape.partitions));
  for (int i = 0; i < shape.batch; ++i) {
    std::uint64_t& sequence = producer.next_sequence[partition];
    put_stamp({.load = producer.load,
               .meant_ns = meant.time_since_epoch().count(),
               .producer = producer.number,
               .partition = partition,
               .sequence = sequence},
              producer.message);
    while (rd_kafka_produce(producer.topic.get(), static_cast<std::int32_t>(partition),
                            RD_KAFKA_MSG_F_COPY, producer.message.data(), producer.message.size(),
                            nullptr, 0, nullptr) != 0) {
      // The window is full. What waits for room keeps the time that it was meant for.
      const rd_kafka_resp_err_t error = rd_kafka_last_error();
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) return producer.fail(1, rd_kafka_err2str(error));
      if (is_stopped) return;
      std::this_thread::sleep_for(kRoomAgain);
    }
    ++sequence;
  }
}

std::uint64_t ProducerLoad::acknowledged() const {
  std::uint64_t count = 0;
  for (const auto& producer : producers_) count += producer->acknowledged;
  return count;
}

std::uint64_t ProducerLoad::failed() const {
  std::uint64_t count = 0;
  for (const auto& producer : producers_) count += producer->failed;
  return count;
}

LatencyRecorder ProducerLoad::latencies() const {
  LatencyRecorder all(times_.start, times_.event, times_.end);
  for (const auto& producer : producers_) all.add_all(producer->latencies);
  return all;
}

std::uint64_t ProducerLoad::acknowledged_in_time() const {
  std::uint64_t count = 0;
  for (const auto& producer : producers_) count += producer->acknowledged_in_time;
  return count;
}

ClientStages ProducerLoad::stages() const {
  RunningMean queue;
  RunningMean network;
  for (const auto& producer : producers_) {
    queue.sum += producer->queue.sum;
    queue.count += producer->queue.count;
    network.sum += producer->network.sum;
    network.count += producer->network.count;
  }
  return {.queue_us = queue.value(), .network_us = network.value(), .is_known = queue.count > 0};
}

std::string ProducerLoad::first_error() const {
  for (const auto& producer : producers_) {
    if (!producer->first_error.empty()) return producer->first_error;
  }
  return "";
}

}  // namespace penstock::benchmark
