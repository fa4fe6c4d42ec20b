// run_stream: load on brokers through the Kafka protocol, scenario after scenario.
//
// The targets are brokers of its own, one for each I/O mode, started anew for each run; or one that
// runs already, of any make. Runs of different targets take turns, so that the machine's moods do not
// fall on one of them alone.
//
// Ownership: brokers, topics, control groups and directories that it makes are gone when it returns.
// Threading: blocks the calling thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "benchmark/control.h"
#include "benchmark/load.h"
#include "benchmark/results.h"
#include "penstock/io_mode.h"

namespace penstock::benchmark {

struct Scenario {
  const char* name;
  const char* meaning;  // one line, for help
};
const std::vector<Scenario>& stream_scenarios();

struct StreamPlan {
  std::vector<std::string> scenarios = {"steady"};  // names of stream_scenarios()
  // Of its own brokers; none: all that the file system honours. One that it does not is a failed run.
  std::vector<IoMode> modes{};
  std::string brokers;    // of a broker that runs already; empty: brokers of its own
  std::string directory;  // where its own brokers keep their data
  std::string program;    // the penstock binary
  int repeats = 3;
  double seconds = 10;  // each run, without its warm-up
  double warmup_seconds = 2;
  bool is_closed_loop = false;
  double rate = 2000;  // messages a second, of all producers together; for open loops
  LoadShape shape{};   // its rate is not used
  std::string commit = "sync";
  RdkafkaSettings topic_settings{};        // more of the topic's
  std::vector<std::string> serve_flags{};  // more for its own brokers
  std::uint64_t backlog_bytes = kGiB;      // that backfill, pressure and neighbour write first
  bool measures_client = true;             // against a target that does nothing, first
};

// Errors: kInvalidArgument (a scenario that is none, or one that needs brokers of its own), and what
// keeps everything from being measured. A run that fails is in the results, as failed.
Result<Results> run_stream(const StreamPlan& plan, const RunControl& control);

}  // namespace penstock::benchmark
