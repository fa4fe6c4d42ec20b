#include "file/prepared_space.h"

#include <algorithm>
#include <cstring>

namespace penstock::file {

namespace {

// One write of zeros. When somebody waits for it, as large as the device's bandwidth takes. Else small:
// a durable write beside it also waits for the device to flush them, which takes as long as they are
// large.
constexpr std::uint64_t kAwaitedZerosBytes = 512 * kKiB;
constexpr std::uint64_t kZerosAheadBytes = 64 * kKiB;

bool may_be_tried_again(ErrorCode code) {
  return code == ErrorCode::kNoSpace || code == ErrorCode::kTooLarge ||
         code == ErrorCode::kNotSupported;
}

Task<Result<void>> fill_with_zeros(File& file, PreparationStep step,
                                   const std::atomic<bool>& is_given_up) {
  AlignedBuffer buffer(
      std::min(step.is_awaited ? kAwaitedZerosBytes : kZerosAheadBytes, step.to - step.from));
  std::memset(buffer.data(), 0, buffer.capacity());
  const std::size_t zeros_bytes = buffer.capacity();
  const SharedSlice zeros = std::move(buffer).freeze(zeros_bytes);
  for (FilePosition at = step.from; at < step.to;) {
    if (is_given_up) co_return fail(ErrorCode::kClosed, "{} is being closed", file.path());
    const SharedSlice piece = zeros.slice(0, std::min<std::uint64_t>(zeros.size(), step.to - at));
    if (auto written = co_await file.write(at, piece, Durability::kNone); !written) co_return written;
    at = at + piece.size();
  }
  co_return Result<void>();
}

}  // namespace

// Zeros turn reserved extents into written ones, which is metadata; the sync that follows commits it
// once, or else the first durable write would pay for it.
Task<Result<void>> take_step(File& file, PreparationStep step, const std::atomic<bool>& is_given_up) {
  if (auto reserved = co_await file.allocate(step.to.value); !reserved) co_return reserved;
  if (step.preparation != Preparation::kWritten) co_return Result<void>();
  co_return co_await fill_with_zeros(file, step, is_given_up);
}

PreparedSpace::PreparedSpace(Scheduler& scheduler, File& file, Fence& fence, Semaphore& sync_turn,
                             Options options, FilePosition data_end)
    : file_(file),
      fence_(fence),
      sync_turn_(sync_turn),
      options_(options),
      end_(align_up(data_end.value, kBlockBytes)),
      idle_(scheduler) {}

Task<Result<void>> PreparedSpace::reach(FilePosition end) {
  co_await wait_until_idle();
  if (reaches(end)) co_return Result<void>();
  if (Result<void> allowed = fence_.check(); !allowed) co_return allowed;

  const std::uint64_t missing_bytes = align_up(end - end_, kBlockBytes);
  const std::uint64_t steps = (missing_bytes + options_.step_bytes - 1) / options_.step_bytes;
  const PreparationStep needed = step_to(end_ + missing_bytes, /*is_awaited=*/true);
  const PreparationStep wanted = step_to(end_ + steps * options_.step_bytes, /*is_awaited=*/true);
  Result<void> done = co_await take(wanted);
  if (!done && needed.to < wanted.to && may_be_tried_again(done.error().code())) {
    done = co_await take(needed);
  }
  if (fence_.is_up()) co_return fence_.check();
  co_return done;
}

bool PreparedSpace::should_go_ahead(FilePosition used_end) const {
  return options_.preparation != Preparation::kNone && !is_busy_ && !ahead_failed_ && !stopped_ &&
         used_end + options_.step_bytes / 2 > end_;
}

Task<void> PreparedSpace::go_ahead(std::shared_ptr<const void> /*owner*/) {
  const PreparationStep next = step_to(end_ + options_.step_bytes, /*is_awaited=*/false);
  const Result<void> done = co_await take(next);
  ahead_failed_ = !done;
}

Task<void> PreparedSpace::wait_until_idle() {
  while (is_busy_) co_await idle_.wait();
}

Task<Result<void>> PreparedSpace::take(PreparationStep step) {
  is_busy_ = true;
  Result<void> done = co_await take_step(file_, step, stopped_);
  if (done && step.preparation == Preparation::kWritten) done = co_await sync();
  co_return co_await conclude(step, std::move(done));
}

Task<Result<void>> PreparedSpace::sync() {
  co_await sync_turn_.acquire(1);
  Result<void> synced = co_await file_.sync(SyncScope::kData);
  // Before anybody else syncs, and is told that all is well.
  if (!synced) fence_.raise(synced.error());
  sync_turn_.release(1);
  co_return synced;
}

Task<Result<void>> PreparedSpace::conclude(PreparationStep step, Result<void> done) {
  if (done) {
    end_ = step.to;
    ahead_failed_ = false;
  } else if (may_be_tried_again(done.error().code())) {
    done = Unexpected(explain(done.error(), step.to));
    co_await give_back();
  } else if (done.error().code() != ErrorCode::kClosed || !stopped_) {
    fence_.raise(done.error());
  }
  is_busy_ = false;
  idle_.wake_all();
  co_return done;
}

std::optional<PreparationStep> PreparedSpace::begin_step(FilePosition used_end) {
  if (!should_go_ahead(used_end)) return std::nullopt;
  is_busy_ = true;
  return step_to(end_ + options_.step_bytes, /*is_awaited=*/false);
}

Task<void> PreparedSpace::end_step(PreparationStep step, Result<void> done) {
  if (!done && done.error().code() == ErrorCode::kClosed) {
    is_busy_ = false;
    idle_.wake_all();
    co_return;
  }
  const Result<void> concluded = co_await conclude(step, std::move(done));
  ahead_failed_ = !concluded;
}

// A file system that ran out of space has often reserved a part of what it was asked for, which others
// could use. That it cannot be taken back is not worth another error: seal() cuts the file in any case.
// Data may be on its way to the blocks before end_, so nothing there may be cut.
Task<void> PreparedSpace::give_back() {
  const Result<std::uint64_t> size_bytes = co_await file_.size();
  if (size_bytes && *size_bytes >= end_.value) (void)co_await file_.truncate(end_.value);
}

Error PreparedSpace::explain(const Error& error, FilePosition end) const {
  std::string_view advice;
  switch (error.code()) {
    case ErrorCode::kNoSpace: advice = "free some and append again"; break;
    case ErrorCode::kTooLarge:
      advice = "raise RLIMIT_FSIZE (ulimit -f), or go on in another file";
      break;
    default: advice = "open it with Preparation::kNone, which needs no reserved space"; break;
  }
  return {error.code(),
          fmt::format("prepare {} up to {} bytes: {}; {}", file_.path(), end, error.message(), advice)};
}

}  // namespace penstock::file
