// run_disk: how fast the file system of a directory is, by I/O mode, by what is at the place of a
// write, by block size and depth, beside the raw device's limit in the same run.
//
// All of it goes through the Disk seam, as the log's and the library's I/O does. "raw" is a ring of its
// own with O_DIRECT operations on the same file and nothing in between.
//
// Ownership: its files have no name, so nothing is left behind however the process ends. Threading:
// blocks the calling thread. Durability: of no value to anybody.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "benchmark/control.h"
#include "benchmark/results.h"

namespace penstock::benchmark {

struct DiskPlan {
  std::string directory;
  double seconds = 120;  // all of it, but for filling a file first
  int repeats = 3;       // of the latencies; the matrix is measured once
  // The space for all of it: at most this, and at most a tenth of what is available.
  std::uint64_t max_bytes = kGiB;
};

// Errors: those of probe(); kInvalidArgument (max_bytes below 32 MiB), kNoSpace (less than 320 MiB
// available), kIo.
Result<Results> run_disk(const DiskPlan& plan, const RunControl& control);

}  // namespace penstock::benchmark
