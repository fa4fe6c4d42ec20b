// file_bench: what libpenstock's files cost, beside the same ring operations without it.
//
// Ours and the raw loop take turns in one run, so that what else the machine does hits both alike.

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>

#include "base/random.h"
#include "bench/latency.h"
#include "bench/raw_io.h"
#include "bench/report.h"
#include "penstock/penstock.h"

namespace {

// Allocations of this thread, for the row that promises none.
thread_local std::uint64_t allocation_count = 0;

}  // namespace

void* operator new(std::size_t size_bytes) {
  ++allocation_count;
  if (void* memory = std::malloc(size_bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace penstock::bench {
namespace {

constexpr std::uint64_t kPieceBytes = kMiB;
constexpr int kCommitsPerTurn = 16;

template <typename T>
T must(Result<T> result) {
  if (!result) die(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Bench {
  const Options& options;
  std::string directory;
  Engine& engine;
  Report& report;

  std::string path(std::string_view name) const { return fmt::format("{}/{}", directory, name); }
};

// --- Durable appends ---------------------------------------------------------------------------------

// One durable overwrite after the other, of the blocks that a file of appends of `append_bytes`
// touches.
class RawCommits {
 public:
  RawCommits(const std::string& path, std::uint64_t append_bytes, RawRing* ring)
      : file_(path, O_CREAT | O_RDWR | O_DIRECT),
        append_bytes_(append_bytes),
        ring_(ring),
        block_(kBlockBytes) {
    file_.prewrite(kFileBytes);
    std::ranges::fill(block_.span(), std::byte{0x5A});
  }

  void commit() {
    const std::uint64_t at = align_down(position_, kBlockBytes);
    if (ring_ != nullptr) {
      ring_->write(file_.fd(), at, block_.view(), RWF_DSYNC, 0);
      ring_->submit_and_wait(1);
      ring_->reap(kBlockBytes);
    } else {
      file_.write(block_.view(), at, RWF_DSYNC);
    }
    position_ = (position_ + append_bytes_) % kFileBytes;
  }

 private:
  static constexpr std::uint64_t kFileBytes = 64 * kMiB;

  RawFile file_;
  std::uint64_t append_bytes_;
  RawRing* ring_;
  AlignedBuffer block_;
  std::uint64_t position_ = 0;
};

void time_turn(const std::function<void()>& commit, Latencies& latencies) {
  for (int i = 0; i < kCommitsPerTurn; ++i) {
    const Stopwatch stopwatch;
    commit();
    latencies.add(stopwatch.elapsed());
  }
}

void bench_commits(const Bench& bench, std::uint64_t append_bytes, double reach) {
  RawRing ring;
  RawCommits raw_ring(bench.path("raw_ring"), append_bytes, &ring);
  RawCommits raw_call(bench.path("raw_call"), append_bytes, nullptr);
  AppendFileOptions options;
  options.preparation = Preparation::kWritten;
  options.preparation_step_bytes =
      256 * kMiB;  // more than the run appends: all of it is prepared before
  AppendFile file = must(AppendFile::create(bench.engine, bench.path("appends"), options));
  const std::vector<std::byte> bytes(append_bytes, std::byte{0x5A});
  const auto append = [&] {
    must(file.append(bytes));
    must(file.sync());
  };
  const auto overwrite = [&] { raw_ring.commit(); };
  const auto overwrite_by_call = [&] { raw_call.commit(); };

  Latencies ours;
  Latencies by_ring;
  Latencies by_call;
  const int turns = bench.options.quick ? 100 : 1500;
  for (int turn = -2; turn < turns; ++turn) {
    Latencies warm_up;
    time_turn(overwrite, turn < 0 ? warm_up : by_ring);
    time_turn(append, turn < 0 ? warm_up : ours);
    time_turn(overwrite_by_call, turn < 0 ? warm_up : by_call);
  }
  must(file.seal());

  const std::string what = fmt::format("append+sync {} B", append_bytes);
  bench.report.note(fmt::format("{}: ours {}", what, ours.summary()));
  bench.report.note(fmt::format("{}: raw ring {}", what, by_ring.summary()));
  bench.report.note(fmt::format("{}: raw pwritev2 {}", what, by_call.summary()));
  const auto row = [&](const char* beside, const Latencies& raw, double share,
                       std::optional<double> at_most) {
    bench.report.add({.measure = fmt::format("{} p{:g} / {}", what, share * 100, beside),
                      .measured = ours.percentile_us(share) / raw.percentile_us(share),
                      .unit = "x",
                      .basis = fmt::format("{:.1f} us of {:.1f} us", ours.percentile_us(share),
                                           raw.percentile_us(share)),
                      .at_most = at_most,
                      .at_least = {}});
  };
  row("raw ring RWF_DSYNC overwrite", by_ring, 0.5, reach);
  row("raw ring RWF_DSYNC overwrite", by_ring, 0.99, {});
  row("raw pwritev2(RWF_DSYNC)", by_call, 0.5, {});
}

// --- Throughput --------------------------------------------------------------------------------------

// Rounds of ours and the raw way in turns; the row is the ratio of the medians.
struct Throughput {
  std::string measure;
  std::string beside;
  double at_least;
};

void add_throughput(const Bench& bench, const Throughput& what, const std::vector<double>& ours,
                    const std::vector<double>& raw) {
  bench.report.add({.measure = fmt::format("{} / {}", what.measure, what.beside),
                    .measured = median(ours) / median(raw),
                    .unit = "x",
                    .basis = fmt::format("{:.0f} MB/s of {:.0f} MB/s, medians of {}", median(ours),
                                         median(raw), ours.size()),
                    .at_most = {},
                    .at_least = what.at_least});
}

constexpr unsigned kWriteDepth = 3;  // as many full buffers as an AppendFile has on their way

// Each write in flight has memory of its own, as any writer's has.
double raw_sequential_write(RawRing& ring, const std::string& path, std::uint64_t size_bytes) {
  AlignedBuffer memory(kWriteDepth * kPieceBytes);
  std::ranges::fill(memory.span(), std::byte{0x5A});
  RawFile file(path, O_CREAT | O_RDWR | O_DIRECT);
  const Stopwatch stopwatch;
  if (::fallocate(file.fd(), 0, 0, static_cast<off_t>(size_bytes)) != 0) die("cannot allocate");
  std::uint64_t place = 0;
  unsigned in_flight = 0;
  for (std::uint64_t at = 0; at < size_bytes; at += kPieceBytes) {
    if (in_flight == kWriteDepth) {
      ring.submit_and_wait(1);
      place = ring.reap(kPieceBytes);
    } else {
      place = in_flight++;
    }
    ring.write(file.fd(), at, memory.view().subspan(place * kPieceBytes, kPieceBytes), 0, place);
  }
  ring.submit_and_wait(in_flight);
  for (; in_flight > 0; --in_flight) ring.reap(kPieceBytes);
  return mb_per_second(size_bytes, stopwatch.elapsed());
}

double our_sequential_write(Engine& engine, const std::string& path, std::uint64_t size_bytes) {
  const std::vector<std::byte> piece(kPieceBytes, std::byte{0x5A});
  AppendFile file = must(AppendFile::create(engine, path));
  const Stopwatch stopwatch;
  for (std::uint64_t at = 0; at < size_bytes; at += kPieceBytes) must(file.append(piece));
  must(file.flush());
  const double speed = mb_per_second(size_bytes, stopwatch.elapsed());
  must(file.seal());
  return speed;
}

void bench_sequential_write(const Bench& bench) {
  const std::uint64_t size_bytes = bench.options.quick ? 128 * kMiB : 512 * kMiB;
  const int rounds = bench.options.quick ? 3 : 11;
  RawRing ring;
  std::vector<double> ours;
  std::vector<double> raw;
  std::vector<std::string> written;
  for (int round = -1; round < rounds; ++round) {
    written.push_back(bench.path(fmt::format("raw_sequential_{}", round)));
    const double raw_speed = raw_sequential_write(ring, written.back(), size_bytes);
    written.push_back(bench.path(fmt::format("sequential_{}", round)));
    const double our_speed = our_sequential_write(bench.engine, written.back(), size_bytes);
    if (round < 0) continue;
    raw.push_back(raw_speed);
    ours.push_back(our_speed);
  }
  // Not earlier: where the file system tells the device of freed blocks, it does so when somebody next
  // syncs, and the device would be busy with that during our turns and not during the raw ones.
  for (const std::string& path : written) std::filesystem::remove(path);
  add_throughput(bench,
                 {"sequential append of 1 MiB", fmt::format("raw writes, depth {}", kWriteDepth), 0.97},
                 ours, raw);
}

// --- Reading -----------------------------------------------------------------------------------------

void write_big_file(Engine& engine, const std::string& path, std::uint64_t size_bytes) {
  AppendFile file = must(AppendFile::create(engine, path));
  std::vector<std::byte> piece(kPieceBytes);
  Random random(1);
  for (std::uint64_t at = 0; at < size_bytes; at += kPieceBytes) {
    for (std::size_t i = 0; i < piece.size(); i += kBlockBytes)
      piece[i] = static_cast<std::byte>(random.next());
    must(file.append(piece));
  }
  must(file.seal());
}

double raw_scan(RawRing& ring, const std::string& path, std::uint64_t size_bytes) {
  constexpr unsigned kDepth = 8;
  RawFile file(path, O_RDONLY | O_DIRECT);
  AlignedBuffer memory(kDepth * kPieceBytes);
  const auto start = [&](std::uint64_t at, std::uint64_t place) {
    ring.read(file.fd(), at, memory.span().subspan(place * kPieceBytes, kPieceBytes), place);
  };
  const Stopwatch stopwatch;
  std::uint64_t next = 0;
  unsigned in_flight = 0;
  for (; in_flight < kDepth; ++in_flight, next += kPieceBytes) start(next, in_flight);
  while (in_flight > 0) {
    ring.submit_and_wait(1);
    do {
      const std::uint64_t place = ring.reap(kPieceBytes);
      --in_flight;
      if (next == size_bytes) continue;
      start(next, place);
      next += kPieceBytes;
      ++in_flight;
    } while (in_flight > 0 && ring.has_completion());
  }
  return mb_per_second(size_bytes, stopwatch.elapsed());
}

double our_scan(Engine& engine, const std::string& path) {
  ReadFile file = must(ReadFile::open(engine, path));
  const Stopwatch stopwatch;
  ReadAhead scan(file);
  while (!must(scan.next()).empty()) {
  }
  return mb_per_second(scan.position(), stopwatch.elapsed());
}

// The kernel's own read-ahead, on a cold page cache, which is left cold.
double buffered_scan(const std::string& path) {
  RawFile file(path, O_RDONLY);
  const auto drop = [&] { ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED); };
  drop();
  ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_SEQUENTIAL);
  AlignedBuffer piece(kPieceBytes);
  std::uint64_t total_bytes = 0;
  const Stopwatch stopwatch;
  while (true) {
    const ssize_t got = ::read(file.fd(), piece.data(), piece.capacity());
    if (got < 0) die("a buffered read failed");
    if (got == 0) break;
    total_bytes += static_cast<std::uint64_t>(got);
  }
  const double speed = mb_per_second(total_bytes, stopwatch.elapsed());
  drop();
  return speed;
}

void bench_scan(const Bench& bench, const std::string& path, std::uint64_t size_bytes) {
  RawRing ring;
  std::vector<double> ours;
  std::vector<double> raw;
  std::vector<double> buffered;
  const int rounds = bench.options.quick ? 3 : 7;
  for (int round = 0; round < rounds; ++round) {
    raw.push_back(raw_scan(ring, path, size_bytes));
    ours.push_back(our_scan(bench.engine, path));
    buffered.push_back(buffered_scan(path));
  }
  add_throughput(bench, {"scan of a cold file", "raw reads of 1 MiB, depth 8", 0.97}, ours, raw);
  add_throughput(bench, {"scan of a cold file", "buffered read(2), kernel read-ahead", 1.0}, ours,
                 buffered);
}

void bench_random_reads(const Bench& bench, const std::string& path, std::uint64_t size_bytes) {
  constexpr unsigned kDepth = 32;
  constexpr int kBatchesPerTurn = 64;
  RawRing ring;
  RawFile raw_file(path, O_RDONLY | O_DIRECT);
  ReadFile file = must(ReadFile::open(bench.engine, path));
  AlignedBuffer memory(kDepth * kBlockBytes);
  Random random(7);
  const auto any_block = [&] { return random.below(size_bytes / kBlockBytes) * kBlockBytes; };
  const auto place = [&](std::uint64_t i) {
    return memory.span().subspan(i * kBlockBytes, kBlockBytes);
  };
  const auto raw_batch = [&] {
    for (unsigned i = 0; i < kDepth; ++i) ring.read(raw_file.fd(), any_block(), place(i), i);
    ring.submit_and_wait(kDepth);
    for (unsigned i = 0; i < kDepth; ++i) ring.reap(kBlockBytes);
  };
  std::vector<ReadRequest> requests(kDepth);
  const auto our_batch = [&] {
    for (unsigned i = 0; i < kDepth; ++i) requests[i] = {.from = any_block(), .into = place(i)};
    file.read_many(requests);
    for (const ReadRequest& request : requests) {
      if (!request.result) die(request.result.error().message());
    }
  };
  const auto thousand_reads_a_second = [&](const auto& batch) {
    const Stopwatch stopwatch;
    for (int i = 0; i < kBatchesPerTurn; ++i) batch();
    return kBatchesPerTurn * kDepth / 1e3 / std::chrono::duration<double>(stopwatch.elapsed()).count();
  };

  std::vector<double> ours;
  std::vector<double> raw;
  const int turns = bench.options.quick ? 11 : 101;
  for (int turn = -1; turn < turns; ++turn) {
    const double raw_speed = thousand_reads_a_second(raw_batch);
    const double our_speed = thousand_reads_a_second(our_batch);
    if (turn < 0) continue;
    raw.push_back(raw_speed);
    ours.push_back(our_speed);
  }
  bench.report.add({.measure = "random 4 KiB read_many, depth 32 / raw ring",
                    .measured = median(ours) / median(raw),
                    .unit = "x",
                    .basis = fmt::format("{:.1f} k/s of {:.1f} k/s, medians of {}", median(ours),
                                         median(raw), ours.size()),
                    .at_most = {},
                    .at_least = 0.95});
}

void bench_block_cache(const Bench& bench, const std::string& path) {
  constexpr std::uint64_t kBlocks = 256;
  constexpr std::uint64_t kHits = 2'000'000;
  ReadFile file = must(ReadFile::open(bench.engine, path));
  BlockCache cache = must(BlockCache::create(bench.engine, {.budget_bytes = 64 * kMiB}));
  for (int touch = 0; touch < 3; ++touch) {
    for (std::uint64_t block = 0; block < kBlocks; ++block) must(cache.get({1, block}, file));
  }
  Random random(3);
  std::vector<std::uint64_t> blocks(4096);
  for (std::uint64_t& block : blocks) block = random.below(kBlocks);

  std::uint64_t missing = 0;
  std::vector<double> nanoseconds;
  nanoseconds.reserve(16);
  const std::uint64_t allocations_before = allocation_count;
  for (int turn = 0; turn < 11; ++turn) {
    const Stopwatch stopwatch;
    for (std::uint64_t i = 0; i < kHits; ++i) {
      const auto pin = cache.find({1, blocks[i % blocks.size()]});
      if (!pin) ++missing;
    }
    nanoseconds.push_back(static_cast<double>(stopwatch.elapsed().count()) / kHits);
  }
  const std::uint64_t allocations = allocation_count - allocations_before;
  if (missing != 0) die("a block that should be in the cache was not");
  bench.report.add(
      {.measure = "BlockCache hit, 64 KiB block, 1 thread",
       .measured = median(nanoseconds),
       .unit = "ns",
       .basis = fmt::format("median of {} x {} hits, pin and unpin", nanoseconds.size(), kHits),
       .at_most = 300,
       .at_least = {}});
  bench.report.add({.measure = "allocations in all these hits",
                    .measured = static_cast<double>(allocations),
                    .unit = "",
                    .basis = "operator new",
                    .at_most = 0,
                    .at_least = {}});
}

// --- Page cache --------------------------------------------------------------------------------------

std::uint64_t resident_pages(const std::string& path) {
  RawFile file(path, O_RDONLY);
  struct stat status{};
  if (::fstat(file.fd(), &status) != 0 || status.st_size == 0) return 0;
  const auto size_bytes = static_cast<std::size_t>(status.st_size);
  void* memory = ::mmap(nullptr, size_bytes, PROT_NONE, MAP_SHARED, file.fd(), 0);
  if (memory == MAP_FAILED) die("cannot map a file");
  std::vector<unsigned char> pages(align_up(size_bytes, kBlockBytes) / kBlockBytes);
  if (::mincore(memory, size_bytes, pages.data()) != 0) die("mincore failed");
  ::munmap(memory, size_bytes);
  return static_cast<std::uint64_t>(
      std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

void bench_residency(const Bench& bench) {
  std::uint64_t pages = 0;
  std::uint64_t files = 0;
  for (const char* name : {"appends", "big", "odd"}) {
    pages += resident_pages(bench.path(name));
    ++files;
  }
  bench.report.add({.measure = "page-cache residency of our files after all of it",
                    .measured = static_cast<double>(pages),
                    .unit = "pages",
                    .basis = fmt::format("{} files, by mincore", files),
                    .at_most = 0,
                    .at_least = {}});
}

// A file whose size is no multiple of anything, sealed and read back.
void write_odd_file(Engine& engine, const std::string& path) {
  AppendFile file = must(AppendFile::create(engine, path));
  const std::vector<std::byte> bytes(777, std::byte{1});
  for (int i = 0; i < 1000; ++i) {
    must(file.append(bytes));
    if (i % 100 == 0) must(file.sync());
  }
  must(file.seal());
  our_scan(engine, path);
}

int run(const Options& options) {
  const std::string directory = options.directory + fmt::format("/file_bench.{}", ::getpid());
  std::filesystem::create_directories(directory);
  Report report("file", options);
  {
    Engine engine = must(Engine::create());
    const Bench bench{options, directory, engine, report};
    const std::uint64_t big_bytes = options.quick ? 512 * kMiB : 4 * kGiB;
    bench_commits(bench, 4096, 1.05);
    for (const char* name : {"appends", "raw_ring", "raw_call"})
      std::filesystem::remove(bench.path(name));
    bench_commits(bench, 512, 1.15);
    bench_sequential_write(bench);
    write_big_file(engine, bench.path("big"), big_bytes);
    bench_scan(bench, bench.path("big"), big_bytes);
    bench_random_reads(bench, bench.path("big"), big_bytes);
    bench_block_cache(bench, bench.path("big"));
    write_odd_file(engine, bench.path("odd"));
    bench_residency(bench);
    report.note(fmt::format("io: {}, {}",
                            to_string(must(ReadFile::open(engine, bench.path("big"))).mode()),
                            engine.io_uring_reason()));
  }
  std::filesystem::remove_all(directory);
  return report.finish();
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::parse_options(
      argc, argv, "libpenstock's files, beside the same operations without it."));
}
