// Wire: connections of a load generator to one server, all served by the calling thread.
//
// Each connection sends frames as they are queued and gives the answers back in order. A frame is a
// short head of its own and a payload that many frames share, which is never copied. A failure ends the
// process: a benchmark has nothing to go on with.
//
// Ownership: owns the sockets; payloads must outlive the frames that they are in. Threading: one
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace penstock::bench {

class Wire {
 public:
  // `on_answer` gets the connection's number and the frame without its size; the bytes are gone when it
  // returns. It may call send().
  using OnAnswer = std::function<void(std::size_t connection, ByteView frame)>;

  // `address` is IPV4:PORT.
  Wire(const std::string& address, std::size_t connections, OnAnswer on_answer);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();

  std::size_t connections() const { return connections_.size(); }

  void send(std::size_t connection, std::vector<std::byte> head, ByteView payload);

  // Serves all connections until something happened, but no longer than `patience`.
  void turn(std::chrono::nanoseconds patience);

 private:
  struct Frame {
    std::vector<std::byte> head;
    ByteView payload;
    std::size_t size() const { return head.size() + payload.size(); }
  };

  struct Connection {
    int fd = -1;
    bool awaits_room = false;
    std::deque<Frame> outgoing{};
    std::size_t sent_of_first = 0;
    std::vector<std::byte> incoming{};
    std::size_t received = 0;
  };

  void write(std::size_t number);
  void read(std::size_t number);
  void give_answers(std::size_t number);
  void watch(std::size_t number, bool for_room, int operation);

  OnAnswer on_answer_;
  std::vector<Connection> connections_;
  int epoll_ = -1;
};

}  // namespace penstock::bench
