#include "cli/tcp_stream.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <limits>
#include <memory>

namespace penstock::cli {

namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> look_up(const server::Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  if (const int failed = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
      failed != 0) {
    return fail(ErrorCode::kNotFound, "look up host '{}': {}", address.host, ::gai_strerror(failed));
  }
  return Addresses(found);
}

// Waits until the socket is ready for `events`, or has failed, which the next call tells.
Result<void> wait_for(const Descriptor& socket, short events, const Deadline& deadline) {
  const Interrupt* interrupt = deadline.interrupt();
  while (true) {
    if (deadline.is_interrupted()) return fail(ErrorCode::kClosed, "interrupted");
    // poll() passes over negative descriptors.
    std::array<pollfd, 2> waiting{
        pollfd{.fd = socket.get(), .events = events, .revents = 0},
        pollfd{
            .fd = interrupt == nullptr ? -1 : interrupt->descriptor(), .events = POLLIN, .revents = 0}};
    const auto left_ms =
        std::min<std::int64_t>(deadline.remaining().count(), std::numeric_limits<int>::max());
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(left_ms));
    if (ready == 0) return fail(ErrorCode::kTimeout, "no answer in time");
    if (ready < 0 && errno != EINTR) return Unexpected(Error::from_errno(errno, "poll"));
    if (ready < 0) continue;
    if (waiting[0].revents != 0) return {};
    interrupt->drain();
  }
}

Result<Descriptor> connect_to(const addrinfo& address, const Deadline& deadline) {
  Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return Unexpected(Error::from_errno(errno, "make a socket"));
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return Unexpected(Error::from_errno(errno, "connect"));
    if (auto ready = wait_for(socket, POLLOUT, deadline); !ready) return Unexpected(ready.error());
    int failed = 0;
    socklen_t size = sizeof(failed);
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed != 0) return Unexpected(Error::from_errno(failed, "connect"));
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket;
}

}  // namespace

Result<TcpStream> TcpStream::connect(const server::Address& address, const Deadline& deadline) {
  const Result<Addresses> addresses = look_up(address);
  if (!addresses) return Unexpected(addresses.error());
  Error last_error(ErrorCode::kNotFound, "the host has no address");
  for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next) {
    Result<Descriptor> socket = connect_to(*at, deadline);
    if (socket) return TcpStream(std::move(*socket));
    last_error = socket.error();
  }
  return Unexpected(last_error);
}

Result<void> TcpStream::send(ByteView bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = wait_for(socket_, POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return Unexpected(Error::from_errno(errno, "send"));
    }
  }
  return {};
}

Result<std::size_t> TcpStream::receive_some(MutableBytes into, const Deadline& deadline) {
  while (true) {
    const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {
      if (auto ready = wait_for(socket_, POLLIN, deadline); !ready) return Unexpected(ready.error());
    } else if (errno != EINTR) {
      return Unexpected(Error::from_errno(errno, "receive"));
    }
  }
}

Result<void> TcpStream::receive(MutableBytes into, const Deadline& deadline) {
  while (!into.empty()) {
    const Result<std::size_t> got = receive_some(into, deadline);
    if (!got) return Unexpected(got.error());
    if (*got == 0) return fail(ErrorCode::kClosed, "the connection was closed by the other side");
    into = into.subspan(*got);
  }
  return {};
}

Result<std::string> TcpStream::receive_all(std::size_t max_bytes, const Deadline& deadline) {
  std::string all;
  std::array<std::byte, 4096> buffer{};
  while (true) {
    const Result<std::size_t> got = receive_some(buffer, deadline);
    if (!got) return Unexpected(got.error());
    if (*got == 0) return all;
    all.append(as_text(ByteView(buffer).first(*got)));
    if (all.size() > max_bytes)
      return fail(ErrorCode::kTooLarge, "an answer of more than {} bytes", max_bytes);
  }
}

}  // namespace penstock::cli
