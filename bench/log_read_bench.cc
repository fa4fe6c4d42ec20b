// log_read_bench: how fast a consumer behind the tail gets through a log, beside the raw device.
//
// Fetches of 1 MiB go through Partition::read over a stored log, one after the other, as one consumer
// asks; with cursors that read ahead, and with each fetch reading for itself. The raw side reads a file
// of the same size, 1 MiB at a time, eight in flight. All take turns in one run. Then three consumers
// read the same 128 MiB one after the other, with a cache that holds them.

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <vector>

#include "bench/latency.h"
#include "bench/raw_io.h"
#include "bench/report.h"
#include "bench/shard_disk.h"
#include "log/partition.h"
#include "log/testing/batches.h"

namespace penstock::bench {
namespace {

constexpr std::uint64_t kReadBytes = kMiB;
constexpr std::size_t kRawDepth = 8;

class RawReader {
 public:
  RawReader(const std::string& path, std::uint64_t size_bytes)
      : file_(path, O_CREAT | O_RDWR | O_DIRECT), size_bytes_(size_bytes) {
    file_.prewrite(size_bytes);
    for (AlignedBuffer& buffer : buffers_) buffer = AlignedBuffer(kReadBytes);
  }

  double scan() {
    const Stopwatch stopwatch;
    std::uint64_t next = 0;
    const auto start = [&](std::size_t slot) {
      if (next == size_bytes_) return;
      ring_.read(file_.fd(), next, buffers_[slot].span().first(kReadBytes), slot);
      next += kReadBytes;
    };
    for (std::size_t slot = 0; slot < kRawDepth; ++slot) start(slot);
    for (std::uint64_t done = 0; done < size_bytes_; done += kReadBytes) {
      ring_.submit_and_wait(1);
      start(ring_.reap(kReadBytes));
    }
    return mb_per_second(size_bytes_, stopwatch.elapsed());
  }

 private:
  RawFile file_;
  RawRing ring_;
  std::uint64_t size_bytes_;
  std::array<AlignedBuffer, kRawDepth> buffers_;
};

// A partition that is filled once and opened for each scan.
class StoredLog {
 public:
  explicit StoredLog(std::string directory) : directory_(std::move(directory)), shard_(directory_) {
    std::filesystem::create_directories(directory_ + "/pool");
    std::filesystem::create_directories(directory_ + "/partition");
    pool_ = std::make_unique<log::SegmentPool>(shard_.scheduler(), shard_.disk(), directory_ + "/pool",
                                               log::SegmentPoolOptions{});
    auto started = shard_.scheduler().run(pool_->start());
    if (!started) ShardDisk::end(started.error());
  }
  StoredLog(const StoredLog&) = delete;
  StoredLog& operator=(const StoredLog&) = delete;
  ~StoredLog() { shard_.scheduler().run(pool_->close()); }

  const std::string& description() const { return shard_.description(); }

  // Each batch as often as it takes, in commits of the partition's own size.
  void fill(std::uint64_t size_bytes, ByteView batch) {
    shard_.scheduler().run(append_all(size_bytes, batch));
  }

  double scan(bool with_cursors) {
    log::CatchUpOptions options;
    if (!with_cursors) options.memory_bytes = 0;
    log::CatchUp catch_up(shard_.scheduler(), pool_->commit_gaps(), options);
    double speed = 0;
    shard_.scheduler().run(read_passes(catch_up, Offset{UINT32_MAX}, {&speed, 1}));
    return speed;
  }

  // One consumer after the other over the log's beginning, with a cache that holds all of it. The first
  // leaves notes, the second fills the cache, the third is served from there.
  struct CachedScan {
    std::array<double, 3> speeds{};
    log::SegmentCacheStats stats;
  };
  CachedScan scan_cached(std::uint64_t read_bytes, std::uint64_t batch_bytes) {
    log::CatchUpOptions options;
    options.cache_bytes = 2 * read_bytes;
    log::CatchUp catch_up(shard_.scheduler(), pool_->commit_gaps(), options);
    if (auto made = catch_up.start(); !made) ShardDisk::end(made.error());
    CachedScan scan;
    const Offset end{static_cast<std::int64_t>(read_bytes / batch_bytes)};
    shard_.scheduler().run(read_passes(catch_up, end, scan.speeds));
    scan.stats = catch_up.cache()->stats();
    return scan;
  }

 private:
  Task<std::unique_ptr<log::Partition>> open(log::CatchUp* catch_up) {
    log::LogContext context{shard_.scheduler(), shard_.disk(), *pool_, random_};
    context.catch_up = catch_up;
    log::PartitionId id;
    id.topic_name = "bench";
    auto partition = co_await log::Partition::open(context, directory_ + "/partition", id, {});
    if (!partition) ShardDisk::end(partition.error());
    co_return std::move(*partition);
  }

  static Task<void> close(log::Partition& partition) {
    auto closed = co_await partition.close();
    if (!closed) ShardDisk::end(closed.error());
  }

  Task<void> append_all(std::uint64_t size_bytes, ByteView batch) {
    constexpr std::uint64_t kUnwaited = 64;
    const std::unique_ptr<log::Partition> partition = co_await open(nullptr);
    const std::uint64_t count = size_bytes / batch.size();
    for (std::uint64_t i = 0; i < count; ++i) {
      auto ticket = co_await partition->append(batch, 0);
      if (!ticket) ShardDisk::end(ticket.error());
      if (i % kUnwaited != 0) continue;
      auto durable = co_await partition->wait_acknowledged(std::move(*ticket));
      if (!durable) ShardDisk::end(durable.error());
    }
    co_await close(*partition);
  }

  Task<void> read_passes(log::CatchUp& catch_up, Offset end, std::span<double> speeds) {
    const std::unique_ptr<log::Partition> partition = co_await open(&catch_up);
    for (double& speed : speeds) co_await read_all(*partition, end, speed);
    co_await close(*partition);
  }

  static Task<void> read_all(log::Partition& partition, Offset end, double& speed) {
    const Stopwatch stopwatch;
    std::uint64_t read_bytes = 0;
    Offset next;
    while (next < std::min(end, partition.marks().high_watermark)) {
      const log::ReadLimits limits{.max_bytes = kReadBytes};
      auto found = co_await partition.read(next, limits);
      if (!found) ShardDisk::end(found.error());
      read_bytes += found->size_bytes;
      next = log::BatchHeader::parse(found->batches.back().view())->next_offset();
    }
    speed = mb_per_second(read_bytes, stopwatch.elapsed());
  }

  std::string directory_;
  ShardDisk shard_;
  Random random_{std::random_device{}()};
  std::unique_ptr<log::SegmentPool> pool_;
};

int run(const Options& options) {
  const std::string directory = options.directory + fmt::format("/log_read_bench.{}", ::getpid());
  std::filesystem::create_directories(directory + "/log");
  Report report("log_read", options);
  const std::uint64_t size_bytes = options.quick ? 256 * kMiB : kGiB;
  const int turns = options.quick ? 3 : 7;
  struct Shape {
    std::string_view name;
    std::size_t batch_bytes;
  };
  {
    RawReader raw(directory + "/raw", size_bytes);
    for (const Shape& shape : {Shape{"16 KiB", 16 * kKiB}, Shape{"900 KiB", 900 * kKiB}}) {
      StoredLog log(fmt::format("{}/log/{}", directory, shape.batch_bytes));
      log::testing::BatchShape batch;
      batch.payload_bytes = shape.batch_bytes - log::kBatchHeaderBytes - log::kEntryHeaderBytes;
      log.fill(size_bytes, log::testing::make_batch(1, batch));
      std::vector<double> raw_speeds;
      std::vector<double> with_speeds;
      std::vector<double> without_speeds;
      for (int turn = 0; turn < turns; ++turn) {
        raw_speeds.push_back(raw.scan());
        with_speeds.push_back(log.scan(/*with_cursors=*/true));
        without_speeds.push_back(log.scan(/*with_cursors=*/false));
      }
      const auto add = [&](std::string_view how, const std::vector<double>& speeds) {
        const double ours = median(speeds);
        const double theirs = median(raw_speeds);
        report.add({fmt::format("{} batches, {} / raw", shape.name, how),
                    ours / theirs,
                    "x",
                    fmt::format("{:.0f} MB/s of {:.0f} MB/s", ours, theirs),
                    {},
                    {}});
      };
      add("read ahead", with_speeds);
      add("each fetch for itself", without_speeds);
      constexpr std::uint64_t kCachedBytes = 128 * kMiB;
      std::array<std::vector<double>, 3> passes;
      log::SegmentCacheStats stats;
      for (int turn = 0; turn < turns; ++turn) {
        const StoredLog::CachedScan scan = log.scan_cached(kCachedBytes, shape.batch_bytes);
        for (std::size_t i = 0; i < passes.size(); ++i) passes[i].push_back(scan.speeds[i]);
        stats = scan.stats;
      }
      const double first = median(passes[0]);
      for (std::size_t i = 1; i < passes.size(); ++i) {
        const double speed = median(passes[i]);
        report.add({fmt::format("{} batches, cache: consumer {} / consumer 1", shape.name, i + 1),
                    speed / first,
                    "x",
                    fmt::format("{:.0f} MB/s of {:.0f} MB/s", speed, first),
                    {},
                    {}});
      }
      report.note(fmt::format(
          "{} batches, three consumers of {} MiB: {} MiB from the device, {} MiB "
          "from the cache",
          shape.name, kCachedBytes / kMiB, stats.missed_bytes / kMiB, stats.hit_bytes / kMiB));
      report.note(log.description());
    }
  }
  std::filesystem::remove_all(directory);
  return report.finish();
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::parse_options(
      argc, argv,
      "A consumer behind the tail, with and without reading ahead, beside the raw device."));
}
