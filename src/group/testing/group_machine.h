// GroupMachine: a coordinator on virtual time, asked one request at a time or by clients that wait.
//
// Ownership: the storage must outlive it. Threading: the test's.
#pragma once

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "catalog/testing/memory_catalog.h"
#include "group/coordinator.h"
#include "task/sim_reactor.h"

namespace penstock::group::testing {

inline std::vector<std::byte> bytes_of(std::string_view text) {
  return {as_bytes(text).begin(), as_bytes(text).end()};
}

// A request that waits beside the test.
template <typename Answer>
struct Waiting {
  std::optional<Answer> answer;
  bool is_there() const { return answer.has_value(); }
  const Answer* operator->() const { return &*answer; }
};
using WaitingJoin = std::shared_ptr<Waiting<JoinAnswer>>;
using WaitingSync = std::shared_ptr<Waiting<SyncAnswer>>;

// Topics as a test makes them.
class FakeTopics final : public Topics {
 public:
  // Creates it, or gives it more partitions.
  const Topic& set(const std::string& name, std::int32_t partition_count) {
    Topic& topic = topics_[name];
    topic.name = name;
    topic.partition_count = partition_count;
    static std::uint64_t made = 0;
    if (topic.id.is_zero()) store_be<std::uint64_t>(topic.id.bytes, 0, ++made);
    ++version_;
    return topic;
  }
  // As it was before a restart; a zero id: a new one.
  void restore(const std::string& name, std::int32_t partition_count, const kafka::Uuid& id) {
    if (!id.is_zero()) topics_[name].id = id;
    set(name, partition_count);
  }
  void remove(const std::string& name) {
    topics_.erase(name);
    ++version_;
  }
  const std::map<std::string, Topic>& all() const { return topics_; }

  std::uint64_t version() const override { return version_; }
  std::optional<Topic> find(std::string_view name) const override {
    const auto place = topics_.find(std::string(name));
    return place == topics_.end() ? std::nullopt : std::optional(place->second);
  }
  std::optional<Topic> find(const kafka::Uuid& id) const override {
    for (const auto& [name, topic] : topics_) {
      if (topic.id == id) return topic;
    }
    return std::nullopt;
  }

 private:
  std::map<std::string, Topic> topics_;
  std::uint64_t version_ = 1;
};

class GroupMachine {
 public:
  explicit GroupMachine(catalog::testing::MemoryCatalogStorage& storage, GroupSettings settings = {},
                        std::uint64_t seed = 7)
      : random_(seed),
        settings_(settings),
        catalog(storage),
        coordinator(scheduler, catalog, random_, topics, settings_) {
    const auto started = scheduler.run(coordinator.start([](const std::string&) { return true; }));
    EXPECT_TRUE(started) << started.error().message();
  }
  ~GroupMachine() {
    scheduler.run(coordinator.stop());
    scheduler.run_to_end();
  }

  GroupSettings& settings() { return settings_; }

  static JoinRequest join_request(std::string member_id = {}) {
    JoinRequest request;
    request.member.member_id = std::move(member_id);
    request.client_id = "client";
    request.client_host = "/192.0.2.1";
    request.session_timeout = std::chrono::seconds(10);
    request.rebalance_timeout = std::chrono::seconds(60);
    request.protocol_type = "consumer";
    request.protocols = {{"range", bytes_of("r")}, {"roundrobin", bytes_of("rr")}};
    return request;
  }

  WaitingJoin start_join(JoinRequest request) {
    auto waiting = std::make_shared<Waiting<JoinAnswer>>();
    scheduler.spawn(wait_for(coordinator.join(kGroup, std::move(request)), waiting));
    sleep(Duration{});
    return waiting;
  }
  JoinAnswer join(JoinRequest request) {
    return scheduler.run(coordinator.join(kGroup, std::move(request)));
  }

  WaitingSync start_sync(const JoinAnswer& joined, std::vector<MemberAssignment> assignments = {}) {
    auto waiting = std::make_shared<Waiting<SyncAnswer>>();
    scheduler.spawn(
        wait_for(coordinator.sync(kGroup, sync_request(joined, std::move(assignments))), waiting));
    sleep(Duration{});
    return waiting;
  }
  SyncAnswer sync(const JoinAnswer& joined, std::vector<MemberAssignment> assignments = {}) {
    return scheduler.run(coordinator.sync(kGroup, sync_request(joined, std::move(assignments))));
  }
  static SyncRequest sync_request(const JoinAnswer& joined, std::vector<MemberAssignment> assignments) {
    SyncRequest request;
    request.member.member_id = joined.member_id;
    request.generation = joined.generation;
    request.assignments = std::move(assignments);
    return request;
  }

  kafka::KafkaError beat(const JoinAnswer& joined) {
    return coordinator.heartbeat(kGroup, {joined.member_id, std::nullopt}, joined.generation);
  }
  ConsumerHeartbeatAnswer beat(ConsumerHeartbeat request, std::string group = kGroup) {
    return scheduler.run(coordinator.consumer_heartbeat(std::move(group), std::move(request)));
  }
  // One that waits beside the test.
  std::shared_ptr<Waiting<ConsumerHeartbeatAnswer>> start_beat(ConsumerHeartbeat request) {
    auto waiting = std::make_shared<Waiting<ConsumerHeartbeatAnswer>>();
    scheduler.spawn(wait_for(coordinator.consumer_heartbeat(kGroup, std::move(request)), waiting));
    sleep(Duration{});
    return waiting;
  }
  kafka::KafkaError leave(const std::string& member_id) {
    return coordinator.leave(kGroup, {{member_id, std::nullopt}}).front();
  }
  std::string state() const { return coordinator.describe(kGroup).state; }

  // One member, stable, with an assignment.
  JoinAnswer single_member(JoinRequest request = join_request()) {
    const JoinAnswer joined = join(std::move(request));
    EXPECT_EQ(joined.error, kafka::KafkaError::kNone);
    EXPECT_EQ(sync(joined, {{joined.member_id, bytes_of("all")}}).error, kafka::KafkaError::kNone);
    return joined;
  }

  // Commits one offset of topic "orders"; the error of that partition.
  kafka::KafkaError commit(std::int32_t partition, std::int64_t offset, MemberIdentity member = {},
                           std::int32_t generation = -1, std::string group = kGroup) {
    CommitRequest request;
    request.caller.member = std::move(member);
    request.caller.generation = generation;
    CommitRequest::Part part;
    part.partition = {"orders", partition};
    part.record.offset = Offset{offset};
    part.record.metadata = "note";
    request.parts.push_back(std::move(part));
    scheduler.run(coordinator.commit(std::move(group), request));
    return request.parts.front().error;
  }
  std::optional<Offset> committed(std::int32_t partition, const std::string& group = kGroup) const {
    const std::vector<TopicPartition> wanted = {{"orders", partition}};
    const auto found = coordinator.committed(group, wanted);
    return found.at(0).record ? std::optional(found[0].record->offset) : std::nullopt;
  }

  void sleep(Duration delay) { scheduler.run(sleep_for(scheduler, delay)); }

  static constexpr const char* kGroup = "billing";

 private:
  template <typename Answer>
  static Task<void> wait_for(Task<Answer> task, std::shared_ptr<Waiting<Answer>> waiting) {
    waiting->answer = co_await task;
  }
  static Task<void> sleep_for(Scheduler& scheduler, Duration delay) {
    co_await scheduler.sleep_for(delay);
    co_await scheduler.yield();
  }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Random random_;
  GroupSettings settings_;

 public:
  Scheduler scheduler{clock_, reactor_};
  catalog::testing::MemoryCatalog catalog;
  FakeTopics topics;
  GroupCoordinator coordinator;
};

}  // namespace penstock::group::testing
