#include "log/zero_pace.h"

#include <algorithm>

namespace penstock::log {

namespace {

// What is due goes out in steps, of which each is met by one commit: a partition that does nothing but
// commit needs its next segment as fast as it fills this one. Small steps are met by many commits,
// which moves the median; what a large one costs its commit moves the 99th percentile
// (docs/benchmarks.md). A file that is smaller has smaller ones.
constexpr std::uint64_t kStepBytes = 128 * kKiB;
constexpr std::uint64_t kStepsOfAFile = 8;

std::uint64_t overdue_chunk(std::uint64_t overdue_bytes) {
  return std::clamp(align_down(overdue_bytes, ZeroPace::kChunkBytes), ZeroPace::kChunkBytes,
                    ZeroPace::kRushChunkBytes);
}

}  // namespace

Task<Result<std::uint64_t>> ZeroPace::next_chunk(const ZeroDemand& demand, std::uint64_t filled_bytes,
                                                 std::uint64_t size_bytes) {
  while (!demand.is_abandoned_) {
    if (demand.is_awaited_) co_return kRushChunkBytes;
    const auto due_bytes =
        static_cast<std::uint64_t>(demand.due_share_ * static_cast<double>(size_bytes));
    const bool is_all_due = due_bytes >= size_bytes;
    const std::uint64_t step_bytes = std::min(kStepBytes, size_bytes / kStepsOfAFile);
    if (filled_bytes < due_bytes && (is_all_due || due_bytes - filled_bytes >= step_bytes)) {
      co_return overdue_chunk(due_bytes - filled_bytes);
    }

    const Instant go_from =
        std::max(ahead_from_, std::min(gaps_.quiet_from(kQuiet), ahead_from_ + kLongestHold));
    if (scheduler_.now() >= go_from) {
      ahead_from_ = scheduler_.now() + interval();
      co_return kChunkBytes;
    }
    co_await gaps_.wait_until(go_from);
  }
  co_return fail(ErrorCode::kClosed, "nobody wants the file any more");
}

Duration ZeroPace::interval() const {
  if (bytes_per_second_ == 0) return Duration::zero();
  constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
  return Duration(kChunkBytes * kNanosecondsPerSecond / bytes_per_second_);
}

void ZeroDemand::raise_to(double due_share) {
  due_share_ = std::max(due_share_, due_share);
  pace_.gaps_.pulse();
}

void ZeroDemand::rush() {
  is_awaited_ = true;
  pace_.gaps_.pulse();
}

void ZeroDemand::abandon() {
  is_abandoned_ = true;
  pace_.gaps_.pulse();
}

void ZeroDemand::reset() {
  due_share_ = 0;
  is_awaited_ = false;
  is_abandoned_ = false;
}

}  // namespace penstock::log
