// history_clients: real clients that work on a server while it dies and returns, and the judge of what
// they were told.
//
//   history_clients run ...      idempotent and transactional producers, groups whose members come and
//   go,
//                                and a pipeline between two topics, until SIGTERM; then all is ended
//                                and read once more. The history is in the file as it happens.
//   history_clients check FILE   judges it (src/broker/testing/history_check.h has the rules)
//
// Exit codes: 0 done or nothing wrong, 1 could not do it, 2 wrong usage, 3 a promise was broken.

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <functional>
#include <vector>

#include "broker/testing/history_check.h"
#include "history_consumers.h"
#include "history_producers.h"

namespace penstock::tests {
namespace {

constexpr int kExitBrokenPromise = 3;

volatile std::sig_atomic_t stop_requested = 0;

struct RunOptions {
  std::string broker;
  std::vector<std::string> topics;
  std::int32_t partitions = 4;
  std::uint64_t seed = 0;
  std::string path;
};

// The names of groups and transactional ids begin with the first topic's: a run's are its own.
std::vector<GroupOptions> groups_of(const std::string& prefix) {
  return {
      {prefix + "-pipeline", history::Isolation::kCommitted, {kOrders}, "range"},
      {prefix + "-committed", history::Isolation::kCommitted, {kOrders, kResults}, "range"},
      {prefix + "-all", history::Isolation::kAll, {kOrders, kResults}, "roundrobin"},
  };
}

void run_clients(const RunOptions& options, HistoryRecorder& recorder) {
  Workload workload{.broker = options.broker,
                    .topics = {options.topics[0], options.topics[1]},
                    .partitions = options.partitions,
                    .recorder = recorder};
  const std::string& prefix = workload.topics[kOrders];
  const std::vector<GroupOptions> groups = groups_of(prefix);
  recorder.note_pipeline(groups[0].name);
  Random random(options.seed);
  std::vector<std::thread> threads;
  const auto start = [&](const std::string& name, auto work) {
    threads.emplace_back([work = std::move(work), name, random = random.split()] {
      try {
        work(name, random);
      } catch (const std::exception& error) {
        // The history has a hole: better no verdict than a wrong one.
        fmt::print(stderr, "history_clients: {}: {}\n", name, error.what());
        std::_Exit(1);
      }
    });
  };
  for (int i = 0; i < 2; ++i) {
    start(fmt::format("{}-plain-{}", prefix, i),
          [&](const std::string&, Random mine) { run_plain_producer(workload, mine); });
    start(fmt::format("{}-transactional-{}", prefix, i), [&](const std::string& name, Random mine) {
      run_transactional_producer(workload, name, mine);
    });
    start(fmt::format("{}-{}", groups[0].name, i),
          [&](const std::string& name, Random mine) { run_pipeline(workload, groups[0], name, mine); });
    for (std::size_t group = 1; group < groups.size(); ++group) {
      start(fmt::format("{}-{}", groups[group].name, i),
            [&, group](const std::string& name, Random mine) {
              run_members(workload, groups[group], name, mine);
            });
    }
  }
  start("the watch", [&](const std::string&, Random) { run_offset_watch(workload, groups, false); });
  while (stop_requested == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  workload.must_end = true;
  for (std::thread& thread : threads) thread.join();
  read_logs(workload);
  run_offset_watch(workload, groups, true);
}

int run(const RunOptions& options) {
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  std::signal(SIGINT, [](int) { stop_requested = 1; });
  HistoryRecorder recorder(options.path);
  run_clients(options, recorder);
  return 0;
}

int check(const std::string& path) {
  const history::History found = read_history(path);
  std::size_t acknowledged = 0;
  for (const auto& [name, write] : found.writes) acknowledged += write.offset.has_value();
  std::array<int, 4> fates{};
  for (const auto& [number, transaction] : found.transactions)
    ++fates.at(static_cast<std::size_t>(transaction.fate));
  std::size_t read = 0;
  for (const history::Reading& reading : found.readings) read += reading.entries.size();

  const history::Verdict verdict = check_history(found);
  for (const std::string& finding : verdict.findings) fmt::print("{}\n", finding);
  fmt::print(
      "sent {} acknowledged {} committed {} aborted {} unknown {} open {} readings {} read {} "
      "commits {} sights {} findings {}\n",
      found.writes.size(), acknowledged, fates[3], fates[1], fates[2], fates[0], found.readings.size(),
      read, found.commits.size(), found.sights.size(), verdict.finding_count);
  return verdict.finding_count == 0 ? 0 : kExitBrokenPromise;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Works on a server that dies and returns, and judges what it said.");
  app.require_subcommand(1);

  RunOptions options;
  CLI::App* const run_command = app.add_subcommand("run", "work until SIGTERM");
  run_command->add_option("--broker", options.broker, "HOST:PORT")->required();
  run_command->add_option("--topics", options.topics, "orders and results")->required()->expected(2);
  run_command->add_option("--partitions", options.partitions, "of each topic");
  run_command->add_option("--seed", options.seed, "of what the clients do")->required();
  run_command->add_option("--history", options.path, "where to record")->required();

  std::string path;
  CLI::App* const check_command = app.add_subcommand("check", "judge a history");
  check_command->add_option("history", path)->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return check_command->parsed() ? check(path) : run(options);
}

}  // namespace
}  // namespace penstock::tests

int main(int argc, char** argv) {
  try {
    return penstock::tests::parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "history_clients: {}\n", error.what());
    return 1;
  }
}
