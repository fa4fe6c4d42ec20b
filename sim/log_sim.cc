// log_sim: simulated partitions under every fault of the fault model; `make sim`.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

#include "sim/campaign.h"

namespace {

using penstock::sim::Campaign;
using penstock::sim::CaseOptions;
using penstock::sim::RunOutcome;

void list_campaigns() {
  fmt::print("{:<14} {:>9}  {}\n", "NAME", "CASES", "WHAT");
  for (const Campaign* campaign : penstock::sim::registry()) {
    fmt::print("{:<14} {:>9}  {}\n", campaign->name(), campaign->full_cases(), campaign->summary());
  }
}

void print_counts(const RunOutcome& outcome) {
  for (const auto& [name, count] : outcome.counts.all()) fmt::print("  {:>12}  {}\n", count, name);
}

// In parts, so that one sees that it goes on.
bool run(Campaign& campaign, std::uint64_t first, std::uint64_t cases, const CaseOptions& options) {
  constexpr std::uint64_t kParts = 10;
  const std::uint64_t part = std::max<std::uint64_t>(1, cases / kParts);
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  RunOutcome total;
  for (std::uint64_t done = 0; done < cases; done += part) {
    const RunOutcome outcome = run_cases(campaign, first + done, std::min(part, cases - done), options);
    total.cases += outcome.cases;
    total.counts.add(outcome.counts);
    total.trace_hash = penstock::mix64(total.trace_hash * 31 + outcome.trace_hash);
    if (!outcome.failure.empty()) {
      fmt::print(stderr, "FAILED: {}: {}\n", campaign.name(), outcome.failure);
      return false;
    }
    if (cases >= kParts) {
      fmt::print("{}: {} of {} cases, {:.0f} s\n", campaign.name(), total.cases, cases, seconds());
      std::fflush(stdout);
    }
  }
  fmt::print("{}: {} cases passed (from {}), {:.1f} per second, trace {:016x}\n", campaign.name(),
             total.cases, first, static_cast<double>(total.cases) / std::max(seconds(), 1e-6),
             total.trace_hash);
  print_counts(total);
  const auto missing = missing_counts(campaign, total.counts);
  if (cases < campaign.test_cases() || options.point || missing.empty()) return true;
  fmt::print(stderr, "FAILED: {}: it never met: {}\n", campaign.name(), fmt::join(missing, ", "));
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::string name;
  std::uint64_t first = 1;
  std::optional<std::uint64_t> cases;
  std::optional<std::uint64_t> seed;
  double percent = 100;
  bool list = false;
  CaseOptions options;
  CLI::App app{
      "Runs partitions on a simulated machine through every fault that it knows. A case is drawn from "
      "its number alone: the same number gives the same run, and a failure prints the command that "
      "replays it."};
  app.add_option("NAME", name, "the campaign, or `all`");
  app.add_flag("--list", list, "list the campaigns");
  app.add_option("--first", first, "the first case")->capture_default_str();
  app.add_option("--cases", cases, "how many cases; without it, what --percent says");
  app.add_option("--percent", percent, "share of a whole run")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", seed, "run this one case");
  app.add_option("--point", options.point, "of that case, only this point");
  app.add_flag("--trace", options.trace, "print every device call to stderr");
  CLI11_PARSE(app, argc, argv);
  if (list) {
    list_campaigns();
    return 0;
  }
  if (seed) {
    first = *seed;
    cases = 1;
  }
  const auto cases_of = [&](const Campaign& campaign) {
    const double share = static_cast<double>(campaign.full_cases()) * percent / 100;
    return cases.value_or(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(share)));
  };
  if (name == "all") {
    for (Campaign* campaign : penstock::sim::registry()) {
      if (!run(*campaign, first, cases_of(*campaign), options)) return 1;
    }
    return 0;
  }
  Campaign* campaign = penstock::sim::find_campaign(name);
  if (campaign == nullptr) {
    fmt::print(stderr, "there is no campaign \"{}\"; `log_sim --list` names them\n", name);
    return 2;
  }
  return run(*campaign, first, cases_of(*campaign), options) ? 0 : 1;
}
