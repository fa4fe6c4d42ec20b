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

// One producer of one partition.
class LogCommits {
 public:
  LogCommits(const std::string& directory, Space space)
      : space_(space),
        shard_(std::make_unique<LogShard>(fmt::format("{}/{}", directory, to_string(space)),
                                          log_options(1, space, kSegmentBytes))) {
    if (space == Space::kRecycled) {
      shard_->produce_until_recycling(1, one_block_);
    } else {
      (void)shard_->produce(1, one_block_, std::chrono::milliseconds(10));
    }
  }

  const std::string& description() const { return shard_->description(); }
  double p50_us() { return latencies_.percentile_us(0.5); }

  void take_turn() {
    shard_->scheduler().run(time_appends(shard_->partition(0), one_block_, latencies_));
    shard_->scheduler().run(time_appends(shard_->partition(0), two_blocks_, two_blocks_latencies_));
    shard_->apply_retention();
  }

  // Returns what the round was like.
  std::string end_round(Latencies& raw) {
    for (Percentile& percentile : percentiles_) {
      percentile.rounds.add(latencies_.percentile_us(percentile.share),
                            raw.percentile_us(percentile.share));
    }
    two_blocks_p50_.add(two_blocks_latencies_.percentile_us(0.5), raw.percentile_us(0.5));
    std::string summary = fmt::format("{} log {}", to_string(space_), latencies_.summary());
    latencies_ = {};
    two_blocks_latencies_ = {};
    return summary;
  }

  void report(Report& report) const {
    const std::string name = fmt::format("acks, {}", to_string(space_));
    for (const Percentile& percentile : percentiles_) {
      Row row = percentile.rounds.row(fmt::format("{}: {} / raw", name, percentile.name), "us");
      row.at_most = percentile.at_most;
      report.add(row);
    }
    report.add(two_blocks_p50_.row(name + ": value of 4 KiB (8 KiB there), p50 / raw", "us"));
  }

 private:
  // So small that segments come and go in a short run.
  static constexpr std::uint64_t kSegmentBytes = 4 * kMiB;

  struct Percentile {
    std::string_view name;
    double share;
    std::optional<double> at_most;
    Rounds rounds = {};
  };

  Space space_;
  std::vector<std::byte> one_block_ = batch_for_entry(kBlockBytes);
  std::vector<std::byte> two_blocks_ = batch_of_value(kBlockBytes);
  std::unique_ptr<LogShard> shard_;
  Latencies latencies_;
  Latencies two_blocks_latencies_;
  Percentile percentiles_[3] = {{"p50", 0.5, 1.15}, {"p99", 0.99, 1.5}, {"p99.9", 0.999, std::nullopt}};
  Rounds two_blocks_p50_;
};

}  // namespace

void run_acks(const Run& run) {
  RawCommits raw_file(run.directory + "/raw");
  LogCommits logs[] = {LogCommits(run.directory, Space::kRecycled),
                       LogCommits(run.directory, Space::kNew)};
  run.report.note(logs[0].description());
  const int turns = run.options.quick ? 100 : 400;
  Rounds naive_p50;
  for (int round = 0; round < run.rounds(); ++round) {
    Latencies raw;
    Latencies naive;
    std::unique_ptr<NaiveCommits> naive_file;
    for (int turn = 0; turn < turns; ++turn) {
      for (LogCommits& log : logs) {
        time_commits([&] { raw_file.commit(); }, raw);
        log.take_turn();
      }
      if (turn % kTurnsPerNaiveFile == 0) {
        naive_file =
            std::make_unique<NaiveCommits>(fmt::format("{}/naive.{}.{}", run.directory, round, turn));
      }
      time_commits([&] { naive_file->commit(); }, naive);
    }
    run.report.note(fmt::format("acks, round {}: raw {}", round + 1, raw.summary()));
    run.report.note(fmt::format("acks, round {}: naive {}", round + 1, naive.summary()));
    naive_p50.add(logs[0].p50_us(), naive.percentile_us(0.5));
    for (LogCommits& log : logs)
      run.report.note(fmt::format("acks, round {}: {}", round + 1, log.end_round(raw)));
  }
  for (const LogCommits& log : logs) log.report(run.report);
  run.report.add(naive_p50.row("acks, recycled: p50 / naive p50", "us"));
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
