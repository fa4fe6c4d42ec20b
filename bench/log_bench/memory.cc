// memory: what a partition holds that nobody uses.

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <fstream>

#include "bench/child_process.h"
#include "bench/log_bench/group.h"
#include "bench/log_bench/log_shard.h"

namespace penstock::bench {

namespace {

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double total_pages = 0;
  double resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// In a process of its own: memory that other groups have given back would hide what is taken.
double resident_with(const Run& run, std::size_t count) {
  ChildProcess child({"log_bench", "--role", "idle-partitions", "--path", run.directory + "/log",
                      "--count", std::to_string(count)});
  const double bytes = std::stod(child.read_line());
  child.wait();
  return bytes;
}

}  // namespace

int be_idle_partitions(const std::string& directory, std::size_t count) {
  // Without the one who asked there is nobody who would remove what it writes.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  LogShardOptions options;
  options.partition_count = count;
  LogShard shard(directory, options);
  const auto batch = batch_of_value(100);
  shard.append_to_each(batch);
  fmt::print("{}\n", resident_bytes());
  std::fflush(stdout);
  return 0;
}

void run_memory(const Run& run) {
  const std::size_t count = run.options.quick ? 200 : 1000;
  std::vector<double> per_partition;
  for (int round = 0; round < run.rounds(); ++round) {
    const double with_one = resident_with(run, 1);
    const double with_all = resident_with(run, count);
    per_partition.push_back((with_all - with_one) / static_cast<double>(count - 1) / kKiB);
  }
  const auto [least, most] = std::ranges::minmax(per_partition);
  run.report.add({"memory: resident per idle partition, one small append each",
                  median(per_partition),
                  "KiB",
                  fmt::format("{:.1f} to {:.1f}; {} partitions", least, most, count),
                  32.0,
                  {}});
}

}  // namespace penstock::bench
