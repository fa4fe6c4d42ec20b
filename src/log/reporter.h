// Reporter: what an operator should hear of while partitions run.
//
// Said once when a state begins or ends, not with every request that meets it.
// Threading: called on the shard's thread; must not call back.
#pragma once

#include <string_view>

namespace penstock::log {

class Reporter {
 public:
  enum class Severity { kInfo, kWarning, kError };

  virtual ~Reporter() = default;
  virtual void report(Severity severity, std::string_view what) = 0;
};

}  // namespace penstock::log
