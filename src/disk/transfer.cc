#include "disk/transfer.h"

#include <algorithm>
#include <cerrno>

namespace penstock {

bool is_turned_away(int errno_value) {
  return errno_value == EINTR || errno_value == EAGAIN || errno_value == ECANCELED;
}

std::uint64_t Transfer::remaining_bytes() const {
  return std::min(length_bytes_ - at(), kMaxCallBytes);
}

Transfer::Step Transfer::take(std::int64_t result) {
  if (result < 0) {
    const int error = static_cast<int>(-result);
    if (!is_turned_away(error) || ++idle_calls_ > kMaxIdleCalls) {
      error_ = error;
      return Step::kFailed;
    }
    return Step::kGoOn;
  }
  const auto count = static_cast<std::uint64_t>(result);
  const bool was_short = count < remaining_bytes();
  const std::uint64_t moved_before = moved_bytes_;
  moved_bytes_ = std::max(moved_bytes_, at() + count);
  PENSTOCK_ASSERT(moved_bytes_ <= length_bytes_, "the kernel moved more bytes than it was asked to");
  if (moved_bytes_ == length_bytes_) return Step::kComplete;
  if (moved_bytes_ > moved_before) {
    idle_calls_ = 0;
  } else if (++idle_calls_ > kMaxIdleCalls) {
    error_ = EIO;
    return Step::kFailed;
  }
  return was_short ? Step::kShort : Step::kGoOn;
}

}  // namespace penstock
