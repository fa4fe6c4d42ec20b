#include "server/connection.h"

#include <linux/tcp.h>  // glibc's tcp_info ends before what we ask for
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "server/listener.h"

namespace penstock::server {

namespace {

// As Kafka tells it to operators: "/127.0.0.1" of "127.0.0.1:41234".
std::string host_of(const std::string& peer) { return "/" + peer.substr(0, peer.rfind(':')); }

// Answers are sent together up to this size: beyond it a system call's cost no longer shows.
constexpr std::size_t kSendTogetherBytes = kMiB;

// How long a connection that we end waits for the peer to read the last answers. Closing a socket that
// has unread bytes makes the kernel send a reset, which may overtake the answers.
constexpr Duration kLingerTime = std::chrono::seconds(1);

// Ends of a connection that are the peer's own business: no line in the log.
bool is_usual_end(const Error& error) {
  return error.os_error() == ECONNRESET || error.os_error() == EPIPE || error.os_error() == ETIMEDOUT ||
         error.code() == ErrorCode::kClosed;
}

}  // namespace

Connection::Connection(const ConnectionContext& context, Descriptor socket,
                       const ConnectionLimits& limits)
    : context_(context),
      scheduler_(context.scheduler),
      io_(context.io),
      socket_(std::move(socket)),
      peer_(peer_name(socket_.get())),
      client_{.host = host_of(peer_)},
      limits_(limits),
      budget_(scheduler_, limits.inflight_bytes, context.requests),
      reader_(io_, socket_.get(),
              {.max_frame_bytes = static_cast<std::uint32_t>(limits.max_request_bytes)}, budget_,
              scheduler_.clock(), context.stats.received_bytes),
      last_sent_(scheduler_.now()),
      changed_(scheduler_),
      written_(scheduler_),
      gate_(scheduler_) {}

Connection::~Connection() { io_.forget(socket_.get()); }

Task<void> Connection::run() {
  Result<Gate::Hold> hold = gate_.enter();
  scheduler_.spawn(write_answers(std::move(*hold)));
  co_await read_requests();
  reading_ = false;
  client_.gone.abort();
  changed_.pulse();
  co_await written_.wait();
  if (!broken_ && !peer_ended_) co_await linger();
  abort();
  co_await gate_.close();
}

void Connection::drain() {
  reading_ = false;
  client_.gone.abort();
  shut_down(socket_.get(), Direction::kReading);
  changed_.pulse();
}

void Connection::abort() {
  reading_ = false;
  broken_ = true;
  client_.gone.abort();
  shut_down(socket_.get(), Direction::kBoth);
  changed_.pulse();
}

void Connection::check(Instant now) {
  if (broken_) return;
  if (linger_until_) {
    if (now >= *linger_until_) abort();
    return;
  }
  if (!reader_.is_receiving()) look_after_peer();
  if (broken_) return;
  const std::optional<std::uint64_t> taken_bytes = look_after_sending(now);
  const bool is_stuck = taken_bytes && now - last_sent_ >= limits_.idle_timeout;
  const bool is_idle = handling_count_ == 0 && unsent_bytes_ == 0 &&
                       now - std::max(reader_.last_received(), last_sent_) >= limits_.idle_timeout;
  if (is_stuck) {
    end_slow("the peer does not take its answers");
    abort();
  } else if (reading_ && is_idle) {
    spdlog::debug("connection {}: closed: idle", peer_);
    drain();
  } else if (reading_ && reader_.is_overdue(now)) {
    end_slow("a request takes too long to arrive");
    drain();
  } else {
    look_after_pace(now, taken_bytes);
  }
}

// What the peer has taken so far, if something is being sent: a send returns when all of it is, which
// can take long without being stuck.
std::optional<std::uint64_t> Connection::look_after_sending(Instant now) {
  if (sending_count_ == 0) return std::nullopt;
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (std::exchange(taken_bytes_, info.tcpi_bytes_acked) != info.tcpi_bytes_acked) last_sent_ = now;
  return taken_bytes_;
}

// Also while memory is not short, so that it is known who is slow when it becomes so.
void Connection::look_after_pace(Instant now, std::optional<std::uint64_t> taken_bytes) {
  const bool receives_slowly = receiving_pace_.is_slow(now, reader_.large_bytes());
  const bool takes_slowly = sending_pace_.is_slow(now, taken_bytes);
  if (reading_ && receives_slowly && context_.requests.is_short()) {
    end_slow("a request arrives too slowly while memory for requests is short");
    drain();
  } else if (takes_slowly && context_.answers.is_short()) {
    end_slow("the peer takes its answers too slowly while memory for answers is short");
    abort();
  }
}

// What a receive would tell if one were under way: that the peer is gone, or will send no more.
void Connection::look_after_peer() {
  pollfd state{.fd = socket_.get(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&state, 1, 0) <= 0) return;
  if ((state.revents & (POLLERR | POLLHUP)) != 0) {
    spdlog::debug("connection {}: closed: the peer is gone", peer_);
    abort();
  } else {
    client_.gone.abort();
  }
}

// --- Reading -------------------------------------------------------------------------------------

Task<void> Connection::read_requests() {
  bool more = true;
  while (more) {
    const Result<void> read = co_await read_request(more);
    if (read) continue;
    end_because(read.error());
    if (read.error().os_error() != 0)
      abort();  // the socket itself has failed: nobody will take an answer
    co_return;
  }
}

// `more` becomes false when no further request will be read. One request is read ahead of the limits.
Task<Result<void>> Connection::read_request(bool& more) {
  Result<std::optional<ReceivedFrame>> frame = co_await reader_.next();
  while (reading_ && frame && *frame && !has_room()) co_await changed_.wait();
  more = reading_ && frame && *frame;
  if (more) start(std::move(**frame));
  if (!reading_) co_return Result<void>();  // what arrived while draining is dropped
  if (!frame) co_return Unexpected(frame.error());
  peer_ended_ = !*frame;
  co_return Result<void>();
}

bool Connection::has_room() const {
  return exchanges_.size() + sending_count_ < limits_.max_requests &&
         unsent_bytes_ < limits_.unsent_bytes;
}

void Connection::start(ReceivedFrame frame) {
  exchanges_.push_back(std::make_unique<Exchange>());
  Exchange& exchange = *exchanges_.back();
  exchange.lease = std::move(frame.lease);
  exchange.answer_memory = broker::AnswerMemory::Share(context_.answers, 0);
  ++handling_count_;
  Result<Gate::Hold> hold = gate_.enter();
  // Spawned tasks begin in the order of spawning.
  scheduler_.spawn(handle(exchange, std::move(frame.bytes), std::move(*hold)));
}

Task<void> Connection::handle(Exchange& exchange, SharedSlice frame, Gate::Hold) {
  Result<std::optional<kafka::ByteChain>> answer =
      co_await context_.handler.handle(std::move(frame), client_, exchange.answer_memory);
  exchange.lease.release();
  const std::size_t answer_bytes = answer && *answer ? (*answer)->size() : 0;
  unsent_bytes_ += answer_bytes;
  exchange.answer_memory.settle(answer_bytes);
  exchange.answer = std::move(answer);
  --handling_count_;
  changed_.pulse();
}

// --- Writing -------------------------------------------------------------------------------------

Task<void> Connection::write_answers(Gate::Hold) {
  while (!broken_) {
    if (!has_answer()) {
      if (!reading_ && exchanges_.empty()) break;
      co_await changed_.wait();
      continue;
    }
    Outgoing outgoing = take_ready();
    sending_count_ = outgoing.exchange_count;
    Result<void> sent = co_await send(outgoing.bytes);
    outgoing.memory.shrink(0);
    sending_count_ = 0;
    changed_.pulse();
    if (sent && outgoing.failure) sent = Unexpected(*outgoing.failure);
    if (sent) continue;
    end_because(sent.error());
    if (outgoing.failure) {
      drain();
      break;
    }
    abort();
  }
  written_.set();
}

Connection::Outgoing Connection::take_ready() {
  Outgoing outgoing;
  while (has_answer() && outgoing.bytes.size() < kSendTogetherBytes && !outgoing.failure) {
    auto& answer = *exchanges_.front()->answer;
    if (!answer) {
      outgoing.failure = answer.error();
    } else if (*answer) {
      outgoing.bytes.append(std::move(**answer));
      outgoing.memory.add(std::move(exchanges_.front()->answer_memory));
    }
    ++outgoing.exchange_count;
    exchanges_.pop_front();
  }
  return outgoing;
}

Task<Result<void>> Connection::send(const kafka::ByteChain& bytes) {
  std::vector<iovec> pieces;
  pieces.reserve(bytes.pieces().size());
  for (const SharedSlice& piece : bytes.pieces()) {
    pieces.push_back({.iov_base = const_cast<std::byte*>(piece.data()), .iov_len = piece.size()});
  }
  std::span<iovec> left(pieces);
  last_sent_ = scheduler_.now();
  while (!left.empty()) {
    const std::span<iovec> some = left.first(std::min<std::size_t>(left.size(), IOV_MAX));
    const Result<std::size_t> sent = co_await io_.send(socket_.get(), some);
    if (!sent) co_return Unexpected(sent.error());
    last_sent_ = scheduler_.now();
    unsent_bytes_ -= *sent;
    context_.stats.sent_bytes += *sent;
    std::size_t done = *sent;
    while (!left.empty() && done >= left.front().iov_len) {
      done -= left.front().iov_len;
      left = left.subspan(1);
    }
    if (done > 0) {
      left.front().iov_base = static_cast<std::byte*>(left.front().iov_base) + done;
      left.front().iov_len -= done;
    }
  }
  co_return Result<void>();
}

// --- Ending --------------------------------------------------------------------------------------

// Ours are the last bytes, and the peer's are dropped until it ends its side as well.
Task<void> Connection::linger() {
  linger_until_ = scheduler_.now() + kLingerTime;
  shut_down(socket_.get(), Direction::kWriting);
  std::array<std::byte, 4 * kKiB> dropped{};
  while (!broken_) {
    const Result<std::size_t> received = co_await io_.receive(socket_.get(), dropped);
    if (!received || *received == 0) co_return;
  }
}

void Connection::end_slow(std::string_view what) {
  if (!reason_given_) ++context_.stats.too_slow;
  end_because(Error(ErrorCode::kTimeout, std::string(what)));
}

void Connection::end_because(const Error& error) {
  if (std::exchange(reason_given_, true)) return;
  if (is_usual_end(error)) {
    spdlog::debug("connection {}: closed: {}", peer_, error.message());
    return;
  }
  if (error.code() != ErrorCode::kTimeout) ++context_.stats.bad_input;
  const auto count = context_.bad_endings.take(scheduler_.now());
  if (!count) return;
  const std::string more = *count > 1 ? fmt::format(" (and {} before it)", *count - 1) : "";
  spdlog::warn("connection {}: closed: {}{}", peer_, error.message(), more);
}

}  // namespace penstock::server
