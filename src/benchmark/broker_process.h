// BrokerProcess: a `penstock serve` of one's own, on free loopback ports.
//
// Ownership: the process is the object's, and ends with it: asked first, killed if it does not listen.
// It also ends when the process that started it dies. Its data directory stays the caller's. Threading:
// one thread; address() and the like from any.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace penstock::benchmark {

struct BrokerOptions {
  std::string program;             // the penstock binary
  std::string directory;           // for the data
  std::vector<std::string> flags;  // for `serve`, beside addresses and the data directory
  bool has_admin_port = false;
  std::string cgroup;  // the directory of a MemoryCgroup to run in; empty: none
  // Asked while it starts, a few times a second; true: give up with kClosed.
  std::function<bool()> is_stopped = {};
};

class BrokerProcess {
 public:
  // Starts it and waits until it is ready. Errors: kIo, with what it said; kTimeout; kClosed.
  static Result<BrokerProcess> start(BrokerOptions options);
  BrokerProcess(BrokerProcess&& other) noexcept;
  BrokerProcess& operator=(BrokerProcess&& other) noexcept;
  ~BrokerProcess();

  // Ends it with no chance to put anything in order.
  void kill();
  // After kill(): starts it again on the same data.
  Result<void> restart();

  pid_t pid() const { return pid_; }
  const std::string& address() const { return address_; }  // "127.0.0.1:43211"
  const std::string& admin_address() const { return admin_address_; }
  // What it printed and logged until it was ready; and the last line of it until now.
  const std::string& banner() const { return banner_; }
  std::string last_words() const;
  // Whether it still runs.
  bool is_alive() const;
  // "ended with exit code 1", "was ended by signal 9", once it does not.
  std::string how_it_ended() const;
  // Memory that it has now, and the most that it had; nothing once it has ended.
  std::optional<std::uint64_t> resident_bytes() const { return status_bytes("VmRSS:"); }
  std::optional<std::uint64_t> peak_resident_bytes() const { return status_bytes("VmHWM:"); }
  // User and system time so far.
  double cpu_seconds() const;

 private:
  explicit BrokerProcess(BrokerOptions options) : options_(std::move(options)) {}

  Result<void> launch();
  Result<void> wait_until_ready();
  void end();
  std::string said(std::size_t from, std::size_t bytes_max) const;
  std::optional<std::uint64_t> status_bytes(std::string_view field) const;

  BrokerOptions options_;
  std::string address_;
  std::string admin_address_;
  std::string banner_;
  pid_t pid_ = -1;
  int output_ = -1;
};

// The penstock program beside the one that runs.
std::string own_program(std::string_view name = "penstock");

// User and system time of this process so far.
double own_cpu_seconds();

}  // namespace penstock::benchmark
