#include "server/socket_io.h"

#include <sys/socket.h>

#include "server/epoll_socket_io.h"
#include "server/uring_socket_io.h"

namespace penstock::server {

std::unique_ptr<SocketIo> make_socket_io(Scheduler& scheduler, ShardReactor& reactor) {
  if (reactor.uring) return std::make_unique<UringSocketIo>(scheduler, *reactor.uring);
  return std::make_unique<EpollSocketIo>(scheduler, *reactor.epoll);
}

void shut_down(int socket, Direction direction) {
  const int how = direction == Direction::kReading   ? SHUT_RD
                  : direction == Direction::kWriting ? SHUT_WR
                                                     : SHUT_RDWR;
  // ENOTCONN says that the peer was faster.
  (void)::shutdown(socket, how);
}

}  // namespace penstock::server
