#include "server/acceptor.h"

#include <spdlog/spdlog.h>

#include <cerrno>

#include "server/listener.h"

namespace penstock::server {

namespace {

// How often connections are asked whether they have been idle for too long.
constexpr Duration kLookAfterEvery = std::chrono::seconds(1);

// When the process has no descriptor or memory left, accept() fails at once, again and again.
constexpr Duration kPauseWhenExhausted = std::chrono::milliseconds(100);

bool is_exhaustion(int errno_value) {
  return errno_value == EMFILE || errno_value == ENFILE || errno_value == ENOBUFS ||
         errno_value == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(Scheduler& scheduler, SocketIo& io, Descriptor listener, RequestHandler& handler,
                   AcceptorLimits limits)
    : scheduler_(scheduler),
      io_(io),
      listener_(std::move(listener)),
      handler_(handler),
      limits_(limits),
      inflight_bytes_(scheduler, static_cast<std::int64_t>(limits.inflight_bytes)),
      close_(scheduler),
      changed_(scheduler),
      gate_(scheduler) {}

Acceptor::~Acceptor() { io_.forget(listener_.get()); }

Task<Result<void>> Acceptor::open(Address address) {
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
      ++accepted_;
      Result<Gate::Hold> hold = gate_.enter();
      scheduler_.spawn(serve(std::move(*socket), std::move(*hold)));
    }
  }
}

Task<void> Acceptor::serve(Descriptor socket, Gate::Hold) {
  connections_.emplace_front(scheduler_, io_, std::move(socket), handler_, limits_.connection,
                             inflight_bytes_);
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
  ++refused_;
  if (const auto count = refusals_.take(scheduler_.now())) {
    spdlog::warn("{} connections refused, the last one from {}: server.max_connections = {} are open",
                 *count, peer_name(socket.get()), limits_.max_connections);
  }
}

Task<void> Acceptor::look_after(Gate::Hold) {
  while (!closing_) {
    co_await close_.wait_until(scheduler_.now() + kLookAfterEvery);
    const Instant now = scheduler_.now();
    for (Connection& connection : connections_) connection.check(now);
  }
}

}  // namespace penstock::server
