// StreamSocket: a socket on which a stream arrives in pieces, for tests of what reads it.
//
// Ownership: the stream is the caller's. Threading: the scheduler's.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "server/socket_io.h"
#include "task/sync.h"

namespace penstock::server {

class StreamSocket final : public SocketIo {
 public:
  // The pieces have one of these sizes at most, in turn. At the end of the stream the peer has sent all
  // that it will, or, with `end`, sends nothing more until that is set.
  StreamSocket(ByteView stream, std::array<std::size_t, 2> piece_bytes, Event* end = nullptr)
      : stream_(stream), piece_bytes_(piece_bytes), end_(end) {}

  Task<Result<Descriptor>> accept(int) override {
    co_return fail(ErrorCode::kClosed, "nobody listens here");
  }
  Task<Result<std::size_t>> receive(int, MutableBytes buffer) override {
    PENSTOCK_ASSERT(!buffer.empty(), "a receive into nothing cannot tell an end");
    if (stream_.empty() && end_ != nullptr) co_await end_->wait();
    const std::size_t size = piece_bytes_[turn_++ % 2];
    const std::size_t count = std::min({size, buffer.size(), stream_.size()});
    std::copy_n(stream_.begin(), count, buffer.begin());
    stream_ = stream_.subspan(count);
    co_return count;
  }
  Task<Result<std::size_t>> send(int, std::span<iovec>) override {
    co_return fail(ErrorCode::kClosed, "nobody answers here");
  }
  void forget(int) override {}

 private:
  ByteView stream_;
  std::array<std::size_t, 2> piece_bytes_;
  Event* end_;
  std::size_t turn_ = 0;
};

}  // namespace penstock::server
