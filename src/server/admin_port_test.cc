#include "server/admin_port.h"

#include <gtest/gtest.h>

#include <atomic>

#include "server/testing/http_client.h"
#include "server/thread_call.h"

namespace penstock::server {
namespace {

using broker::ReopenOutcome;
using std::chrono::milliseconds;

// Shards that answer, or stand still for as long as the test wants, and a controller that does what it
// is told.
class AdminPortTest : public testing::Test {
 protected:
  // A shard with nothing on it but a thread.
  struct FakeShard {
    FakeShard()
        : reactor(EpollReactor::create().value()), scheduler(clock, *reactor), may_go(scheduler) {
      thread = std::thread([this] { scheduler.run_until_stopped(); });
    }
    ~FakeShard() {
      scheduler.stop();
      thread.join();
    }
    // Stands still until release().
    Task<ShardStats> stats() {
      co_await wait();
      ShardStats stats;
      stats.log.commits = 42;
      co_return stats;
    }
    Task<broker::BrokerStats> broker_stats() {
      co_await wait();
      broker::BrokerStats stats;
      stats.partitions_to_open = 500;
      stats.partitions_opened = 6;
      stats.opened_bytes = 4096;
      stats.scanned_bytes = 100;
      co_return stats;
    }
    Task<broker::GroupLags> lags(std::size_t limit) {
      co_await wait();
      broker::GroupLags found;
      for (std::int32_t i = 0; i < 2 && found.lags.size() < limit; ++i)
        found.lags.push_back({"billing", "orders", i, 5});
      found.left_out = 7;
      co_return found;
    }
    Task<void> wait() {
      if (is_stuck) co_await may_go.wait();
    }
    Task<void> release() {
      may_go.set();
      co_return;
    }

    SystemClock clock;
    std::unique_ptr<EpollReactor> reactor;
    Scheduler scheduler;
    Event may_go;
    std::atomic<bool> is_stuck = false;
    std::thread thread;
  };

  void SetUp() override {
    AdminTarget target;
    for (FakeShard& shard : shards_) {
      target.shards.push_back({.scheduler = &shard.scheduler,
                               .stats = [&shard] { return shard.stats(); },
                               .broker_stats = [&shard] { return shard.broker_stats(); },
                               .lags = [&shard](std::size_t limit) { return shard.lags(limit); }});
    }
    target.catalog_stats = [] { return catalog::RocksCatalogStats{.writes = 7}; };
    target.controller = &shards_[0].scheduler;
    target.reopen = [this](std::string topic, std::optional<std::int32_t> partition) {
      return reopen(std::move(topic), partition);
    };
    AdminPortOptions options;
    options.answer_time = milliseconds(200);
    options.lag_partitions = 3;
    options.http.max_connections = 3;
    options.http.transfer_time = transfer_time_;
    const Address anywhere{.host = "127.0.0.1", .port = 0};
    auto port = AdminPort::start(anywhere, std::move(target), options);
    ASSERT_TRUE(port) << port.error().message();
    port_ = std::move(*port);
  }
  void TearDown() override {
    if (!port_) return;
    for (FakeShard& shard : shards_) release(shard);
    port_->close().get();
    port_->stop();
  }

  static void release(FakeShard& shard) {
    shard.is_stuck = false;
    const auto go_on = [&shard] { return shard.release(); };
    call_from_thread(shard.scheduler, go_on).get();
  }
  Task<AdminTarget::Outcomes> reopen(std::string topic, std::optional<std::int32_t> partition) {
    if (topic == "busy") co_return fail(ErrorCode::kBusy, "nothing is wrong");
    if (topic == "none") co_return fail(ErrorCode::kNotFound, "no such topic");
    std::vector<ReopenOutcome> outcomes;
    outcomes.push_back({.partition = partition.value_or(3), .error = {}, .text = "goes on"});
    if (topic == "broken") outcomes.back().error = Error(ErrorCode::kIo, "the device says no");
    co_return outcomes;
  }
  void publish(ServerStats::Phase phase) {
    ServerStats stats;
    stats.phase = phase;
    if (phase != ServerStats::Phase::kStarting) stats.start_took = milliseconds(1);
    port_->publish(std::move(stats));
  }
  HttpAnswer ask(const std::string& first_line, const std::string& more = "") {
    return ask_http(port_->address().port, first_line, more);
  }

  Duration transfer_time_ = std::chrono::seconds(20);
  std::array<FakeShard, 2> shards_;
  std::unique_ptr<AdminPort> port_;
};

TEST_F(AdminPortTest, IsReadyWhenItIsToldAndSaysBeforeHowFarItIs) {
  HttpAnswer answer = ask("GET /readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.body.starts_with("recovered 12 of 1000 partitions\n")) << answer.body;
  publish(ServerStats::Phase::kReady);
  answer = ask("GET /readyz");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ready\n");
  publish(ServerStats::Phase::kStopping);
  EXPECT_EQ(ask("GET /readyz").status, 503);
}

TEST_F(AdminPortTest, TellsHowFarTheStartIsAndStaysStarted) {
  const std::string progress =
      "recovered 12 of 1000 partitions\nopened 8192 bytes, of which 200 had to be scanned\n";
  HttpAnswer answer = ask("GET /startupz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, progress);
  shards_[1].is_stuck = true;
  answer = ask("GET /startupz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.body.starts_with("recovered 6 of 500 partitions\n")) << answer.body;
  EXPECT_TRUE(answer.body.ends_with("1 shards do not answer\n")) << answer.body;
  release(shards_[1]);
  publish(ServerStats::Phase::kReady);
  answer = ask("GET /startupz");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, progress);
  publish(ServerStats::Phase::kStopping);
  EXPECT_EQ(ask("GET /startupz").status, 200);
}

TEST_F(AdminPortTest, TellsNoMoreLagsThanItMayAndHowManyItLeavesOut) {
  EXPECT_FALSE(ask("GET /metrics").body.contains("penstock_group_lag{")) << "it has not started";
  publish(ServerStats::Phase::kReady);
  const std::string text = ask("GET /metrics").body;
  std::size_t count = 0;
  for (std::size_t at = text.find("penstock_group_lag{"); at != std::string::npos;
       at = text.find("penstock_group_lag{", at + 1))
    ++count;
  EXPECT_EQ(count, 3U);
  EXPECT_TRUE(
      text.contains("penstock_group_lag{group=\"billing\",topic=\"orders\",partition=\"1\"} 5\n"));
  EXPECT_TRUE(text.contains("penstock_group_lag_left_out 15\n"));
}

TEST_F(AdminPortTest, LivesWhileAllShardsAnswer) {
  EXPECT_EQ(ask("GET /livez").status, 200);
  shards_[1].is_stuck = true;
  const HttpAnswer answer = ask("GET /livez");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "shard 1 does not answer\n");
  release(shards_[1]);
  EXPECT_EQ(ask("GET /livez").status, 200);
}

TEST_F(AdminPortTest, AShardThatStandsStillKeepsNoMetricsOfOthersBack) {
  shards_[0].is_stuck = true;
  const HttpAnswer answer = ask("GET /metrics");
  EXPECT_TRUE(answer.body.contains("penstock_catalog_writes_total 7\n")) << answer.body;
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.head.contains("Content-Type: text/plain; version=0.0.4")) << answer.head;
  EXPECT_TRUE(answer.body.contains("penstock_shard_up{shard=\"0\"} 0\n")) << answer.body;
  EXPECT_TRUE(answer.body.contains("penstock_commits_total{shard=\"1\"} 42\n")) << answer.body;
}

TEST_F(AdminPortTest, ReopensWhatItIsAskedFor) {
  publish(ServerStats::Phase::kReady);
  HttpAnswer answer = ask("POST /topics/orders/7/reopen");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "orders/7: goes on\n");
  EXPECT_EQ(ask("POST /topics/orders/reopen").body, "orders/3: goes on\n");
  answer = ask("POST /topics/broken/0/reopen");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "broken/0: the device says no\n");
  EXPECT_EQ(ask("POST /topics/busy/0/reopen").status, 409);
  EXPECT_EQ(ask("POST /topics/none/0/reopen").status, 404);
}

TEST_F(AdminPortTest, ReopensNothingBeforeTheServerIsReady) {
  EXPECT_EQ(ask("POST /topics/orders/7/reopen").status, 503);
}

TEST_F(AdminPortTest, WhatIsNotThereOrNotAllowedIsSaid) {
  publish(ServerStats::Phase::kReady);
  for (const char* path :
       {"/nothing", "/metrics/", "/topics/reopen", "/topics//reopen", "/topics/a/b/reopen",
        "/topics/a/-1/reopen", "/topics/a/1/2/reopen", "/topics/a/99999999999/reopen"}) {
    const HttpAnswer answer = ask(std::string("POST ") + path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_TRUE(answer.body.contains("GET /metrics")) << answer.body;
  }
  HttpAnswer answer = ask("POST /metrics");
  EXPECT_EQ(answer.status, 405);
  EXPECT_TRUE(answer.head.contains("\r\nAllow: GET, HEAD")) << answer.head;
  answer = ask("GET /topics/orders/7/reopen");
  EXPECT_EQ(answer.status, 405);
  EXPECT_TRUE(answer.head.contains("\r\nAllow: POST")) << answer.head;
  answer = ask("HEAD /livez");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
}

TEST_F(AdminPortTest, EveryPartOfARequestHasABound) {
  EXPECT_EQ(ask("GET /livez", "X: " + std::string(9000, 'x') + "\r\n").status, 431);
  EXPECT_EQ(ask("GET /" + std::string(9000, 'x')).status, 431);
  EXPECT_EQ(ask("GET /livez", "Content-Length: 5000\r\n").status, 413);
  EXPECT_EQ(ask("GET /livez", "Content-Length: many\r\n").status, 400);
  EXPECT_EQ(ask("nonsense").status, 400);
  ClientSocket client(port_->address().port);
  client.send_raw("POST /livez HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(receive_http(client).status, 405) << "a short body is dropped";
}

TEST_F(AdminPortTest, ConnectionsAreBoundedAndAreFreedAgain) {
  std::vector<std::unique_ptr<ClientSocket>> silent;
  for (int i = 0; i < 3; ++i) {
    silent.push_back(std::make_unique<ClientSocket>(port_->address().port));
    silent.back()->send_raw("GET /livez HTTP/1.1\r\n");
  }
  ClientSocket one_more(port_->address().port);
  EXPECT_TRUE(one_more.is_closed());
  for (auto& client : silent) {
    client->send_raw("\r\n");
    EXPECT_EQ(receive_http(*client).status, 200);
  }
}

TEST_F(AdminPortTest, CloseEndsConnectionsThatAskNothing) {
  ClientSocket silent(port_->address().port);
  EXPECT_EQ(ask("GET /livez").status, 200) << "so the silent one is taken, too";
  port_->close().get();
  EXPECT_TRUE(silent.is_closed());
  port_->stop();
  port_.reset();
}

class ImpatientAdminPortTest : public AdminPortTest {
 protected:
  ImpatientAdminPortTest() { transfer_time_ = milliseconds(50); }
};

TEST_F(ImpatientAdminPortTest, ARequestThatDoesNotComeEndsItsConnection) {
  ClientSocket slow(port_->address().port);
  slow.send_raw("GET /livez HTTP/1.1\r\n");
  EXPECT_TRUE(slow.is_closed());
}

TEST(AdminPortStart, APortThatIsTakenIsRefusedAndNamesItsSetting) {
  const Address anywhere{.host = "127.0.0.1", .port = 0};
  auto first = AdminPort::start(anywhere, AdminTarget());
  ASSERT_TRUE(first);
  const auto second = AdminPort::start((*first)->address(), AdminTarget());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(second.error().message().contains("--admin-listen")) << second.error().message();
  (*first)->close().get();
}

}  // namespace
}  // namespace penstock::server
