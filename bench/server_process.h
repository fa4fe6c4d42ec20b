// ServerProcess: a penstock server of the benchmark's own, on a free loopback port.
//
// Ownership: the process and its data directory are the object's; both end with it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::bench {

class ServerProcess {
 public:
  // Starts `<folder of this program>/penstock serve` with data in `directory`, and waits until it is
  // ready. Ends this process with a message when it cannot be started.
  ServerProcess(std::string directory, std::vector<std::string> more_flags);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();

  // Kills it, with no chance to put anything in order, and starts it again on the same data; returns
  // how long it took from the start until it was ready.
  std::chrono::nanoseconds restart_after_kill();

  pid_t pid() const { return pid_; }
  const std::string& address() const { return address_; }
  // What it printed until it was ready.
  const std::string& banner() const { return banner_; }
  // Memory that it has now, and the most that it had.
  std::uint64_t resident_bytes() const { return status_bytes("VmRSS:"); }
  std::uint64_t peak_resident_bytes() const { return status_bytes("VmHWM:"); }
  // User and system time so far, in seconds.
  double cpu_seconds() const;

 private:
  void start();
  std::uint64_t status_bytes(std::string_view field) const;

  std::string directory_;
  std::vector<std::string> more_flags_;
  std::string address_;
  std::string banner_;
  pid_t pid_ = -1;
  int output_ = -1;
};

// User and system time of this process so far, in seconds.
double own_cpu_seconds();

}  // namespace penstock::bench
