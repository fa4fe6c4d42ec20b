// ack_recorder: a load generator that writes down what was acknowledged, and the check of the log after
// it.
//
//   ack_recorder produce ...   sends messages as fast as it may until SIGTERM, and appends every
//                              acknowledgement to a file as it arrives
//   ack_recorder check ...     reads a topic from the beginning and compares it with such files
//
// Exit codes: 0 done or nothing wrong, 1 could not do it, 2 wrong usage, 3 the log breaks a promise.

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

#include "ack_ledger.h"
#include "rdkafka_client.h"

namespace penstock::tests {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kExitBrokenPromise = 3;

volatile std::sig_atomic_t stop_requested = 0;

struct ProduceOptions {
  std::string broker;
  std::string topic;
  std::string acks_path;
  std::string acks = "all";
  std::string codec = "none";
  std::uint32_t producer = 0;
  std::int32_t partitions = 1;
  std::uint32_t min_bytes = kMessageHeadBytes;
  std::uint32_t max_bytes = 1024;
  std::uint64_t max_bytes_per_second = 0;  // 0: no limit
  std::uint64_t max_total_bytes = 0;       // 0: no limit
  int linger_ms = 1;
};

class Producer {
 public:
  explicit Producer(const ProduceOptions& options) : options_(options) {
    acks_file_ = std::fopen(options.acks_path.c_str(), "w");
    if (acks_file_ == nullptr)
      throw std::runtime_error(fmt::format("cannot write {}", options.acks_path));
    fmt::print(acks_file_, "producer {}\n", options.producer);

    Settings settings;
    settings.set("bootstrap.servers", options.broker);
    settings.set("acks", options.acks);
    settings.set("compression.codec", options.codec);
    settings.set("linger.ms", std::to_string(options.linger_ms));
    // Each message is sent once: a duplicate in the log is then the server's.
    settings.set("message.send.max.retries", "0");
    settings.set("queue.buffering.max.messages", "20000");
    settings.set("reconnect.backoff.ms", "20");
    settings.set("reconnect.backoff.max.ms", "100");
    rd_kafka_conf_set_log_cb(settings.get(), ignore_log);
    rd_kafka_conf_set_opaque(settings.get(), this);
    rd_kafka_conf_set_dr_msg_cb(settings.get(),
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
                                  static_cast<Producer*>(self)->on_delivery(*message);
                                });
    client_ = settings.make_client(RD_KAFKA_PRODUCER);
    topic_ = KafkaTopic(rd_kafka_topic_new(client_.get(), options.topic.c_str(), nullptr));
  }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  ~Producer() {
    topic_.reset();
    client_.reset();
    std::fclose(acks_file_);
  }

  void run() {
    const auto began = SteadyClock::now();
    while (stop_requested == 0 &&
           (options_.max_total_bytes == 0 || sent_bytes_ < options_.max_total_bytes)) {
      rd_kafka_poll(client_.get(), 0);
      std::fflush(acks_file_);
      if (is_ahead_of_rate(began) || !send_next()) {
        rd_kafka_poll(client_.get(), 1);
      }
    }
    if (stop_requested != 0) {
      rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }
    constexpr int kFlushTimeoutMs = 30'000;
    rd_kafka_flush(client_.get(), kFlushTimeoutMs);
    std::fflush(acks_file_);
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
    fmt::print("sent {} acknowledged {} failed {} bytes {} seconds {:.3f}\n", sequence_, acknowledged_,
               failed_, acknowledged_bytes_, seconds);
  }

  bool every_message_was_acknowledged() const { return acknowledged_ == sequence_; }

 private:
  bool is_ahead_of_rate(SteadyClock::time_point began) const {
    if (options_.max_bytes_per_second == 0) return false;
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
    return static_cast<double>(sent_bytes_) >
           seconds * static_cast<double>(options_.max_bytes_per_second);
  }

  // False when librdkafka's queue is full.
  bool send_next() {
    const MessageId id{.producer = options_.producer,
                       .sequence = sequence_,
                       .size_bytes = message_size(options_.producer, sequence_, options_.min_bytes,
                                                  options_.max_bytes)};
    std::vector<char> message = make_message(id);
    const auto partition =
        static_cast<std::int32_t>(sequence_ % static_cast<std::uint64_t>(options_.partitions));
    // The opaque pointer carries the sequence; it is never dereferenced.
    void* const opaque = reinterpret_cast<void*>(static_cast<std::uintptr_t>(sequence_));
    if (rd_kafka_produce(topic_.get(), partition, RD_KAFKA_MSG_F_COPY, message.data(), message.size(),
                         nullptr, 0, opaque) != 0) {
      if (rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
      throw std::runtime_error(fmt::format("produce: {}", rd_kafka_err2str(rd_kafka_last_error())));
    }
    ++sequence_;
    sent_bytes_ += message.size();
    return true;
  }

  void on_delivery(const rd_kafka_message_t& message) {
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++failed_;
      return;
    }
    ++acknowledged_;
    acknowledged_bytes_ += message.len;
    fmt::print(acks_file_, "{} {} {} {}\n", message.partition, message.offset,
               reinterpret_cast<std::uintptr_t>(message._private), message.len);
  }

  const ProduceOptions options_;
  std::FILE* acks_file_ = nullptr;
  Kafka client_;
  KafkaTopic topic_;
  std::uint64_t sequence_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t acknowledged_bytes_ = 0;
  std::uint64_t failed_ = 0;
};

struct CheckOptions {
  std::string broker;
  std::string topic;
  std::int32_t partitions = 1;
  std::vector<std::string> acks_paths;
};

constexpr int kRequestTimeoutMs = 10'000;
constexpr auto kStallTimeout = std::chrono::seconds(30);

std::map<std::int32_t, std::int64_t> query_end_offsets(rd_kafka_t* client,
                                                       const CheckOptions& options) {
  std::map<std::int32_t, std::int64_t> ends;
  for (std::int32_t partition = 0; partition < options.partitions; ++partition) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        client, options.topic.c_str(), partition, &low, &high, kRequestTimeoutMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw std::runtime_error(
          fmt::format("offsets of {}/{}: {}", options.topic, partition, rd_kafka_err2str(error)));
    }
    ends[partition] = high;
  }
  return ends;
}

// Gives every message below `ends` to the checker, or stops when nothing has come for kStallTimeout.
void read_log(rd_kafka_t* client, const CheckOptions& options,
              const std::map<std::int32_t, std::int64_t>& ends, LogChecker& checker) {
  const KafkaTopic topic(rd_kafka_topic_new(client, options.topic.c_str(), nullptr));
  rd_kafka_queue_t* const queue = rd_kafka_queue_new(client);
  std::size_t unfinished = 0;
  for (const auto& [partition, end] : ends) {
    if (end == 0) continue;
    ++unfinished;
    rd_kafka_consume_start_queue(topic.get(), partition, RD_KAFKA_OFFSET_BEGINNING, queue);
  }
  auto last_progress = SteadyClock::now();
  while (unfinished > 0 && SteadyClock::now() - last_progress < kStallTimeout) {
    rd_kafka_poll(client, 0);
    rd_kafka_message_t* const message = rd_kafka_consume_queue(queue, 100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset < ends.at(message->partition)) {
      checker.see(message->partition, message->offset,
                  {static_cast<const char*>(message->payload), message->len});
      last_progress = SteadyClock::now();
      if (message->offset == ends.at(message->partition) - 1) --unfinished;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
               message->err != RD_KAFKA_RESP_ERR__TRANSPORT) {
      fmt::print(stderr, "reading {}/{}: {}\n", options.topic, message->partition,
                 rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
  }
  for (const auto& [partition, end] : ends) {
    if (end != 0) rd_kafka_consume_stop(topic.get(), partition);
  }
  rd_kafka_queue_destroy(queue);
}

int check(const CheckOptions& options) {
  std::vector<Ack> acks;
  for (const std::string& path : options.acks_paths) {
    const std::vector<Ack> more = read_acks(path);
    acks.insert(acks.end(), more.begin(), more.end());
  }

  Settings settings;
  settings.set("bootstrap.servers", options.broker);
  settings.set("check.crcs", "true");
  settings.set("fetch.wait.max.ms", "50");
  settings.set("queued.max.messages.kbytes", "65536");
  rd_kafka_conf_set_log_cb(settings.get(), ignore_log);
  const Kafka client = settings.make_client(RD_KAFKA_CONSUMER);

  const auto began = SteadyClock::now();
  const std::map<std::int32_t, std::int64_t> ends = query_end_offsets(client.get(), options);
  LogChecker checker(acks);
  read_log(client.get(), options, ends, checker);
  checker.finish(ends);
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();

  for (const std::string& finding : checker.findings()) fmt::print("{}\n", finding);
  fmt::print("acknowledged {} read {} bytes {} findings {} seconds {:.3f}\n",
             checker.acknowledged_count(), checker.seen_count(), checker.seen_bytes(),
             checker.finding_count(), seconds);
  return checker.finding_count() == 0 ? 0 : kExitBrokenPromise;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Sends messages and records their acknowledgements, or checks a log against such records.");
  app.require_subcommand(1);

  ProduceOptions produce;
  CLI::App* const produce_command =
      app.add_subcommand("produce", "send until SIGTERM or --max-total-bytes");
  produce_command->add_option("--broker", produce.broker, "HOST:PORT")->required();
  produce_command->add_option("--topic", produce.topic)->required();
  produce_command->add_option("--partitions", produce.partitions, "sends to 0..N-1 in turn");
  produce_command->add_option("--producer", produce.producer, "this producer's number, its own")
      ->required();
  produce_command->add_option("--acks-file", produce.acks_path, "where to record")->required();
  produce_command->add_option("--acks", produce.acks, "1 or all");
  produce_command->add_option("--codec", produce.codec, "none, gzip, snappy, lz4 or zstd");
  produce_command->add_option("--min-bytes", produce.min_bytes)
      ->check(CLI::Range(kMessageHeadBytes, kMaxMessageBytes));
  produce_command->add_option("--max-bytes", produce.max_bytes)
      ->check(CLI::Range(kMessageHeadBytes, kMaxMessageBytes));
  produce_command->add_option("--rate", produce.max_bytes_per_second,
                              "bytes per second at most; 0 = no limit");
  produce_command->add_option("--max-total-bytes", produce.max_total_bytes,
                              "stop after so many; 0 = no limit");
  produce_command->add_option("--linger-ms", produce.linger_ms);

  CheckOptions checked;
  CLI::App* const check_command = app.add_subcommand("check", "read a topic and compare");
  check_command->add_option("--broker", checked.broker, "HOST:PORT")->required();
  check_command->add_option("--topic", checked.topic)->required();
  check_command->add_option("--partitions", checked.partitions);
  check_command->add_option("acks-files", checked.acks_paths);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  if (check_command->parsed()) return check(checked);

  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  std::signal(SIGINT, [](int) { stop_requested = 1; });
  Producer producer(produce);
  producer.run();
  return stop_requested != 0 || producer.every_message_was_acknowledged() ? 0 : 1;
}

}  // namespace
}  // namespace penstock::tests

int main(int argc, char** argv) {
  try {
    return penstock::tests::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ack_recorder: {}\n", error.what());
    return 1;
  }
}
