// LogThrottle: lets a line a second through, or a few, and counts the others, so that a flood of one
// event does not become a flood of the log.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "task/clock.h"

namespace penstock::server {

class LogThrottle {
 public:
  explicit LogThrottle(std::uint64_t lines_per_second = 1) : lines_per_second_(lines_per_second) {}

  // How many events have come since the last line, this one included; nothing when it is too early for
  // another.
  std::optional<std::uint64_t> take(Instant now) {
    ++event_count_;
    if (!second_ends_ || now >= *second_ends_) {
      second_ends_ = now + std::chrono::seconds(1);
      line_count_ = 0;
    }
    if (line_count_ == lines_per_second_) return std::nullopt;
    ++line_count_;
    return std::exchange(event_count_, 0);
  }

 private:
  std::uint64_t lines_per_second_;
  std::uint64_t event_count_ = 0;
  std::uint64_t line_count_ = 0;  // in this second
  std::optional<Instant> second_ends_;
};

}  // namespace penstock::server
