#include "benchmark/disk_bench.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/random.h"
#include "benchmark/machine.h"
#include "benchmark/raw_ring.h"
#include "disk/disk_stack.h"
#include "disk/measurement.h"
#include "disk/nameless_file.h"
#include "penstock/probe.h"
#include "task/join.h"

namespace penstock::benchmark {

namespace {

constexpr std::uint64_t kLeastBytes = 32 * kMiB;
constexpr std::uint64_t kSpaceShare = 10;  // of what is available
constexpr std::uint64_t kFillBytes = kMiB;
constexpr std::uint64_t kSeed = 0x6469736b62656e63;
constexpr std::array<std::uint32_t, 5> kBlocks = {4 * kKiB, 16 * kKiB, 64 * kKiB, 256 * kKiB,
                                                  1024 * kKiB};
constexpr std::array<unsigned, 3> kDepths = {1, 4, 16};
constexpr const char* kRaw = "raw";

enum class Kind { kGrowing, kAllocated, kPrewritten, kRead };

struct Subject {
  Kind kind;
  const char* scenario;
};
constexpr Subject kSubjects[] = {
    {Kind::kGrowing, "durable write of 4 KiB, growing file"},
    {Kind::kAllocated, "durable write of 4 KiB, fallocated space"},
    {Kind::kPrewritten, "durable write of 4 KiB, prewritten space"},
    {Kind::kRead, "random read of 4 KiB"},
};

// Places for operations of one size in a file: one behind the other, or anywhere.
struct Places {
  std::uint64_t end_bytes = 0;
  std::uint32_t block_bytes = 0;
  bool is_random = false;
  bool starts_over = true;  // behind the last; else there are no more
  std::uint64_t next_bytes = 0;
  Random random{kSeed};

  bool is_over() const { return next_bytes + block_bytes > end_bytes; }
  std::uint64_t take() {
    if (is_random) return random.below(end_bytes / block_bytes) * block_bytes;
    const std::uint64_t at = next_bytes;
    next_bytes += block_bytes;
    if (starts_over && is_over()) next_bytes = 0;
    return at;
  }
};

// Operations of several lanes on one file, until their time is over.
struct Lanes {
  Scheduler& scheduler;
  File& file;
  bool writes = false;
  Places places;
  SharedSlice data;  // one block, for writes
  Instant until;
  Throughput throughput{};
  Result<void> outcome{};

  // A figure has one operation at least: on a busy machine a short time is over before the first
  // begins.
  bool goes_on() const {
    const bool has_time = throughput.operations == 0 || scheduler.now() < until;
    return outcome && has_time && !places.is_over();
  }
  void count(Instant begun) {
    throughput.latencies.add(scheduler.now() - begun);
    ++throughput.operations;
  }
};

Task<void> run_lane(Lanes& lanes) {
  AlignedBuffer buffer(lanes.places.block_bytes);
  while (lanes.goes_on()) {
    const FilePosition at{lanes.places.take()};
    const Instant begun = lanes.scheduler.now();
    if (lanes.writes) {
      const Result<void> written = co_await lanes.file.write(at, lanes.data, Durability::kDevice);
      if (!written) {
        lanes.outcome = written;
        co_return;
      }
    } else {
      Result<ReadResult> got =
          co_await lanes.file.read(at, std::move(buffer), lanes.places.block_bytes);
      if (!got) {
        lanes.outcome = Unexpected(got.error());
        co_return;
      }
      buffer = std::move(got->buffer);
    }
    lanes.count(begun);
  }
}

Task<Result<Throughput>> run_lanes(Lanes& lanes, unsigned depth) {
  const Instant begun = lanes.scheduler.now();
  std::vector<Task<void>> tasks;
  for (unsigned i = 0; i < depth; ++i) tasks.push_back(run_lane(lanes));
  co_await join(lanes.scheduler, std::move(tasks));
  if (!lanes.outcome) co_return Unexpected(lanes.outcome.error());
  lanes.throughput.seconds = std::chrono::duration<double>(lanes.scheduler.now() - begun).count();
  co_return std::move(lanes.throughput);
}

Task<Result<void>> fill(File& file, SharedSlice piece, std::uint64_t bytes, const RunControl& control) {
  for (std::uint64_t at = 0; at < bytes; at += piece.size()) {
    if (control.is_stopped())
      co_return fail(ErrorCode::kClosed, "interrupted before anything was measured");
    control.progress("filling a file", 0, 0);
    const FilePosition position{at};
    const Result<void> written = co_await file.write(position, piece, Durability::kNone);
    if (!written) co_return written;
  }
  co_return co_await file.sync(SyncScope::kAll);
}

class DiskBench {
 public:
  DiskBench(const DiskPlan& plan, const RunControl& control, ProbeReport report)
      : plan_(plan), control_(control), report_(std::move(report)) {}

  Result<Results> run();

 private:
  Result<void> open_all();
  Result<void> fill_file();
  Result<std::unique_ptr<File>> open_in(Disk& disk, const Descriptor& keeper);
  std::size_t count_slices() const;
  std::chrono::nanoseconds slice() const;
  void tell(std::string_view what);

  Result<void> measure_latencies();
  Result<void> measure_matrix();
  Result<Throughput> measure(IoMode mode, Kind kind, std::uint32_t block_bytes, unsigned depth);
  Result<Throughput> measure_raw(bool writes, std::uint32_t block_bytes, unsigned depth);
  void add_run(const Subject& subject, const std::string& target, int repeat, Throughput throughput);
  void add_cell(bool writes, const std::string& target, std::uint32_t block_bytes, unsigned depth,
                const Throughput& throughput);
  IoMode best_mode() const { return modes_.front(); }

  const DiskPlan& plan_;
  const RunControl& control_;
  ProbeReport report_;
  Results results_{.kind = "disk", .program = "", .started = utc_now()};
  std::vector<IoMode> modes_;  // the best first
  std::uint64_t file_bytes_ = 0;
  std::size_t slices_done_ = 0;
  SharedSlice piece_ = incompressible(kFillBytes, kSeed);
  SystemClock clock_;
  // In the order of their lives.
  std::unique_ptr<DiskStack> stack_;
  ShardReactor reactor_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::unique_ptr<Disk>> disks_;  // by mode
  Descriptor keeper_;                         // of the file that was written once
  Descriptor raw_file_;                       // the same, with O_DIRECT; closed where there is none
  std::optional<RawRing> raw_ring_;
};

Result<void> DiskBench::open_all() {
  modes_ = honoured_modes(report_, results_.notes);
  Result<std::unique_ptr<DiskStack>> stack = DiskStack::create({.mode = best_mode()});
  if (!stack) return Unexpected(stack.error());
  stack_ = std::move(*stack);
  Result<ShardReactor> reactor = stack_->make_reactor();
  if (!reactor) return Unexpected(reactor.error());
  reactor_ = std::move(*reactor);
  scheduler_ = std::make_unique<Scheduler>(clock_, reactor_.reactor());
  for (const IoMode mode : modes_) disks_.push_back(stack_->make_disk(*scheduler_, reactor_, mode));
  if (!stack_->uses_uring()) results_.notes.push_back("without io_uring: " + stack_->uring_reason());
  Result<RawRing> ring = RawRing::create(kDepths.back());
  if (ring) raw_ring_.emplace(std::move(*ring));
  if (!ring) results_.notes.push_back("no raw limit was measured: " + ring.error().message());
  return {};
}

Result<std::unique_ptr<File>> DiskBench::open_in(Disk& disk, const Descriptor& keeper) {
  const OpenOptions options{.write = true};
  return scheduler_->run(disk.open(path_of_descriptor(keeper), options));
}

Result<void> DiskBench::fill_file() {
  if (plan_.max_bytes < kLeastBytes) {
    return fail(ErrorCode::kInvalidArgument, "{} bytes of space are too little: allow {} MiB",
                plan_.max_bytes, kLeastBytes / kMiB);
  }
  const std::uint64_t available = report_.file_system.available_bytes;
  const std::uint64_t budget = std::min(plan_.max_bytes, available / kSpaceShare);
  if (budget < kLeastBytes) {
    return fail(ErrorCode::kNoSpace,
                "{} MiB are available, and a tenth of it is too little; free up to {} MiB",
                available / kMiB, kLeastBytes * kSpaceShare / kMiB);
  }
  file_bytes_ = align_down(budget / 2, kFillBytes);
  Result<Descriptor> keeper = open_nameless_file(report_.directory);
  if (!keeper) return Unexpected(keeper.error());
  keeper_ = std::move(*keeper);
  Result<std::unique_ptr<File>> file = open_in(*disks_.front(), keeper_);
  if (!file) return Unexpected(file.error());
  Result<void> filled = scheduler_->run(fill(**file, piece_, file_bytes_, control_));
  if (!filled) return filled;
  if (raw_ring_ && report_.direct.works()) {
    raw_file_ = Descriptor(::open(path_of_descriptor(keeper_).c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
  }
  return {};
}

std::size_t DiskBench::count_slices() const {
  const std::size_t raw = raw_file_.is_open() ? 1 : 0;
  const std::size_t latencies = std::size(kSubjects) * modes_.size() + 2 * raw;
  return latencies * static_cast<std::size_t>(plan_.repeats) +
         2 * kBlocks.size() * kDepths.size() * (1 + raw);
}

std::chrono::nanoseconds DiskBench::slice() const {
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(plan_.seconds * 1e9 / static_cast<double>(count_slices())));
}

void DiskBench::tell(std::string_view what) {
  const double share = static_cast<double>(slices_done_++) / static_cast<double>(count_slices());
  control_.progress(what, share, plan_.seconds * (1 - share));
}

Result<Throughput> DiskBench::measure(IoMode mode, Kind kind, std::uint32_t block_bytes,
                                      unsigned depth) {
  const auto number = static_cast<std::size_t>(std::ranges::find(modes_, mode) - modes_.begin());
  // A file that grows, or gets its space, is another one each time.
  Descriptor fresh;
  const bool is_fresh = kind == Kind::kGrowing || kind == Kind::kAllocated;
  if (is_fresh) {
    Result<Descriptor> made = open_nameless_file(report_.directory);
    if (!made) return Unexpected(made.error());
    fresh = std::move(*made);
  }
  Result<std::unique_ptr<File>> file = open_in(*disks_[number], is_fresh ? fresh : keeper_);
  if (!file) return Unexpected(file.error());
  if (kind == Kind::kAllocated) {
    const Result<void> allocated = scheduler_->run((*file)->allocate(file_bytes_));
    if (!allocated) return Unexpected(allocated.error());
    const Result<void> synced = scheduler_->run((*file)->sync(SyncScope::kAll));
    if (!synced) return Unexpected(synced.error());
  }
  // Otherwise the page cache would answer from what the last slice left there.
  if (kind == Kind::kRead) ::posix_fadvise(keeper_.get(), 0, 0, POSIX_FADV_DONTNEED);
  Lanes lanes{.scheduler = *scheduler_,
              .file = **file,
              .writes = kind != Kind::kRead,
              .places = {.end_bytes = file_bytes_,
                         .block_bytes = block_bytes,
                         .is_random = kind == Kind::kRead,
                         .starts_over = !is_fresh},
              .data = piece_.slice(0, block_bytes),
              .until = scheduler_->now() + slice()};
  return scheduler_->run(run_lanes(lanes, depth));
}

Result<Throughput> DiskBench::measure_raw(bool writes, std::uint32_t block_bytes, unsigned depth) {
  Places places{.end_bytes = file_bytes_, .block_bytes = block_bytes, .is_random = !writes};
  return raw_ring_->run({.writes = writes,
                         .fd = raw_file_.get(),
                         .block_bytes = block_bytes,
                         .depth = depth,
                         .next_position = [&places] { return places.take(); }},
                        slice());
}

void DiskBench::add_run(const Subject& subject, const std::string& target, int repeat,
                        Throughput throughput) {
  Run run{.scenario = subject.scenario,
          .target = target,
          .repeat = repeat,
          .loop = Loop::kClosed,
          .io_mode = target == kRaw ? "direct" : target,
          .measured_s = throughput.seconds,
          .messages = throughput.operations,
          .bytes = throughput.operations * kBlockBytes};
  run.metrics.push_back({.name = "operations_per_second",
                         .unit = "1/s",
                         .better = Better::kMore,
                         .value = static_cast<double>(throughput.operations) / throughput.seconds});
  run.latencies.push_back({.name = "latency", .histogram = std::move(throughput.latencies)});
  add_percentiles(run.latencies.back(), run.metrics);
  results_.runs.push_back(std::move(run));
}

// The modes take turns, so that the device's moods do not fall on one of them alone.
Result<void> DiskBench::measure_latencies() {
  for (int repeat = 1; repeat <= plan_.repeats; ++repeat) {
    for (const Subject& subject : kSubjects) {
      for (const IoMode mode : modes_) {
        if (control_.is_stopped()) return {};
        tell(fmt::format("{}, {}", subject.scenario, to_string(mode)));
        Result<Throughput> throughput = measure(mode, subject.kind, kBlockBytes, 1);
        if (!throughput) return Unexpected(throughput.error());
        add_run(subject, std::string(to_string(mode)), repeat, std::move(*throughput));
      }
      const bool is_overwrite = subject.kind == Kind::kPrewritten;
      if (!raw_file_.is_open() || (!is_overwrite && subject.kind != Kind::kRead)) continue;
      tell(fmt::format("{}, raw", subject.scenario));
      Result<Throughput> throughput = measure_raw(is_overwrite, kBlockBytes, 1);
      if (!throughput) return Unexpected(throughput.error());
      add_run(subject, kRaw, repeat, std::move(*throughput));
    }
  }
  return {};
}

void DiskBench::add_cell(bool writes, const std::string& target, std::uint32_t block_bytes,
                         unsigned depth, const Throughput& throughput) {
  const double per_second = static_cast<double>(throughput.operations) / throughput.seconds;
  const auto us = [&](double share) {
    return std::chrono::duration<double, std::micro>(throughput.latencies.percentile(share)).count();
  };
  results_.matrix.push_back({.what = writes ? "durable write" : "read",
                             .target = target,
                             .block_bytes = block_bytes,
                             .depth = depth,
                             .operations_per_second = per_second,
                             .mb_per_second = per_second * block_bytes / 1e6,
                             .p50_us = us(0.5),
                             .p99_us = us(0.99)});
}

Result<void> DiskBench::measure_matrix() {
  for (const bool writes : {true, false}) {
    for (const std::uint32_t block_bytes : kBlocks) {
      for (const unsigned depth : kDepths) {
        if (control_.is_stopped()) return {};
        tell(fmt::format("{}s of {} KiB, {} in flight", writes ? "durable write" : "read",
                         block_bytes / kKiB, depth));
        const Kind kind = writes ? Kind::kPrewritten : Kind::kRead;
        const Result<Throughput> ours = measure(best_mode(), kind, block_bytes, depth);
        if (!ours) return Unexpected(ours.error());
        add_cell(writes, std::string(to_string(best_mode())), block_bytes, depth, *ours);
        if (!raw_file_.is_open()) continue;
        tell("the same, raw");
        const Result<Throughput> raw = measure_raw(writes, block_bytes, depth);
        if (!raw) return Unexpected(raw.error());
        add_cell(writes, kRaw, block_bytes, depth, *raw);
      }
    }
  }
  return {};
}

Result<Results> DiskBench::run() {
  results_.machine = machine_of(report_);
  const auto begun = SteadyClock::now();
  Result<void> step = open_all();
  if (step) step = fill_file();
  if (!step) return Unexpected(step.error().context(fmt::format("measure in {}", report_.directory)));
  const auto add = [&](const char* name, std::string value) {
    results_.setup.emplace_back(name, std::move(value));
  };
  add("load", "closed loop: the next operation begins when one has ended");
  add("preconditioning", fmt::format("a file of {} MiB, written once and synced", file_bytes_ / kMiB));
  add("measured",
      fmt::format("{:.2f} s for each figure", std::chrono::duration<double>(slice()).count()));
  add("repeats", fmt::format("{} of latencies, 1 of the matrix", plan_.repeats));
  add("reads", "random, of pages that were dropped from the page cache before");
  add("io_uring", stack_->uses_uring() ? "used" : "not used");
  if (raw_file_.is_open())
    add("raw", "an io_uring of its own, O_DIRECT, RWF_DSYNC overwrites of the same file");
  step = measure_latencies();
  if (step) step = measure_matrix();
  // What was measured before is as good as ever.
  if (!step) results_.notes.push_back("ended by an error: " + step.error().message());
  results_.is_complete = step.has_value() && !control_.is_stopped();
  if (control_.is_stopped()) {
    results_.notes.push_back(
        fmt::format("interrupted: {} of {} figures", slices_done_, count_slices()));
  }
  results_.seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();
  return std::move(results_);
}

}  // namespace

Result<Results> run_disk(const DiskPlan& plan, const RunControl& control) {
  Result<ProbeReport> report = probe(plan.directory);
  if (!report) return Unexpected(report.error());
  return DiskBench(plan, control, std::move(*report)).run();
}

}  // namespace penstock::benchmark
