// BadPeers: connections that behave as no client should, on a thread of their own.
//
// A third say the beginning of a request and then nothing; a third announce the largest request there
// is, send enough of it to leave the receive buffer, and then a byte a second; a third send garbage,
// and connect again as soon as they are thrown out, each once a second at most.
//
// Ownership: owns its sockets and thread; both end with it. Threading: the maker's.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "disk/descriptor.h"

namespace penstock::bench {

class BadPeers {
 public:
  // Connects `count` of them to a port of 127.0.0.1; returns when all have said their first words.
  BadPeers(std::uint16_t port, std::size_t count);
  BadPeers(const BadPeers&) = delete;
  BadPeers& operator=(const BadPeers&) = delete;
  ~BadPeers();

  // How often one had to connect again.
  std::uint64_t reconnect_count() const { return reconnect_count_; }

 private:
  enum class Kind { kHalfOpen, kSlow, kGarbage };
  struct Peer {
    Kind kind = Kind::kHalfOpen;
    Descriptor socket;
  };

  void connect(Peer& peer);
  void act(Peer& peer);
  void run();

  std::uint16_t port_;
  std::vector<Peer> peers_;
  std::minstd_rand random_{1};
  std::atomic<std::uint64_t> reconnect_count_ = 0;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

// A blocking TCP connection to a port of 127.0.0.1; closed when there is none to be had.
// `receive_buffer_bytes` of the kernel's; 0: as it likes.
Descriptor connect_to(std::uint16_t port, int receive_buffer_bytes = 0);
// Whether all of it could be sent.
bool send_all(int socket, ByteView bytes);

}  // namespace penstock::bench
