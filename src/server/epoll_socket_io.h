// EpollSocketIo: SocketIo by plain system calls on non-blocking sockets, for machines without io_uring.
#pragma once

#include "server/socket_io.h"
#include "task/epoll_reactor.h"

namespace penstock::server {

class EpollSocketIo final : public SocketIo {
 public:
  EpollSocketIo(Scheduler& scheduler, EpollReactor& reactor)
      : scheduler_(scheduler), reactor_(reactor) {}

  Task<Result<Descriptor>> accept(int listener) override;
  Task<Result<std::size_t>> receive(int socket, MutableBytes buffer) override;
  Task<Result<std::size_t>> send(int socket, std::span<iovec> pieces) override;
  void forget(int socket) override { reactor_.forget(socket); }

 private:
  Scheduler& scheduler_;
  EpollReactor& reactor_;
};

}  // namespace penstock::server
