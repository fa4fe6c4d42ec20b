// UringSocketIo: SocketIo on the shard's io_uring. Its sockets block, as seen by the kernel: the ring
// waits.
#pragma once

#include "disk/uring_reactor.h"
#include "server/socket_io.h"

namespace penstock::server {

class UringSocketIo final : public SocketIo {
 public:
  UringSocketIo(Scheduler& scheduler, UringReactor& ring) : scheduler_(scheduler), ring_(ring) {}

  Task<Result<Descriptor>> accept(int listener) override;
  Task<Result<std::size_t>> receive(int socket, MutableBytes buffer) override;
  Task<Result<std::size_t>> send(int socket, std::span<iovec> pieces) override;
  void forget(int) override {}

 private:
  Task<int> run(const io_uring_sqe& entry);

  Scheduler& scheduler_;
  UringReactor& ring_;
};

}  // namespace penstock::server
