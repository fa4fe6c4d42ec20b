// stream_bench: a server of our own under many connections, many partitions, and messages of three
// sizes.
//
// The load generator is a process of one thread on the same cores, with frames of our own
// (stream_bench/): it takes much less of them than a Kafka client does (produce_bench has one). Each
// case is measured in rounds: as fast as it goes, then at half of that rate, for what an
// acknowledgement takes when no queue is the answer.

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/aligned_buffer.h"
#include "bench/latency.h"
#include "bench/raw_io.h"
#include "bench/report.h"
#include "bench/server_process.h"
#include "bench/stream_bench/load.h"
#include "bench/stream_bench/profile.h"

namespace penstock::bench {
namespace {

constexpr std::size_t kSizes[] = {100, 1024, 65536};
constexpr int kCounts[] = {1, 100, 1000};
constexpr const char* kCommits[] = {"sync", "batch"};

struct Run {
  const Options& options;
  std::string directory;
  const ServerProcess& server;
  Report& report;
  int topics_made = 0;

  int rounds() const { return options.quick ? 3 : 5; }
  std::chrono::milliseconds turn() const {
    return std::chrono::milliseconds(options.quick ? 500 : 3000);
  }
  std::string topic_name() { return fmt::format("stream-bench-{}", ++topics_made); }
};

std::string size_in_words(std::size_t bytes) {
  return bytes < kKiB ? fmt::format("{} B", bytes) : fmt::format("{} KiB", bytes / kKiB);
}

std::string in_words(const Shape& shape) {
  return fmt::format("{}, {}, {} connections, {} partitions", shape.commit,
                     size_in_words(shape.message_bytes), shape.connections, shape.partitions);
}

// One figure of the rounds.
class Figure {
 public:
  void add(double value) { values_.push_back(value); }
  double middle() const { return median(values_); }
  std::string range(int digits = 1) const {
    const auto [least, most] = std::ranges::minmax(values_);
    return fmt::format("{:.{}f} to {:.{}f}", least, digits, most, digits);
  }

 private:
  std::vector<double> values_;
};

struct Figures {
  Figure mb_per_second;
  Figure messages_per_second;
  Figure server_cpu;  // seconds per GB
  Figure client_cpu;

  void add(const Outcome& outcome) {
    mb_per_second.add(outcome.mb_per_second());
    messages_per_second.add(outcome.messages_per_second());
    server_cpu.add(outcome.server_cpu_seconds / outcome.gigabytes);
    client_cpu.add(outcome.client_cpu_seconds / outcome.gigabytes);
  }

  void add_rows(Report& report, const std::string& name) const {
    report.add(
        {name + ": throughput",
         mb_per_second.middle(),
         "MB/s",
         fmt::format("{}; {:.0f} messages/s", mb_per_second.range(), messages_per_second.middle()),
         {},
         {}});
    report.add({name + ": server CPU",
                server_cpu.middle(),
                "s/GB",
                fmt::format("{}; client {:.2f} s/GB", server_cpu.range(2), client_cpu.middle()),
                {},
                {}});
  }
};

struct Percentiles {
  Figure p50;
  Figure p99;
  Figure p999;

  void add(const Latencies& latencies) {
    p50.add(latencies.percentile_us(0.5) / 1000);
    p99.add(latencies.percentile_us(0.99) / 1000);
    p999.add(latencies.percentile_us(0.999) / 1000);
  }
  void add_row(Report& report, const std::string& name) const {
    report.add(
        {name + ", p99",
         p99.middle(),
         "ms",
         fmt::format("{}; p50 {:.2f} ms, p99.9 {:.2f} ms", p99.range(2), p50.middle(), p999.middle()),
         {},
         {}});
  }
};

// Full speed, then half of it, in each round. Returns the messages per second at full speed.
Figure produce_case(Run& run, const Shape& shape) {
  Figures full;
  Percentiles paced;
  const Topic topic(run.server, run.topic_name(), shape);
  produce(run.server, topic, shape, run.turn() / 4);  // makes segments, fills pools
  for (int round = 0; round < run.rounds(); ++round) {
    const Outcome fast = produce(run.server, topic, shape, run.turn());
    full.add(fast);
    paced.add(produce(run.server, topic, shape, run.turn(), fast.messages_per_second() / 2).latencies);
  }
  const std::string name = "produce " + in_words(shape);
  full.add_rows(run.report, name);
  paced.add_row(run.report, name + ": acknowledged at half of that rate");
  return full.messages_per_second;
}

// Reads yield to commits until a second after the last one (docs/design.md, section 7).
constexpr auto kUntilReadsAreFree = std::chrono::milliseconds(1500);

// Writes a topic, then reads it from its beginning in each round.
void consume_case(Run& run, const Shape& shape) {
  const Topic topic(run.server, run.topic_name(), shape);
  Shape writing = shape;
  writing.connections = std::min(shape.connections, 10);
  const std::uint64_t messages = produce(run.server, topic, writing, run.turn()).messages;
  std::this_thread::sleep_for(kUntilReadsAreFree);
  Figures full;
  Percentiles requests;
  for (int round = 0; round < run.rounds(); ++round) {
    const Outcome outcome = consume(run.server, topic, shape, messages, run.turn());
    full.add(outcome);
    requests.add(outcome.latencies);
  }
  const std::string name = "consume " + in_words(shape);
  full.add_rows(run.report, name);
  requests.add_row(run.report, name + ": a fetch");
}

// What the device does with the same bytes: overwrites of 1 MiB with RWF_DSYNC, two on their way.
double raw_mb_per_second(const Run& run) {
  constexpr std::size_t kWriteBytes = kMiB;
  constexpr std::uint64_t kFileBytes = 64 * kMiB;
  const std::string path = run.directory + "/raw";
  RawFile file(path, O_RDWR | O_CREAT | O_DIRECT);
  file.prewrite(kFileBytes);
  AlignedBuffer buffer(kWriteBytes);
  std::memset(buffer.data(), 0x5A, kWriteBytes);
  RawRing ring;
  std::uint64_t at = 0;
  const auto submit = [&] {
    ring.write(file.fd(), at, ByteView(buffer.data(), kWriteBytes), RWF_DSYNC, 0);
    at = (at + kWriteBytes) % kFileBytes;
  };
  std::uint64_t written = 0;
  const Stopwatch stopwatch;
  submit();
  while (stopwatch.elapsed() < run.turn()) {
    submit();
    ring.submit_and_wait(1);
    ring.reap(kWriteBytes);
    written += kWriteBytes;
  }
  ring.submit_and_wait(1);
  ring.reap(kWriteBytes);
  const double speed = mb_per_second(written + kWriteBytes, stopwatch.elapsed());
  std::filesystem::remove(path);
  return speed;
}

void run_sizes(Run& run) {
  for (const char* commit : kCommits) {
    for (const std::size_t size : kSizes) produce_case(run, {.commit = commit, .message_bytes = size});
  }
}

void run_connections(Run& run) {
  for (const char* commit : kCommits) {
    for (const int count : kCounts) produce_case(run, {.commit = commit, .connections = count});
  }
}

void run_partitions(Run& run) {
  for (const char* commit : kCommits) {
    for (const int count : kCounts) produce_case(run, {.commit = commit, .partitions = count});
  }
}

void run_small(Run& run) {
  constexpr double kReachMessagesPerSecond = 700'000;
  for (const char* commit : kCommits) {
    const Shape shape{.commit = commit, .connections = 4, .partitions = 4, .message_bytes = 100};
    const Figure speed = produce_case(run, shape);
    run.report.add({fmt::format("produce {}: messages", in_words(shape)),
                    speed.middle(),
                    "/s",
                    speed.range(0),
                    {},
                    kReachMessagesPerSecond});
  }
}

void run_consume(Run& run) {
  for (const std::size_t size : kSizes) consume_case(run, {.message_bytes = size});
  for (const int count : kCounts) consume_case(run, {.connections = count, .partitions = 1000});
  for (const int count : kCounts) {
    consume_case(run, {.connections = std::min(count, 10), .partitions = count});
  }
}

void run_device(Run& run) {
  for (const char* commit : kCommits) {
    const Shape shape{.commit = commit, .connections = 4, .partitions = 4, .message_bytes = 65536};
    const Topic topic(run.server, run.topic_name(), shape);
    produce(run.server, topic, shape, run.turn() / 4);
    Figure ours;
    Figure raw;
    Figure ratio;
    for (int round = 0; round < run.rounds(); ++round) {
      const double fast = produce(run.server, topic, shape, run.turn()).mb_per_second();
      const double device = raw_mb_per_second(run);
      ours.add(fast);
      raw.add(device);
      ratio.add(fast / device);
    }
    run.report.add(
        {fmt::format("produce {} / raw device", in_words(shape)),
         ratio.middle(),
         "x",
         fmt::format("{}; {:.0f} MB/s of {:.0f} MB/s", ratio.range(2), ours.middle(), raw.middle()),
         {},
         {}});
  }
}

void run_profile(Run& run) {
  constexpr double kReachPercent = 90;
  for (const char* commit : kCommits) {
    const Shape shape{.commit = commit, .connections = 4, .partitions = 4, .message_bytes = 65536};
    const Topic topic(run.server, run.topic_name(), shape);
    produce(run.server, topic, shape, run.turn() / 4);
    Profile profile(run.server.pid(), run.directory);
    const Outcome outcome = produce(run.server, topic, shape, 3 * run.turn());
    const auto shares = profile.finish();
    if (!shares) {
      run.report.note("no profile: perf (Debian: linux-perf) is not here, or may not sample");
      return;
    }
    run.report.add(
        {fmt::format("produce {}: kernel + checksum + copy", in_words(shape)),
         100 * (shares->kernel + shares->checksum + shares->copy),
         "%",
         fmt::format("kernel {:.1f} %, checksum {:.1f} %, copy {:.1f} % of {} samples at {:.0f} MB/s",
                     100 * shares->kernel, 100 * shares->checksum, 100 * shares->copy, shares->samples,
                     outcome.mb_per_second()),
         {},
         kReachPercent});
    run.report.note(fmt::format("the rest, {}: {}", shape.commit, shares->largest_of_rest));
  }
}

struct Group {
  GroupName name;
  void (*run)(Run& run);
};

const Group kGroups[] = {
    {{"sizes", "messages of 100 B, 1 KiB and 64 KiB"}, run_sizes},
    {{"connections", "1, 100 and 1,000 connections"}, run_connections},
    {{"partitions", "1, 100 and 1,000 partitions"}, run_partitions},
    {{"small", "100 B on few connections"}, run_small},
    {{"consume", "topics read from their beginning: sizes, connections, partitions"}, run_consume},
    {{"device", "64 KiB beside raw writes"}, run_device},
    {{"profile", "what the server does with its time at 64 KiB"}, run_profile},
};

int run(const Options& options) {
  const std::string directory = std::filesystem::absolute(options.directory).string() +
                                fmt::format("/stream_bench.{}", ::getpid());
  std::filesystem::create_directories(directory);
  Report report("stream", options);
  for (const Group& group : kGroups) {
    if (!options.wants(group.name.name)) continue;
    // Its own server for each group: what one left in its caches is no help to the next.
    const ServerProcess server(directory + "/data", {});
    Run group_run{options, directory, server, report};
    group.run(group_run);
  }
  std::filesystem::remove_all(directory);
  return report.finish();
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  std::vector<GroupName> names;
  for (const Group& group : kGroups) names.push_back(group.name);
  return run(parse_options(
      argc, argv,
      "A server of its own under connections, partitions and message sizes: throughput, latency, CPU.",
      names));
}
