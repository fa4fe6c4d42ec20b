#include "log/rate_pace.h"

#include <algorithm>
#include <chrono>

namespace penstock::log {

namespace {

// Entries can be small: one pause for many of them. Or large: close() must not wait for long.
constexpr Duration kShortestPause = std::chrono::milliseconds(10);
constexpr Duration kLongestPause = std::chrono::seconds(1);

Duration time_for(std::uint64_t bytes, std::uint64_t bytes_per_second) {
  const double seconds = static_cast<double>(bytes) / static_cast<double>(bytes_per_second);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

RatePace::RatePace(Scheduler& scheduler, const Gate& gate, std::uint64_t bytes_per_second)
    : scheduler_(scheduler),
      gate_(gate),
      bytes_per_second_(bytes_per_second),
      begin_(scheduler.clock().now()) {
  PENSTOCK_ASSERT(bytes_per_second_ >= 1, "a rate of nothing never ends");
}

Task<Result<void>> RatePace::spend(std::uint64_t bytes) {
  spent_bytes_ += bytes;
  const Instant due = begin_ + time_for(spent_bytes_, bytes_per_second_);
  while (!gate_.is_closed() && due - scheduler_.now() >= kShortestPause) {
    co_await scheduler_.sleep_until(std::min(due, scheduler_.now() + kLongestPause));
  }
  if (gate_.is_closed()) co_return fail(ErrorCode::kClosed, "it is being closed");
  co_return Result<void>();
}

}  // namespace penstock::log
