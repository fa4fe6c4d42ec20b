// FrameReader: cuts what a client sends into request frames.
//
// Reads as much as there is at once, so one system call brings many small requests. A frame that does
// not fit the receive buffer gets a buffer of its own, which the rest is received into directly: a 1
// MiB Produce is not copied again. Memory is claimed as bytes arrive, never on the word of a size
// field: a peer that announces 100 MiB and sends one byte a second holds what it has sent.
//
// Ownership: the socket, the budget and the clock must outlive it.
// Threading: the shard's scheduler; one next() at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "base/aligned_buffer.h"
#include "kafka/frame.h"
#include "server/request_budget.h"
#include "server/socket_io.h"
#include "server/transfer_pace.h"

namespace penstock::server {

struct ReceivedFrame {
  SharedSlice bytes;  // without the size
  RequestBudget::Lease lease;
};

class FrameReader {
 public:
  // The receive buffer begins small, so that a quiet connection costs little, and becomes larger when
  // more comes at a time.
  static constexpr std::size_t kFirstBufferBytes = 4 * kKiB;
  static constexpr std::size_t kBufferBytes = 64 * kKiB;
  // A frame of at most this size claims all of its bytes at once, if the budget keeps that many for
  // such, a larger one so much at a time. Its buffer doubles as it arrives, but for what the peer has
  // shown that it does send: the first touch of a huge page takes long, so it must not be had by
  // announcing.
  static constexpr std::size_t kWholeBytes = kMiB;
  static constexpr std::size_t kClaimBytes = 256 * kKiB;
  // A peer has so long for a frame of which the first byte has come, and longer the more of it arrives.
  static constexpr Duration kArrivalTime = std::chrono::seconds(30);

  // `received_bytes` counts.
  FrameReader(SocketIo& io, int socket, kafka::FrameLimits limits, RequestBudget& budget,
              const Clock& clock, std::uint64_t& received_bytes);

  // The next frame; nothing when the peer has ended the stream behind a whole frame.
  // Errors: kCorrupt and kTooLarge when the stream cannot be followed any further; those of
  // SocketIo::receive.
  Task<Result<std::optional<ReceivedFrame>>> next();

  // Whether it waits for the peer, who can be heard of only then.
  bool is_receiving() const { return is_receiving_; }
  // What has arrived of a large frame; nothing when there is none, or its budget is waited for.
  std::optional<std::uint64_t> large_bytes() const {
    return is_receiving_ ? large_bytes_ : std::nullopt;
  }
  Instant last_received() const { return last_received_; }

  // Whether the peer has begun a frame and had more than enough time to complete it.
  bool is_overdue(Instant now) const { return deadline_ && now > *deadline_; }

 private:
  ByteView unread() const { return buffer_.view().subspan(begin_, end_ - begin_); }
  void consume(std::size_t count);
  void make_room();
  Task<Result<std::size_t>> receive(MutableBytes into);
  Task<Result<bool>> receive_more();
  Task<Result<std::optional<ReceivedFrame>>> take_small(std::size_t size_bytes);
  Task<Result<std::optional<ReceivedFrame>>> take_large(std::size_t size_bytes);
  bool is_claimed_whole(std::size_t size_bytes) const;
  Task<void> claim(RequestBudget::Lease& lease, std::size_t size_bytes);

  SocketIo& io_;
  int socket_;
  kafka::FrameLimits limits_;
  RequestBudget& budget_;
  const Clock& clock_;
  std::uint64_t& received_bytes_;
  AlignedBuffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool was_filled_ = false;  // by the last receive: there may be more
  Instant last_received_;
  bool is_receiving_ = false;
  std::optional<Instant> deadline_;  // while the peer owes the rest of a frame
  std::optional<std::uint64_t> large_bytes_;
  std::size_t largest_bytes_ = kClaimBytes;  // frame that has arrived
};

}  // namespace penstock::server
