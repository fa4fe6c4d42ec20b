// tail: a consumer at the end while the log is written at full rate, past the page cache and through
// it. backfill: producers and a consumer at the end while others scan old data. stalls: what holds the
// event loop up.

#include "bench/log_bench/group.h"
#include "bench/log_bench/log_shard.h"
#include "bench/log_bench/tail_load.h"

namespace penstock::bench {

namespace {

constexpr std::size_t kBackfillReaders = 4;

}  // namespace

void run_tail(const Run& run) {
  const auto batch = batch_for_entry(64 * kKiB);
  const TailLoad::Shape shape{.producers = 8, .pause = {}, .batch = batch};
  LogShardOptions options;
  options.mode = RequestedIoMode::kDirect;
  LogShard direct(run.directory + "/direct", options);
  options.mode = RequestedIoMode::kBuffered;
  LogShard buffered(run.directory + "/buffered", options);
  TailLoad direct_load(direct, shape);
  TailLoad buffered_load(buffered, shape);
  (void)direct_load.run(run.turn() / 4);
  (void)buffered_load.run(run.turn() / 4);
  Rounds p99;
  Rounds p999;
  Rounds speed;
  for (int round = 0; round < run.rounds(); ++round) {
    const auto ours = direct_load.run(run.turn());
    const auto theirs = buffered_load.run(run.turn());
    p99.add(ours.deliveries.percentile_us(0.99), theirs.deliveries.percentile_us(0.99));
    p999.add(ours.deliveries.percentile_us(0.999), theirs.deliveries.percentile_us(0.999));
    const auto rate = [&](const TailLoad::Figures& figures) {
      return mb_per_second(figures.acks.count() * batch.size(), run.turn());
    };
    speed.add(rate(ours), rate(theirs));
  }
  Row row = p99.row("tail: append to consumer p99, direct / buffered", "us");
  row.at_most = 1.0;
  run.report.add(row);
  run.report.add(p999.row("tail: append to consumer p99.9, direct / buffered", "us"));
  run.report.add(speed.row("tail: throughput meanwhile, direct / buffered", "MB/s"));
}

void run_backfill(const Run& run) {
  const auto batch = batch_of_value(kKiB);
  LogShardOptions options;
  options.partition_count = 2;
  LogShard shard(run.directory + "/log", options);
  shard.fill(1, run.options.quick ? 512 * kMiB : 2 * kGiB, batch_for_entry(16 * kKiB));
  const TailLoad::Shape shape{.producers = 4, .pause = std::chrono::milliseconds(1), .batch = batch};
  TailLoad load(shard, shape);
  (void)load.run(run.turn() / 4);
  Rounds acks;
  Rounds deliveries;
  std::uint64_t backfill_bytes = 0;
  for (int round = 0; round < run.rounds(); ++round) {
    const auto alone = load.run(run.turn());
    const auto beside = load.run(run.turn(), kBackfillReaders);
    acks.add(beside.acks.percentile_us(0.99), alone.acks.percentile_us(0.99));
    deliveries.add(beside.deliveries.percentile_us(0.99), alone.deliveries.percentile_us(0.99));
    backfill_bytes += beside.backfill_bytes;
  }
  Row row = deliveries.row("backfill: append to consumer p99 / without", "us");
  row.at_most = 1.2;
  run.report.add(row);
  row = acks.row("backfill: acknowledgement p99 / without", "us");
  row.at_most = 1.2;
  run.report.add(row);
  run.report.note(fmt::format("backfill: the readers got {:.0f} MB/s",
                              mb_per_second(backfill_bytes, run.turn() * run.rounds())));
}

// Small appends over many partitions, large ones to one, and scans of old data, all at once.
void run_stalls(const Run& run) {
  const auto small = batch_of_value(100);
  LogShardOptions options;
  options.partition_count = 64;
  options.watches_stalls = true;
  LogShard shard(run.directory + "/log", options);
  shard.fill(1, run.options.quick ? 256 * kMiB : kGiB, batch_for_entry(16 * kKiB));
  const auto large = batch_for_entry(256 * kKiB);
  TailLoad load(shard, {.producers = 8, .pause = {}, .batch = large});
  (void)load.run(run.turn() / 4);
  Stalls all;
  for (int round = 0; round < run.rounds(); ++round) {
    shard.stall_meter()->reset();
    (void)shard.produce(1, small, run.turn());
    (void)load.run(run.turn(), kBackfillReaders);
    const Stalls& stalls = shard.stall_meter()->stalls();
    all.turns += stalls.turns;
    all.by_storage += stalls.by_storage;
    all.by_code += stalls.by_code;
    all.by_neighbour += stalls.by_neighbour;
    all.longest_submission = std::max(all.longest_submission, stalls.longest_submission);
    all.longest_turn = std::max(all.longest_turn, stalls.longest_turn);
  }
  const auto ms = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  run.report.add({"stalls: submissions over 1 ms, in all rounds",
                  static_cast<double>(all.by_storage),
                  "",
                  fmt::format("of {} turns; the longest {:.2f} ms; {}", all.turns,
                              ms(all.longest_submission), kIdleCoresOnly),
                  0.0,
                  {}});
  run.report.add({"stalls: other turns over 1 ms",
                  static_cast<double>(all.by_code),
                  "",
                  fmt::format("the longest {:.2f} ms; {} more while another thread had the core",
                              ms(all.longest_turn), all.by_neighbour),
                  {},
                  {}});
}

}  // namespace penstock::bench
