// Connection: one client. Reads its requests, has them handled, and writes the answers.
//
// Requests are started in the order in which they came and run side by side; their answers leave in
// that order, several in one system call when they are ready together, straight from the memory they
// lie in. Whatever reaches a limit (requests, their bytes, bytes of answers that the client does not
// take) stops the reading of the socket, and nothing else.
//
// A request that cannot be followed, or that the handler cannot go on after, ends the connection: with
// one line in the log, and not before the answers to earlier requests have gone out.
//
// Peers may be slow as long as nobody needs the memory that they hold: when the shard's memory for
// requests or answers is short, connections that move less than 64 KiB a second of theirs are ended.
//
// When the peer goes, handlers that wait are told, so that they end at once. A peer that only ends its
// own side is answered all the same, if without waiting: from here the two look alike.
//
// Ownership: owns the socket. Everything passed by reference must outlive it; run() must have returned
// before it is destroyed. Threading: the shard's scheduler.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "broker/answer_memory.h"
#include "server/connection_stats.h"
#include "server/frame_reader.h"
#include "server/log_throttle.h"
#include "server/request_budget.h"
#include "server/request_handler.h"
#include "server/socket_io.h"
#include "task/sync.h"

namespace penstock::server {

struct ConnectionLimits {
  std::uint64_t max_request_bytes = 100 * kMiB;
  // Started and not yet answered.
  std::size_t max_requests = 128;
  // Bytes of requests being handled. The shard's semaphore counts the same for all its connections.
  std::uint64_t inflight_bytes = 32 * kMiB;
  // Bytes of answers that the client has not taken. Requests that are under way when this is reached
  // still add theirs.
  std::uint64_t unsent_bytes = 64 * kMiB;
  // Nothing received, sent or handled for so long.
  Duration idle_timeout = std::chrono::minutes(10);
};

// What the connections of a shard share.
struct ConnectionContext {
  Scheduler& scheduler;
  SocketIo& io;
  RequestHandler& handler;
  RequestMemory& requests;
  broker::AnswerMemory& answers;
  ConnectionStats& stats;
  LogThrottle& bad_endings;
};

class Connection {
 public:
  Connection(const ConnectionContext& context, Descriptor socket, const ConnectionLimits& limits);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Returns when the connection has ended and all its requests have been handled.
  Task<void> run();

  // Takes no more requests; run() returns when the answers to those under way have gone out.
  void drain();

  // Drops the connection. run() returns when the handler is through with what is under way.
  void abort();

  // Ends it if it has been idle, or its peer dawdling, for too long; looks after the peer while the
  // socket is not read. To be called every second or so.
  void check(Instant now);

  const std::string& peer() const { return peer_; }

 private:
  // From the start of a request to the moment when its answer goes to the socket.
  struct Exchange {
    RequestBudget::Lease lease;
    std::optional<Result<std::optional<kafka::ByteChain>>> answer;
    broker::AnswerMemory::Share answer_memory;
  };
  // Answers that go out together.
  struct Outgoing {
    kafka::ByteChain bytes;
    broker::AnswerMemory::Share memory;
    std::size_t exchange_count = 0;
    std::optional<Error> failure;  // the handler's, behind them
  };

  Task<void> read_requests();
  Task<Result<void>> read_request(bool& more);
  void start(ReceivedFrame frame);
  Task<void> handle(Exchange& exchange, SharedSlice frame, Gate::Hold hold);
  Task<void> write_answers(Gate::Hold hold);
  Outgoing take_ready();
  Task<Result<void>> send(const kafka::ByteChain& bytes);
  Task<void> linger();

  bool has_room() const;
  bool has_answer() const { return !exchanges_.empty() && exchanges_.front()->answer.has_value(); }
  void look_after_peer();
  std::optional<std::uint64_t> look_after_sending(Instant now);
  void look_after_pace(Instant now, std::optional<std::uint64_t> taken_bytes);
  void end_slow(std::string_view what);
  void end_because(const Error& error);

  ConnectionContext context_;
  Scheduler& scheduler_;
  SocketIo& io_;
  Descriptor socket_;
  std::string peer_;
  broker::Client client_;
  const ConnectionLimits limits_;
  RequestBudget budget_;
  FrameReader reader_;

  std::deque<std::unique_ptr<Exchange>> exchanges_;  // in the order of arrival
  std::size_t sending_count_ = 0;                    // left exchanges_, not yet sent
  std::size_t handling_count_ = 0;
  std::uint64_t unsent_bytes_ = 0;
  std::uint64_t taken_bytes_ = 0;  // by the peer, as far as TCP knows
  TransferPace receiving_pace_;
  TransferPace sending_pace_;
  Instant last_sent_;  // or, while a send is under way, since when nothing of it was taken

  bool reading_ = true;  // more requests may come
  bool broken_ = false;  // nothing can be sent any more
  bool peer_ended_ = false;
  bool reason_given_ = false;  // in the log
  std::optional<Instant> linger_until_;
  Event changed_;  // pulsed when any of the above has
  Event written_;  // nothing more will be sent
  Gate gate_;      // handlers and the writer
};

}  // namespace penstock::server
