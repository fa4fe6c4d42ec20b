// What connections may have and take, and peers that are slow or vanish.
#include <netinet/tcp.h>

#include "server/testing/scripted_server.h"

namespace penstock::server {
namespace {

using std::chrono::milliseconds;

class ConnectionLimitsTest : public ConnectionTest {};

INSTANTIATE_TEST_SUITE_P(SocketIo, ConnectionLimitsTest, testing::Values(UringUse::kOn, UringUse::kOff),
                         [](const auto& make) {
                           return make.param == UringUse::kOn ? "Uring" : "Epoll";
                         });

// --- Limits --------------------------------------------------------------------------------------

TEST_P(ConnectionLimitsTest, UnansweredRequestsAtTheLimitStopTheReading) {
  ScriptedServer& server = serve({.connection = {.max_requests = 4}});
  ClientSocket client = server.connect();
  for (int i = 0; i < 20; ++i) client.send_frame("hold " + std::to_string(i));
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 4; }));
  EXPECT_TRUE(client.is_quiet(100));
  EXPECT_EQ(server.handler().started_count(), 4U);
  server.release();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.receive_frame(), std::to_string(i));
}

TEST_P(ConnectionLimitsTest, HandlerThatNeverEndsMakesTheClientsSendBlock) {
  ScriptedServer& server = serve({.connection = {.max_requests = 1}});
  ClientSocket client = server.connect();
  client.send_frame("hold");
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 1; }));
  // What the two sockets' buffers hold, and no more.
  client.set_deadline_ms(300);
  EXPECT_LT(client.send_raw(std::string(64 * kMiB, '\0')), 64 * kMiB);
}

TEST_P(ConnectionLimitsTest, BytesOfOneConnectionAreBounded) {
  ScriptedServer& server = serve({.connection = {.inflight_bytes = 100'000}});
  ClientSocket client = server.connect();
  const std::string request = "hold " + std::string(40'000, 'x');
  for (int i = 0; i < 5; ++i) client.send_frame(request);
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 2; }));
  EXPECT_TRUE(client.is_quiet(100));
  EXPECT_EQ(server.handler().started_count(), 2U);
  server.release();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.receive_frame(), std::string(40'000, 'x'));
}

TEST_P(ConnectionLimitsTest, BytesOfAllConnectionsAreBounded) {
  ScriptedServer& server = serve({.inflight_bytes = 100'000});
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

TEST_P(ConnectionLimitsTest, RequestAboveTheByteLimitsIsTakenAlone) {
  ScriptedServer& server = serve({.inflight_bytes = 100'000, .connection = {.inflight_bytes = 50'000}});
  ClientSocket client = server.connect();
  const std::string text(200'000, 'x');
  for (int i = 0; i < 3; ++i) client.send_frame("echo " + text);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.receive_frame(), text);
}

TEST_P(ConnectionLimitsTest, AnswersThatAreNotTakenStopTheReading) {
  ScriptedServer& server = serve({.connection = {.unsent_bytes = 1'000'000}});
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
TEST_P(ConnectionLimitsTest, RequestsThatAreOnlyAnnouncedTakeNoMemoryFromOthers) {
  ScriptedServer& server = serve({.inflight_bytes = 32 * kMiB});
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
TEST_P(ConnectionLimitsTest, SlowRequestsAreEndedWhenTheirMemoryIsNeeded) {
  ScriptedServer& server = serve({.inflight_bytes = 2 * kMiB});
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

TEST_P(ConnectionLimitsTest, SlowRequestsAreLeftAloneWhileNobodyNeedsTheirMemory) {
  ScriptedServer& server = serve();
  ClientSocket slow = server.connect();
  const std::string request = ClientSocket::frame("check " + filled(300'000));
  slow.send_raw(request.substr(0, 200'000));
  std::this_thread::sleep_for(milliseconds(4500));
  slow.send_raw(request.substr(200'000));
  EXPECT_TRUE(slow.receive_frame());
  EXPECT_EQ(server.stats().too_slow, 0U);
}

TEST_P(ConnectionLimitsTest, SlowReadersAreDroppedWhenMemoryForAnswersIsNeeded) {
  ScriptedServer& server = serve();
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

TEST_P(ConnectionLimitsTest, GarbageFillsNoLog) {
  ScriptedServer& server = serve();
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

TEST_P(ConnectionLimitsTest, ConnectionsAboveTheLimitAreRefused) {
  ScriptedServer& server = serve({.max_connections = 2});
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

TEST_P(ConnectionLimitsTest, IdleConnectionsAreClosedAndWaitingOnesAreNot) {
  ScriptedServer& server = serve({.connection = {.idle_timeout = milliseconds(500)}});
  ClientSocket idle = server.connect();
  ClientSocket waiting = server.connect();
  waiting.send_frame("hold a");
  EXPECT_TRUE(idle.is_closed());
  server.release();
  EXPECT_EQ(waiting.receive_frame(), "a");
}

// --- Peers that vanish ---------------------------------------------------------------------------

TEST_P(ConnectionLimitsTest, PeerThatGoesAwayTakesItsWaitingRequestsAlong) {
  ScriptedServer& server = serve();
  {
    ClientSocket client = server.connect();
    for (int i = 0; i < 5; ++i) client.send_frame("wait");
    EXPECT_TRUE(comes_true([&] { return server.handler().waiting_count() == 5; }));
  }
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; }));
  EXPECT_EQ(server.handler().waiting_count(), 0U);
}

TEST_P(ConnectionLimitsTest, ResetTakesWaitingRequestsAlong) {
  ScriptedServer& server = serve();
  ClientSocket client = server.connect();
  client.send_frame("wait");
  EXPECT_TRUE(comes_true([&] { return server.handler().waiting_count() == 1; }));
  client.reset();
  EXPECT_TRUE(comes_true([&] { return server.connection_count() == 0; }));
  EXPECT_EQ(server.handler().waiting_count(), 0U);
}

TEST_P(ConnectionLimitsTest, PeerThatEndsItsSideIsAnsweredWithoutFurtherWaiting) {
  ScriptedServer& server = serve();
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
TEST_P(ConnectionLimitsTest, PeerThatGoesAwayWhileNothingMoreIsReadIsNoticed) {
  for (const bool resets : {false, true}) {
    ScriptedServer& server = serve({.connection = {.max_requests = 2}});
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

TEST_P(ConnectionLimitsTest, PeerThatTakesNoAnswersIsDroppedThoughAnotherRequestWaits) {
  ScriptedServer& server = serve({.connection = {.idle_timeout = milliseconds(500)}});
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

}  // namespace
}  // namespace penstock::server
