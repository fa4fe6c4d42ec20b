// LatencyRecorder: latencies of one kind by when they belong: all of them, those behind an event, and
// those of every second.
//
// A latency belongs to the moment at which its operation was meant to begin, not to the one at which it
// did: what waited for a slow predecessor counts with its wait (no coordinated omission). Operations
// that were meant for before the start are warm-up and count nowhere.
//
// Threading: one thread at a time; several threads have one each, joined afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "benchmark/histogram.h"

namespace penstock::benchmark {

using SteadyClock = std::chrono::steady_clock;

class LatencyRecorder {
 public:
  // Cells of the latency-over-time picture: four for each power of two, in microseconds.
  static constexpr int kCellsPerOctave = 4;

  struct Second {
    std::uint64_t count = 0;
    std::chrono::nanoseconds most{};
    std::vector<std::uint32_t> steps{};  // finer than cells: kStepsPerOctave for each power of two

    // The nearest rank, to one part in sixteen of itself.
    double percentile_us(double share) const;
    // How many lie in each cell.
    std::vector<std::uint64_t> cells() const;
  };

  // `event`: from there on a second histogram counts too; at or after `end`: there is none.
  LatencyRecorder(SteadyClock::time_point start, SteadyClock::time_point event,
                  SteadyClock::time_point end);

  void add(SteadyClock::time_point meant, std::chrono::nanoseconds latency);
  void add_all(const LatencyRecorder& other);

  const Histogram& all() const { return all_; }
  const Histogram& behind_event() const { return behind_event_; }
  // One for each second since the start.
  const std::vector<Second>& seconds() const { return seconds_; }

 private:
  static constexpr int kStepsPerOctave = 16;

  static std::size_t step_of(std::chrono::nanoseconds latency);

  SteadyClock::time_point start_;
  SteadyClock::time_point event_;
  Histogram all_;
  Histogram behind_event_;
  std::vector<Second> seconds_;
};

}  // namespace penstock::benchmark
