// Requests and answers of one connection: their order, their frames, errors, the end.
#include "server/connection.h"

#include "server/testing/scripted_server.h"

namespace penstock::server {
namespace {

using std::chrono::milliseconds;

INSTANTIATE_TEST_SUITE_P(SocketIo, ConnectionTest, testing::Values(UringUse::kOn, UringUse::kOff),
                         [](const auto& make) {
                           return make.param == UringUse::kOn ? "Uring" : "Epoll";
                         });

// --- Order ---------------------------------------------------------------------------------------

TEST_P(ConnectionTest, AnswersLeaveInTheOrderOfRequestsThoughHandlersEndOutOfOrder) {
  ScriptedServer& server = serve();
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
  ScriptedServer& server = serve({.connection = {.max_request_bytes = 1000}});
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
  ScriptedServer& server = serve();
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
  ScriptedServer& server = serve();
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
  ScriptedServer& server = serve();
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

// --- Closing -------------------------------------------------------------------------------------

TEST_P(ConnectionTest, CloseWaitsForTheAnswersToWhatIsUnderWay) {
  ScriptedServer& server = serve();
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
  ScriptedServer& server = serve();
  ClientSocket client = server.connect();
  client.send_frame("fill 30000000");  // and never takes it
  EXPECT_TRUE(comes_true([&] { return server.handler().started_count() == 1; }));
  EXPECT_EQ(server.close(milliseconds(200)).wait_for(std::chrono::seconds(5)),
            std::future_status::ready);
}

}  // namespace
}  // namespace penstock::server
