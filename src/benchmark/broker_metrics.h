// BrokerMetrics: what a penstock broker's /metrics say about the stages of its commits.
//
// Threading: any; fetch blocks for some milliseconds.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "benchmark/results.h"

namespace penstock::benchmark {

struct BrokerMetrics {
  struct StageCounts {
    double seconds = 0;
    double count = 0;
    std::map<double, double> buckets{};  // commits by upper bound, in seconds; cumulative
  };
  std::map<std::string, StageCounts> stages{};  // all shards together

  // `text` is Prometheus's text format; what is not penstock_stage_seconds is passed over.
  static BrokerMetrics parse(std::string_view text);
  // From `address`, an IPV4:PORT. Errors: kIo, kTimeout.
  static Result<BrokerMetrics> fetch(const std::string& address);

  // What came since `earlier`: means, and the bucket in which the 99th percentile lies, its upper end.
  // Empty without commits.
  std::vector<Stage> since(const BrokerMetrics& earlier) const;
};

}  // namespace penstock::benchmark
