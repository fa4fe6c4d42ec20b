// partitions: small durable appends over many partitions, beside a raw ring and the naive way.
// ingest: one partition as fast as it goes, beside raw writes.

#include "bench/log_bench/group.h"
#include "bench/log_bench/log_shard.h"
#include "bench/log_bench/raw_load.h"

namespace penstock::bench {

namespace {

constexpr std::size_t kMessageBytes = 100;
constexpr std::uint64_t kIngestBytes = kMiB;

}  // namespace

// One append in flight for each partition, and one write for each file of the raw sides.
void run_partitions(const Run& run) {
  const auto batch = batch_of_value(kMessageBytes);
  for (const std::size_t count : {std::size_t{64}, std::size_t{1000}}) {
    const std::string directory = fmt::format("{}/{}", run.directory, count);
    LogShardOptions options;
    options.partition_count = count;
    LogShard shard(directory + "/log", options);
    RawRingLoad::Shape shape;
    shape.file_count = count;
    shape.file_bytes = kMiB;
    RawRingLoad raw(directory + "/raw", shape);
    RawAppends naive(directory + "/naive", count);
    // Every partition has its first segment.
    (void)shard.produce(1, batch, run.turn() / 4);
    Rounds against_raw;
    Rounds against_naive;
    for (int round = 0; round < run.rounds(); ++round) {
      const double raw_rate = raw.run(run.turn(), RWF_DSYNC);
      const double rate = shard.produce(1, batch, run.turn());
      const double naive_rate = naive.run(run.turn());
      against_raw.add(rate, raw_rate);
      against_naive.add(rate, naive_rate);
    }
    Row row = against_raw.row(fmt::format("partitions: {} / raw ring, depth {}", count, count), "/s");
    row.at_least = 0.9;
    run.report.add(row);
    row = against_naive.row(fmt::format("partitions: {} / naive, {} threads", count, count), "/s");
    row.at_least = 4;
    run.report.add(row);
  }
}

void run_ingest(const Run& run) {
  const auto batch = batch_for_entry(kIngestBytes);
  LogShardOptions options;
  LogShard shard(run.directory + "/log", options);
  RawRingLoad::Shape shape;
  shape.depth = options.partition.commit_depth;
  shape.write_bytes = kIngestBytes;
  shape.file_bytes = kGiB;
  RawRingLoad raw(run.directory + "/raw", shape);
  // Enough of them that a commit is always ready.
  constexpr std::size_t kProducers = 8;
  (void)shard.produce(kProducers, batch, run.turn() / 2);
  Rounds plain;
  Rounds durable;
  for (int round = 0; round < run.rounds(); ++round) {
    constexpr double kMegabyte = 1e6;
    const double scale = static_cast<double>(kIngestBytes) / kMegabyte;
    const double raw_plain = raw.run(run.turn(), 0) * scale;
    const double ours = shard.produce(kProducers, batch, run.turn()) * scale;
    const double raw_durable = raw.run(run.turn(), RWF_DSYNC) * scale;
    plain.add(ours, raw_plain);
    durable.add(ours, raw_durable);
  }
  Row row = plain.row("ingest: 1 MiB commits / raw writes, depth 2", "MB/s");
  row.at_least = 0.9;
  run.report.add(row);
  run.report.add(durable.row("ingest: 1 MiB commits / raw RWF_DSYNC writes, depth 2", "MB/s"));
}

}  // namespace penstock::bench
