#include "cli/catalog_command.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/testing/temp_directory.h"
#include "broker/topic_records.h"
#include "catalog/rocks_catalog.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "group/records.h"
#include "server/data_directory.h"
#include "task/clock.h"
#include "task/epoll_reactor.h"

namespace penstock::cli {
namespace {

class CatalogDump : public testing::Test {
 protected:
  void write(catalog::Change change) {
    const std::string directory = server::catalog_directory(data_.path());
    std::filesystem::create_directories(directory);
    const auto catalog = *catalog::RocksCatalog::open(directory);
    const SystemClock clock;
    const auto reactor = *EpollReactor::create();
    Scheduler scheduler(clock, *reactor);
    EXPECT_TRUE(scheduler.run(catalog->write(scheduler, std::move(change))));
    catalog->finish();
  }
  static catalog::Change example() {
    group::GroupRecord billing;
    billing.generation = 3;
    billing.protocol_type = "consumer";
    billing.protocol = "range";
    billing.leader = "c-1";
    billing.changed_ms = 1'700'000'000'000;
    group::MemberRecord member;
    member.member_id = "c-1";
    member.instance_id = "one";
    member.client_id = "c\n";
    member.client_host = "/127.0.0.1";
    member.session_timeout_ms = 10'000;
    billing.members = {member};
    group::OffsetRecord offset{.offset = Offset{42}};
    offset.metadata = "note";
    offset.committed_ms = 1'700'000'000'000;
    catalog::Change change;
    change.put(group::group_key("billing"), group::encode(billing));
    change.put(group::offset_key("billing", {"orders", 2}), group::encode(offset));
    return change;
  }
  Captured dump(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"catalog", "dump", data_.path()};
    words.insert(words.end(), more.begin(), more.end());
    return run_captured(words);
  }

  TempDirectory data_;
};

TEST_F(CatalogDump, SaysWhichGroupsThereAreAndWhatTheyHaveCommitted) {
  write(example());
  const Captured captured = dump();
  EXPECT_EQ(captured.exit_code, kSuccess) << captured.err;
  EXPECT_EQ(
      captured.out,
      "group billing: generation 3, 1 member, since 2023-11-14T22:13:20.000Z, consumer by range\n"
      "  c-1 (leads) instance one: client c\\n at /127.0.0.1, session 10000 ms, rebalance 0 ms, 0 B "
      "assigned\n"
      "offset of billing: orders/2 at 42, committed 2023-11-14T22:13:20.000Z, \"note\"\n");
}

TEST_F(CatalogDump, SaysWhichTopicsThereAre) {
  broker::Topic topic;
  topic.id.bytes[15] = std::byte{7};
  topic.name = "orders";
  topic.partition_count = 2;
  topic.created_ms = 1'700'000'000'000;
  ASSERT_TRUE(topic.settings.set("retention.ms", "5"));
  const broker::DeletedTopic deleted{"old", topic.id, 1'700'000'000'000};
  catalog::Change change;
  change.put(broker::topic_key("orders"), broker::encode(topic));
  change.put(broker::deleted_topic_key("old"), broker::encode(deleted));
  write(std::move(change));
  EXPECT_EQ(
      dump().out,
      "deleted topic old: id 00000000000000000000000000000007, deleted 2023-11-14T22:13:20.000Z, its "
      "files are not all gone\n"
      "topic orders: id 00000000000000000000000000000007, 2 partitions, leader epoch 0, created "
      "2023-11-14T22:13:20.000Z, retention.ms=5\n");
  std::istringstream lines(dump({"--json"}).out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(nlohmann::json::parse(line)["type"], "deleted_topic");
  std::getline(lines, line);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["partitions"], 2);
  EXPECT_EQ(json["settings"]["retention.ms"], "5");
}

TEST_F(CatalogDump, ARecordOfAnotherKindIsNamed) {
  catalog::Change change;
  change.put("?what", "");
  write(std::move(change));
  const Captured captured = dump();
  EXPECT_EQ(captured.exit_code, kDamage);
  EXPECT_TRUE(captured.err.contains("?what")) << captured.err;
}

TEST_F(CatalogDump, PrintsOneJsonObjectPerLine) {
  write(example());
  std::istringstream lines(dump({"--json"}).out);
  std::string line;
  std::getline(lines, line);
  const auto group = nlohmann::json::parse(line);
  EXPECT_EQ(group["group"], "billing");
  EXPECT_EQ(group["members"][0]["instance_id"], "one");
  std::getline(lines, line);
  const auto offset = nlohmann::json::parse(line);
  EXPECT_EQ(offset["offset"], 42);
  EXPECT_EQ(offset["partition"], 2);
}

TEST_F(CatalogDump, ADamagedRecordIsNamedAndTheOthersArePrinted) {
  catalog::Change change = example();
  change.put(group::group_key("broken"), "rubbish");
  write(std::move(change));
  const Captured captured = dump();
  EXPECT_EQ(captured.exit_code, kDamage);
  EXPECT_TRUE(captured.err.contains("broken")) << captured.err;
  EXPECT_TRUE(captured.out.contains("offset of billing")) << captured.out;
}

TEST_F(CatalogDump, WithoutACatalogSaysSoAndMakesNone) {
  const Captured captured = dump();
  EXPECT_EQ(captured.exit_code, kFailed);
  EXPECT_TRUE(captured.err.contains(server::catalog_directory(data_.path()))) << captured.err;
  EXPECT_FALSE(std::filesystem::exists(server::catalog_directory(data_.path())));
}

}  // namespace
}  // namespace penstock::cli
