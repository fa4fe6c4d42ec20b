// peers_bench: what bad and many connections do to a server of our own.
//
//   bad    the latency of good clients, with a thousand bad peers and without, in turns
//   many   the memory of the server with thousands of waiting consumers on a thousand partitions

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bench/bad_peers.h"
#include "bench/latency.h"
#include "bench/report.h"
#include "bench/server_process.h"
#include "kafka/frame.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/record.h"

namespace penstock::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kTopic = "peers-bench";

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "peers_bench: {}\n", message);
  std::exit(1);
}

std::uint16_t port_of(const ServerProcess& server) {
  const std::string text = server.address().substr(server.address().rfind(':') + 1);
  std::uint16_t port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

// A client that knows the wire and nothing else, one request at a time.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0)
      : socket_(connect_to(port, receive_buffer_bytes)) {
    if (!socket_.is_open()) die("cannot connect to the server");
  }

  template <typename Request>
  void send(const Request& request, std::int16_t version) {
    const auto frame =
        kafka::encode_request_frame(request, version, ++correlation_id_, "bench").flatten();
    if (!send_all(socket_.get(), frame)) die("the server has closed a good client's connection");
  }
  template <typename Request>
  typename Request::Response ask(const Request& request, std::int16_t version) {
    send(request, version);
    std::array<std::byte, kafka::kFrameSizeBytes> size;
    receive(size);
    frame_.resize(static_cast<std::size_t>(load_be<std::int32_t>(size, 0)));
    receive(frame_);
    auto response = kafka::decode_response_frame<Request>(frame_, version, correlation_id_);
    if (!response) die(response.error().message());
    return std::move(*response);
  }

 private:
  void receive(MutableBytes into) {
    while (!into.empty()) {
      const ssize_t got = ::read(socket_.get(), into.data(), into.size());
      if (got <= 0) die("the server has closed a good client's connection");
      into = into.subspan(static_cast<std::size_t>(got));
    }
  }

  Descriptor socket_;
  std::int32_t correlation_id_ = 0;
  std::vector<std::byte> frame_;
};

void create_topic(Client& client, std::int32_t partitions) {
  kafka::CreateTopicsRequest request;
  request.timeout_ms = 60'000;
  kafka::CreateTopicsRequest::Topic topic;
  topic.name = kTopic;
  topic.num_partitions = partitions;
  topic.replication_factor = 1;
  request.topics.push_back(std::move(topic));
  const auto response = client.ask(request, 5);
  if (response.topics.at(0).error_code != kafka::KafkaError::kNone) die("cannot create the topic");
}

std::vector<std::byte> make_batch(std::size_t message_bytes) {
  const std::string value(message_bytes, 'v');
  kafka::RecordBatchBuilder builder;
  kafka::NewRecord record;
  record.value = as_bytes(value);
  builder.add(record);
  return std::move(builder).build();
}

void produce(Client& client, std::int32_t partition, const std::vector<std::byte>& batch) {
  kafka::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 60'000;
  kafka::ProduceRequest::Partition data;
  data.index = partition;
  data.records = kafka::Records::borrow(batch);
  kafka::ProduceRequest::Topic topic;
  topic.name = kTopic;
  topic.partition_data.push_back(std::move(data));
  request.topic_data.push_back(std::move(topic));
  const auto response = client.ask(request, 9);
  if (response.responses.at(0).partition_responses.at(0).error_code != kafka::KafkaError::kNone)
    die("a good client's message was refused");
}

// --- Bad peers -----------------------------------------------------------------------------------

// One good client: a message is produced, and durable when it is answered, at a modest pace.
void produce_for(std::uint16_t port, std::int32_t partition, Clock::time_point end,
                 Latencies& latencies) {
  constexpr auto kPace = milliseconds(5);
  Client client(port);
  const auto batch = make_batch(1024);
  for (auto due = Clock::now(); due < end; due += kPace) {
    std::this_thread::sleep_until(due);
    const Stopwatch stopwatch;
    produce(client, partition, batch);
    latencies.add(stopwatch.elapsed());
  }
}

constexpr std::int32_t kGoodClients = 4;

Latencies good_clients_for(std::uint16_t port, Clock::duration time) {
  std::vector<Latencies> of_each(kGoodClients);
  std::vector<std::thread> clients;
  const auto end = Clock::now() + time;
  for (std::int32_t i = 0; i < kGoodClients; ++i) {
    Latencies& latencies = of_each[static_cast<std::size_t>(i)];
    clients.emplace_back([port, i, end, &latencies] { produce_for(port, i, end, latencies); });
  }
  for (std::thread& client : clients) client.join();
  Latencies all;
  for (const Latencies& latencies : of_each) all.add_all(latencies);
  return all;
}

std::string range_of(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  return fmt::format("{:.2f} to {:.2f}", least, most);
}

// Pairs of turns, without bad peers and with them, next to each other; so what else the machine does
// is the same for both, mostly.
void measure_bad_peers(Report& report, const Options& options, const std::string& directory) {
  const ServerProcess server(directory, {"--log-level", "error"});
  const std::uint16_t port = port_of(server);
  Client admin(port);
  create_topic(admin, kGoodClients);
  constexpr std::size_t kBadPeers = 1000;
  const int pairs = options.quick ? 3 : 11;
  const auto turn = milliseconds(options.quick ? 3000 : 6000);
  (void)good_clients_for(port, milliseconds(1000));
  std::vector<double> ratios_p50;
  std::vector<double> ratios_p99;
  std::vector<double> quiet_p99_us;
  std::vector<double> noisy_p99_us;
  std::uint64_t reconnects = 0;
  for (int pair = 0; pair < pairs; ++pair) {
    const Latencies quiet = good_clients_for(port, turn);
    const BadPeers bad(port, kBadPeers);
    const Latencies noisy = good_clients_for(port, turn);
    reconnects += bad.reconnect_count();
    ratios_p50.push_back(noisy.percentile_us(0.5) / quiet.percentile_us(0.5));
    ratios_p99.push_back(noisy.percentile_us(0.99) / quiet.percentile_us(0.99));
    quiet_p99_us.push_back(quiet.percentile_us(0.99));
    noisy_p99_us.push_back(noisy.percentile_us(0.99));
  }
  report.note(
      fmt::format("{} pairs of turns; each pair's p99 ratio: {}; {} times a bad peer connected again",
                  pairs, range_of(ratios_p99), reconnects));
  report.add({"good clients' p99 with 1,000 bad peers / without",
              median(ratios_p99),
              "x",
              fmt::format("medians {:.0f} us of {:.0f} us", median(noisy_p99_us), median(quiet_p99_us)),
              1.2,
              {}});
  report.add({"the same, p50", median(ratios_p50), "x", range_of(ratios_p50), {}, {}});
}

// --- Many connections ----------------------------------------------------------------------------

kafka::FetchRequest waiting_fetch(std::int32_t partition) {
  kafka::FetchRequest request;
  request.max_wait_ms = 600'000;
  request.min_bytes = 1;
  request.max_bytes = static_cast<std::int32_t>(50 * kMiB);
  kafka::FetchRequest::Partition wanted;
  wanted.partition = partition;
  wanted.fetch_offset = Offset{0};
  wanted.partition_max_bytes = static_cast<std::int32_t>(kMiB);
  kafka::FetchRequest::Topic topic;
  topic.topic = kTopic;
  topic.partitions.push_back(wanted);
  request.topics.push_back(std::move(topic));
  return request;
}

// What the settings below let each shard have, of whatever clients do.
constexpr std::uint64_t kShards = 2;
constexpr std::uint64_t kPerShardBytes = 32 * kMiB     // requests
                                         + 32 * kMiB   // answers
                                         + 16 * kMiB   // the tail
                                         + 16 * kMiB   // reading ahead
                                         + 16 * kMiB;  // the cache
constexpr std::uint64_t kPerConnectionBytes = 64 * kKiB;

// So that answers which are not taken lie in the server and not in the kernel.
constexpr int kSmallReceiveBuffer = 4096;

void measure_many_connections(Report& report, const Options& options, const std::string& directory) {
  const ServerProcess server(
      directory, {"--log-level", "error", "--shards", fmt::format("{}", kShards), "--set",
                  "server.inflight_bytes_per_shard=32MiB", "--set",
                  "server.unsent_bytes_per_shard=32MiB", "--set", "storage.tail_bytes=16MiB", "--set",
                  "storage.read_memory_bytes=16MiB", "--set", "storage.block_cache_bytes=16MiB"});
  const std::uint16_t port = port_of(server);
  const std::uint64_t empty_bytes = server.resident_bytes();
  Client admin(port);
  const std::int32_t partitions = options.quick ? 100 : 1000;
  create_topic(admin, partitions);
  const std::uint64_t before_bytes = server.resident_bytes();
  const int connections = options.quick ? 1000 : 5000;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<Client>(port, kSmallReceiveBuffer));
    clients.back()->send(waiting_fetch(i % partitions), 11);
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const std::uint64_t waiting_bytes = server.resident_bytes();
  const auto per_connection =
      static_cast<double>(waiting_bytes - std::min(waiting_bytes, before_bytes)) / connections / kKiB;
  report.add({fmt::format("memory of {} consumers that wait, each", connections),
              per_connection,
              "KiB",
              fmt::format("{} partitions", partitions),
              {},
              {}});

  // Each is answered with most of a megabyte, and none takes it.
  const auto batch = make_batch(900 * kKiB);
  for (std::int32_t i = 0; i < partitions; ++i) produce(admin, i, batch);
  std::this_thread::sleep_for(std::chrono::seconds(5));
  const std::uint64_t budget_bytes = empty_bytes + kShards * kPerShardBytes +
                                     static_cast<std::uint64_t>(connections) * kPerConnectionBytes;
  report.add({"peak memory when none of them takes an answer of 900 KiB / budget",
              static_cast<double>(server.peak_resident_bytes()) / static_cast<double>(budget_bytes),
              "x",
              fmt::format("{} MiB of {} MiB, {} MiB of it the server without anybody",
                          server.peak_resident_bytes() / kMiB, budget_bytes / kMiB, empty_bytes / kMiB),
              1.0,
              {}});
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(const Options& options) {
  raise_descriptor_limit();
  const std::string directory = std::filesystem::absolute(options.directory).string() +
                                fmt::format("/peers_bench.{}", ::getpid());
  Report report("peers", options);
  if (options.wants("bad")) measure_bad_peers(report, options, directory);
  if (options.wants("many")) measure_many_connections(report, options, directory);
  return report.finish();
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::parse_options(
      argc, argv, "What bad and many connections do to a server of its own.",
      {{"bad", "the latency of good clients, with 1,000 bad peers and without, in turns"},
       {"many", "the memory of the server with 5,000 consumers on 1,000 partitions"}}));
}
