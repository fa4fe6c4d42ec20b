// partitions: small durable appends over many partitions, beside a raw ring and the naive way.
// ingest: one partition as fast as it goes, beside raw writes.

#include <algorithm>
#include <bit>

#include "bench/log_bench/group.h"
#include "bench/log_bench/log_shard.h"
#include "bench/log_bench/raw_load.h"

namespace penstock::bench {

namespace {

constexpr std::size_t kMessageBytes = 100;
constexpr std::uint64_t kIngestBytes = kMiB;

// The larger the segments, the fewer rolls, each of which costs a few journal commits. The server's, of
// 128 MiB, would take minutes to fill.
std::uint64_t recycled_segment_bytes(std::size_t partition_count) {
  return std::max(4 * kMiB, kGiB / std::bit_ceil(partition_count));
}

void run_partitions(const Run& run, std::size_t count, Space space) {
  const auto batch = batch_of_value(kMessageBytes);
  const std::string directory = fmt::format("{}/{}-{}", run.directory, count, to_string(space));
  LogShard shard(directory + "/log", log_options(count, space, recycled_segment_bytes(count)));
  RawRingLoad::Shape shape;
  shape.file_count = count;
  shape.file_bytes = kMiB;
  RawRingLoad raw(directory + "/raw", shape);
  RawAppends naive(directory + "/naive", count);
  if (space == Space::kRecycled) {
    shard.produce_until_recycling(1, batch);
  } else {
    // Every partition has its first segment.
    (void)shard.produce(1, batch, run.turn() / 4);
  }
  Rounds against_raw;
  Rounds against_naive;
  for (int round = 0; round < run.rounds(); ++round) {
    const double raw_rate = raw.run(run.turn(), RWF_DSYNC);
    const double rate = shard.produce(1, batch, run.turn());
    const double naive_rate = naive.run(run.turn());
    against_raw.add(rate, raw_rate);
    against_naive.add(rate, naive_rate);
  }
  const std::string name = fmt::format("partitions: {}, {}", count, to_string(space));
  Row row = against_raw.row(fmt::format("{} / raw ring, depth {}", name, count), "/s");
  row.at_least = 0.9;
  run.report.add(row);
  row = against_naive.row(fmt::format("{} / naive, {} threads", name, count), "/s");
  row.at_least = 4;
  run.report.add(row);
}

void run_ingest(const Run& run, Space space) {
  const auto batch = batch_for_entry(kIngestBytes);
  const std::string directory = fmt::format("{}/{}", run.directory, to_string(space));
  const LogShardOptions options = log_options(1, space, log::PartitionOptions{}.segment_bytes);
  LogShard shard(directory + "/log", options);
  RawRingLoad::Shape shape;
  shape.depth = options.partition.commit_depth;
  shape.write_bytes = kIngestBytes;
  shape.file_bytes = space == Space::kNew ? 128 * kMiB : kGiB;
  shape.grows = space == Space::kNew;
  RawRingLoad raw(directory + "/raw", shape);
  // Enough of them that a commit is always ready.
  constexpr std::size_t kProducers = 8;
  if (space == Space::kRecycled) {
    shard.produce_until_recycling(kProducers, batch);
  } else {
    (void)shard.produce(kProducers, batch, run.turn() / 2);
  }
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
  const std::string name =
      fmt::format("ingest: 1 MiB, {} / raw writes, depth {}", to_string(space), shape.depth);
  Row row = plain.row(name, "MB/s");
  row.at_least = 0.9;
  run.report.add(row);
  run.report.add(durable.row(name + ", RWF_DSYNC", "MB/s"));
}

}  // namespace

// One append in flight for each partition, and one write for each file of the raw sides.
void run_partitions(const Run& run) {
  for (const std::size_t count : {std::size_t{64}, std::size_t{1000}}) {
    for (const Space space : {Space::kRecycled, Space::kNew}) run_partitions(run, count, space);
  }
}

void run_ingest(const Run& run) {
  for (const Space space : {Space::kRecycled, Space::kNew}) run_ingest(run, space);
}

}  // namespace penstock::bench
