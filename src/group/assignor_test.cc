// Assignors: everything is given out once, to whom it may go, evenly, and little moves.

#include "group/assignor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ranges>

#include "base/random.h"

namespace penstock::group {
namespace {

kafka::Uuid topic_id(std::size_t number) {
  kafka::Uuid id;
  id.bytes[0] = static_cast<std::byte>(number >> 8);
  id.bytes[1] = static_cast<std::byte>(number);
  id.bytes[15] = std::byte{1};
  return id;
}

AssignorInput input_of(std::vector<std::int32_t> partition_counts) {
  AssignorInput input;
  for (std::size_t i = 0; i < partition_counts.size(); ++i)
    input.topics.push_back({topic_id(i), partition_counts[i]});
  return input;
}

void add_member(AssignorInput& input, std::string rank, std::vector<std::size_t> topics,
                const Assignment* current = nullptr) {
  input.subscriptions.push_back(std::move(topics));
  input.members.push_back({std::move(rank), input.subscriptions.size() - 1, current});
}

// Every partition that somebody subscribes to is somebody's who does, and only one's.
void expect_complete(const AssignorInput& input, const std::vector<Assignment>& given) {
  ASSERT_EQ(given.size(), input.members.size());
  std::set<std::size_t> subscribed;
  for (const auto& member : input.members) {
    const auto& topics = input.subscriptions[member.subscription];
    subscribed.insert(topics.begin(), topics.end());
  }
  std::size_t wanted = 0;
  for (const std::size_t topic : subscribed)
    wanted += static_cast<std::size_t>(input.topics[topic].partition_count);
  Assignment all;
  std::size_t total = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& topics = input.subscriptions[input.members[i].subscription];
    for (const auto& [id, partitions] : given[i]) {
      const bool may =
          std::ranges::any_of(topics, [&](std::size_t t) { return input.topics[t].id == id; });
      EXPECT_TRUE(may) << "member " << i;
      EXPECT_FALSE(partitions.empty());
    }
    total += partition_count(given[i]);
    add(all, given[i]);
  }
  EXPECT_EQ(total, wanted);
  EXPECT_EQ(partition_count(all), wanted);
}

// No partition could go to a member that has two fewer.
void expect_balanced(const AssignorInput& input, const std::vector<Assignment>& given) {
  for (std::size_t from = 0; from < given.size(); ++from) {
    for (std::size_t to = 0; to < given.size(); ++to) {
      if (partition_count(given[to]) + 1 >= partition_count(given[from])) continue;
      for (const std::size_t topic : input.subscriptions[input.members[to].subscription])
        EXPECT_FALSE(given[from].contains(input.topics[topic].id)) << from << " to " << to;
    }
  }
}

std::size_t moved(const std::vector<Assignment>& before, const std::vector<Assignment>& after) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    count += partition_count(difference(before[i], after[i]));
  return count;
}

TEST(RangeAssignor, GivesRunsAndTheSameNumbersOfTopicsThatAreAlike) {
  AssignorInput input = input_of({5, 5});
  add_member(input, "b", {0, 1});
  add_member(input, "a", {0, 1});
  const auto given = assign(Assignor::kRange, input);
  expect_complete(input, given);
  EXPECT_EQ(given[1], (Assignment{{topic_id(0), {0, 1, 2}}, {topic_id(1), {0, 1, 2}}}));
  EXPECT_EQ(given[0], (Assignment{{topic_id(0), {3, 4}}, {topic_id(1), {3, 4}}}));
}

TEST(RangeAssignor, MoreMembersThanPartitionsLeavesSomeWithNothing) {
  AssignorInput input = input_of({1});
  add_member(input, "a", {0});
  add_member(input, "b", {0});
  const auto given = assign(Assignor::kRange, input);
  EXPECT_EQ(given[0], (Assignment{{topic_id(0), {0}}}));
  EXPECT_TRUE(given[1].empty());
}

TEST(UniformAssignor, SharesAreEvenOverAllTopics) {
  AssignorInput input = input_of({1, 1, 1, 1});
  for (const char* rank : {"a", "b", "c"}) add_member(input, rank, {0, 1, 2, 3});
  const auto given = assign(Assignor::kUniform, input);
  expect_complete(input, given);
  expect_balanced(input, given);
}

TEST(UniformAssignor, ANewMemberTakesItsShareAndNothingElseMoves) {
  AssignorInput input = input_of({8});
  add_member(input, "a", {0});
  add_member(input, "b", {0});
  const auto before = assign(Assignor::kUniform, input);
  input.members[0].current = &before[0];
  input.members[1].current = &before[1];
  add_member(input, "c", {0});
  const auto after = assign(Assignor::kUniform, input);
  expect_complete(input, after);
  expect_balanced(input, after);
  EXPECT_EQ(moved(before, after), 2U);
}

TEST(UniformAssignor, WhatIsWronglyClaimedIsNotKept) {
  AssignorInput input = input_of({2, 2});
  const Assignment wrong = {{topic_id(0), {0, 7, -1}}, {topic_id(1), {0}}, {topic_id(9), {0}}};
  add_member(input, "a", {0}, &wrong);
  const Assignment same = {{topic_id(0), {0}}};
  add_member(input, "b", {0, 1}, &same);
  expect_complete(input, assign(Assignor::kUniform, input));
}

TEST(Assignors, NobodyAndNothingIsNoError) {
  for (const Assignor assignor : {Assignor::kUniform, Assignor::kRange}) {
    AssignorInput input = input_of({});
    EXPECT_TRUE(assign(assignor, input).empty());
    add_member(input, "a", {});
    EXPECT_TRUE(assign(assignor, input)[0].empty());
  }
}

TEST(Assignors, AreKnownByKafkasNames) {
  EXPECT_EQ(assignor_named("uniform"), Assignor::kUniform);
  EXPECT_EQ(assignor_named("range"), Assignor::kRange);
  EXPECT_EQ(assignor_named("sticky"), std::nullopt);
}

// Groups that change step by step: whatever members subscribe to, and who comes and goes.
TEST(Assignors, OverManySeedsEverythingIsGivenOutOnceEvenlyAndStays) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<std::int32_t> counts(random.between(1, 5));
    for (std::int32_t& count : counts) count = static_cast<std::int32_t>(random.between(1, 9));
    AssignorInput input = input_of(counts);
    const bool are_alike = random.coin();
    std::vector<Assignment> before;
    for (int step = 0; step < 5; ++step) {
      input.members.resize(std::min<std::size_t>(input.members.size(), random.between(0, 8)));
      while (input.members.size() < random.between(1, 8)) {
        std::vector<std::size_t> topics;
        for (std::size_t topic = 0; topic < counts.size(); ++topic)
          if (are_alike || random.coin()) topics.push_back(topic);
        add_member(input, std::to_string(input.members.size()), topics);
      }
      before.resize(input.members.size());
      for (std::size_t i = 0; i < before.size(); ++i) input.members[i].current = &before[i];
      expect_complete(input, assign(Assignor::kRange, input));
      auto after = assign(Assignor::kUniform, input);
      expect_complete(input, after);
      expect_balanced(input, after);
      for (std::size_t i = 0; i < after.size(); ++i) input.members[i].current = &after[i];
      EXPECT_EQ(assign(Assignor::kUniform, input), after) << "asked again, nothing moves";
      before = std::move(after);
    }
  }
}

// The most that a broker serves, with members that all want something else: bounded in time.
TEST(Assignors, TheLargestGroupIsAssignedInTime) {
  AssignorInput input = input_of(std::vector<std::int32_t>(20, 1'000));
  for (std::size_t member = 0; member < 10'000; ++member) {
    std::vector<std::size_t> topics;
    for (std::size_t topic = 0; topic < 20; ++topic)
      if (topic < 2 || ((member >> (topic % 14)) & 1) == 1) topics.push_back(topic);
    add_member(input, std::to_string(member), topics);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto given = assign(Assignor::kUniform, input);
  const auto took = std::chrono::steady_clock::now() - begin;
  expect_complete(input, given);
  EXPECT_LT(took, std::chrono::seconds(20));
  RecordProperty("milliseconds", static_cast<int>(took / std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace penstock::group
