// Campaign: one row of the fault table (docs/durability.md), as cases that are numbered and replay
// exactly.
//
// A case is drawn from its number alone. Where a case goes through the moments of one run (each step,
// each call), a moment is a point; the same case with only that point is the quickest way back to a
// failure.
//
// Ownership: campaigns live for ever, in registry(). Threading: one thread; a case is not reentrant.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/case.h"

namespace penstock::sim {

class Campaign {
 public:
  virtual ~Campaign() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;
  // Cases of a whole run (`log_sim NAME`), and of the one among the tests.
  virtual std::uint64_t full_cases() const = 0;
  virtual std::uint64_t test_cases() const = 0;
  // Counts that even the short run must have, for it to have shown anything.
  virtual std::vector<std::string_view> must_meet() const = 0;

  virtual void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) = 0;
};

// In the order of the fault table.
const std::vector<Campaign*>& registry();
// Null when there is none of that name.
Campaign* find_campaign(std::string_view name);

// Runs cases [first, first + count), up to the first failure.
struct RunOutcome {
  std::string failure;  // empty: passed; with the command that replays it
  std::uint64_t cases = 0;
  std::uint64_t trace_hash = 0;  // of all of them
  Counts counts;
};
RunOutcome run_cases(Campaign& campaign, std::uint64_t first, std::uint64_t count,
                     const CaseOptions& options = {});

// The names of must_meet() that `counts` lacks.
std::vector<std::string> missing_counts(const Campaign& campaign, const Counts& counts);

}  // namespace penstock::sim
