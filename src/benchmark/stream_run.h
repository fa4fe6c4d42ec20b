// StreamRun: one scenario against one broker, once.
//
// Ownership: the broker and the topic are the caller's. Threading: one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "benchmark/broker_process.h"
#include "benchmark/load.h"
#include "benchmark/results.h"

namespace penstock::benchmark {

// What a scenario does beside producing and consuming.
struct StreamScript {
  double seconds = 0;
  double warmup_seconds = 0;
  bool has_cold_reader = false;  // joins half-way and reads everything from the beginning
};

struct StreamTarget {
  std::string brokers;
  std::string topic;
  BrokerProcess* broker = nullptr;  // null: not ours, so nothing is known of its process
  std::string data_directory;       // of it; empty: not known
};

// Whether to end sooner; called a few times a second with the seconds that have passed.
using KeepGoing = std::function<bool(double elapsed_s)>;

// Fills in what was measured: messages, metrics, latencies, stages, samples, events, failures.
void measure_stream(const StreamTarget& target, const LoadShape& shape, const StreamScript& script,
                    const KeepGoing& keeps_going, Run& run);

// Writes `bytes` to the topic, as fast as it goes, and waits until they are acknowledged. Errors: kIo,
// kClosed (told to end).
Result<void> write_backlog(const StreamTarget& target, const LoadShape& shape, std::uint64_t bytes,
                           const KeepGoing& keeps_going);

// Steps the rate up from `rate` until it is no longer sustained; each step lasts script.seconds. The
// points are the run's.
void sweep_rates(const StreamTarget& target, const LoadShape& shape, const StreamScript& script,
                 double rate, const KeepGoing& keeps_going, Run& run);

}  // namespace penstock::benchmark
