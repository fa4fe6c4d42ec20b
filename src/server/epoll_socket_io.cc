#include "server/epoll_socket_io.h"

#include <sys/socket.h>

#include <cerrno>

namespace penstock::server {

namespace {

// What a system call that is worth repeating leaves in errno. EAGAIN comes first in line: wait, then
// try again.
bool must_wait() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

Task<Result<Descriptor>> EpollSocketIo::accept(int listener) {
  while (true) {
    const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) co_return Descriptor(accepted);
    if (errno == EINTR) continue;
    if (!must_wait()) co_return Unexpected(Error::from_errno(errno, "accept a connection"));
    const Result<void> ready = co_await reactor_.readable(scheduler_, listener);
    if (!ready) co_return Unexpected(ready.error());
  }
}

Task<Result<std::size_t>> EpollSocketIo::receive(int socket, MutableBytes buffer) {
  while (true) {
    const ssize_t received = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (received >= 0) co_return static_cast<std::size_t>(received);
    if (errno == EINTR) continue;
    if (!must_wait()) co_return Unexpected(Error::from_errno(errno, "receive"));
    const Result<void> ready = co_await reactor_.readable(scheduler_, socket);
    if (!ready) co_return Unexpected(ready.error());
  }
}

Task<Result<std::size_t>> EpollSocketIo::send(int socket, std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  while (true) {
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent >= 0) co_return static_cast<std::size_t>(sent);
    if (errno == EINTR) continue;
    if (!must_wait()) co_return Unexpected(Error::from_errno(errno, "send"));
    const Result<void> ready = co_await reactor_.writable(scheduler_, socket);
    if (!ready) co_return Unexpected(ready.error());
  }
}

}  // namespace penstock::server
