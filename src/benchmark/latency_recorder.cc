#include "benchmark/latency_recorder.h"

#include <algorithm>
#include <cmath>

namespace penstock::benchmark {

namespace {

using std::chrono::nanoseconds;

constexpr double kNsPerUs = 1000;

}  // namespace

LatencyRecorder::LatencyRecorder(SteadyClock::time_point start, SteadyClock::time_point event,
                                 SteadyClock::time_point end)
    : start_(start),
      event_(event),
      seconds_(static_cast<std::size_t>(
          std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(end - start).count()))) {}

// Below a microsecond everything is the first step.
std::size_t LatencyRecorder::step_of(nanoseconds latency) {
  const double us = std::max(1.0, static_cast<double>(latency.count()) / kNsPerUs);
  return static_cast<std::size_t>(std::log2(us) * kStepsPerOctave);
}

void LatencyRecorder::add(SteadyClock::time_point meant, nanoseconds latency) {
  if (meant < start_ || seconds_.empty()) return;
  all_.add(latency);
  if (meant >= event_) behind_event_.add(latency);
  const auto index = static_cast<std::size_t>((meant - start_) / std::chrono::seconds(1));
  Second& second = seconds_[std::min(index, seconds_.size() - 1)];
  const std::size_t step = step_of(std::min(latency, nanoseconds(Histogram::kMost)));
  if (step >= second.steps.size()) second.steps.resize(step + 1);
  ++second.steps[step];
  ++second.count;
  second.most = std::max(second.most, latency);
}

void LatencyRecorder::add_all(const LatencyRecorder& other) {
  all_.add_all(other.all_);
  behind_event_.add_all(other.behind_event_);
  if (seconds_.size() < other.seconds_.size()) seconds_.resize(other.seconds_.size());
  for (std::size_t i = 0; i < other.seconds_.size(); ++i) {
    Second& to = seconds_[i];
    const Second& from = other.seconds_[i];
    if (to.steps.size() < from.steps.size()) to.steps.resize(from.steps.size());
    for (std::size_t step = 0; step < from.steps.size(); ++step) to.steps[step] += from.steps[step];
    to.count += from.count;
    to.most = std::max(to.most, from.most);
  }
}

double LatencyRecorder::Second::percentile_us(double share) const {
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count))));
  std::uint64_t below = 0;
  for (std::size_t step = 0; step < steps.size(); ++step) {
    below += steps[step];
    if (below < rank) continue;
    const double end_us = std::exp2(static_cast<double>(step + 1) / kStepsPerOctave);
    return std::min(end_us, static_cast<double>(most.count()) / kNsPerUs);
  }
  return 0;
}

std::vector<std::uint64_t> LatencyRecorder::Second::cells() const {
  constexpr std::size_t kStepsPerCell = kStepsPerOctave / kCellsPerOctave;
  std::vector<std::uint64_t> cells((steps.size() + kStepsPerCell - 1) / kStepsPerCell);
  for (std::size_t step = 0; step < steps.size(); ++step) cells[step / kStepsPerCell] += steps[step];
  return cells;
}

}  // namespace penstock::benchmark
