#include "cli/range_assignor.h"

#include <algorithm>
#include <set>

namespace penstock::cli {

namespace {

// Static members come first, by the id that they keep.
bool comes_before(const GroupSubscriber* left, const GroupSubscriber* right) {
  const auto order = [](const GroupSubscriber& subscriber) {
    const bool is_static = !subscriber.instance_id.empty();
    return std::tuple(!is_static, is_static ? subscriber.instance_id : subscriber.member_id);
  };
  return order(*left) < order(*right);
}

}  // namespace

std::map<std::string, kafka::ConsumerAssignment> assign_ranges(
    const std::vector<GroupSubscriber>& subscribers,
    const std::map<std::string, std::int32_t>& partition_counts) {
  std::map<std::string, kafka::ConsumerAssignment> assignments;
  std::map<std::string, std::vector<const GroupSubscriber*>> by_topic;
  for (const GroupSubscriber& subscriber : subscribers) {
    assignments[subscriber.member_id];
    const std::set<std::string> topics(subscriber.topics.begin(), subscriber.topics.end());
    for (const std::string& topic : topics) by_topic[topic].push_back(&subscriber);
  }
  for (auto& [topic, members] : by_topic) {
    const auto count = partition_counts.find(topic);
    if (count == partition_counts.end()) continue;
    std::ranges::sort(members, comes_before);
    const auto member_count = static_cast<std::int32_t>(members.size());
    const std::int32_t each = count->second / member_count;
    const std::int32_t with_one_more = count->second % member_count;
    std::int32_t next = 0;
    for (std::int32_t i = 0; i < member_count; ++i) {
      const std::int32_t share = each + (i < with_one_more ? 1 : 0);
      if (share == 0) continue;
      kafka::ConsumerAssignment::Topic& part =
          assignments[members[static_cast<std::size_t>(i)]->member_id].topics.emplace_back();
      part.name = topic;
      for (std::int32_t n = 0; n < share; ++n) part.partitions.push_back(next++);
    }
  }
  return assignments;
}

}  // namespace penstock::cli
