// commit_bench: what a durable commit through the log costs, beside the raw device and the naive way.
//
// All variants take turns in one run, a few commits each, so that what else the machine does hits them
// alike. One commit is 4 KiB on the device in each of them.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "bench/latency.h"
#include "bench/report.h"
#include "bench/shard_disk.h"
#include "log/partition.h"
#include "log/testing/batches.h"

namespace penstock::bench {
namespace {

constexpr std::uint64_t kCommitBytes = 4096;
constexpr std::uint64_t kRawFileBytes = 64 * kMiB;
constexpr int kCommitsPerTurn = 16;
// What an append to a growing file costs differs by a third from file to file, for as long as the file
// lives; so the naive way gets many files.
constexpr int kTurnsPerNaiveFile = 50;

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "commit_bench: {}\n", message);
  std::exit(1);
}

// One write after the other with plain system calls.
class RawWriter {
 public:
  // `prewritten`: the file's blocks have been written before and are written again, with RWF_DSYNC.
  // Else the naive way: the file grows with each write, and O_DSYNC makes each durable.
  RawWriter(const std::string& path, bool prewritten) : prewritten_(prewritten), block_(kMiB) {
    std::memset(block_.data(), 0x5A, block_.capacity());
    const int flags = O_CREAT | O_RDWR | O_DIRECT | O_CLOEXEC | (prewritten ? 0 : O_DSYNC);
    file_ = ::open(path.c_str(), flags, 0600);
    if (file_ < 0) die(fmt::format("cannot open {} with O_DIRECT: {}", path, std::strerror(errno)));
    if (!prewritten) return;
    for (std::uint64_t at = 0; at < kRawFileBytes; at += block_.capacity()) {
      if (::pwrite(file_, block_.data(), block_.capacity(), static_cast<off_t>(at)) < 0)
        die("cannot prewrite");
    }
    if (::fsync(file_) != 0) die("cannot sync");
  }
  RawWriter(const RawWriter&) = delete;
  RawWriter& operator=(const RawWriter&) = delete;
  ~RawWriter() { ::close(file_); }

  void commit() {
    const iovec piece{block_.data(), kCommitBytes};
    const ssize_t written = prewritten_
                                ? ::pwritev2(file_, &piece, 1, static_cast<off_t>(position_), RWF_DSYNC)
                                : ::pwritev(file_, &piece, 1, static_cast<off_t>(position_));
    if (written != static_cast<ssize_t>(kCommitBytes)) die("a raw write failed");
    position_ += kCommitBytes;
    if (prewritten_ && position_ == kRawFileBytes) position_ = 0;
  }

 private:
  bool prewritten_;
  AlignedBuffer block_;
  int file_ = -1;
  std::uint64_t position_ = 0;
};

// A partition on the disk that the server would use here.
class LogWriter {
 public:
  explicit LogWriter(const std::string& directory) : directory_(directory), shard_(directory) {
    std::filesystem::create_directories(directory_ + "/pool");
    std::filesystem::create_directories(directory_ + "/partition");
    pool_ = std::make_unique<log::SegmentPool>(shard_.scheduler(), shard_.disk(), directory_ + "/pool",
                                               log::SegmentPoolOptions{});
    shard_.scheduler().run(open());
  }
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter() { shard_.scheduler().run(close()); }

  const std::string& description() const { return shard_.description(); }

  void commit(ByteView batch, int count, Latencies& latencies) {
    shard_.scheduler().run(commit_some(batch, count, latencies));
  }

 private:
  Task<void> open() {
    auto started = co_await pool_->start();
    if (!started) die(started.error().message());
    log::LogContext context{shard_.scheduler(), shard_.disk(), *pool_, random_};
    log::PartitionId id;
    id.topic_name = "bench";
    auto partition = co_await log::Partition::open(context, directory_ + "/partition", id, {});
    if (!partition) die(partition.error().message());
    partition_ = std::move(*partition);
  }

  Task<void> commit_some(ByteView batch, int count, Latencies& latencies) {
    for (int i = 0; i < count; ++i) {
      const Stopwatch stopwatch;
      auto ticket = co_await partition_->append(batch, 0);
      if (!ticket) die(ticket.error().message());
      auto durable = co_await partition_->wait_acknowledged(std::move(*ticket));
      if (!durable) die(durable.error().message());
      latencies.add(stopwatch.elapsed());
    }
  }

  Task<void> close() {
    auto closed = co_await partition_->close();
    if (!closed) die(closed.error().message());
    co_await pool_->close();
  }

  std::string directory_;
  ShardDisk shard_;
  Random random_{std::random_device{}()};
  std::unique_ptr<log::SegmentPool> pool_;
  std::unique_ptr<log::Partition> partition_;
};

void time_commits(RawWriter& writer, Latencies& latencies) {
  for (int i = 0; i < kCommitsPerTurn; ++i) {
    const Stopwatch stopwatch;
    writer.commit();
    latencies.add(stopwatch.elapsed());
  }
}

int run(const Options& options) {
  const std::string directory = options.directory + fmt::format("/commit_bench.{}", ::getpid());
  std::filesystem::create_directories(directory);
  Report report("commit", options);
  Latencies raw;
  Latencies naive;
  Latencies log_4k;
  Latencies log_payload;
  {
    RawWriter raw_writer(directory + "/raw", /*prewritten=*/true);
    auto naive_writer = std::make_unique<RawWriter>(directory + "/naive", /*prewritten=*/false);
    LogWriter log_writer(directory + "/log");
    log::testing::BatchShape shape;
    shape.payload_bytes = kCommitBytes - log::kEntryHeaderBytes - log::kBatchHeaderBytes;
    const auto one_block = log::testing::make_batch(1, shape);
    shape.payload_bytes = kCommitBytes;
    const auto two_blocks = log::testing::make_batch(2, shape);

    const int turns = options.quick ? 100 : 1500;
    Latencies warm_up;
    time_commits(raw_writer, warm_up);
    time_commits(*naive_writer, warm_up);
    log_writer.commit(one_block, kCommitsPerTurn, warm_up);
    for (int turn = 0; turn < turns; ++turn) {
      time_commits(raw_writer, raw);
      log_writer.commit(one_block, kCommitsPerTurn, log_4k);
      if (turn % kTurnsPerNaiveFile == 0) {
        naive_writer = std::make_unique<RawWriter>(fmt::format("{}/naive.{}", directory, turn),
                                                   /*prewritten=*/false);
      }
      time_commits(*naive_writer, naive);
      log_writer.commit(two_blocks, kCommitsPerTurn, log_payload);
    }
    report.note(log_writer.description());
  }
  std::filesystem::remove_all(directory);

  const auto basis = [](const Latencies& ours, const Latencies& theirs, double share) {
    return fmt::format("{:.1f} us of {:.1f} us", ours.percentile_us(share),
                       theirs.percentile_us(share));
  };
  const auto ratio = [](const Latencies& ours, const Latencies& theirs, double share) {
    return ours.percentile_us(share) / theirs.percentile_us(share);
  };
  report.note("raw (RWF_DSYNC over written blocks):    " + raw.summary());
  report.note("naive (O_DSYNC on a growing file):      " + naive.summary());
  report.note("log, commit of 4 KiB on the device:     " + log_4k.summary());
  report.note("log, record value of 4 KiB (8 KiB there): " + log_payload.summary());
  report.add(
      {"log commit p50 / raw p50", ratio(log_4k, raw, 0.5), "x", basis(log_4k, raw, 0.5), 1.15, {}});
  report.add({"log commit p50 / naive p50",
              ratio(log_4k, naive, 0.5),
              "x",
              basis(log_4k, naive, 0.5),
              0.6,
              {}});
  for (const double share : {0.99, 0.999}) {
    report.add({fmt::format("log commit p{:g} / raw", share * 100),
                ratio(log_4k, raw, share),
                "x",
                basis(log_4k, raw, share),
                {},
                {}});
  }
  report.add({"4 KiB value p50 / raw p50",
              ratio(log_payload, raw, 0.5),
              "x",
              basis(log_payload, raw, 0.5),
              {},
              {}});
  return report.finish();
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::parse_options(
      argc, argv, "Durable commits through the log, beside the raw device and the naive way."));
}
