// What a probe means: each finding with a verdict and, where something can be done, the remedy.
//
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "disk/probe.h"

namespace penstock::cli {

enum class Verdict {
  kGood,
  kCouldBeBetter,  // works; slower, or less certain, than it could be
  kWrong,          // Penstock cannot keep its promises here
  kUnknown,        // the system does not say
};
std::string_view to_string(Verdict verdict);

struct Diagnosis {
  std::string subject;  // "write cache"
  std::string id;       // "write_cache", for JSON
  Verdict verdict = Verdict::kUnknown;
  std::string finding;
  std::string remedy;  // empty where there is nothing to do
};

// One line for each thing that matters, and last the I/O mode that comes of it.
std::vector<Diagnosis> diagnose(const ProbeReport& report);

}  // namespace penstock::cli
