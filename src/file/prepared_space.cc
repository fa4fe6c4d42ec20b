#include "file/prepared_space.h"

#include <algorithm>
#include <cstring>

namespace penstock::file {

namespace {

// One write of zeros: large enough for the device's bandwidth, small enough that a durable write beside
// it does not wait long.
constexpr std::uint64_t kZerosBytes = 512 * kKiB;

bool may_be_tried_again(ErrorCode code) {
  return code == ErrorCode::kNoSpace || code == ErrorCode::kTooLarge ||
         code == ErrorCode::kNotSupported;
}

}  // namespace

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
  const FilePosition needed = end_ + missing_bytes;
  const FilePosition wanted = end_ + steps * options_.step_bytes;
  Result<void> done = co_await step_to(wanted);
  if (!done && needed < wanted && may_be_tried_again(done.error().code())) {
    done = co_await step_to(needed);
  }
  if (fence_.is_up()) co_return fence_.check();
  co_return done;
}

bool PreparedSpace::should_go_ahead(FilePosition used_end) const {
  return options_.preparation != Preparation::kNone && !is_busy_ && !ahead_failed_ && !stopped_ &&
         used_end + options_.step_bytes / 2 > end_;
}

Task<void> PreparedSpace::go_ahead(std::shared_ptr<const void> /*owner*/) {
  const FilePosition next = end_ + options_.step_bytes;
  const Result<void> done = co_await step_to(next);
  ahead_failed_ = !done;
}

Task<void> PreparedSpace::wait_until_idle() {
  while (is_busy_) co_await idle_.wait();
}

Task<Result<void>> PreparedSpace::step_to(FilePosition end) {
  is_busy_ = true;
  Result<void> done = co_await file_.allocate(end.value);
  if (done && options_.preparation == Preparation::kWritten) done = co_await fill_with_zeros(end);
  if (done) {
    end_ = end;
    ahead_failed_ = false;
  } else if (may_be_tried_again(done.error().code())) {
    done = Unexpected(explain(done.error(), end));
    co_await give_back();
  } else if (done.error().code() != ErrorCode::kClosed || !stopped_) {
    fence_.raise(done.error());
  }
  is_busy_ = false;
  idle_.wake_all();
  co_return done;
}

// Zeros turn reserved extents into written ones, which is metadata; the sync at the end commits it
// once, or else the first durable write would pay for it.
Task<Result<void>> PreparedSpace::fill_with_zeros(FilePosition end) {
  AlignedBuffer buffer(std::min(kZerosBytes, end - end_));
  std::memset(buffer.data(), 0, buffer.capacity());
  const std::size_t zeros_bytes = buffer.capacity();
  const SharedSlice zeros = std::move(buffer).freeze(zeros_bytes);
  for (FilePosition at = end_; at < end;) {
    if (stopped_) co_return fail(ErrorCode::kClosed, "{} is being closed", file_.path());
    const SharedSlice piece = zeros.slice(0, std::min<std::uint64_t>(zeros.size(), end - at));
    if (auto written = co_await file_.write(at, piece, Durability::kNone); !written) co_return written;
    at = at + piece.size();
  }
  co_await sync_turn_.acquire(1);
  Result<void> synced = co_await file_.sync(SyncScope::kData);
  // Before anybody else syncs, and is told that all is well.
  if (!synced) fence_.raise(synced.error());
  sync_turn_.release(1);
  co_return synced;
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
