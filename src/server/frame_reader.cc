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
                         const Clock& clock)
    : io_(io),
      socket_(socket),
      limits_(limits),
      budget_(budget),
      clock_(clock),
      buffer_(kBufferBytes),
      last_received_(clock.now()) {}

Task<Result<std::optional<ReceivedFrame>>> FrameReader::next() {
  while (true) {
    const Result<std::optional<std::uint32_t>> size = kafka::parse_frame_size(unread(), limits_);
    if (!size) co_return Unexpected(size.error());
    const std::size_t size_bytes = size->value_or(0);
    if (*size && unread().size() >= kafka::kFrameSizeBytes + size_bytes)
      co_return co_await take_small(size_bytes);
    if (unread().size() == buffer_.capacity()) co_return co_await take_large(size_bytes);
    if (!unread().empty() && !deadline_) expect(size_bytes);
    const Result<bool> more = co_await receive_more();
    if (!more) co_return Unexpected(more.error());
    if (!*more) co_return std::nullopt;
  }
}

// False when the stream has ended behind a whole frame.
Task<Result<bool>> FrameReader::receive_more() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  const Result<std::size_t> received = co_await receive(buffer_.span().subspan(end_));
  if (!received) co_return Unexpected(received.error());
  if (*received == 0 && end_ > 0) co_return ended_inside();
  end_ += *received;
  co_return *received > 0;
}

// Copied, so that a small request does not keep the whole receive buffer alive.
Task<Result<std::optional<ReceivedFrame>>> FrameReader::take_small(std::size_t size_bytes) {
  deadline_.reset();
  RequestBudget::Lease lease = co_await budget_.acquire(size_bytes);
  const SharedSlice bytes = SharedSlice::copy_of(unread().subspan(kafka::kFrameSizeBytes, size_bytes));
  consume(kafka::kFrameSizeBytes + size_bytes);
  co_return ReceivedFrame{.bytes = bytes, .lease = std::move(lease)};
}

// The receive buffer is full of this frame, which takes more.
Task<Result<std::optional<ReceivedFrame>>> FrameReader::take_large(std::size_t size_bytes) {
  RequestBudget::Lease lease = co_await budget_.acquire(size_bytes);
  expect(size_bytes);  // the wait was ours, not the peer's
  AlignedBuffer frame(std::min(size_bytes, kFirstLargeBytes));
  std::size_t filled = unread().size() - kafka::kFrameSizeBytes;
  std::memcpy(frame.data(), unread().data() + kafka::kFrameSizeBytes, filled);
  consume(unread().size());
  while (filled < size_bytes) {
    if (filled == frame.capacity()) {
      AlignedBuffer larger(std::min(size_bytes, 2 * frame.capacity()));
      std::memcpy(larger.data(), frame.data(), filled);
      frame = std::move(larger);
    }
    const std::size_t wanted = std::min(size_bytes, frame.capacity()) - filled;
    const Result<std::size_t> received = co_await receive(frame.span().subspan(filled, wanted));
    if (!received) co_return Unexpected(received.error());
    if (*received == 0) co_return ended_inside();
    filled += *received;
  }
  deadline_.reset();
  co_return ReceivedFrame{.bytes = std::move(frame).freeze(size_bytes), .lease = std::move(lease)};
}

Task<Result<std::size_t>> FrameReader::receive(MutableBytes into) {
  Result<std::size_t> received = co_await io_.receive(socket_, into);
  last_received_ = clock_.now();
  co_return received;
}

void FrameReader::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

void FrameReader::expect(std::size_t size_bytes) {
  deadline_ = clock_.now() + kArrivalTime + std::chrono::seconds(size_bytes / kSlowestBytesPerSecond);
}

}  // namespace penstock::server
