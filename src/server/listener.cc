#include "server/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace penstock::server {

namespace {

// Connections that have come in and wait to be accepted; the kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;

// The kernel's own limit (MAX_TCP_KEEPIDLE).
constexpr std::int64_t kMaxKeepaliveSeconds = 32'767;

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<AddressList> look_up(const Address& address, std::string_view flag) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(address.host.c_str(), fmt::format("{}", address.port).c_str(), &hints, &found);
  if (error == 0) return AddressList(found, &::freeaddrinfo);
  return fail(ErrorCode::kNotFound, "cannot listen on {}: {}; name an address of this machine with {}",
              to_string(address), ::gai_strerror(error), flag);
}

Error listen_error(const Address& address, int errno_value, std::string_view flag) {
  const std::string doing = fmt::format("listen on {}", to_string(address));
  Error cause = Error::from_errno(errno_value, doing);
  if (errno_value == EADDRINUSE) {
    return {ErrorCode::kBusy,
            fmt::format(
                "{}; another program listens there: stop it (`ss -ltnp` shows it), or choose another "
                "address with {}",
                cause.message(), flag)};
  }
  if (errno_value == EADDRNOTAVAIL) {
    return {cause.code(), fmt::format("{}; this machine has no such address", cause.message())};
  }
  if (errno_value == EACCES) {
    return {cause.code(), fmt::format("{}; ports below 1024 need the capability CAP_NET_BIND_SERVICE",
                                      cause.message())};
  }
  return cause;
}

// Returns an errno.
int set_option(const Descriptor& socket, int level, int option, int value) {
  return ::setsockopt(socket.get(), level, option, &value, sizeof(value)) == 0 ? 0 : errno;
}
int turn_on(const Descriptor& socket, int level, int option) {
  return set_option(socket, level, option, 1);
}

// What accepted connections inherit: answers leave at once. Only nice to have.
void set_connection_options(const Descriptor& socket) { turn_on(socket, IPPROTO_TCP, TCP_NODELAY); }

// Binds one socket; returns an errno. SO_REUSEPORT would let a second server of the same user share the
// port, and half of each one's connections with it, so the first socket is bound without; it gets the
// option once it has the port for itself.
int bind_one(const Descriptor& socket, const sockaddr* address, socklen_t length, bool first) {
  if (!socket.is_open()) return errno;
  if (const int error = turn_on(socket, SOL_SOCKET, SO_REUSEADDR); error != 0) return error;
  if (!first) {
    if (const int error = turn_on(socket, SOL_SOCKET, SO_REUSEPORT); error != 0) return error;
  }
  if (::bind(socket.get(), address, length) != 0) return errno;
  return first ? turn_on(socket, SOL_SOCKET, SO_REUSEPORT) : 0;
}

std::uint16_t port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

Result<BoundListeners> bind_listeners(const Address& address, std::size_t count, bool blocking,
                                      std::string_view flag) {
  const Result<AddressList> found = look_up(address, flag);
  if (!found) return Unexpected(found.error());
  const addrinfo& target = **found;

  BoundListeners bound{.sockets = {}, .address = address};
  sockaddr_storage storage{};
  std::memcpy(&storage, target.ai_addr, target.ai_addrlen);
  socklen_t length = target.ai_addrlen;
  for (std::size_t i = 0; i < count; ++i) {
    const int type = SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
    Descriptor socket(::socket(target.ai_family, type, 0));
    const int error = bind_one(socket, reinterpret_cast<const sockaddr*>(&storage), length, i == 0);
    if (error != 0) return Unexpected(listen_error(address, error, flag));
    // The first one learns the port that the kernel chose; the others ask for it.
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
      return Unexpected(listen_error(address, errno, flag));
    }
    set_connection_options(socket);
    bound.sockets.push_back(std::move(socket));
  }
  bound.address.port = port_of(storage);
  return bound;
}

Result<void> listen_on(const Descriptor& socket, const Address& address) {
  if (::listen(socket.get(), kBacklog) != 0)
    return Unexpected(listen_error(address, errno, "--listen"));
  return {};
}

// Accepted connections inherit all of it.
void set_keepalive(const Descriptor& listener, Duration quiet_time) {
  constexpr int kQuestions = 3;
  constexpr int kShareOfQuietTime = 6;
  const auto quiet_s = std::chrono::ceil<std::chrono::seconds>(quiet_time).count();
  const int quiet = static_cast<int>(std::min<std::int64_t>(quiet_s, kMaxKeepaliveSeconds));
  turn_on(listener, SOL_SOCKET, SO_KEEPALIVE);
  set_option(listener, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, quiet));
  set_option(listener, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, quiet / kShareOfQuietTime));
  set_option(listener, IPPROTO_TCP, TCP_KEEPCNT, kQuestions);
}

std::string peer_name(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return "a peer that is gone";
  std::array<char, INET6_ADDRSTRLEN> host{};
  const void* bytes = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  if (address.ss_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  ::inet_ntop(address.ss_family, bytes, host.data(), host.size());
  return to_string(Address{.host = host.data(), .port = port_of(address)});
}

}  // namespace penstock::server
