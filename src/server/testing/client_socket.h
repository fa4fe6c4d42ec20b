// ClientSocket: a blocking TCP client for tests, with a deadline on every call.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "disk/descriptor.h"

namespace penstock::server {

class ClientSocket {
 public:
  explicit ClientSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int connected =
        ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    PENSTOCK_ASSERT(connected == 0, "the test's client cannot connect");
    set_deadline_ms(20'000);
  }

  void set_deadline_ms(int deadline_ms) {
    const timeval time{.tv_sec = deadline_ms / 1000, .tv_usec = deadline_ms % 1000 * 1000L};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
  }

  // As much as the kernel and the server take before the deadline.
  std::size_t send_raw(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    return sent;
  }

  static std::string frame(std::string_view body) {
    std::string bytes(4, '\0');
    store_be<std::int32_t>(std::as_writable_bytes(std::span(bytes)), 0,
                           static_cast<std::int32_t>(body.size()));
    return bytes.append(body);
  }
  void send_frame(std::string_view body) { send_raw(frame(body)); }

  // The next frame's body; nothing when the server has closed the connection.
  std::optional<std::string> receive_frame() {
    const std::optional<std::string> size = receive_exactly(4);
    if (!size) return std::nullopt;
    return receive_exactly(load_be<std::int32_t>(as_bytes(*size), 0));
  }

  std::optional<std::string> receive_exactly(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t received = 0;
    while (received < count) {
      const ssize_t got = receive(bytes.data() + received, count - received);
      if (got <= 0) return std::nullopt;
      received += static_cast<std::size_t>(got);
    }
    return bytes;
  }

  // Whether the server has closed the connection; waits for it.
  bool is_closed() {
    char byte = 0;
    const ssize_t got = receive(&byte, 1);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

  // Whether nothing arrives for a while.
  bool is_quiet(int for_ms) {
    set_deadline_ms(for_ms);
    char byte = 0;
    const ssize_t got = receive(&byte, 1, MSG_PEEK);
    const int error = errno;
    set_deadline_ms(20'000);
    return got < 0 && (error == EAGAIN || error == EWOULDBLOCK);
  }

  void end_sending() { ::shutdown(fd_.get(), SHUT_WR); }

  // Ends the connection as a peer that has crashed does.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    fd_ = Descriptor();
  }

  // Its own address as the server names it.
  std::string name() const {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

 private:
  // EINTR comes without any signal when an io_uring that this thread made has just been torn down.
  ssize_t receive(char* into, std::size_t size, int flags = 0) {
    while (true) {
      const ssize_t got = ::recv(fd_.get(), into, size, flags);
      if (got >= 0 || errno != EINTR) return got;
    }
  }

  Descriptor fd_;
};

}  // namespace penstock::server
