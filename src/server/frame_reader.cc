#include "server/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock::server {

namespace {

Unexpected ended_inside() {
  return fail(ErrorCode::kCorrupt, "the peer closed the connection in the middle of a request");
}

}  // namespace

FrameReader::FrameReader(SocketIo& io, int socket, kafka::FrameLimits limits, RequestBudget& budget,
                         const Clock& clock, std::uint64_t& received_bytes)
    : io_(io),
      socket_(socket),
      limits_(limits),
      budget_(budget),
      clock_(clock),
      received_bytes_(received_bytes),
      buffer_(kFirstBufferBytes),
      last_received_(clock.now()) {}

Task<Result<std::optional<ReceivedFrame>>> FrameReader::next() {
  while (true) {
    const Result<std::optional<std::uint32_t>> size = kafka::parse_frame_size(unread(), limits_);
    if (!size) co_return Unexpected(size.error());
    const std::size_t size_bytes = size->value_or(0);
    if (*size && unread().size() >= kafka::kFrameSizeBytes + size_bytes)
      co_return co_await take_small(size_bytes);
    if (unread().size() == kBufferBytes) co_return co_await take_large(size_bytes);
    if (!unread().empty() && !deadline_) deadline_ = clock_.now() + kArrivalTime;
    const Result<bool> more = co_await receive_more();
    if (!more) co_return Unexpected(more.error());
    if (!*more) co_return std::nullopt;
  }
}

// False when the stream has ended behind a whole frame.
Task<Result<bool>> FrameReader::receive_more() {
  make_room();
  const Result<std::size_t> received = co_await receive(buffer_.span().subspan(end_));
  if (!received) co_return Unexpected(received.error());
  if (*received == 0 && end_ > 0) co_return ended_inside();
  end_ += *received;
  was_filled_ = end_ == buffer_.capacity();
  co_return *received > 0;
}

void FrameReader::make_room() {
  const std::size_t size = unread().size();
  if (was_filled_ && buffer_.capacity() < kBufferBytes) {
    AlignedBuffer larger(std::min(kBufferBytes, 4 * buffer_.capacity()));
    std::memcpy(larger.data(), unread().data(), size);
    buffer_ = std::move(larger);
  } else if (begin_ > 0) {
    std::memmove(buffer_.data(), unread().data(), size);
  }
  begin_ = 0;
  end_ = size;
}

// Copied, so that a small request does not keep the whole receive buffer alive.
Task<Result<std::optional<ReceivedFrame>>> FrameReader::take_small(std::size_t size_bytes) {
  deadline_.reset();
  RequestBudget::Lease lease = co_await budget_.acquire(size_bytes);
  co_await lease.take_whole(size_bytes);
  const SharedSlice bytes = SharedSlice::copy_of(unread().subspan(kafka::kFrameSizeBytes, size_bytes));
  consume(kafka::kFrameSizeBytes + size_bytes);
  co_return ReceivedFrame{.bytes = bytes, .lease = std::move(lease)};
}

// The receive buffer is full of this frame, which takes more.
Task<Result<std::optional<ReceivedFrame>>> FrameReader::take_large(std::size_t size_bytes) {
  deadline_.reset();  // the wait is ours, not the peer's
  RequestBudget::Lease lease = co_await budget_.acquire(size_bytes);
  co_await claim(lease, size_bytes);
  AlignedBuffer frame(is_claimed_whole(size_bytes) ? size_bytes : std::min(size_bytes, largest_bytes_));
  std::size_t filled = unread().size() - kafka::kFrameSizeBytes;
  std::memcpy(frame.data(), unread().data() + kafka::kFrameSizeBytes, filled);
  consume(unread().size());
  while (filled < size_bytes) {
    if (filled == lease.bytes()) co_await claim(lease, size_bytes);
    if (filled == frame.capacity()) {
      AlignedBuffer larger(std::min(size_bytes, 2 * frame.capacity()));
      std::memcpy(larger.data(), frame.data(), filled);
      frame = std::move(larger);
    }
    const std::size_t wanted =
        std::min({size_bytes, frame.capacity(), static_cast<std::size_t>(lease.bytes())}) - filled;
    large_bytes_ = filled;
    const Result<std::size_t> received = co_await receive(frame.span().subspan(filled, wanted));
    large_bytes_.reset();
    if (!received) co_return Unexpected(received.error());
    if (*received == 0) co_return ended_inside();
    filled += *received;
    deadline_ = *deadline_ + std::chrono::nanoseconds(std::chrono::seconds(*received)) /
                                 TransferPace::kSlowestBytesPerSecond;
  }
  deadline_.reset();
  largest_bytes_ = std::max(largest_bytes_, size_bytes);
  lease.complete();
  co_return ReceivedFrame{.bytes = std::move(frame).freeze(size_bytes), .lease = std::move(lease)};
}

bool FrameReader::is_claimed_whole(std::size_t size_bytes) const {
  return size_bytes <= std::min<std::uint64_t>(kWholeBytes, budget_.kept_bytes());
}

// More of the budget for a frame of so many bytes. The time that this takes is not the peer's.
Task<void> FrameReader::claim(RequestBudget::Lease& lease, std::size_t size_bytes) {
  const Instant begin = clock_.now();
  const Instant deadline = deadline_.value_or(begin + kArrivalTime);
  deadline_.reset();
  if (is_claimed_whole(size_bytes))
    co_await lease.take_whole(size_bytes);
  else
    co_await lease.grow(std::min<std::uint64_t>(size_bytes - lease.bytes(), kClaimBytes));
  deadline_ = deadline + (clock_.now() - begin);
}

Task<Result<std::size_t>> FrameReader::receive(MutableBytes into) {
  is_receiving_ = true;
  Result<std::size_t> received = co_await io_.receive(socket_, into);
  is_receiving_ = false;
  last_received_ = clock_.now();
  received_bytes_ += received ? *received : 0;
  co_return received;
}

void FrameReader::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

}  // namespace penstock::server
