// produce_bench: one librdkafka producer with acks=all against one server of our own.
//
// Two runs: as fast as it goes (throughput, CPU), and paced (what an acknowledgement takes when the
// client's own queue is not the answer). Latency is from handing the message to librdkafka to its
// delivery report, so it contains linger.ms.

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "bench/latency.h"
#include "bench/report.h"
#include "bench/server_process.h"

namespace penstock::bench {
namespace {

constexpr std::size_t kMessageBytes = 1024;
constexpr int kPartitions = 4;
constexpr const char* kTopic = "produce-bench";
constexpr const char* kLingerMs = "5";
constexpr int kFlushTimeoutMs = 120'000;

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "produce_bench: {}\n", message);
  std::exit(1);
}

// What the delivery reports say.
struct Deliveries {
  Latencies latencies;
  std::uint64_t failed = 0;
};

std::int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& deliveries = *static_cast<Deliveries*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++deliveries.failed;
    return;
  }
  std::int64_t sent_ns = 0;
  std::memcpy(&sent_ns, message->payload, sizeof sent_ns);
  deliveries.latencies.add(std::chrono::nanoseconds(now_ns() - sent_ns));
}

class Producer {
 public:
  explicit Producer(const std::string& brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers.c_str());
    set(conf, "acks", "all");
    set(conf, "linger.ms", kLingerMs);
    set(conf, "batch.size", "1000000");
    set(conf, "queue.buffering.max.messages", "200000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, &deliveries_);
    char error[256];
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (producer_ == nullptr) die(error);
    topic_ = rd_kafka_topic_new(producer_, kTopic, nullptr);
  }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  ~Producer() {
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(producer_);
  }

  void send(std::uint64_t number) {
    char payload[kMessageBytes];
    std::memset(payload, static_cast<int>('a' + number % 26), sizeof payload);
    const std::int64_t sent_ns = now_ns();
    std::memcpy(payload, &sent_ns, sizeof sent_ns);
    while (true) {
      const int taken =
          rd_kafka_produce(topic_, static_cast<int>(number % kPartitions), RD_KAFKA_MSG_F_COPY, payload,
                           sizeof payload, nullptr, 0, nullptr);
      if (taken == 0) break;
      const auto error = rd_kafka_last_error();
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) die(rd_kafka_err2str(error));
      rd_kafka_poll(producer_, 10);
    }
    rd_kafka_poll(producer_, 0);
  }

  void flush() {
    if (rd_kafka_flush(producer_, kFlushTimeoutMs) != RD_KAFKA_RESP_ERR_NO_ERROR)
      die("flush timed out");
  }
  void poll() { rd_kafka_poll(producer_, 0); }
  const Deliveries& deliveries() const { return deliveries_; }

 private:
  static void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
    char error[256];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) die(error);
  }

  Deliveries deliveries_;
  rd_kafka_t* producer_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
};

struct Outcome {
  double seconds = 0;
  double server_cpu = 0;
  double client_cpu = 0;
  double gigabytes = 0;
  Latencies latencies;
};

// Sends `count` messages, at `rate` a second (0: as fast as it goes).
Outcome produce(const ServerProcess& server, std::uint64_t count, double rate) {
  Outcome outcome;
  Producer producer(server.address());
  for (std::uint64_t i = 0; i < kPartitions; ++i) producer.send(i);
  producer.flush();

  const double server_cpu = server.cpu_seconds();
  const double client_cpu = own_cpu_seconds();
  const auto start = Clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    if (rate > 0) {
      const auto due = start + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(static_cast<double>(i) / rate));
      while (Clock::now() < due) {
        producer.poll();
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    }
    producer.send(i);
  }
  producer.flush();
  outcome.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  outcome.server_cpu = server.cpu_seconds() - server_cpu;
  outcome.client_cpu = own_cpu_seconds() - client_cpu;
  outcome.gigabytes = static_cast<double>(count * kMessageBytes) / 1e9;
  outcome.latencies = producer.deliveries().latencies;
  if (producer.deliveries().failed > 0)
    die(fmt::format("{} messages failed", producer.deliveries().failed));
  return outcome;
}

void add_rows(Report& report, const std::string& name, const Outcome& outcome) {
  const std::string basis = fmt::format("{:.2f} GB in {:.2f} s", outcome.gigabytes, outcome.seconds);
  report.add(
      {name + ": throughput", outcome.gigabytes * 1000 / outcome.seconds, "MB/s", basis, {}, {}});
  report.add({name + ": server CPU", outcome.server_cpu / outcome.gigabytes, "s/GB", basis, {}, {}});
  report.add({name + ": client CPU", outcome.client_cpu / outcome.gigabytes, "s/GB", basis, {}, {}});
  for (const double share : {0.5, 0.99, 0.999}) {
    report.add({fmt::format("{}: acknowledgement p{:g}", name, share * 100),
                outcome.latencies.percentile_us(share) / 1000,
                "ms",
                fmt::format("{} messages, linger.ms={}", outcome.latencies.count(), kLingerMs),
                {},
                {}});
  }
}

int run(const Options& options) {
  const std::string directory = std::filesystem::absolute(options.directory).string() +
                                fmt::format("/produce_bench.{}", ::getpid());
  Report report("produce", options);
  {
    const ServerProcess server(directory, {"--set", "broker.default_partitions=4"});
    report.note(server.banner());
    const std::uint64_t count = options.quick ? 300'000 : 3'000'000;
    add_rows(report, "full speed", produce(server, count, 0));
    constexpr double kPacedRate = 20'000;
    const auto paced_count = static_cast<std::uint64_t>(kPacedRate * (options.quick ? 3 : 20));
    add_rows(report, "paced 20 MB/s", produce(server, paced_count, kPacedRate));
  }
  return report.finish();
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::parse_options(
      argc, argv,
      "One librdkafka producer, acks=all, 1 KiB messages, 4 partitions, against a server of its own."));
}
