#include "cli/range_assignor.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

namespace penstock::cli {
namespace {

using kafka::ConsumerAssignment;

TEST(RangeAssignor, TheFirstMembersGetOneMoreWhereItIsNotEven) {
  const auto assigned = assign_ranges(
      {{"b", "", {"orders"}}, {"a", "", {"orders"}}, {"c", "", {"orders"}}}, {{"orders", 7}});
  EXPECT_EQ(assigned.at("a"), (ConsumerAssignment{.topics = {{"orders", {0, 1, 2}}}}));
  EXPECT_EQ(assigned.at("b"), (ConsumerAssignment{.topics = {{"orders", {3, 4}}}}));
  EXPECT_EQ(assigned.at("c"), (ConsumerAssignment{.topics = {{"orders", {5, 6}}}}));
}

TEST(RangeAssignor, EachTopicIsSharedOutAmongItsOwnSubscribers) {
  const auto assigned = assign_ranges({{"a", "", {"x", "y"}}, {"b", "", {"y"}}, {"c", "", {"gone"}}},
                                      {{"x", 2}, {"y", 2}});
  EXPECT_EQ(assigned.at("a"), (ConsumerAssignment{.topics = {{"x", {0, 1}}, {"y", {0}}}}));
  EXPECT_EQ(assigned.at("b"), (ConsumerAssignment{.topics = {{"y", {1}}}}));
  EXPECT_EQ(assigned.at("c"), ConsumerAssignment{});
}

TEST(RangeAssignor, MembersAbovePartitionsGetNothing) {
  const auto assigned = assign_ranges({{"a", "", {"x"}}, {"b", "", {"x"}}}, {{"x", 1}});
  EXPECT_EQ(assigned.at("a"), (ConsumerAssignment{.topics = {{"x", {0}}}}));
  EXPECT_EQ(assigned.at("b"), ConsumerAssignment{});
}

TEST(RangeAssignor, StaticMembersComeFirstByTheIdThatTheyKeep) {
  const auto assigned =
      assign_ranges({{"a", "", {"x"}}, {"zz", "two", {"x"}}, {"zy", "one", {"x"}}}, {{"x", 3}});
  EXPECT_EQ(assigned.at("zy").topics.at(0).partitions, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(assigned.at("zz").topics.at(0).partitions, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(assigned.at("a").topics.at(0).partitions, (std::vector<std::int32_t>{2}));
}

TEST(RangeAssignor, EveryPartitionHasOneOwnerAndSharesDifferByOneAtMost) {
  rc::check([] {
    const int members = *rc::gen::inRange(1, 9);
    const int partitions = *rc::gen::inRange(0, 40);
    std::vector<GroupSubscriber> subscribers;
    for (int i = 0; i < members; ++i) subscribers.push_back({"m" + std::to_string(i), "", {"x", "x"}});
    std::multiset<std::int32_t> owned;
    std::set<std::size_t> sizes;
    for (const auto& [member, assignment] : assign_ranges(subscribers, {{"x", partitions}})) {
      std::size_t size = 0;
      for (const auto& topic : assignment.topics) {
        owned.insert(topic.partitions.begin(), topic.partitions.end());
        size += topic.partitions.size();
      }
      sizes.insert(size);
    }
    RC_ASSERT(owned.size() == static_cast<std::size_t>(partitions));
    for (std::int32_t i = 0; i < partitions; ++i) RC_ASSERT(owned.count(i) == 1);
    RC_ASSERT(*sizes.rbegin() - *sizes.begin() <= 1);
  });
}

}  // namespace
}  // namespace penstock::cli
