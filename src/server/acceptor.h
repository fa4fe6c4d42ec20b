// Acceptor: takes the connections that come to a shard, and looks after them until they end.
//
// Ownership: owns the listening socket and the connections. Everything passed by reference must outlive
// it; after open(), close() must have returned before it is destroyed. Threading: the shard's
// scheduler; the constructor on any thread.
#pragma once

#include <list>

#include "server/address.h"
#include "server/connection.h"
#include "server/log_throttle.h"

namespace penstock::server {

struct AcceptorLimits {
  std::size_t max_connections = 4096;
  // Bytes of requests being handled, over all connections.
  std::uint64_t inflight_bytes = 256 * kMiB;
  // See set_keepalive.
  Duration keepalive_time = std::chrono::minutes(1);
  ConnectionLimits connection{};
};

class Acceptor {
 public:
  // `listener` is bound and does not listen yet.
  Acceptor(Scheduler& scheduler, SocketIo& io, Descriptor listener, RequestHandler& handler,
           broker::AnswerMemory& answers, AcceptorLimits limits);
  ~Acceptor();

  // Lets connections come in. Errors: those of listen_on.
  Task<Result<void>> open(Address address);

  // Refuses new connections and requests, waits up to `grace` for the answers to those under way, then
  // drops the connections. Returns when the handler is through with everything, which no grace can
  // hasten.
  Task<void> close(Duration grace);

  std::size_t connection_count() const { return connections_.size(); }
  ConnectionStats stats() const;

 private:
  Task<void> accept_all(Gate::Hold hold);
  Task<void> look_after(Gate::Hold hold);
  Task<void> serve(Descriptor socket, Gate::Hold hold);
  Task<void> wait_after(const Error& error);
  void refuse(const Descriptor& socket);

  Scheduler& scheduler_;
  SocketIo& io_;
  Descriptor listener_;
  const AcceptorLimits limits_;
  RequestMemory requests_;
  ConnectionStats stats_;
  LogThrottle bad_endings_;
  ConnectionContext context_;
  std::list<Connection> connections_;
  bool closing_ = false;
  Event close_;    // set by close()
  Event changed_;  // pulsed when a connection has ended
  LogThrottle refusals_;
  LogThrottle failures_;
  Gate gate_;  // the accept loop, the look after connections, and the connections
};

}  // namespace penstock::server
