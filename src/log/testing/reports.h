// Reports: a Reporter that keeps what it is told, for tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "log/reporter.h"

namespace penstock::log::testing {

class Reports final : public Reporter {
 public:
  void report(Severity, std::string_view what) override { lines_.emplace_back(what); }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

}  // namespace penstock::log::testing
