// ScriptedServer: an acceptor with a handler that does what requests say, for tests of connections.
//
// Threading: the test's; the acceptor has one of its own.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/crc32c.h"
#include "server/acceptor.h"
#include "server/listener.h"
#include "server/testing/captured_log.h"
#include "server/testing/client_socket.h"
#include "server/thread_call.h"

namespace penstock::server {

// Does what the request says: "echo TEXT", "hold TEXT" (answered after release()), "wait TEXT" (as
// hold, but no longer than the client is there), "fail", "silent", "fill BYTES" (in pieces of 1000) and
// "check BYTES..." (answered with the checksum of the whole request).
class ScriptedHandler final : public RequestHandler {
 public:
  using Answer = Result<std::optional<kafka::ByteChain>>;

  explicit ScriptedHandler(Scheduler& scheduler) : scheduler_(scheduler), released_(scheduler) {}

  Task<Answer> handle(SharedSlice frame, broker::Client& client,
                      broker::AnswerMemory::Share&) override {
    const std::string_view text = as_text(frame.view());
    const std::string_view verb = text.substr(0, text.find(' '));
    const std::string_view rest = verb.size() == text.size() ? "" : text.substr(verb.size() + 1);
    note(text);
    if (verb == "hold") co_await released_.wait();
    if (verb == "wait") co_await wait(client);
    if (verb == "fail") co_return fail(ErrorCode::kInvalidArgument, "told to fail");
    if (verb == "silent") co_return std::nullopt;
    if (verb == "fill") co_return fill(rest);
    if (verb == "check") co_return frame_of(fmt::format("{} {}", text.size(), crc32c(frame.view())));
    co_return frame_of(rest);
  }

  // From the scheduler's thread.
  void release() { released_.set(); }
  std::size_t waiting_count() const { return waiting_count_; }

  // From any thread: what has been started, in order.
  std::vector<std::string> started() const {
    const std::lock_guard lock(mutex_);
    return started_;
  }
  std::size_t started_count() const { return started().size(); }

 private:
  void note(std::string_view text) {
    const std::lock_guard lock(mutex_);
    started_.emplace_back(text.substr(0, 20));
  }

  // In a test that waits, release() is never called.
  Task<void> wait(broker::Client& client) {
    ++waiting_count_;
    Event woken(scheduler_);
    const AbortSource::Wake wake(&client.gone, woken);
    co_await woken.wait();
    --waiting_count_;
  }

  static kafka::ByteChain frame_of(std::string_view body) {
    kafka::ByteChain chain;
    chain.append(SharedSlice::copy_of(as_bytes(ClientSocket::frame(body))));
    return chain;
  }

  static kafka::ByteChain fill(std::string_view size_text) {
    constexpr std::size_t kPieceBytes = 1000;
    std::size_t left = 0;
    std::from_chars(size_text.data(), size_text.data() + size_text.size(), left);
    kafka::ByteChain chain;
    std::vector<std::byte> size(4);
    store_be<std::int32_t>(size, 0, static_cast<std::int32_t>(left));
    chain.append(std::move(size));
    for (char letter = 'a'; left > 0; letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1)) {
      const std::string piece(std::min(left, kPieceBytes), letter);
      chain.append(SharedSlice::copy_of(as_bytes(piece)));
      left -= piece.size();
    }
    return chain;
  }

  Scheduler& scheduler_;
  Event released_;
  std::atomic<std::size_t> waiting_count_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> started_;
};

// What fill() makes, in one string.
inline std::string filled(std::size_t size_bytes) {
  std::string text(size_bytes, '\0');
  for (std::size_t i = 0; i < size_bytes; ++i) text[i] = static_cast<char>('a' + i / 1000 % 26);
  return text;
}

// A shard without a broker: an acceptor with a scripted handler on a thread of its own.
class ScriptedServer {
 public:
  ScriptedServer(UringUse uring, AcceptorLimits limits) {
    stack_ = std::move(DiskStack::create({.uring = uring}).value());
    reactor_ = std::move(stack_->make_reactor().value());
    scheduler_.emplace(clock_, reactor_.reactor());
    io_ = make_socket_io(*scheduler_, reactor_);
    handler_.emplace(*scheduler_);
    BoundListeners bound = bind_listeners({.host = "127.0.0.1"}, 1, stack_->uses_uring()).value();
    address_ = bound.address;
    answers_.emplace(*scheduler_, answer_bytes_);
    acceptor_.emplace(*scheduler_, *io_, std::move(bound.sockets[0]), *handler_, *answers_, limits);
    thread_ = std::thread([this] { scheduler_->run_until_stopped(); });
    const auto opened =
        call_from_thread(*scheduler_, [this] { return acceptor_->open(address_); }).get();
    EXPECT_TRUE(opened);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    release();
    if (!closed_) close(Duration::zero()).get();
    scheduler_->stop();
    thread_.join();
  }

  ClientSocket connect() const { return ClientSocket(address_.port); }
  ScriptedHandler& handler() { return *handler_; }

  void release() {
    call_from_thread(*scheduler_, [this] { return release_handler(); }).get();
  }
  std::future<void> close(Duration grace) {
    closed_ = true;
    return call_from_thread(*scheduler_, [this, grace] { return acceptor_->close(grace); });
  }
  ConnectionStats stats() {
    return call_from_thread(*scheduler_, [this] { return get_stats(); }).get();
  }
  // Somebody asks for memory for an answer, and waits for up to AnswerMemory::kLongestWait, three
  // times.
  void need_answer_memory() {
    call_from_thread(*scheduler_, [this] { return reserve_all(); }).get();
  }
  std::size_t connection_count() {
    return call_from_thread(*scheduler_, [this] { return count_connections(); }).get();
  }

 private:
  Task<void> release_handler() {
    handler_->release();
    co_return;
  }
  Task<ConnectionStats> get_stats() { co_return acceptor_->stats(); }
  Task<void> reserve_all() {
    const broker::AnswerMemory::Share filler(*answers_, answer_bytes_);
    AbortSource never;
    for (int i = 0; i < 3; ++i) (void)co_await answers_->reserve(kMiB, kMiB, never);
  }
  Task<std::size_t> count_connections() { co_return acceptor_->connection_count(); }

  SystemClock clock_;
  std::unique_ptr<DiskStack> stack_;
  ShardReactor reactor_;
  std::optional<Scheduler> scheduler_;
  std::unique_ptr<SocketIo> io_;
  std::optional<ScriptedHandler> handler_;
  const std::uint64_t answer_bytes_ = 256 * kMiB;
  std::optional<broker::AnswerMemory> answers_;
  std::optional<Acceptor> acceptor_;
  Address address_;
  std::thread thread_;
  bool closed_ = false;
};

template <typename Condition>
bool comes_true(Condition condition) {
  for (int tries = 0; tries < 500; ++tries) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// On both makes of SocketIo.
class ConnectionTest : public testing::TestWithParam<UringUse> {
 protected:
  void SetUp() override {
    if (GetParam() == UringUse::kOn && !UringReactor::create()) GTEST_SKIP() << "no io_uring here";
  }
  ScriptedServer& serve(AcceptorLimits limits = {}) { return server_.emplace(GetParam(), limits); }
  // Everything has ended when this returns, so the log is complete.
  std::vector<std::string> log_after_end() {
    server_.reset();
    return log_.lines();
  }

  CapturedLog log_;
  std::optional<ScriptedServer> server_;
};

}  // namespace penstock::server
