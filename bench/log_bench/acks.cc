// acks: what one durable append takes, alone, beside the raw overwrite and the naive way.
// fan-in: many producers on one partition, beside the raw device one write at a time.

#include "bench/log_bench/group.h"
#include "bench/log_bench/log_shard.h"
#include "bench/log_bench/raw_load.h"

namespace penstock::bench {

namespace {

constexpr int kCommitsPerTurn = 16;
// What an append to a growing file costs differs by a third from file to file, for as long as the file
// lives; so the naive way gets many files.
constexpr int kTurnsPerNaiveFile = 50;
constexpr std::size_t kFanInProducers = 64;
constexpr std::size_t kMessageBytes = 100;

template <typename Commit>
void time_commits(Commit commit, Latencies& latencies) {
  for (int i = 0; i < kCommitsPerTurn; ++i) {
    const Stopwatch stopwatch;
    commit();
    latencies.add(stopwatch.elapsed());
  }
}

// Within one run of the scheduler: to enter and leave it is no part of an append.
Task<void> time_appends(log::Partition& partition, ByteView batch, Latencies& latencies) {
  for (int i = 0; i < kCommitsPerTurn; ++i) {
    const Stopwatch stopwatch;
    co_await append_and_wait(partition, batch);
    latencies.add(stopwatch.elapsed());
  }
}

class NaiveCommits {
 public:
  explicit NaiveCommits(const std::string& path)
      : file_(path, O_CREAT | O_RDWR | O_DIRECT | O_DSYNC), block_(kBlockBytes) {
    std::memset(block_.data(), 0x5A, block_.capacity());
  }
  void commit() {
    file_.write(block_.view(), position_, 0);
    position_ += kBlockBytes;
  }

 private:
  RawFile file_;
  AlignedBuffer block_;
  std::uint64_t position_ = 0;
};

}  // namespace

void run_acks(const Run& run) {
  RawCommits raw_file(run.directory + "/raw");
  LogShard shard(run.directory + "/log");
  run.report.note(shard.description());
  const auto one_block = batch_for_entry(kBlockBytes);
  const auto two_blocks = batch_of_value(kBlockBytes);
  const int turns = run.options.quick ? 100 : 400;

  Rounds p50;
  Rounds p99;
  Rounds p999;
  Rounds naive_p50;
  Rounds two_blocks_p50;
  const auto log_turn = [&](ByteView batch, Latencies& latencies) {
    shard.scheduler().run(time_appends(shard.partition(0), batch, latencies));
  };
  {
    Latencies warm_up;
    time_commits([&] { raw_file.commit(); }, warm_up);
    log_turn(one_block, warm_up);
  }
  for (int round = 0; round < run.rounds(); ++round) {
    Latencies raw;
    Latencies naive;
    Latencies ours;
    Latencies ours_two_blocks;
    std::unique_ptr<NaiveCommits> naive_file;
    for (int turn = 0; turn < turns; ++turn) {
      time_commits([&] { raw_file.commit(); }, raw);
      log_turn(one_block, ours);
      if (turn % kTurnsPerNaiveFile == 0) {
        naive_file =
            std::make_unique<NaiveCommits>(fmt::format("{}/naive.{}.{}", run.directory, round, turn));
      }
      time_commits([&] { naive_file->commit(); }, naive);
      log_turn(two_blocks, ours_two_blocks);
    }
    p50.add(ours.percentile_us(0.5), raw.percentile_us(0.5));
    p99.add(ours.percentile_us(0.99), raw.percentile_us(0.99));
    p999.add(ours.percentile_us(0.999), raw.percentile_us(0.999));
    naive_p50.add(ours.percentile_us(0.5), naive.percentile_us(0.5));
    two_blocks_p50.add(ours_two_blocks.percentile_us(0.5), raw.percentile_us(0.5));
    run.report.note(fmt::format("acks, round {}: raw {}", round + 1, raw.summary()));
    run.report.note(fmt::format("acks, round {}: naive {}", round + 1, naive.summary()));
    run.report.note(fmt::format("acks, round {}: log {}", round + 1, ours.summary()));
  }
  Row row = p50.row("acks: p50 / raw", "us");
  row.at_most = 1.15;
  run.report.add(row);
  row = p99.row("acks: p99 / raw", "us");
  row.at_most = 1.5;
  run.report.add(row);
  run.report.add(p999.row("acks: p99.9 / raw", "us"));
  run.report.add(naive_p50.row("acks: p50 / naive p50", "us"));
  run.report.add(two_blocks_p50.row("acks: value of 4 KiB (8 KiB there), p50 / raw", "us"));
}

void run_fan_in(const Run& run) {
  RawCommits raw(run.directory + "/raw");
  LogShard shard(run.directory + "/log");
  const auto batch = batch_of_value(kMessageBytes);
  (void)shard.produce(kFanInProducers, batch, run.turn() / 4);
  Rounds appends;
  for (int round = 0; round < run.rounds(); ++round) {
    const Stopwatch stopwatch;
    std::uint64_t commits = 0;
    for (; stopwatch.elapsed() < run.turn(); ++commits) raw.commit();
    const double raw_rate =
        static_cast<double>(commits) / std::chrono::duration<double>(stopwatch.elapsed()).count();
    appends.add(shard.produce(kFanInProducers, batch, run.turn()), raw_rate);
  }
  Row row = appends.row("fan-in: 64 producers, 100 bytes / raw, one at a time", "/s");
  row.at_least = 20;
  run.report.add(row);
}

}  // namespace penstock::bench
