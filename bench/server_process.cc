#include "bench/server_process.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "bench/latency.h"

namespace penstock::bench {

namespace {

template <typename T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::uint64_t known(std::optional<std::uint64_t> bytes) {
  if (bytes) return *bytes;
  fmt::print(stderr, "the server's memory is not known: it has ended\n");
  std::exit(1);
}

}  // namespace

ServerProcess::ServerProcess(std::string directory, std::vector<std::string> more_flags)
    : directory_(std::move(directory)),
      broker_(must(benchmark::BrokerProcess::start({.program = benchmark::own_program(),
                                                    .directory = directory_,
                                                    .flags = std::move(more_flags),
                                                    .has_admin_port = false,
                                                    .cgroup = "",
                                                    .is_stopped = {}}))) {}

ServerProcess::~ServerProcess() {
  {
    const benchmark::BrokerProcess ending = std::move(broker_);
  }
  std::filesystem::remove_all(directory_);
}

std::chrono::nanoseconds ServerProcess::restart_after_kill() {
  broker_.kill();
  const Stopwatch stopwatch;
  must(broker_.restart());
  return stopwatch.elapsed();
}

std::uint64_t ServerProcess::resident_bytes() const { return known(broker_.resident_bytes()); }
std::uint64_t ServerProcess::peak_resident_bytes() const {
  return known(broker_.peak_resident_bytes());
}

}  // namespace penstock::bench
