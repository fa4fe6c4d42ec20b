// depth: commits in flight and the two tail policies, beside each other: the reason for the defaults.

#include <span>

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
// So that logs of a thousand partitions find room on the disk.
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

void compare(const Run& run, LogShard& first, LogShard& other, std::string name, ByteView batch) {
  Rounds rounds;
  for (int round = 0; round < run.rounds(); ++round) {
    const double first_rate = first.produce(kProducers, batch, run.turn() / 2);
    rounds.add(other.produce(kProducers, batch, run.turn() / 2), first_rate);
  }
  run.report.add(rounds.row(std::move(name), "/s"));
}

}  // namespace

// Two logs at a time: more would have more files open than a process may.
void run_depth(const Run& run) {
  const auto small = batch_of_value(100);
  const auto large = batch_for_entry(256 * kKiB);
  const auto full_commit = batch_for_entry(kMiB);  // which no other batch can join
  for (const std::size_t count : {std::size_t{1}, std::size_t{10}, std::size_t{100}, kManyPartitions}) {
    for (const Variant& variant : std::span(kVariants).subspan(1)) {
      const auto first = make_shard(run, count, kVariants[0]);
      const auto other = make_shard(run, count, variant);
      first->append_to_each(small);
      other->append_to_each(small);
      const std::string name = fmt::format("depth: {} / {}, {} partitions", to_string(variant),
                                           to_string(kVariants[0]), count);
      compare(run, *first, *other, name + ", 100 B", small);
      compare(run, *first, *other, name + ", 256 KiB", large);
      if (count < kManyPartitions / 10) compare(run, *first, *other, name + ", 1 MiB", full_commit);
    }
  }
}

}  // namespace penstock::bench
