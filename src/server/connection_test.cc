#include "server/connection.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>
#include <thread>

#include "base/crc32c.h"
#include "server/acceptor.h"
#include "server/listener.h"
#include "server/testing/captured_log.h"
#include "server/testing/client_socket.h"
#include "server/thread_call.h"

namespace penstock::server {
namespace {

using std::chrono::milliseconds;

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
std::string filled(std::size_t size_bytes) {
  std::string text(size_bytes, '\0');
  for (std::size_t i = 0; i < size_bytes; ++i) text[i] = static_cast<char>('a' + i / 1000 % 26);
  return text;
}

// A shard without a broker: an acceptor with a scripted handler on a thread of its own.
class TestServer {
 public:
  TestServer(UringUse uring, AcceptorLimits limits) {
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
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
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
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

class ConnectionTest : public testing::TestWithParam<UringUse> {
 protected:
  void SetUp() override {
    if (GetParam() == UringUse::kOn && !UringReactor::create()) GTEST_SKIP() << "no io_uring here";
  }
  TestServer& serve(AcceptorLimits limits = {}) { return server_.emplace(GetParam(), limits); }
  // Everything has ended when this returns, so the log is complete.
  std::vector<std::string> log_after_end() {
    server_.reset();
    return log_.lines();
  }

  CapturedLog log_;
  std::optional<TestServer> server_;
};

INSTANTIATE_TEST_SUITE_P(SocketIo, ConnectionTest, testing::Values(UringUse::kOn, UringUse::kOff),
                         [](const auto& make) {
                           return make.param == UringUse::kOn ? "Uring" : "Epoll";
                         });

// --- Order ---------------------------------------------------------------------------------------

TEST_P(ConnectionTest, AnswersLeaveInTheOrderOfRequestsThoughHandlersEndOutOfOrder) {
  TestServer& server = serve();
  ClientSocket client = server.connect();
  client.send_raw(ClientSocket::frame("hold a") + ClientSocket::frame("echo b") +
                  ClientSocket::frame("echo c"));
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 3; }));
  EXPECT_EQ(server.handler().started(), (std::vector<std::string>{"hold a", "echo b", "echo c"}));
  EXPECT_TRUE(client.is_quiet(100));
  server.release();
  EXPECT_EQ(client.receive_frame(), "a");
  EXPECT_EQ(client.receive_frame(), "b");
  EXPECT_EQ(client.receive_frame(), "c");
}

TEST_P(ConnectionTest, ThousandPipelinedRequestsAreAnsweredInOrder) {
  ClientSocket client = serve().connect();
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += ClientSocket::frame("echo " + std::to_string(i));
  std::thread sender([&] { client.send_raw(requests); });
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.receive_frame(), std::to_string(i));
  sender.join();
}

TEST_P(ConnectionTest, RequestWithoutAnAnswerDoesNotHoldUpTheNext) {
  ClientSocket client = serve().connect();
  client.send_raw(ClientSocket::frame("silent") + ClientSocket::frame("silent") +
                  ClientSocket::frame("echo x"));
  EXPECT_EQ(client.receive_frame(), "x");
}

// --- Frames --------------------------------------------------------------------------------------

TEST_P(ConnectionTest, RequestsThatComeByteByByteAreUnderstood) {
  ClientSocket client = serve().connect();
  for (const char byte : ClientSocket::frame("echo slow") + ClientSocket::frame("echo again")) {
    client.send_raw({&byte, 1});
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(client.receive_frame(), "slow");
  EXPECT_EQ(client.receive_frame(), "again");
}

TEST_P(ConnectionTest, RequestsOfEverySizeArriveWhole) {
  ClientSocket client = serve().connect();
  constexpr std::size_t kBuffer = FrameReader::kBufferBytes;
  for (const std::size_t size :
       {kBuffer - 5, kBuffer - 4, kBuffer - 3, kBuffer, std::size_t{2} * kMiB, FrameReader::kWholeBytes,
        FrameReader::kWholeBytes + 1, 9 * kMiB + 7}) {
    std::string request = "check " + filled(size);
    request.resize(size);
    const std::string expected = fmt::format("{} {}", size, crc32c(as_bytes(request)));
    // Small neighbours, so that frames begin and end everywhere in the receive buffer.
    client.send_raw(ClientSocket::frame("echo 1") + ClientSocket::frame(request) +
                    ClientSocket::frame("echo 2"));
    ASSERT_EQ(client.receive_frame(), "1");
    ASSERT_EQ(client.receive_frame(), expected) << size;
    ASSERT_EQ(client.receive_frame(), "2");
  }
}

TEST_P(ConnectionTest, EmptyRequestGoesToTheHandler) {
  ClientSocket client = serve().connect();
  client.send_frame("");
  EXPECT_EQ(client.receive_frame(), "");
}

TEST_P(ConnectionTest, AnswerOfThousandsOfPiecesArrivesWhole) {
  ClientSocket client = serve().connect();
  client.send_raw(ClientSocket::frame("fill 20000000") + ClientSocket::frame("echo after"));
  EXPECT_TRUE(client.receive_frame() == filled(20'000'000));
  EXPECT_EQ(client.receive_frame(), "after");
}

TEST_P(ConnectionTest, OversizeRequestEndsTheConnectionWithOneLine) {
  TestServer& server = serve({.connection = {.max_request_bytes = 1000}});
  ClientSocket client = server.connect();
  ClientSocket other = server.connect();
  client.send_raw(ClientSocket::frame("echo first") + ClientSocket::frame(std::string(1001, 'x')));
  EXPECT_EQ(client.receive_frame(), "first");
  EXPECT_TRUE(client.is_closed());
  other.send_frame("echo alive");
  EXPECT_EQ(other.receive_frame(), "alive");
  EXPECT_EQ(log_after_end(), std::vector<std::string>{"warning connection " + client.name() +
                                                      ": closed: frame of 1001 bytes; at most 1000"});
}

TEST_P(ConnectionTest, NegativeSizeEndsTheConnectionWithOneLine) {
  ClientSocket client = serve().connect();
  client.send_raw("\xff\xff\xff\xfe and garbage");
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(log_after_end(), std::vector<std::string>{"warning connection " + client.name() +
                                                      ": closed: frame of negative size -2"});
}

TEST_P(ConnectionTest, StreamThatEndsInsideARequestIsReported) {
  ClientSocket client = serve().connect();
  client.send_raw(ClientSocket::frame("echo cut").substr(0, 7));
  client.end_sending();
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(
      log_after_end(),
      std::vector<std::string>{"warning connection " + client.name() +
                               ": closed: the peer closed the connection in the middle of a request"});
}

TEST_P(ConnectionTest, PeerThatGoesAwayLeavesNoLine) {
  TestServer& server = serve();
  {
    ClientSocket client = server.connect();
    client.send_frame("echo x");
    EXPECT_EQ(client.receive_frame(), "x");
    client.send_frame("fill 10000000");  // not read: the close becomes a reset
    EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 2; }));
  }
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; }));
  EXPECT_EQ(log_after_end(), std::vector<std::string>{});
}

TEST_P(ConnectionTest, PeerThatEndsItsSideStillGetsItsAnswers) {
  TestServer& server = serve();
  ClientSocket client = server.connect();
  client.send_raw(ClientSocket::frame("hold a") + ClientSocket::frame("echo b"));
  client.end_sending();
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 2; }));
  server.release();
  EXPECT_EQ(client.receive_frame(), "a");
  EXPECT_EQ(client.receive_frame(), "b");
  EXPECT_TRUE(client.is_closed());
}

// --- The handler's errors ------------------------------------------------------------------------

TEST_P(ConnectionTest, HandlerErrorEndsTheConnectionBehindTheEarlierAnswers) {
  TestServer& server = serve();
  ClientSocket client = server.connect();
  client.send_raw(ClientSocket::frame("hold a") + ClientSocket::frame("fail") +
                  ClientSocket::frame("echo c"));
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 3; }));
  server.release();
  EXPECT_EQ(client.receive_frame(), "a");
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(log_after_end(),
            std::vector<std::string>{"warning connection " + client.name() + ": closed: told to fail"});
}

// --- Limits --------------------------------------------------------------------------------------

TEST_P(ConnectionTest, UnansweredRequestsAtTheLimitStopTheReading) {
  TestServer& server = serve({.connection = {.max_requests = 4}});
  ClientSocket client = server.connect();
  for (int i = 0; i < 20; ++i) client.send_frame("hold " + std::to_string(i));
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 4; }));
  EXPECT_TRUE(client.is_quiet(100));
  EXPECT_EQ(server.handler().started_count(), 4U);
  server.release();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.receive_frame(), std::to_string(i));
}

TEST_P(ConnectionTest, HandlerThatNeverEndsMakesTheClientsSendBlock) {
  TestServer& server = serve({.connection = {.max_requests = 1}});
  ClientSocket client = server.connect();
  client.send_frame("hold");
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 1; }));
  // What the two sockets' buffers hold, and no more.
  client.set_deadline_ms(300);
  EXPECT_LT(client.send_raw(std::string(64 * kMiB, '\0')), 64 * kMiB);
}

TEST_P(ConnectionTest, BytesOfOneConnectionAreBounded) {
  TestServer& server = serve({.connection = {.inflight_bytes = 100'000}});
  ClientSocket client = server.connect();
  const std::string request = "hold " + std::string(40'000, 'x');
  for (int i = 0; i < 5; ++i) client.send_frame(request);
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 2; }));
  EXPECT_TRUE(client.is_quiet(100));
  EXPECT_EQ(server.handler().started_count(), 2U);
  server.release();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.receive_frame(), std::string(40'000, 'x'));
}

TEST_P(ConnectionTest, BytesOfAllConnectionsAreBounded) {
  TestServer& server = serve({.inflight_bytes = 100'000});
  ClientSocket one = server.connect();
  ClientSocket two = server.connect();
  const std::string request = "hold " + std::string(60'000, 'x');
  one.send_frame(request);
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 1; }));
  two.send_frame(request);
  EXPECT_TRUE(two.is_quiet(100));
  EXPECT_EQ(server.handler().started_count(), 1U);
  server.release();
  EXPECT_EQ(one.receive_frame(), std::string(60'000, 'x'));
  EXPECT_EQ(two.receive_frame(), std::string(60'000, 'x'));
}

TEST_P(ConnectionTest, RequestAboveTheByteLimitsIsTakenAlone) {
  TestServer& server = serve({.inflight_bytes = 100'000, .connection = {.inflight_bytes = 50'000}});
  ClientSocket client = server.connect();
  const std::string text(200'000, 'x');
  for (int i = 0; i < 3; ++i) client.send_frame("echo " + text);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.receive_frame(), text);
}

TEST_P(ConnectionTest, AnswersThatAreNotTakenStopTheReading) {
  TestServer& server = serve({.connection = {.unsent_bytes = 1'000'000}});
  ClientSocket client = server.connect();
  client.send_frame("fill 30000000");
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 1; }));
  client.send_frame("echo after");
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(server.handler().started_count(), 1U);
  EXPECT_TRUE(client.receive_frame() == filled(30'000'000));
  EXPECT_EQ(client.receive_frame(), "after");
}

// A hundred of them announce more than there is memory for, and send next to nothing of it.
TEST_P(ConnectionTest, RequestsThatAreOnlyAnnouncedTakeNoMemoryFromOthers) {
  TestServer& server = serve({.inflight_bytes = 32 * kMiB});
  std::vector<std::unique_ptr<ClientSocket>> slow;
  std::string announced = ClientSocket::frame(std::string(100 * kMiB, 'x'));
  announced.resize(FrameReader::kBufferBytes + 1);
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<ClientSocket>(server.connect()));
    slow.back()->send_raw(announced);
  }
  EXPECT_TRUE(
      comes_true([&] { return server.stats().request_bytes >= 100 * FrameReader::kClaimBytes; }));
  ClientSocket good = server.connect();
  for (int i = 0; i < 20; ++i) {
    good.send_frame("check " + filled(kMiB));
    ASSERT_TRUE(good.receive_frame());
    for (auto& peer : slow) peer->send_raw("x");
  }
  EXPECT_LE(server.stats().request_bytes, 32 * kMiB);
}

// They have really sent what fills the memory, and then hold it.
TEST_P(ConnectionTest, SlowRequestsAreEndedWhenTheirMemoryIsNeeded) {
  TestServer& server = serve({.inflight_bytes = 2 * kMiB});
  std::vector<std::unique_ptr<ClientSocket>> slow;
  std::string part = ClientSocket::frame(std::string(10 * kMiB, 'x'));
  part.resize(kMiB);
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<ClientSocket>(server.connect()));
    slow.back()->send_raw(part);
  }
  EXPECT_TRUE(comes_true([&] { return server.stats().request_bytes >= 2 * kMiB; }));
  ClientSocket good = server.connect();
  good.send_frame("echo alive");
  EXPECT_EQ(good.receive_frame(), "alive");
  EXPECT_TRUE(comes_true([&] { return server.stats().too_slow > 0; }));
  EXPECT_EQ(server.stats().bad_input, 0U);
}

TEST_P(ConnectionTest, SlowRequestsAreLeftAloneWhileNobodyNeedsTheirMemory) {
  TestServer& server = serve();
  ClientSocket slow = server.connect();
  const std::string request = ClientSocket::frame("check " + filled(300'000));
  slow.send_raw(request.substr(0, 200'000));
  std::this_thread::sleep_for(milliseconds(4500));
  slow.send_raw(request.substr(200'000));
  EXPECT_TRUE(slow.receive_frame());
  EXPECT_EQ(server.stats().too_slow, 0U);
}

TEST_P(ConnectionTest, SlowReadersAreDroppedWhenMemoryForAnswersIsNeeded) {
  TestServer& server = serve();
  ClientSocket slow = server.connect();
  slow.send_frame("fill 30000000");
  EXPECT_TRUE(comes_true([&] { return server.stats().answer_bytes > 1'000'000; }));
  std::this_thread::sleep_for(milliseconds(3500));
  EXPECT_EQ(server.connection_count(), 1U) << "nobody needs it";
  server.need_answer_memory();
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; }));
  EXPECT_EQ(server.stats().too_slow, 1U);
  EXPECT_TRUE(comes_true([&] { return server.stats().answer_bytes < 1'000'000; }));
}

TEST_P(ConnectionTest, GarbageFillsNoLog) {
  TestServer& server = serve();
  for (int i = 0; i < 60; ++i) {
    ClientSocket client = server.connect();
    client.send_raw("\xff\xff\xff\xfe");
    EXPECT_TRUE(client.is_closed());
  }
  EXPECT_EQ(server.stats().bad_input, 60U);
  const std::size_t line_count = log_after_end().size();
  EXPECT_GE(line_count, 20U);
  EXPECT_LT(line_count, 60U);
}

TEST_P(ConnectionTest, ConnectionsAboveTheLimitAreRefused) {
  TestServer& server = serve({.max_connections = 2});
  ClientSocket one = server.connect();
  ClientSocket two = server.connect();
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 2; }));
  EXPECT_TRUE(server.connect().is_closed());
  EXPECT_TRUE(server.connect().is_closed());
  one.send_frame("echo alive");
  EXPECT_EQ(one.receive_frame(), "alive");
  const std::vector<std::string> lines = log_after_end();
  ASSERT_EQ(lines.size(), 1U) << "one line a second at most";
  EXPECT_TRUE(lines[0].contains("server.max_connections = 2")) << lines[0];
}

TEST_P(ConnectionTest, IdleConnectionsAreClosedAndWaitingOnesAreNot) {
  TestServer& server = serve({.connection = {.idle_timeout = milliseconds(500)}});
  ClientSocket idle = server.connect();
  ClientSocket waiting = server.connect();
  waiting.send_frame("hold a");
  EXPECT_TRUE(idle.is_closed());
  server.release();
  EXPECT_EQ(waiting.receive_frame(), "a");
}

// --- Peers that vanish ---------------------------------------------------------------------------

TEST_P(ConnectionTest, PeerThatGoesAwayTakesItsWaitingRequestsAlong) {
  TestServer& server = serve();
  {
    ClientSocket client = server.connect();
    for (int i = 0; i < 5; ++i) client.send_frame("wait");
    EXPECT_TRUE(comes_true([&] { return server.handler().waiting_count() == 5; }));
  }
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; }));
  EXPECT_EQ(server.handler().waiting_count(), 0U);
}

TEST_P(ConnectionTest, ResetTakesWaitingRequestsAlong) {
  TestServer& server = serve();
  ClientSocket client = server.connect();
  client.send_frame("wait");
  EXPECT_TRUE(comes_true([&] { return server.handler().waiting_count() == 1; }));
  client.reset();
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; }));
  EXPECT_EQ(server.handler().waiting_count(), 0U);
}

TEST_P(ConnectionTest, PeerThatEndsItsSideIsAnsweredWithoutFurtherWaiting) {
  TestServer& server = serve();
  ClientSocket client = server.connect();
  client.send_raw(ClientSocket::frame("wait a") + ClientSocket::frame("echo b"));
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 2; }));
  EXPECT_TRUE(client.is_quiet(100));
  client.end_sending();
  EXPECT_EQ(client.receive_frame(), "a");
  EXPECT_EQ(client.receive_frame(), "b");
  EXPECT_TRUE(client.is_closed());
}

// The socket is not read then, so no receive tells.
TEST_P(ConnectionTest, PeerThatGoesAwayWhileNothingMoreIsReadIsNoticed) {
  for (const bool resets : {false, true}) {
    TestServer& server = serve({.connection = {.max_requests = 2}});
    {
      ClientSocket client = server.connect();
      for (int i = 0; i < 50; ++i) client.send_frame("wait");
      EXPECT_TRUE(comes_true([&] { return server.handler().waiting_count() == 2; }));
      EXPECT_TRUE(client.is_quiet(100));
      if (resets) client.reset();
    }
    EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; })) << resets;
    EXPECT_EQ(server.handler().waiting_count(), 0U);
  }
}

TEST_P(ConnectionTest, PeerThatTakesNoAnswersIsDroppedThoughAnotherRequestWaits) {
  TestServer& server = serve({.connection = {.idle_timeout = milliseconds(500)}});
  ClientSocket client = server.connect();
  client.send_raw(ClientSocket::frame("fill 30000000") + ClientSocket::frame("wait"));
  EXPECT_TRUE(comes_true([&] { return server.handler().waiting_count() == 1; }));
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; }));
  EXPECT_EQ(log_after_end(), std::vector<std::string>{"warning connection " + client.name() +
                                                      ": closed: the peer does not take its answers"});
}

TEST(Listener, ItsConnectionsAskPeersWhetherTheyAreThere) {
  const BoundListeners bound = bind_listeners({.host = "127.0.0.1"}, 1, true).value();
  set_keepalive(bound.sockets[0], std::chrono::seconds(12));
  ASSERT_TRUE(listen_on(bound.sockets[0], bound.address));
  const ClientSocket client(bound.address.port);
  const Descriptor accepted(::accept(bound.sockets[0].get(), nullptr, nullptr));
  const auto option = [&accepted](int level, int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    ::getsockopt(accepted.get(), level, name, &value, &size);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 12);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 2);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
}

// --- Closing -------------------------------------------------------------------------------------

TEST_P(ConnectionTest, CloseWaitsForTheAnswersToWhatIsUnderWay) {
  TestServer& server = serve();
  ClientSocket client = server.connect();
  client.send_frame("hold a");
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 1; }));
  std::future<void> closed = server.close(std::chrono::seconds(10));
  EXPECT_TRUE(client.is_quiet(100));
  server.release();
  EXPECT_EQ(client.receive_frame(), "a");
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(closed.wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST_P(ConnectionTest, CloseDropsConnectionsAfterTheGrace) {
  TestServer& server = serve();
  ClientSocket client = server.connect();
  client.send_frame("fill 30000000");  // and never takes it
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 1; }));
  EXPECT_EQ(server.close(milliseconds(200)).wait_for(std::chrono::seconds(5)),
            std::future_status::ready);
}

}  // namespace
}  // namespace penstock::server
