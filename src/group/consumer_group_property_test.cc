// Groups of the new protocol over many seeds: members that join, leave, die and lag, answers that are
// lost, topics that change, a catalog that fails, restarts.

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <ranges>

#include "base/random.h"
#include "group/testing/consumer_client.h"
#include "group/testing/group_machine.h"

namespace penstock::group::testing {
namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxClients = 7;
const std::vector<std::string> kTopicNames = {"a", "b", "c", "d"};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), are_alike_(random_.coin()) {
    for (const std::string& name : kTopicNames)
      if (random_.coin()) partitions_[name] = static_cast<std::int32_t>(random_.between(1, 6));
    partitions_.try_emplace("a", 4);
    start();
  }

  void step() {
    switch (random_.below(16)) {
      case 0: return add_client();
      case 1: return remove_client();
      case 2: return come_back();
      case 3: return change_topics();
      case 4: return random_.one_in(3) ? restart() : pass_time(seconds(random_.between(1, 30)));
      case 5: return change_subscription();
      case 6: return fail_for_a_while();
      case 7: return beat_together();
      default: return live();
    }
  }

  // From now on nothing happens but heartbeats.
  void calm_down() {
    machine_->catalog.fail_with(std::nullopt);
    for (int round = 0; round < 60; ++round) {
      for (ConsumerClient& client : clients_) {
        client.settle();
        beat(client, /*is_lost=*/false);
        check();
      }
      pass_time(seconds(4));
    }
    for (ConsumerClient& client : clients_) client.settle();
  }

  void expect_all_is_settled() {
    if (clients_.empty()) return;
    const auto described = description();
    EXPECT_EQ(described.state, "Stable");
    EXPECT_EQ(described.epoch, described.assignment_epoch);
    ASSERT_EQ(described.members.size(), clients_.size()) << "whoever is silent has gone";
    Assignment all;
    std::size_t given = 0;
    std::set<std::string> subscribed;
    for (const ConsumerClient& client : clients_) {
      const auto& member = member_of(described, client.id());
      EXPECT_EQ(member.assigned, client.used());
      EXPECT_EQ(member.target, client.used());
      EXPECT_EQ(member.epoch, client.epoch());
      EXPECT_EQ(member.epoch, described.epoch);
      given += partition_count(client.used());
      add(all, client.used());
      subscribed.insert(client.topics().begin(), client.topics().end());
    }
    std::size_t wanted = 0;
    for (const std::string& name : subscribed)
      if (partitions_.contains(name)) wanted += static_cast<std::size_t>(partitions_.at(name));
    EXPECT_EQ(given, wanted);
    EXPECT_EQ(partition_count(all), wanted);
    if (!are_alike_) return;
    const auto [least, most] = std::ranges::minmax(
        clients_ | std::views::transform([](const auto& c) { return partition_count(c.used()); }));
    EXPECT_LE(most, least + 1);
  }

  // What a restart finds is what was there, and nobody hears of it.
  void expect_a_restart_changes_nothing() {
    const auto before = description();
    restart();
    const auto after = description();
    EXPECT_EQ(before.state, after.state);
    EXPECT_EQ(before.epoch, after.epoch);
    ASSERT_EQ(before.members.size(), after.members.size());
    for (const auto& member : before.members) {
      const auto& same = member_of(after, member.member_id);
      EXPECT_EQ(same.assigned, member.assigned);
      EXPECT_EQ(same.target, member.target);
      EXPECT_EQ(same.epoch, member.epoch);
      EXPECT_EQ(same.instance_id, member.instance_id);
      EXPECT_EQ(same.topic_names, member.topic_names);
    }
    for (ConsumerClient& client : clients_) {
      const Assignment used = client.used();
      beat(client, /*is_lost=*/false);
      client.settle();
      EXPECT_EQ(client.used(), used);
    }
    EXPECT_EQ(description().epoch, before.epoch);
  }

 private:
  using Described = ConsumerGroupDescription;

  void start() {
    GroupSettings settings;
    settings.max_members = kMaxClients + 5;
    machine_.emplace(kept_, settings, random_.next());  // or it would give out the same ids again
    // A test's topics have the ids that they were given first.
    for (const auto& [name, count] : partitions_) machine_->topics.restore(name, count, ids_[name]);
    for (const auto& [name, topic] : machine_->topics.all()) ids_[name] = topic.id;
  }
  void restart() {
    machine_.reset();
    is_failing_ = false;
    start();
    // Connections are gone; whoever had asked has no answer.
    for (ConsumerClient& client : clients_) client.lose();
  }

  Described description() const {
    return machine_->coordinator.describe_consumer_group(GroupMachine::kGroup);
  }
  static const Described::MemberDescription& member_of(const Described& described,
                                                       const std::string& id) {
    static const Described::MemberDescription none;
    const auto place =
        std::ranges::find(described.members, id, &Described::MemberDescription::member_id);
    EXPECT_NE(place, described.members.end()) << id;
    return place == described.members.end() ? none : *place;
  }

  std::set<std::string> some_topics() {
    std::set<std::string> topics;
    for (const std::string& name : kTopicNames)
      if (are_alike_ || random_.coin()) topics.insert(name);
    if (topics.empty()) topics.insert("a");
    return topics;
  }
  ConsumerClient* some_client() {
    if (clients_.empty()) return nullptr;
    return &*std::next(clients_.begin(), static_cast<std::ptrdiff_t>(random_.below(clients_.size())));
  }

  void add_client() {
    if (clients_.size() >= kMaxClients) return;
    const bool is_static = random_.one_in(3);
    clients_.emplace_back(some_topics(),
                          is_static ? std::optional(fmt::format("i{}", ++instances_)) : std::nullopt);
    beat(clients_.back(), random_.one_in(8));
  }

  void remove_client() {
    ConsumerClient* client = some_client();
    if (client == nullptr) return;
    if (!random_.one_in(3)) {
      const bool comes_back = client->is_static() && random_.coin();
      (void)machine_->beat(client->leave_request(comes_back ? kLeaveForAWhileEpoch : kLeaveEpoch));
      if (comes_back) {
        away_.push_back(*client);
        away_.back().restart();
      }
    }  // else it dies
    clients_.remove_if([client](const ConsumerClient& other) { return &other == client; });
  }

  void come_back() {
    if (away_.empty() || clients_.size() >= kMaxClients) return;
    clients_.splice(clients_.end(), away_, away_.begin());
    beat(clients_.back(), /*is_lost=*/false);
  }

  void change_topics() {
    const std::string& name = kTopicNames[random_.below(kTopicNames.size())];
    if (!partitions_.contains(name)) {
      partitions_[name] = static_cast<std::int32_t>(random_.between(1, 6));
    } else if (random_.coin()) {
      partitions_[name] += 1;
    } else {
      partitions_.erase(name);
      ids_.erase(name);
      machine_->topics.remove(name);
      return;
    }
    ids_[name] = machine_->topics.set(name, partitions_[name]).id;
  }

  void change_subscription() {
    ConsumerClient* client = some_client();
    if (client != nullptr && !are_alike_) client->subscribe(some_topics());
  }

  void fail_for_a_while() {
    is_failing_ = !is_failing_;
    machine_->catalog.fail_with(is_failing_ ? std::optional(Error(ErrorCode::kNoSpace, "full"))
                                            : std::nullopt);
  }

  void pass_time(Duration delay) { machine_->sleep(delay); }

  void live() {
    ConsumerClient* client = some_client();
    if (client == nullptr) return add_client();
    if (client->can_end() && random_.coin()) client->end();
    if (client->can_begin() && random_.coin()) client->begin();
    beat(*client, random_.one_in(8));
    pass_time(milliseconds(random_.below(1000)));
  }

  void beat_together() {
    std::vector<std::pair<ConsumerClient*, std::shared_ptr<Waiting<ConsumerHeartbeatAnswer>>>> waiting;
    for (ConsumerClient& client : clients_) {
      if (random_.coin()) waiting.emplace_back(&client, machine_->start_beat(client.request()));
    }
    pass_time(milliseconds(5));
    for (const auto& [client, answer] : waiting) {
      ASSERT_TRUE(answer->is_there());
      take(*client, *answer->answer);
    }
  }

  void beat(ConsumerClient& client, bool is_lost) {
    const ConsumerHeartbeatAnswer answer = machine_->beat(client.request());
    if (is_lost) return client.lose();
    take(client, answer);
  }

  void take(ConsumerClient& client, const ConsumerHeartbeatAnswer& answer) {
    if (answer.error == KafkaError::kNone) {
      std::int32_t& told = told_epochs_[answer.member_id];
      EXPECT_GE(answer.epoch, told) << "an epoch went back";
      told = answer.epoch;
    }
    client.take(answer);
  }

 public:
  // Among those that the group has as members, nobody uses what another one uses.
  void check() {
    const auto described = description();
    std::set<std::string> members;
    for (const auto& member : described.members) members.insert(member.member_id);
    Assignment used;
    for (const ConsumerClient& client : clients_) {
      if (!members.contains(client.id())) continue;
      ASSERT_FALSE(intersects(used, client.used())) << "two members use the same partition";
      add(used, client.used());
    }
    Assignment assigned;
    for (const auto& member : described.members) {
      ASSERT_FALSE(intersects(assigned, member.assigned)) << "two members are assigned the same";
      add(assigned, member.assigned);
    }
  }

 private:
  Random random_;
  bool are_alike_;
  catalog::testing::MemoryCatalogStorage kept_;
  std::optional<GroupMachine> machine_;
  std::map<std::string, std::int32_t> partitions_;
  std::map<std::string, kafka::Uuid> ids_;
  std::list<ConsumerClient> clients_;
  std::list<ConsumerClient> away_;
  std::map<std::string, std::int32_t> told_epochs_;
  int instances_ = 0;
  bool is_failing_ = false;
};

TEST(ConsumerGroupProperties, NoPartitionIsTwoMembersAndInTheEndAllAreGivenOut) {
  constexpr std::uint64_t kSeeds = 600;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int step = 0; step < 120; ++step) {
      world.step();
      world.check();
      if (::testing::Test::HasFailure()) return;
    }
    world.calm_down();
    world.expect_all_is_settled();
    world.expect_a_restart_changes_nothing();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace penstock::group::testing
