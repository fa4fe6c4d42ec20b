// TransferPace: whether the other side of a transfer is slow, looked at every second or so.
//
// Slow is who moves less than 64 KiB a second over two seconds, while the transfer waits for nobody but
// them. Who is slow is left alone as long as nobody else needs the memory that he holds.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"
#include "task/clock.h"

namespace penstock::server {

class TransferPace {
 public:
  static constexpr std::uint64_t kSlowestBytesPerSecond = 64 * kKiB;
  static constexpr Duration kWindow = std::chrono::seconds(2);

  // The transfer has moved so many bytes so far. Nothing: there is none, or it waits for us.
  bool is_slow(Instant now, std::optional<std::uint64_t> moved_bytes) {
    if (!moved_bytes || !window_begin_ || *moved_bytes < bytes_at_begin_) {
      window_begin_ = moved_bytes ? std::optional(now) : std::nullopt;
      bytes_at_begin_ = moved_bytes.value_or(0);
      return false;
    }
    const Duration took = now - *window_begin_;
    if (took < kWindow) return false;
    const auto expected =
        static_cast<double>(kSlowestBytesPerSecond) * std::chrono::duration<double>(took).count();
    const bool slow = static_cast<double>(*moved_bytes - bytes_at_begin_) < expected;
    window_begin_ = now;
    bytes_at_begin_ = *moved_bytes;
    return slow;
  }

 private:
  std::optional<Instant> window_begin_;
  std::uint64_t bytes_at_begin_ = 0;
};

}  // namespace penstock::server
