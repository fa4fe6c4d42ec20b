#include "server/uring_socket_io.h"

#include <sys/socket.h>

#include <cerrno>

namespace penstock::server {

namespace {

// A ring operation is interrupted by task work at most a few times in a row.
constexpr int kMaxTries = 16;

}  // namespace

Task<int> UringSocketIo::run(const io_uring_sqe& entry) {
  int result = -EINTR;
  for (int tries = 0; result == -EINTR && tries < kMaxTries; ++tries) {
    result = co_await ring_.call(scheduler_, entry);
  }
  co_return result;
}

Task<Result<Descriptor>> UringSocketIo::accept(int listener) {
  io_uring_sqe entry{};
  io_uring_prep_accept(&entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
  const int accepted = co_await run(entry);
  if (accepted < 0) co_return Unexpected(Error::from_errno(-accepted, "accept a connection"));
  co_return Descriptor(accepted);
}

Task<Result<std::size_t>> UringSocketIo::receive(int socket, MutableBytes buffer) {
  io_uring_sqe entry{};
  io_uring_prep_recv(&entry, socket, buffer.data(), buffer.size(), 0);
  const int received = co_await run(entry);
  if (received < 0) co_return Unexpected(Error::from_errno(-received, "receive"));
  co_return static_cast<std::size_t>(received);
}

Task<Result<std::size_t>> UringSocketIo::send(int socket, std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  io_uring_sqe entry{};
  // MSG_WAITALL: from Linux 5.19 on, the kernel goes on by itself after a short send.
  io_uring_prep_sendmsg(&entry, socket, &message, MSG_NOSIGNAL | MSG_WAITALL);
  const int sent = co_await run(entry);
  if (sent < 0) co_return Unexpected(Error::from_errno(-sent, "send"));
  co_return static_cast<std::size_t>(sent);
}

}  // namespace penstock::server
