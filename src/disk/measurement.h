// Measuring: what measure() (penstock/probe.h) does, over any Disk and Clock.
//
// Ownership: scheduler and files must outlive the call. Threading: the scheduler's thread.
// Durability: the files' contents are of no value to anybody.
#pragma once

#include <functional>
#include <string_view>

#include "disk/disk.h"
#include "penstock/probe.h"
#include "task/scheduler.h"

namespace penstock {

// Three empty files of one disk, and how far each may grow. Whole pieces of kSequentialBytes.
struct MeasuredFiles {
  File& written;  // written once from its start, then overwritten and read
  File& allocated;
  File& growing;
  std::uint64_t written_bytes = 0;
  std::uint64_t allocated_bytes = 0;
  std::uint64_t growing_bytes = 0;
};

struct MeasurePlan {
  Duration time{};
  // Reads with many in flight need a disk on which they wait side by side.
  bool many_reads = true;
  // As in MeasureOptions; may be empty.
  std::function<void(std::string_view what, double share)> progress = {};
};

inline constexpr std::uint64_t kSequentialBytes = 1ULL << 20;
inline constexpr unsigned kSequentialInFlight = 4;
inline constexpr unsigned kManyReadsInFlight = 32;
// Samples per series; one that has as many ends.
inline constexpr std::size_t kMaxSamples = 200'000;

// Fills in the series and throughputs of a Measurement, `seconds` and `notes`. Errors: the files'.
Task<Result<Measurement>> measure_files(Scheduler& scheduler, MeasuredFiles files, MeasurePlan plan);

// Whole 8-byte words that no device, file system or compression can shrink.
SharedSlice incompressible(std::uint64_t size_bytes, std::uint64_t seed);

// The value that `share` (0 to 1) of the samples do not exceed; 0 without samples.
double percentile(std::vector<float> samples, double share);

}  // namespace penstock
