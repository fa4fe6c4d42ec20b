// Deadline: the moment by which something has to be done, whatever it waits for; and, where there is
// an Interrupt, the signals that end the waiting earlier.
#pragma once

#include <algorithm>
#include <chrono>

#include "cli/interrupt.h"

namespace penstock::cli {

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now) : at_(Clock::now() + from_now) {}
  // The same, but it passes as soon as `interrupt` has counted `signals`. `interrupt` must outlive
  // this.
  Deadline(std::chrono::milliseconds from_now, const Interrupt& interrupt, int signals)
      : at_(Clock::now() + from_now), interrupt_(&interrupt), signals_(signals) {}

  // The same, but `from_now` at the latest.
  Deadline at_most(std::chrono::milliseconds from_now) const {
    Deadline sooner = *this;
    sooner.at_ = std::min(at_, Clock::now() + from_now);
    return sooner;
  }

  // Never negative; zero when it has passed.
  std::chrono::milliseconds remaining() const {
    if (is_interrupted()) return std::chrono::milliseconds(0);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
    return std::max(left, std::chrono::milliseconds(0));
  }
  bool has_passed() const { return is_interrupted() || Clock::now() >= at_; }

  bool is_interrupted() const { return interrupt_ != nullptr && interrupt_->count() >= signals_; }
  // To be waited for beside what is waited for; null if nothing interrupts.
  const Interrupt* interrupt() const { return interrupt_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point at_;
  const Interrupt* interrupt_ = nullptr;
  int signals_ = 0;
};

}  // namespace penstock::cli
