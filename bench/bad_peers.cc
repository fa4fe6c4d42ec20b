#include "bench/bad_peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/units.h"

namespace penstock::bench {

namespace {

using std::chrono::milliseconds;

// The largest request that the server takes by default; of it, more than a receive buffer holds.
constexpr std::int32_t kAnnouncedBytes = 100 * static_cast<std::int32_t>(kMiB);
constexpr std::size_t kFirstPartBytes = 66 * kKiB;

constexpr std::size_t kGarbageBytes = 200;

// The peers act one after the other, evenly, all of them within a second.
constexpr std::size_t kStepsPerSecond = 1000;

std::vector<std::byte> beginning_of_request(std::int32_t announced_bytes, std::size_t sent_bytes) {
  std::vector<std::byte> bytes(sizeof(announced_bytes) + sent_bytes);
  store_be<std::int32_t>(bytes, 0, announced_bytes);
  return bytes;
}

bool is_thrown_out(int socket) {
  std::array<char, 4096> dropped;
  while (true) {
    const ssize_t got = ::recv(socket, dropped.data(), dropped.size(), MSG_DONTWAIT);
    if (got > 0) continue;
    return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }
}

}  // namespace

Descriptor connect_to(std::uint16_t port, int receive_buffer_bytes) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer_bytes > 0) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), generic, sizeof address) != 0) return Descriptor();
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

bool send_all(int socket, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

BadPeers::BadPeers(std::uint16_t port, std::size_t count) : port_(port), peers_(count) {
  for (std::size_t i = 0; i < count; ++i) {
    peers_[i].kind = static_cast<Kind>(i % 3);
    connect(peers_[i]);
  }
  thread_ = std::thread([this] { run(); });
}

BadPeers::~BadPeers() {
  is_over_ = true;
  thread_.join();
}

void BadPeers::connect(Peer& peer) {
  peer.socket = connect_to(port_);
  const bool announces_all = peer.kind == Kind::kSlow;
  const auto words = announces_all ? beginning_of_request(kAnnouncedBytes, kFirstPartBytes)
                                   : beginning_of_request(1000, 10);
  if (peer.kind != Kind::kGarbage) send_all(peer.socket.get(), words);
}

void BadPeers::act(Peer& peer) {
  if (!peer.socket.is_open() || is_thrown_out(peer.socket.get())) {
    connect(peer);
    ++reconnect_count_;
  }
  if (peer.kind == Kind::kSlow) send_all(peer.socket.get(), as_bytes("x"));
  if (peer.kind == Kind::kGarbage) {
    std::array<std::byte, kGarbageBytes> garbage;
    for (std::byte& byte : garbage) byte = static_cast<std::byte>(random_());
    send_all(peer.socket.get(), garbage);
  }
}

void BadPeers::run() {
  std::size_t next = 0;
  auto due = std::chrono::steady_clock::now();
  while (!is_over_) {
    const std::size_t end =
        std::min(peers_.size(), next + (peers_.size() + kStepsPerSecond - 1) / kStepsPerSecond);
    for (; next < end; ++next) act(peers_[next]);
    if (next == peers_.size()) next = 0;
    due += milliseconds(1000 / kStepsPerSecond);
    std::this_thread::sleep_until(due);
  }
}

}  // namespace penstock::bench
