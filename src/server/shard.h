// Shard: one thread with everything on it: reactor, scheduler, disk, segment pool, broker, connections.
//
// A partition and a connection live on one shard for good; shards talk by message (task/remote.h).
//
// Ownership: owns all of the above; the DiskStack, the catalog and the settings must outlive it. After
// start_thread() has been called, close_connections() and close_pool() must have ended, and
// stop_thread() been called, before it is destroyed; so must the stop() of the brokers. Threading:
// make, start_thread and stop_thread on the main thread; the Tasks on the shard's scheduler.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/block_heap.h"
#include "base/random.h"
#include "broker/broker.h"
#include "broker/group_lag.h"
#include "disk/disk_stack.h"
#include "log/segment_pool.h"
#include "server/acceptor.h"
#include "server/config.h"
#include "server/request_handler.h"
#include "server/shard_stats.h"
#include "server/socket_io.h"

namespace penstock::server {

class Shard {
 public:
  // `listener` is bound; it listens from open_listener() on.
  static Result<std::unique_ptr<Shard>> make(DiskStack& stack, catalog::Catalog& catalog,
                                             const Config& config, const broker::Settings& settings,
                                             std::size_t index, Descriptor listener);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  void start_thread(bool pinned);
  // Ends the thread when its scheduler has run what is ready.
  void stop_thread();

  Task<Result<void>> start_pool() { return pool_.start(); }
  Task<Result<void>> open_listener(Address address) { return acceptor_.open(std::move(address)); }
  // Answers waiting requests and closes all connections; see Acceptor::close.
  Task<void> close_connections(Duration grace);
  Task<void> close_pool() { return pool_.close(); }

  // What it has counted, at one moment, but for the partitions, which take longer.
  Task<ShardStats> stats();
  Task<broker::BrokerStats> broker_stats();
  // Of this shard's consumer groups. Asks the other shards.
  Task<broker::GroupLags> lags(std::size_t limit) { return broker::lags_of_groups(broker_, limit); }

  Scheduler& scheduler() { return scheduler_; }
  Disk& disk() { return *disk_; }
  broker::Broker& broker() { return broker_; }

 private:
  Shard(ShardReactor reactor, DiskStack& stack, catalog::Catalog& catalog, const Config& config,
        const broker::Settings& settings, std::size_t index, Descriptor listener);

  class BrokerHandler final : public RequestHandler {
   public:
    explicit BrokerHandler(broker::Broker& broker) : broker_(broker) {}
    Task<Result<std::optional<kafka::ByteChain>>> handle(SharedSlice frame, broker::Client& client,
                                                         broker::AnswerMemory::Share& memory) override {
      return broker_.handle(std::move(frame), client, memory);
    }

   private:
    broker::Broker& broker_;
  };

  // What partitions have to say goes to the server's log.
  class LogReporter final : public log::Reporter {
   public:
    void report(Severity severity, std::string_view what) override;
  };

  std::size_t index_;
  LogReporter reporter_;
  SystemClock clock_;
  ShardReactor reactor_;
  Scheduler scheduler_;
  std::unique_ptr<Disk> disk_;
  Random random_;
  log::LogStats log_stats_;
  log::SegmentPool pool_;
  log::CatchUp catch_up_;
  BlockHeap::Reservation tail_reservation_;
  log::TailMemory tails_;
  broker::Broker broker_;
  BrokerHandler handler_;
  std::unique_ptr<SocketIo> io_;
  Acceptor acceptor_;
  std::thread thread_;
};

}  // namespace penstock::server
