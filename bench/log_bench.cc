// log_bench: the log beside the raw device, one group of rows for each promise about its speed.
//
// The groups are in log_bench/; --list names them. This file puts them in order.

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bench/child_process.h"
#include "bench/log_bench/group.h"
#include "server/process.h"

namespace penstock::bench {
namespace {

struct Group {
  GroupName name;
  void (*run)(const Run& run);
};

const Group kGroups[] = {
    {{"acks", "one durable append, alone, beside a raw overwrite"}, run_acks},
    {{"fan-in", "64 producers on one partition, beside raw writes one at a time"}, run_fan_in},
    {{"partitions", "small appends over 64 and 1,000 partitions, beside a raw ring"}, run_partitions},
    {{"ingest", "one partition at full speed, beside raw writes"}, run_ingest},
    {{"tail", "a consumer at the end at full rate, direct beside buffered"}, run_tail},
    {{"backfill", "the end of the log while four readers scan old data, beside without"}, run_backfill},
    {{"stalls", "what holds the event loop up"}, run_stalls},
    {{"restart", "a server after kill -9; takes minutes, and 20 GiB"}, run_restart},
    {{"memory", "what an idle partition holds"}, run_memory},
    {{"depth", "commits in flight 1, 2, 4 and the tail policies, beside each other"}, run_depth},
};

int measure(const Options& options, const std::string& directory) {
  Report report("log", options);
  for (const Group& group : kGroups) {
    if (!options.wants(group.name.name)) continue;
    std::filesystem::create_directories(directory);
    group.run({options, directory, report});
    std::filesystem::remove_all(directory);
  }
  return report.finish();
}

constexpr int kRemovalTries = 40;

volatile pid_t measuring = -1;

// Measures in a process of its own, so that what it leaves on the disk is removed however it ends.
int run(const Options& options) {
  const std::string directory =
      std::filesystem::absolute(options.directory).string() + fmt::format("/log_bench.{}", ::getpid());
  measuring = ::fork();
  if (measuring == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    std::exit(measure(options, directory));
  }
  if (measuring < 0) {
    fmt::print(stderr, "log_bench: cannot start a process\n");
    return 1;
  }
  struct sigaction pass_on{};
  pass_on.sa_handler = [](int signal) { ::kill(measuring, signal); };
  pass_on.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &pass_on, nullptr);
  ::sigaction(SIGTERM, &pass_on, nullptr);
  int status = 0;
  ::waitpid(measuring, &status, 0);
  // What it had started may take a moment longer to die, and write until then.
  std::error_code error;
  for (int i = 0; i < kRemovalTries; ++i) {
    std::filesystem::remove_all(directory, error);
    if (!error) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (error) fmt::print(stderr, "log_bench: cannot remove {}: {}\n", directory, error.message());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  // As the server does.
  penstock::server::raise_descriptor_limit();
  penstock::server::tune_allocator();
  if (argument_of(argc, argv, "--role") == "idle-partitions") {
    return be_idle_partitions(argument_of(argc, argv, "--path"),
                              std::stoull(argument_of(argc, argv, "--count")));
  }
  std::vector<GroupName> names;
  for (const Group& group : kGroups) names.push_back(group.name);
  return run(
      parse_options(argc, argv, "The log's speed beside the raw device, in groups of rows.", names));
}
