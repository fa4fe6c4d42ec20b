// What a probe and a measurement mean: each finding with a verdict and, where something can be done,
// the remedy.
//
// Threading: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/probe.h"

namespace penstock::cli {

enum class Verdict {
  kGood,
  kCouldBeBetter,  // works; slower, or less certain, than it could be
  kWrong,          // Penstock cannot keep its promises here
  kUnknown,        // the system does not say, or it could not be tried
};
// For people: "good", "could be better", "wrong", "-".
std::string_view to_string(Verdict verdict);
// For programs: "good", "could_be_better", "wrong", "unknown".
std::string_view id_of(Verdict verdict);

struct Diagnosis {
  std::string subject;  // "write cache"
  std::string id;       // "write_cache", for JSON
  Verdict verdict = Verdict::kUnknown;
  std::string finding;
  std::string remedy;  // empty where there is nothing to do
};

// Everything that is known about a place.
struct Examination {
  ProbeReport report;
  std::optional<Measurement> measurement;
  std::string not_measured;  // why there is no measurement, if it was tried
};

// One line for each thing that matters, and last the I/O mode that comes of it.
std::vector<Diagnosis> diagnose(const Examination& examination);

// The worst of them: kWrong before kCouldBeBetter before kGood; kUnknown counts as kGood.
Verdict worst_of(const std::vector<Diagnosis>& lines);

}  // namespace penstock::cli
