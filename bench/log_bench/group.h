// The groups of rows of log_bench, and what each gets.
//
// Each compares the log with the raw device, or one way with another, in rounds: in every round both
// sides take their turn, one after the other or many times in turns, and the round gives one ratio. A
// row is the median of the rounds, and says the range.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "bench/latency.h"
#include "bench/report.h"

namespace penstock::bench {

struct Run {
  const Options& options;
  std::string directory;  // exists, and is removed after the run
  Report& report;

  int rounds() const { return options.quick ? 3 : 5; }
  // For the time in which one side is measured in one round.
  std::chrono::milliseconds turn() const {
    return std::chrono::milliseconds(options.quick ? 400 : 2000);
  }
};

// In the basis of rows that other work on the machine changes on one side only.
inline constexpr std::string_view kIdleCoresOnly = "valid on idle cores only";

// One figure of both sides, round by round.
class Rounds {
 public:
  void add(double ours, double theirs) {
    ours_.push_back(ours);
    theirs_.push_back(theirs);
    ratios_.push_back(ours / theirs);
  }

  // The ratio as a row, "ours of theirs" in `unit`. What to reach is the caller's to fill in.
  Row row(std::string measure, std::string_view unit) const;

 private:
  std::vector<double> ours_;
  std::vector<double> theirs_;
  std::vector<double> ratios_;
};

void run_acks(const Run& run);
void run_fan_in(const Run& run);
void run_partitions(const Run& run);
void run_ingest(const Run& run);
void run_tail(const Run& run);
void run_backfill(const Run& run);
void run_stalls(const Run& run);
void run_restart(const Run& run);
void run_memory(const Run& run);
void run_depth(const Run& run);

// The other role of this program, for run_memory(): opens partitions and prints what they hold.
int be_idle_partitions(const std::string& directory, std::size_t count);

}  // namespace penstock::bench
