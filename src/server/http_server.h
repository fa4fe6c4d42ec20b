// HttpServer: takes HTTP requests on one listening socket, a bounded number of connections at a time.
//
// Every connection carries one request, and has a bounded time to send it and to take the answer; what
// a handler does meanwhile has its own bounds. A connection too many is closed at once.
//
// Ownership: owns the listening socket and the connections. Everything passed by reference must outlive
// it; after open(), close() must have returned before it is destroyed. Threading: one scheduler's
// thread.
#pragma once

#include <list>

#include "server/address.h"
#include "server/http.h"
#include "server/socket_io.h"
#include "task/sync.h"

namespace penstock::server {

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<HttpResponse> handle(HttpRequest request) = 0;
};

struct HttpServerOptions {
  HttpLimits limits{};
  std::size_t max_connections = 32;
  // For a whole request to arrive, and again for the answer to be taken.
  Duration transfer_time = std::chrono::seconds(10);
};

class HttpServer {
 public:
  // `listener` is bound and does not listen yet.
  HttpServer(Scheduler& scheduler, SocketIo& io, Descriptor listener, HttpHandler& handler,
             HttpServerOptions options);
  ~HttpServer();

  // Errors: those of listen_on.
  Task<Result<void>> open(Address address);
  // Takes no more requests; ends connections that have not sent theirs, and waits for the answers to
  // the others.
  Task<void> close();

  std::size_t connection_count() const { return connections_.size(); }

 private:
  struct Connection {
    Descriptor socket;
    bool is_handled = false;  // its request has come, and its answer has not
  };
  using Place = std::list<Connection>::iterator;

  Task<void> accept_all(Gate::Hold hold);
  Task<void> serve(Place place, Gate::Hold hold);
  Task<std::optional<ParsedHttp>> receive_request(int socket);
  Task<bool> receive_more(int socket, std::string& received);
  Task<void> send(int socket, std::string bytes);

  Scheduler& scheduler_;
  SocketIo& io_;
  Descriptor listener_;
  HttpHandler& handler_;
  const HttpServerOptions options_;
  std::list<Connection> connections_;
  bool is_closing_ = false;
  Gate gate_;  // the accept loop and the connections
};

}  // namespace penstock::server
