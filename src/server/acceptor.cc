#include "server/acceptor.h"

#include <spdlog/spdlog.h>

#include <cerrno>

#include "server/listener.h"

namespace penstock::server {

namespace {

// How often connections are asked whether they have been idle for too long.
constexpr Duration kLookAfterEvery = std::chrono::seconds(1);

// Lines in the log on connections that were closed for what they sent, or for being slow.
constexpr std::uint64_t kBadEndingsPerSecond = 20;

// When the process has no descriptor or memory left, accept() fails at once, again and again.
constexpr Duration kPauseWhenExhausted = std::chrono::milliseconds(100);

bool is_exhaustion(int errno_value) {
  return errno_value == EMFILE || errno_value == ENFILE || errno_value == ENOBUFS ||
         errno_value == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(Scheduler& scheduler, SocketIo& io, Descriptor listener, RequestHandler& handler,
                   broker::AnswerMemory& answers, AcceptorLimits limits)
    : scheduler_(scheduler),
      io_(io),
      listener_(std::move(listener)),
      limits_(limits),
      requests_(scheduler, limits.inflight_bytes),
      bad_endings_(kBadEndingsPerSecond),
      context_{scheduler, io, handler, requests_, answers, stats_, bad_endings_},
      close_(scheduler),
      changed_(scheduler),
      gate_(scheduler) {}

Acceptor::~Acceptor() { io_.forget(listener_.get()); }

Task<Result<void>> Acceptor::open(Address address) {
  set_keepalive(listener_, limits_.keepalive_time);
  if (Result<void> listening = listen_on(listener_, address); !listening) co_return listening;
  Result<Gate::Hold> accepting = gate_.enter();
  Result<Gate::Hold> looking = gate_.enter();
  scheduler_.spawn(accept_all(std::move(*accepting)));
  scheduler_.spawn(look_after(std::move(*looking)));
  co_return Result<void>();
}

Task<void> Acceptor::close(Duration grace) {
  closing_ = true;
  close_.set();
  shut_down(listener_.get(), Direction::kBoth);
  for (Connection& connection : connections_) connection.drain();
  const Instant deadline = scheduler_.now() + grace;
  while (!connections_.empty()) {
    const bool changed = co_await changed_.wait_until(deadline);
    if (!changed) break;
  }
  for (Connection& connection : connections_) connection.abort();
  co_await gate_.close();
}

Task<void> Acceptor::accept_all(Gate::Hold) {
  while (!closing_) {
    Result<Descriptor> socket = co_await io_.accept(listener_.get());
    if (closing_) break;
    if (!socket) {
      co_await wait_after(socket.error());
    } else if (connections_.size() >= limits_.max_connections) {
      refuse(*socket);
    } else {
      ++stats_.accepted;
      Result<Gate::Hold> hold = gate_.enter();
      scheduler_.spawn(serve(std::move(*socket), std::move(*hold)));
    }
  }
}

Task<void> Acceptor::serve(Descriptor socket, Gate::Hold) {
  connections_.emplace_front(context_, std::move(socket), limits_.connection);
  const auto place = connections_.begin();
  spdlog::debug("connection {}: accepted", place->peer());
  if (closing_) place->drain();
  co_await place->run();
  spdlog::debug("connection {}: ended", place->peer());
  connections_.erase(place);
  changed_.pulse();
}

Task<void> Acceptor::wait_after(const Error& error) {
  if (!is_exhaustion(error.os_error()))
    co_return;  // that connection's own trouble (ECONNABORTED and the like)
  if (const auto count = failures_.take(scheduler_.now())) {
    spdlog::error("cannot accept connections ({} times): {}; raise the limit of open files (ulimit -n)",
                  *count, error.message());
  }
  co_await scheduler_.sleep_for(kPauseWhenExhausted);
}

void Acceptor::refuse(const Descriptor& socket) {
  ++stats_.refused;
  if (const auto count = refusals_.take(scheduler_.now())) {
    spdlog::warn("{} connections refused, the last one from {}: server.max_connections = {} are open",
                 *count, peer_name(socket.get()), limits_.max_connections);
  }
}

ConnectionStats Acceptor::stats() const {
  ConnectionStats stats = stats_;
  stats.open = connections_.size();
  stats.request_bytes = requests_.used_bytes();
  stats.answer_bytes = context_.answers.used_bytes();
  return stats;
}

Task<void> Acceptor::look_after(Gate::Hold) {
  while (!closing_) {
    co_await close_.wait_until(scheduler_.now() + kLookAfterEvery);
    const Instant now = scheduler_.now();
    for (Connection& connection : connections_) connection.check(now);
  }
}

}  // namespace penstock::server
