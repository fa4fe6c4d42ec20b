// LogThrottle: lets one line a second through, and counts the others, so that a flood of one event does
// not become a flood of the log.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "task/clock.h"

namespace penstock::server {

class LogThrottle {
 public:
  // How many events have come since the last line, this one included; nothing when it is too early for
  // another.
  std::optional<std::uint64_t> take(Instant now) {
    ++event_count_;
    if (next_line_ && now < *next_line_) return std::nullopt;
    next_line_ = now + std::chrono::seconds(1);
    return std::exchange(event_count_, 0);
  }

 private:
  std::uint64_t event_count_ = 0;
  std::optional<Instant> next_line_;
};

}  // namespace penstock::server
