// depth: commits in flight and the two tail policies, beside each other: the reason for the defaults.

#include "bench/log_bench/group.h"
#include "bench/log_bench/log_shard.h"

namespace penstock::bench {

namespace {

struct Variant {
  log::TailPolicy tail;
  std::uint32_t depth;
};
// The first one is what the others are measured against.
constexpr Variant kVariants[] = {
    {log::TailPolicy::kPad, 1},     {log::TailPolicy::kPad, 2},     {log::TailPolicy::kPad, 4},
    {log::TailPolicy::kRewrite, 1}, {log::TailPolicy::kRewrite, 2}, {log::TailPolicy::kRewrite, 4},
};

std::string to_string(const Variant& variant) {
  return fmt::format("{} {}", variant.tail == log::TailPolicy::kPad ? "pad" : "rewrite", variant.depth);
}

// Several producers for each partition, or there would be nothing for a second commit to carry.
constexpr std::size_t kProducers = 4;
// So that six logs of a thousand partitions find room on the disk.
constexpr std::size_t kManyPartitions = 1000;
constexpr std::uint64_t kSmallSegmentBytes = kMiB;

std::unique_ptr<LogShard> make_shard(const Run& run, std::size_t count, const Variant& variant) {
  LogShardOptions options;
  options.partition_count = count;
  options.partition.commit_depth = variant.depth;
  options.partition.tail = variant.tail;
  if (count >= kManyPartitions) options.pool.smallest_bytes = kSmallSegmentBytes;
  return std::make_unique<LogShard>(fmt::format("{}/{}.{}", run.directory, count, to_string(variant)),
                                    options);
}

void compare(const Run& run, std::span<const std::unique_ptr<LogShard>> shards, std::string_view name,
             ByteView batch) {
  const std::size_t count = shards.front()->partition_count();
  Rounds against_first[std::size(kVariants)];
  for (int round = 0; round < run.rounds(); ++round) {
    double first = 0;
    for (std::size_t i = 0; i < std::size(kVariants); ++i) {
      const double rate = shards[i]->produce(kProducers, batch, run.turn() / 2);
      if (i == 0) first = rate;
      against_first[i].add(rate, first);
    }
  }
  for (std::size_t i = 1; i < std::size(kVariants); ++i) {
    run.report.add(
        against_first[i].row(fmt::format("depth: {} / {}, {} partitions, {}", to_string(kVariants[i]),
                                         to_string(kVariants[0]), count, name),
                             "/s"));
  }
}

}  // namespace

void run_depth(const Run& run) {
  const auto small = batch_of_value(100);
  const auto large = batch_for_entry(256 * kKiB);
  for (const std::size_t count : {std::size_t{1}, std::size_t{10}, std::size_t{100}, kManyPartitions}) {
    std::vector<std::unique_ptr<LogShard>> shards;
    for (const Variant& variant : kVariants) {
      shards.push_back(make_shard(run, count, variant));
      shards.back()->append_to_each(small);
    }
    compare(run, shards, "100 B", small);
    compare(run, shards, "256 KiB", large);
  }
}

}  // namespace penstock::bench
