// AdminPort: what an operator asks over HTTP: metrics, whether the server lives and is ready, and
// opening a fenced partition again.
//
//   GET  /metrics                          for a Prometheus (docs/metrics.md)
//   GET  /livez                            200 while every shard's event loop turns, else 503
//   GET  /readyz                           200 when clients are served; 503 before and while it stops
//   GET  /startupz                         200 when it has started; 503 before, with how far it is
//   POST /topics/NAME/PARTITION/reopen     verifies a partition that refuses appends, and opens it
//   again POST /topics/NAME/reopen               the same for all such partitions of a topic
//
// Lives on a thread of its own and asks the shards by message, with a deadline: it never keeps a shard
// waiting, and a shard that stands still does not keep it from answering. Opens before recovery begins.
//
// Ownership: owns its thread and sockets. Schedulers and functions of the target must work from start()
// until stop() has returned. Threading: one thread, none of the shards'.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/controller.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "task/epoll_reactor.h"

namespace penstock::server {

// Whom it asks.
struct AdminTarget {
  struct Shard {
    Scheduler* scheduler = nullptr;
    // All of these run on the scheduler above.
    std::function<Task<ShardStats>()> stats;
    std::function<Task<broker::BrokerStats>()> broker_stats;
    // Of at most so many partitions; asks other shards, so one that stands still keeps it waiting.
    std::function<Task<broker::GroupLags>(std::size_t limit)> lags;
  };
  using Outcomes = Result<std::vector<broker::ReopenOutcome>>;

  std::vector<Shard> shards;
  std::function<catalog::RocksCatalogStats()> catalog_stats;  // from any thread
  Scheduler* controller = nullptr;
  std::function<Task<Outcomes>(std::string topic, std::optional<std::int32_t> partition)> reopen;
};

struct AdminPortOptions {
  HttpServerOptions http{};
  // How long a shard has to answer.
  Duration answer_time = std::chrono::seconds(2);
  // How long opening a partition again may take before the asker is told to look later.
  Duration reopen_time = std::chrono::minutes(5);
  // Of how many partitions of consumer groups /metrics tells the lag.
  std::size_t lag_partitions = 1000;
};

class AdminPort {
 public:
  // Takes requests when it returns. Errors: those of bind_listeners and listen_on.
  static Result<std::unique_ptr<AdminPort>> start(const Address& listen, AdminTarget target,
                                                  AdminPortOptions options = {});
  AdminPort(const AdminPort&) = delete;
  AdminPort& operator=(const AdminPort&) = delete;
  // After stop().
  ~AdminPort();

  // With the port that was chosen.
  const Address& address() const { return address_; }

  // From now on this is told.
  void publish(ServerStats stats);

  // Takes no more requests. Ready when those under way have been answered, and the shards owe nothing.
  std::future<void> close();
  // Ends the thread; close() has.
  void stop();

 private:
  class Handler;

  Task<void> take(ServerStats stats);
  Task<void> end();

  AdminPort(std::unique_ptr<EpollReactor> reactor, AdminTarget target, AdminPortOptions options,
            Descriptor listener, Address address);

  Address address_;
  SystemClock clock_;
  std::unique_ptr<EpollReactor> reactor_;
  Scheduler scheduler_;
  std::unique_ptr<SocketIo> io_;
  std::unique_ptr<Handler> handler_;
  HttpServer http_;
  std::thread thread_;
};

}  // namespace penstock::server
