// Deadline: the moment by which a whole command has to be done, whatever it waits for.
#pragma once

#include <algorithm>
#include <chrono>

namespace penstock::cli {

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now) : at_(Clock::now() + from_now) {}

  // Never negative; zero when it has passed.
  std::chrono::milliseconds remaining() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
    return std::max(left, std::chrono::milliseconds(0));
  }
  bool has_passed() const { return Clock::now() >= at_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point at_;
};

}  // namespace penstock::cli
