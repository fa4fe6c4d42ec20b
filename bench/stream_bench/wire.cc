#include "bench/stream_bench/wire.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "kafka/frame.h"

namespace penstock::bench {

namespace {

constexpr std::size_t kFirstBufferBytes = 4096;
constexpr std::size_t kFramesOfOneWrite = 64;
constexpr int kEventsOfOneTurn = 128;

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "stream_bench: {}\n", message);
  std::exit(1);
}

[[noreturn]] void die_of_errno(const char* what) {
  die(fmt::format("{}: {}", what, std::strerror(errno)));
}

// Of this process: many connections are more descriptors than a shell allows by default.
void allow_descriptors(std::size_t count) {
  constexpr std::size_t kOtherDescriptors = 100;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur =
      std::min<rlim_t>(std::max<rlim_t>(limit.rlim_cur, count + kOtherDescriptors), limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

sockaddr_in parse_address(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in parsed{};
  parsed.sin_family = AF_INET;
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &parsed.sin_addr) != 1) {
    die(fmt::format("{} is not IPV4:PORT", address));
  }
  parsed.sin_port = htons(static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1))));
  return parsed;
}

int connect_to(const sockaddr_in& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die_of_errno("socket");
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die_of_errno("connect");
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

Wire::Wire(const std::string& address, std::size_t connections, OnAnswer on_answer)
    : on_answer_(std::move(on_answer)),
      connections_(connections),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) die_of_errno("epoll");
  allow_descriptors(connections);
  const sockaddr_in server = parse_address(address);
  for (std::size_t i = 0; i < connections; ++i) {
    connections_[i].fd = connect_to(server);
    connections_[i].incoming.resize(kFirstBufferBytes);
    watch(i, false, EPOLL_CTL_ADD);
  }
}

Wire::~Wire() {
  for (const Connection& connection : connections_) ::close(connection.fd);
  ::close(epoll_);
}

void Wire::watch(std::size_t number, bool for_room, int operation) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (for_room) event.events |= EPOLLOUT;
  event.data.u64 = number;
  if (::epoll_ctl(epoll_, operation, connections_[number].fd, &event) != 0) die_of_errno("epoll");
  connections_[number].awaits_room = for_room;
}

void Wire::send(std::size_t connection, std::vector<std::byte> head, ByteView payload) {
  connections_[connection].outgoing.push_back({std::move(head), payload});
  if (!connections_[connection].awaits_room) write(connection);
}

void Wire::write(std::size_t number) {
  Connection& connection = connections_[number];
  while (!connection.outgoing.empty()) {
    std::array<iovec, 2 * kFramesOfOneWrite> parts;
    std::size_t count = 0;
    std::size_t skipped = connection.sent_of_first;
    const auto add = [&](ByteView bytes) {
      const std::size_t skip = std::min(skipped, bytes.size());
      skipped -= skip;
      if (skip == bytes.size()) return;
      parts[count++] = {const_cast<std::byte*>(bytes.data()) + skip, bytes.size() - skip};
    };
    for (std::size_t i = 0; i < std::min(connection.outgoing.size(), kFramesOfOneWrite); ++i) {
      add(connection.outgoing[i].head);
      add(connection.outgoing[i].payload);
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(connection.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      if (!connection.awaits_room) watch(number, true, EPOLL_CTL_MOD);
      return;
    }
    if (sent < 0) die_of_errno("send");
    connection.sent_of_first += static_cast<std::size_t>(sent);
    while (!connection.outgoing.empty() &&
           connection.sent_of_first >= connection.outgoing.front().size()) {
      connection.sent_of_first -= connection.outgoing.front().size();
      connection.outgoing.pop_front();
    }
  }
  if (connection.awaits_room) watch(number, false, EPOLL_CTL_MOD);
}

void Wire::read(std::size_t number) {
  Connection& connection = connections_[number];
  const ssize_t count = ::recv(connection.fd, connection.incoming.data() + connection.received,
                               connection.incoming.size() - connection.received, MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return;
  if (count < 0) die_of_errno("receive");
  if (count == 0) die("the server has closed a connection");
  connection.received += static_cast<std::size_t>(count);
  give_answers(number);
}

void Wire::give_answers(std::size_t number) {
  Connection& connection = connections_[number];
  std::size_t at = 0;
  while (true) {
    const ByteView stream(connection.incoming.data() + at, connection.received - at);
    const auto size = kafka::parse_frame_size(stream);
    if (!size) die(size.error().message());
    if (!size->has_value()) break;
    const std::size_t whole = kafka::kFrameSizeBytes + **size;
    if (connection.incoming.size() < whole) connection.incoming.resize(whole);
    if (connection.received - at < whole) break;
    on_answer_(number, ByteView(connection.incoming.data() + at + kafka::kFrameSizeBytes, **size));
    at += whole;
  }
  std::memmove(connection.incoming.data(), connection.incoming.data() + at, connection.received - at);
  connection.received -= at;
}

void Wire::turn(std::chrono::nanoseconds patience) {
  std::array<epoll_event, kEventsOfOneTurn> events;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const timespec timeout{seconds.count(), (patience - seconds).count()};
  const int count = ::epoll_pwait2(epoll_, events.data(), kEventsOfOneTurn, &timeout, nullptr);
  if (count < 0 && errno != EINTR) die_of_errno("epoll");
  for (int i = 0; i < count; ++i) {
    const std::size_t number = events[i].data.u64;
    if ((events[i].events & EPOLLOUT) != 0) write(number);
    if ((events[i].events & ~EPOLLOUT) != 0) read(number);
  }
}

}  // namespace penstock::bench
