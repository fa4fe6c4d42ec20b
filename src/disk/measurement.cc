#include "disk/measurement.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/aligned_buffer.h"
#include "base/random.h"
#include "task/join.h"

namespace penstock {

namespace {

// Durable writes take turns, so that a device's moods do not fall on one of them alone.
constexpr int kRounds = 4;
constexpr auto kProgressInterval = std::chrono::milliseconds(50);
constexpr std::uint64_t kSeed = 0x70656e73746f636b;

double seconds_of(Duration time) { return std::chrono::duration<double>(time).count(); }
float microseconds_of(Duration time) { return std::chrono::duration<float, std::micro>(time).count(); }

// Where the next of a row of writes goes.
struct Row {
  std::uint64_t end_bytes = 0;
  bool starts_over = false;  // at the end
  std::uint64_t next_bytes = 0;

  bool is_over() const { return next_bytes >= end_bytes; }
  FilePosition take(std::uint64_t bytes) {
    const FilePosition position{next_bytes};
    next_bytes += bytes;
    if (starts_over && is_over()) next_bytes = 0;
    return position;
  }
};

class Measuring {
 public:
  Measuring(Scheduler& scheduler, MeasuredFiles files, MeasurePlan plan)
      : scheduler_(scheduler),
        files_(files),
        plan_(std::move(plan)),
        started_(scheduler.now()),
        share_(plan_.time / (plan_.many_reads ? 7 : 6)) {}

  Task<Result<Measurement>> run() {
    Result<void> step = co_await write_in_sequence();
    if (step) step = co_await write_durably();
    if (step) step = co_await read_in_sequence();
    if (step) step = co_await read_at_random();
    if (step && plan_.many_reads) step = co_await read_many_at_random();
    if (!step) co_return Unexpected(step.error());
    for (LatencySeries* series : {&result_.durable_growing, &result_.durable_allocated,
                                  &result_.durable_prewritten, &result_.random_read}) {
      series->p50_us = percentile(series->samples_us, 0.50);
      series->p99_us = percentile(series->samples_us, 0.99);
    }
    result_.seconds = seconds_of(scheduler_.now() - started_);
    co_return std::move(result_);
  }

 private:
  Instant share_from_now() const { return scheduler_.now() + share_; }
  bool is_before(Instant until) const { return scheduler_.now() < until; }

  void tell(std::string_view what) {
    const Instant now = scheduler_.now();
    if (!plan_.progress || now < next_tell_) return;
    next_tell_ = now + kProgressInterval;
    plan_.progress(what, std::min(1.0, seconds_of(now - started_) / seconds_of(plan_.time)));
  }

  // One of several tasks that do the same side by side; the first error ends them all.
  struct Together {
    Instant until;
    Row row;
    Throughput& throughput;
    Result<void> outcome;
  };

  Task<void> write_pieces(Together& together) {
    // One piece at least: what comes later needs something to read.
    while (together.outcome && !together.row.is_over() &&
           (together.row.next_bytes == 0 || is_before(together.until))) {
      tell("sequential writes");
      const FilePosition position = together.row.take(kSequentialBytes);
      const Result<void> written = co_await files_.written.write(position, piece_, Durability::kDevice);
      if (!written) together.outcome = written;
      if (written) count(together.throughput, kSequentialBytes);
    }
  }

  Task<void> read_pieces(Together& together) {
    AlignedBuffer buffer(kSequentialBytes);
    while (together.outcome && is_before(together.until)) {
      tell("sequential reads");
      const FilePosition position = together.row.take(kSequentialBytes);
      Result<ReadResult> got =
          co_await files_.written.read(position, std::move(buffer), kSequentialBytes);
      if (!got) {
        together.outcome = Unexpected(got.error());
        co_return;
      }
      count(together.throughput, got->size_bytes);
      buffer = std::move(got->buffer);
    }
  }

  Task<void> read_blocks(Together& together, Random random) {
    AlignedBuffer buffer(kBlockBytes);
    while (together.outcome && is_before(together.until)) {
      tell("random reads, many at a time");
      const FilePosition position = random_block(random);
      Result<ReadResult> got = co_await files_.written.read(position, std::move(buffer), kBlockBytes);
      if (!got) {
        together.outcome = Unexpected(got.error());
        co_return;
      }
      count(together.throughput, got->size_bytes);
      buffer = std::move(got->buffer);
    }
  }

  static void count(Throughput& throughput, std::uint64_t bytes) {
    throughput.bytes += bytes;
    ++throughput.operations;
  }

  Task<Result<void>> write_in_sequence() {
    Together together{.until = share_from_now(),
                      .row = {.end_bytes = files_.written_bytes},
                      .throughput = result_.sequential_write,
                      .outcome = {}};
    std::vector<Task<void>> tasks;
    for (unsigned i = 0; i < kSequentialInFlight; ++i) tasks.push_back(write_pieces(together));
    co_await run_together(std::move(tasks), together.throughput);
    // All that was taken has been written: nothing is in flight any more.
    filled_bytes_ = together.row.next_bytes;
    co_return together.outcome;
  }

  Task<Result<void>> read_in_sequence() {
    Together together{.until = share_from_now(),
                      .row = {.end_bytes = filled_bytes_, .starts_over = true},
                      .throughput = result_.sequential_read,
                      .outcome = {}};
    std::vector<Task<void>> tasks;
    for (unsigned i = 0; i < kSequentialInFlight; ++i) tasks.push_back(read_pieces(together));
    co_await run_together(std::move(tasks), together.throughput);
    co_return together.outcome;
  }

  Task<Result<void>> read_many_at_random() {
    Together together{
        .until = share_from_now(), .row = {}, .throughput = result_.random_read_many, .outcome = {}};
    std::vector<Task<void>> tasks;
    for (unsigned i = 0; i < kManyReadsInFlight; ++i) {
      tasks.push_back(read_blocks(together, random_.split()));
    }
    co_await run_together(std::move(tasks), together.throughput);
    co_return together.outcome;
  }

  Task<void> run_together(std::vector<Task<void>> tasks, Throughput& throughput) {
    throughput.in_flight = static_cast<unsigned>(tasks.size());
    const Instant before = scheduler_.now();
    co_await join(scheduler_, std::move(tasks));
    throughput.seconds = seconds_of(scheduler_.now() - before);
  }

  Task<Result<void>> write_durably() {
    Row growing{.end_bytes = files_.growing_bytes};
    Row allocated{.end_bytes = files_.allocated_bytes};
    Result<void> step = co_await files_.allocated.allocate(files_.allocated_bytes);
    if (!step && step.error().code() == ErrorCode::kNotSupported) {
      result_.notes.emplace_back(
          "the file system does not support fallocate: nothing is known of such space");
      allocated.end_bytes = 0;
      step = Result<void>();
    }
    if (step) step = co_await files_.allocated.sync(SyncScope::kAll);
    Row prewritten{.end_bytes = filled_bytes_, .starts_over = true};
    for (int round = 0; step && round < kRounds; ++round) {
      step = co_await write_blocks(files_.growing, growing, result_.durable_growing);
      if (step) step = co_await write_blocks(files_.allocated, allocated, result_.durable_allocated);
      if (step) step = co_await write_blocks(files_.written, prewritten, result_.durable_prewritten);
    }
    if (growing.is_over() || (allocated.end_bytes > 0 && allocated.is_over())) {
      result_.notes.emplace_back(
          "the space for durable writes was used up before their time: there are fewer samples");
    }
    co_return step;
  }

  Task<Result<void>> write_blocks(File& file, Row& row, LatencySeries& series) {
    const Instant until = scheduler_.now() + share_ / kRounds;
    const SharedSlice block = piece_.slice(0, kBlockBytes);
    while (is_before(until) && !row.is_over() && series.samples_us.size() < kMaxSamples) {
      tell("durable writes");
      const FilePosition position = row.take(kBlockBytes);
      const Instant before = scheduler_.now();
      const Result<void> written = co_await file.write(position, block, Durability::kDevice);
      if (!written) co_return written;
      series.samples_us.push_back(microseconds_of(scheduler_.now() - before));
    }
    co_return Result<void>();
  }

  Task<Result<void>> read_at_random() {
    const Instant until = share_from_now();
    std::vector<float>& samples = result_.random_read.samples_us;
    AlignedBuffer buffer(kBlockBytes);
    while (is_before(until) && samples.size() < kMaxSamples) {
      tell("random reads");
      const FilePosition position = random_block(random_);
      const Instant before = scheduler_.now();
      Result<ReadResult> got = co_await files_.written.read(position, std::move(buffer), kBlockBytes);
      if (!got) co_return Unexpected(got.error());
      samples.push_back(microseconds_of(scheduler_.now() - before));
      buffer = std::move(got->buffer);
    }
    co_return Result<void>();
  }

  FilePosition random_block(Random& random) const {
    return FilePosition{random.below(filled_bytes_ / kBlockBytes) * kBlockBytes};
  }

  Scheduler& scheduler_;
  MeasuredFiles files_;
  MeasurePlan plan_;
  Instant started_;
  Duration share_;
  Instant next_tell_{};
  Random random_{kSeed};
  SharedSlice piece_ = incompressible(kSequentialBytes, kSeed);
  std::uint64_t filled_bytes_ = 0;
  Measurement result_;
};

}  // namespace

Task<Result<Measurement>> measure_files(Scheduler& scheduler, MeasuredFiles files, MeasurePlan plan) {
  Measuring measuring(scheduler, files, std::move(plan));
  co_return co_await measuring.run();
}

SharedSlice incompressible(std::uint64_t size_bytes, std::uint64_t seed) {
  AlignedBuffer buffer(size_bytes);
  Random random(seed);
  for (std::size_t at = 0; at < size_bytes; at += sizeof(std::uint64_t)) {
    store_le<std::uint64_t>(buffer.span(), at, random.next());
  }
  return std::move(buffer).freeze(size_bytes);
}

double percentile(std::vector<float> samples, double share) {
  if (samples.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(rank == 0 ? 0 : rank - 1);
  std::ranges::nth_element(samples, at);
  return *at;
}

}  // namespace penstock
