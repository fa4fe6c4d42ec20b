// ResourceSampler: memory and pressure over time, by a thread of its own.
//
// Ownership: the thread is the object's. What it looks at (a process, a directory) may go away
// meanwhile; then there is nothing of it in the samples. Threading: stop() and the destructor by the
// one who made it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "benchmark/latency_recorder.h"
#include "benchmark/results.h"

namespace penstock::benchmark {

class ResourceSampler {
 public:
  struct Subject {
    std::optional<pid_t> process{};  // whose memory
    std::string directory{};         // whose files may be in the page cache; empty: nobody's
    SteadyClock::time_point zero{};  // of the samples' time
  };

  explicit ResourceSampler(Subject subject);

  // Ends it and gives what was seen.
  std::vector<ResourceSample> stop();

 private:
  void sample_until(const std::stop_token& token);

  Subject subject_;
  std::vector<ResourceSample> samples_;
  std::jthread thread_;  // last: it uses the others
};

// What the page cache holds of all files below `directory`, by cachestat (Linux 6.5); nothing where the
// kernel has no such call.
std::optional<std::uint64_t> page_cache_bytes_of(const std::string& directory);

// Drops clean pages of all files below `directory` from the page cache, as far as the kernel does.
void drop_page_cache_of(const std::string& directory);

}  // namespace penstock::benchmark
