// Clock: the only source of time.
//
// Monotonic time orders and delays; wall time is only ever written into records and log lines. A
// ManualClock makes both a matter of the test or the simulator that owns it.
//
// Threading: SystemClock may be asked from any thread, ManualClock from its scheduler's.
#pragma once

#include <chrono>
#include <cstdint>

namespace penstock {

using Duration = std::chrono::nanoseconds;

// A moment of monotonic time. Only differences have a meaning.
struct Instant {
  Duration since_start{};

  static const Instant kNever;  // later than everything

  friend auto operator<=>(Instant, Instant) = default;
  Instant operator+(Duration by) const { return Instant{since_start + by}; }
  Duration operator-(Instant other) const { return since_start - other.since_start; }
};

inline constexpr Instant Instant::kNever{Duration::max()};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  // Milliseconds since 1970-01-01 UTC.
  virtual std::int64_t wall_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override;
  std::int64_t wall_ms() const override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t wall_ms_at_start = 1'700'000'000'000)
      : wall_ms_at_start_(wall_ms_at_start) {}

  Instant now() const override { return now_; }
  std::int64_t wall_ms() const override {
    return wall_ms_at_start_ +
           std::chrono::duration_cast<std::chrono::milliseconds>(now_.since_start).count();
  }
  void advance(Duration by) { now_ = now_ + by; }

 private:
  Instant now_;
  std::int64_t wall_ms_at_start_;
};

}  // namespace penstock
