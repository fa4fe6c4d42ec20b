// Server: the whole broker process, from a checked configuration to a clean stop.
//
// Ownership: owns everything that start() made.
// Threading: one thread, none of the shards'.
// Durability: a stop() that succeeded leaves the clean marker, so that the next start scans nothing.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/rocks_catalog.h"
#include "server/admin_port.h"
#include "server/config.h"
#include "server/data_directory.h"
#include "server/listener.h"
#include "server/shard.h"

namespace penstock::server {

class Server {
 public:
  // Returns when clients can connect. Errors: the message says what could not be had and what to do.
  static Result<std::unique_ptr<Server>> start(const Config& config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Without a stop() before, connections are dropped, and the next start recovers.
  ~Server();

  // What to print when it has started: what runs, where, how, and a line to try.
  std::string banner() const;
  const Address& address() const { return address_; }
  // Null when it is off.
  const Address* admin_address() const { return admin_ ? &admin_->address() : nullptr; }

  // Ends gracefully: no new connections, answers to what is under way, everything closed and sealed.
  // Errors: kTimeout when requests are still being handled after the grace period; the process has to
  // exit then without destroying the server. Others: something could not be closed, and the next start
  // recovers.
  Result<void> stop();

 private:
  explicit Server(const Config& config) : config_(config) {}

  Result<void> prepare();
  Result<void> choose_io();
  Result<void> open_catalog();
  Result<void> make_shards();
  Result<void> open_admin_port();
  Result<void> start_storage();
  Result<void> start_brokers(const std::string& earlier_stop);
  Result<void> open_listeners();
  void publish(ServerStats::Phase phase);
  std::future<void> start_closing_admin_port();
  void end_admin_port();
  Result<void> resolve_advertised();
  std::vector<std::future<void>> close_connections(Duration grace);
  Result<void> stop_storage();
  Result<void> mark_clean();
  void stop_threads();

  Config config_;
  std::size_t shard_count_ = 0;
  std::optional<DirectoryLock> lock_;
  std::string io_summary_;  // for the banner
  Address address_;
  std::unique_ptr<DiskStack> stack_;
  std::unique_ptr<catalog::RocksCatalog> catalog_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<AdminPort> admin_;
  broker::StartReport start_report_;
  ServerStats stats_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  bool threads_running_ = false;
};

}  // namespace penstock::server
