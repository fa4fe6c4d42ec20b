#include "sim/campaign.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "sim/campaigns.h"

namespace penstock::sim {

namespace {

// Which case runs now: a failed assertion ends the process, and must be replayable too.
struct Running {
  const Campaign* campaign = nullptr;
  std::uint64_t number = 0;
  const CaseResult* result = nullptr;
};
Running running;

std::string replay_command(const Running& now) {
  std::string command = fmt::format("log_sim {} --seed {}", now.campaign->name(), now.number);
  if (now.result->point) command += fmt::format(" --point {}", *now.result->point);
  return command;
}

// The process is going to end: memory it takes for this is no matter.
void on_abort(int signal) {
  if (running.campaign != nullptr) {
    const std::string line = fmt::format("replay with: {}\n", replay_command(running));
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// Buffers come and go with every simulated machine. By default malloc gives them back to the system
// each time, and faulting them in again takes two thirds of a run.
void keep_freed_memory() {
  constexpr int kLargestThresholdBytes = 32 << 20;  // that glibc takes
  constexpr int kKeptBytes = 512 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargestThresholdBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
}

}  // namespace

const std::vector<Campaign*>& registry() {
  static const std::vector<Campaign*> kCampaigns = {
      &crashes(),   &in_flight(), &torn_writes(), &lies(),          &bit_rot(), &errors(),
      &full_disk(), &disturbed(), &delays(),      &interleavings(), &lives(),
  };
  return kCampaigns;
}

Campaign* find_campaign(std::string_view name) {
  const auto place =
      std::ranges::find_if(registry(), [&](const Campaign* c) { return c->name() == name; });
  return place == registry().end() ? nullptr : *place;
}

RunOutcome run_cases(Campaign& campaign, std::uint64_t first, std::uint64_t count,
                     const CaseOptions& options) {
  RunOutcome outcome;
  keep_freed_memory();
  std::signal(SIGABRT, on_abort);
  for (std::uint64_t number = first; number < first + count; ++number) {
    CaseResult result;
    running = {&campaign, number, &result};
    campaign.run_case(number, options, result);
    ++outcome.cases;
    outcome.counts.add(result.counts);
    outcome.trace_hash = mix64(outcome.trace_hash * 31 + result.trace_hash);
    if (result.verdict.has_failed()) {
      outcome.failure =
          fmt::format("{}\nreplay with: {}", result.verdict.failure(), replay_command(running));
      break;
    }
  }
  running = {};
  std::signal(SIGABRT, SIG_DFL);
  return outcome;
}

std::vector<std::string> missing_counts(const Campaign& campaign, const Counts& counts) {
  std::vector<std::string> missing;
  for (const std::string_view name : campaign.must_meet()) {
    if (counts.of(name) == 0) missing.emplace_back(name);
  }
  return missing;
}

}  // namespace penstock::sim
