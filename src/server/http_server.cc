#include "server/http_server.h"

#include <array>

#include "server/listener.h"

namespace penstock::server {

namespace {

// When the process has no descriptor or memory left, accept() fails at once, again and again.
constexpr Duration kPauseAfterFailure = std::chrono::milliseconds(100);

// How long the peer gets to read an answer before its socket goes: closing one with unread bytes makes
// the kernel send a reset, which may overtake the answer.
constexpr Duration kLingerTime = std::chrono::seconds(1);

// Ends what is under way on a socket when the time is over.
class Cutoff final : public Scheduler::Timer {
 public:
  Cutoff(Scheduler& scheduler, int socket, Duration after) : Timer(scheduler), socket_(socket) {
    start(scheduler.now() + after);
  }

 private:
  void fire() override { shut_down(socket_, Direction::kBoth); }

  int socket_;
};

}  // namespace

HttpServer::HttpServer(Scheduler& scheduler, SocketIo& io, Descriptor listener, HttpHandler& handler,
                       HttpServerOptions options)
    : scheduler_(scheduler),
      io_(io),
      listener_(std::move(listener)),
      handler_(handler),
      options_(options),
      gate_(scheduler) {}

HttpServer::~HttpServer() { io_.forget(listener_.get()); }

Task<Result<void>> HttpServer::open(Address address) {
  if (Result<void> listening = listen_on(listener_, address); !listening) co_return listening;
  Result<Gate::Hold> accepting = gate_.enter();
  scheduler_.spawn(accept_all(std::move(*accepting)));
  co_return Result<void>();
}

Task<void> HttpServer::close() {
  is_closing_ = true;
  shut_down(listener_.get(), Direction::kBoth);
  for (Connection& connection : connections_) {
    if (!connection.is_handled) shut_down(connection.socket.get(), Direction::kBoth);
  }
  co_await gate_.close();
}

Task<void> HttpServer::accept_all(Gate::Hold) {
  while (!is_closing_) {
    Result<Descriptor> socket = co_await io_.accept(listener_.get());
    if (is_closing_) break;
    if (!socket) {
      co_await scheduler_.sleep_for(kPauseAfterFailure);
    } else if (connections_.size() < options_.max_connections) {
      Result<Gate::Hold> hold = gate_.enter();
      const Place place = connections_.insert(connections_.end(), Connection{std::move(*socket)});
      scheduler_.spawn(serve(place, std::move(*hold)));
    }
  }
}

Task<void> HttpServer::serve(Place place, Gate::Hold) {
  const int socket = place->socket.get();
  std::optional<ParsedHttp> parsed = co_await receive_request(socket);
  if (parsed && !is_closing_) {
    place->is_handled = true;
    const bool with_body = parsed->request.method != "HEAD";
    HttpResponse response;
    if (parsed->refusal) {
      response = std::move(*parsed->refusal);
    } else {
      response = co_await handler_.handle(std::move(parsed->request));
    }
    place->is_handled = false;
    co_await send(socket, to_bytes(response, with_body));
  }
  io_.forget(socket);
  connections_.erase(place);
}

// Nothing when the peer has gone, or was too slow.
Task<std::optional<ParsedHttp>> HttpServer::receive_request(int socket) {
  const Cutoff cutoff(scheduler_, socket, options_.transfer_time);
  std::string received;
  std::optional<std::size_t> head_bytes;
  while (!head_bytes) {
    const bool more = co_await receive_more(socket, received);
    if (!more) co_return std::nullopt;
    head_bytes = http_head_bytes(received);
    if (head_bytes.value_or(received.size()) > options_.limits.head_bytes) {
      ParsedHttp too_large;
      too_large.refusal = HttpResponse{
          .status = 431,
          .body = fmt::format("a request's head has at most {} bytes\n", options_.limits.head_bytes)};
      co_return too_large;
    }
  }
  ParsedHttp parsed =
      parse_http_head(std::string_view(received).substr(0, *head_bytes), options_.limits);
  const std::uint64_t whole_bytes = *head_bytes + (parsed.refusal ? 0 : parsed.request.body_bytes);
  while (received.size() < whole_bytes) {
    const bool more = co_await receive_more(socket, received);
    if (!more) co_return std::nullopt;
  }
  co_return parsed;
}

Task<bool> HttpServer::receive_more(int socket, std::string& received) {
  std::array<std::byte, 4 * kKiB> buffer{};
  const Result<std::size_t> got = co_await io_.receive(socket, buffer);
  if (!got || *got == 0) co_return false;
  received.append(as_text(ByteView(buffer).first(*got)));
  co_return true;
}

Task<void> HttpServer::send(int socket, std::string bytes) {
  const Cutoff cutoff(scheduler_, socket, options_.transfer_time);
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    std::array<iovec, 1> piece{{{.iov_base = bytes.data() + sent, .iov_len = bytes.size() - sent}}};
    const Result<std::size_t> some = co_await io_.send(socket, piece);
    if (!some) co_return;
    sent += *some;
  }
  shut_down(socket, Direction::kWriting);
  const Cutoff linger(scheduler_, socket, kLingerTime);
  std::array<std::byte, 4 * kKiB> dropped{};
  while (true) {
    const Result<std::size_t> got = co_await io_.receive(socket, dropped);
    if (!got || *got == 0) co_return;
  }
}

}  // namespace penstock::server
