// restart: a server is killed under load; how long until the next one on its data is ready.

#include <librdkafka/rdkafka.h>

#include "bench/log_bench/group.h"
#include "bench/log_bench/log_shard.h"
#include "bench/server_process.h"

namespace penstock::bench {

namespace {

constexpr const char* kTopic = "restart";
constexpr std::size_t kMessageBytes = 64 * kKiB;

class Filler {
 public:
  explicit Filler(const std::string& brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char error[256];
    const auto set = [&](const char* name, const char* value) {
      if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK)
        ShardDisk::end(Error(ErrorCode::kInvalidArgument, error));
    };
    set("bootstrap.servers", brokers.c_str());
    set("acks", "all");
    set("queue.buffering.max.kbytes", "262144");
    // Its broker is killed, on purpose.
    set("log_level", "0");
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (producer_ == nullptr) ShardDisk::end(Error(ErrorCode::kInvalidArgument, error));
    topic_ = rd_kafka_topic_new(producer_, kTopic, nullptr);
  }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;
  ~Filler() {
    rd_kafka_purge(producer_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(producer_);
  }

  // Hands over `size_bytes`, spread over the partitions; the last of them are still on their way on
  // return.
  void fill(std::uint64_t size_bytes, std::size_t partition_count) {
    std::vector<std::byte> message(kMessageBytes, std::byte{0x5A});
    for (std::uint64_t i = 0; i < size_bytes / kMessageBytes; ++i) {
      const auto partition = static_cast<std::int32_t>(i % partition_count);
      while (rd_kafka_produce(topic_, partition, RD_KAFKA_MSG_F_COPY, message.data(), message.size(),
                              nullptr, 0, nullptr) != 0) {
        const auto error = rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
          ShardDisk::end(Error(ErrorCode::kIo, rd_kafka_err2str(error)));
        rd_kafka_poll(producer_, 10);
      }
      rd_kafka_poll(producer_, 0);
    }
  }

 private:
  rd_kafka_t* producer_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
};

}  // namespace

// Each round fills a data directory of its own: a start seals what it found, so a second one on the
// same data has nothing to scan.
void run_restart(const Run& run) {
  const std::size_t partition_count = run.options.quick ? 100 : 1000;
  const std::uint64_t size_bytes = run.options.quick ? kGiB : 20 * kGiB;
  std::vector<double> seconds;
  for (int round = 0; round < (run.options.quick ? 1 : run.rounds()); ++round) {
    ServerProcess server(run.directory + "/data",
                         {"--set", fmt::format("broker.default_partitions={}", partition_count)});
    Filler filler(server.address());
    filler.fill(size_bytes, partition_count);
    seconds.push_back(std::chrono::duration<double>(server.restart_after_kill()).count());
  }
  const auto [least, most] = std::ranges::minmax(seconds);
  Row row{.measure = fmt::format("restart: kill -9 to ready, {} partitions, {} GiB", partition_count,
                                 size_bytes / kGiB),
          .measured = median(seconds),
          .unit = "s",
          .basis = fmt::format("{:.2f} to {:.2f} s; {}", least, most, kIdleCoresOnly),
          .at_most = {},
          .at_least = {}};
  if (!run.options.quick) row.at_most = 5;
  run.report.add(row);
}

}  // namespace penstock::bench
