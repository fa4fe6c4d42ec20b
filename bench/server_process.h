// ServerProcess: a penstock server of the benchmark's own, on a free loopback port.
//
// A failure ends the process: a benchmark has nothing to go on with. Ownership: the server and its data
// directory are the object's; both end with it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "benchmark/broker_process.h"

namespace penstock::bench {

using benchmark::own_cpu_seconds;

class ServerProcess {
 public:
  // Starts `<folder of this program>/penstock serve` with data in `directory`, and waits until it is
  // ready.
  ServerProcess(std::string directory, std::vector<std::string> more_flags);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();

  // Kills it, with no chance to put anything in order, and starts it again on the same data; returns
  // how long it took from the start until it was ready.
  std::chrono::nanoseconds restart_after_kill();

  pid_t pid() const { return broker_.pid(); }
  const std::string& address() const { return broker_.address(); }
  // What it printed until it was ready.
  const std::string& banner() const { return broker_.banner(); }
  // Memory that it has now, and the most that it had.
  std::uint64_t resident_bytes() const;
  std::uint64_t peak_resident_bytes() const;
  // User and system time so far, in seconds.
  double cpu_seconds() const { return broker_.cpu_seconds(); }

 private:
  std::string directory_;
  benchmark::BrokerProcess broker_;
};

}  // namespace penstock::bench
