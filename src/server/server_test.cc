#include "server/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"
#include "kafka/frame.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/metadata.h"
#include "server/testing/captured_log.h"
#include "server/testing/client_socket.h"
#include "server/testing/http_client.h"

namespace penstock::server {
namespace {

namespace fs = std::filesystem;

// Sends `request` and waits for its response.
template <typename Request>
Result<typename Request::Response> ask(const Server& server, const Request& request,
                                       std::int16_t version) {
  constexpr std::int32_t kCorrelationId = 7;
  ClientSocket client(server.address().port);
  const std::vector<std::byte> frame =
      kafka::encode_request_frame(request, version, kCorrelationId, "server_test").flatten();
  client.send_raw(as_text(frame));
  const std::optional<std::string> response = client.receive_frame();
  if (!response) return fail(ErrorCode::kClosed, "no response");
  return kafka::decode_response_frame<Request>(as_bytes(*response), version, kCorrelationId);
}

class ServerTest : public testing::TestWithParam<UringUse> {
 protected:
  void SetUp() override {
    if (GetParam() == UringUse::kOn && !UringReactor::create()) GTEST_SKIP() << "no io_uring here";
    config_.listen = "127.0.0.1:0";
    config_.admin_listen = "127.0.0.1:0";
    config_.data_directory = directory_ / "data";
    config_.io_uring = GetParam();
    config_.shards = 2;
    config_.pool.ready_files = 0;
  }
  std::unique_ptr<Server> start() {
    Result<std::unique_ptr<Server>> server = Server::start(config_);
    EXPECT_TRUE(server) << (server ? "" : server.error().message());
    return server ? std::move(*server) : nullptr;
  }
  std::string refusal() {
    const Result<std::unique_ptr<Server>> server = Server::start(config_);
    return server ? "(started)" : server.error().message();
  }
  void create_topic(const Server& server, const std::string& name, std::int32_t partitions) {
    kafka::CreateTopicsRequest request;
    request.topics.emplace_back();
    request.topics.back().name = name;
    request.topics.back().num_partitions = partitions;
    request.topics.back().replication_factor = 1;
    request.timeout_ms = 10'000;
    const auto response = ask(server, request, 5);
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->topics.at(0).error_code, kafka::KafkaError::kNone);
  }
  bool log_has(std::string_view text) const {
    for (const std::string& line : log_.lines()) {
      if (line.contains(text)) return true;
    }
    return false;
  }

  TempDirectory directory_;
  CapturedLog log_;
  Config config_;
};

INSTANTIATE_TEST_SUITE_P(Io, ServerTest, testing::Values(UringUse::kOn, UringUse::kOff),
                         [](const auto& make) {
                           return make.param == UringUse::kOn ? "Uring" : "WorkerThreads";
                         });

TEST_P(ServerTest, StartsAnswersAndStops) {
  const auto server = start();
  ASSERT_TRUE(server);
  const auto response = ask(*server, kafka::ApiVersionsRequest(), 0);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_FALSE(response->api_keys.empty());
  EXPECT_TRUE(server->banner().contains(
      "\nlistening on 127.0.0.1:" + std::to_string(server->address().port) + "\n"));
  EXPECT_TRUE(server->banner().contains("(0 topics, 0 partitions)\n"));
  EXPECT_TRUE(server->banner().contains("\nshards: 2\n"));
  EXPECT_TRUE(server->stop());
  EXPECT_TRUE(fs::exists(directory_ / "data/CLEAN_SHUTDOWN"));
}

TEST_P(ServerTest, ClientsAreToldTheRealPort) {
  const auto server = start();
  ASSERT_TRUE(server);
  const auto response = ask(*server, kafka::MetadataRequest(), 1);
  ASSERT_TRUE(response) << response.error().message();
  ASSERT_EQ(response->brokers.size(), 1U);
  EXPECT_EQ(response->brokers[0].host, "127.0.0.1");
  EXPECT_EQ(response->brokers[0].port, server->address().port);
  EXPECT_TRUE(server->stop());
}

TEST_P(ServerTest, TopicsAreThereAgainAfterACleanStopAndNothingIsScanned) {
  auto server = start();
  ASSERT_TRUE(server);
  create_topic(*server, "orders", 5);
  ASSERT_TRUE(server->stop());
  server = start();
  ASSERT_TRUE(server);
  EXPECT_TRUE(server->banner().contains("(1 topics, 5 partitions)\n")) << server->banner();
  EXPECT_TRUE(log_has("; nothing to scan"));
  EXPECT_FALSE(fs::exists(directory_ / "data/CLEAN_SHUTDOWN")) << "the marker is taken at the start";
  ASSERT_TRUE(server->stop());
}

TEST_P(ServerTest, StartAfterAnUncleanStopSaysSo) {
  auto server = start();
  ASSERT_TRUE(server);
  create_topic(*server, "orders", 1);
  ASSERT_TRUE(server->stop());
  fs::remove(directory_ / "data/CLEAN_SHUTDOWN");
  server = start();
  ASSERT_TRUE(server);
  EXPECT_TRUE(log_has("recovering after an unclean stop: scanned "));
  ASSERT_TRUE(server->stop());
}

TEST_P(ServerTest, SecondServerOnTheSameDataIsRefused) {
  const auto server = start();
  ASSERT_TRUE(server);
  EXPECT_TRUE(refusal().contains("is in use by process")) << refusal();
  EXPECT_TRUE(server->stop());
}

TEST_P(ServerTest, PortInUseIsRefusedThoughBothCouldShareIt) {
  const auto server = start();
  ASSERT_TRUE(server);
  config_.listen = to_string(server->address());
  config_.data_directory = directory_ / "other";
  EXPECT_TRUE(refusal().contains("another program listens there")) << refusal();
  EXPECT_TRUE(server->stop());
}

TEST_P(ServerTest, DataDirectoryThatIsAFileIsRefused) {
  std::ofstream(directory_ / "data") << "x";
  EXPECT_TRUE(refusal().contains("is no directory")) << refusal();
}

TEST_P(ServerTest, DataDirectoryThatCannotBeMadeIsRefused) {
  config_.data_directory = "/proc/penstock/data";
  EXPECT_TRUE(refusal().contains("make the directory /proc/penstock")) << refusal();
}

TEST_P(ServerTest, DirectIoThatCannotBeHadIsRefusedWithTheReason) {
  struct stat shared_memory{};
  if (::stat("/dev/shm", &shared_memory) != 0) GTEST_SKIP() << "no tmpfs here";
  config_.data_directory = "/dev/shm/penstock-server-test-" + std::to_string(::getpid());
  config_.io = RequestedIoMode::kDirect;
  const std::string message = refusal();
  fs::remove_all(config_.data_directory);
  EXPECT_TRUE(message.contains("'direct' cannot be had")) << message;
}

TEST_P(ServerTest, TheAdminPortTellsWhatTheServerDoes) {
  const auto server = start();
  ASSERT_TRUE(server);
  ASSERT_TRUE(server->admin_address());
  const std::uint16_t port = server->admin_address()->port;
  EXPECT_TRUE(server->banner().contains("\nadmin: http://127.0.0.1:" + std::to_string(port)));
  EXPECT_EQ(ask_http(port, "GET /livez").status, 200);
  EXPECT_EQ(ask_http(port, "GET /readyz").body, "ready\n");
  create_topic(*server, "orders", 3);
  const HttpAnswer metrics = ask_http(port, "GET /metrics");
  EXPECT_TRUE(metrics.body.contains("penstock_ready 1\n"));
  for (const char* shard : {"0", "1"}) {
    EXPECT_TRUE(metrics.body.contains(fmt::format("penstock_shard_up{{shard=\"{}\"}} 1\n", shard)));
    EXPECT_TRUE(metrics.body.contains(
        fmt::format("penstock_partitions{{shard=\"{}\",state=\"open\"}}", shard)));
  }
  EXPECT_EQ(ask_http(port, "POST /topics/orders/1/reopen").status, 409);
  EXPECT_EQ(ask_http(port, "POST /topics/nothing/1/reopen").status, 404);
  EXPECT_TRUE(server->stop());
}

TEST_P(ServerTest, TheAdminPortCanBeOff) {
  config_.admin_listen = Config::kAdminOff;
  const auto server = start();
  ASSERT_TRUE(server);
  EXPECT_FALSE(server->admin_address());
  EXPECT_FALSE(server->banner().contains("\nadmin: "));
  EXPECT_TRUE(server->stop());
}

TEST_P(ServerTest, PoolsOfShardsThatAreNoMoreAreRemoved) {
  config_.shards = 3;
  ASSERT_TRUE(start()->stop());
  std::ofstream(directory_ / "data/pool/2/9.ready") << "spare";
  config_.shards = 1;
  ASSERT_TRUE(start()->stop());
  EXPECT_TRUE(fs::exists(directory_ / "data/pool/0"));
  EXPECT_FALSE(fs::exists(directory_ / "data/pool/1"));
  EXPECT_FALSE(fs::exists(directory_ / "data/pool/2"));
}

TEST_P(ServerTest, ServerThatIsDestroyedWithoutAStopLeavesNoCleanMarker) {
  start().reset();
  EXPECT_FALSE(fs::exists(directory_ / "data/CLEAN_SHUTDOWN"));
}

}  // namespace
}  // namespace penstock::server
