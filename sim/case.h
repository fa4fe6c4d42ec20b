// CaseResult: how a simulated case ended, and what it met on the way.
//
// The first failure is kept: what follows it is often its consequence.
// Ownership: plain values, shared by everything that takes part in a case. Threading: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace penstock::sim {

class Verdict {
 public:
  bool has_failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }
  // Returns false, so that a check can end with it.
  bool fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
    return false;
  }
  // Says when it was: "<when>: <failure>".
  void add_context(std::string_view when) {
    if (!failure_.empty()) failure_ = std::string(when) + ": " + failure_;
  }

 private:
  std::string failure_;
};

// What happened, by name: a simulation that never gets into trouble proves nothing.
class Counts {
 public:
  void add(std::string_view name, std::uint64_t count = 1) {
    const auto place = counts_.find(name);
    if (place != counts_.end()) {
      place->second += count;
    } else {
      counts_.emplace(name, count);
    }
  }
  void add(const Counts& other) {
    for (const auto& [name, count] : other.counts_) add(name, count);
  }
  std::uint64_t of(std::string_view name) const {
    const auto place = counts_.find(name);
    return place == counts_.end() ? 0 : place->second;
  }
  const std::map<std::string, std::uint64_t, std::less<>>& all() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

struct CaseOptions {
  // Of a case that goes through many moments of one run (its points), only this one.
  std::optional<std::uint64_t> point;
  bool trace = false;  // every device call goes to stderr
};

struct CaseResult {
  Verdict verdict;
  Counts counts;
  std::uint64_t trace_hash = 0;
  // The point that is being looked at.
  std::optional<std::uint64_t> point;

  void fold(std::uint64_t value) { trace_hash = mix64(trace_hash * 31 + value); }
};

}  // namespace penstock::sim
