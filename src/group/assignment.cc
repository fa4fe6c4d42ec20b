#include "group/assignment.h"

#include <algorithm>
#include <ranges>

namespace penstock::group {

namespace {

// Calls `visit` with every partition of `a` and whether it is in `b` as well.
template <typename Visit>
void compare(const Assignment& a, const Assignment& b, Visit visit) {
  for (const auto& [topic, partitions] : a) {
    const auto same = b.find(topic);
    for (const std::int32_t partition : partitions)
      visit(topic, partition, same != b.end() && same->second.contains(partition));
  }
}

}  // namespace

bool contains(const Assignment& set, const kafka::Uuid& topic, std::int32_t partition) {
  const auto place = set.find(topic);
  return place != set.end() && place->second.contains(partition);
}

bool intersects(const Assignment& a, const Assignment& b) {
  bool found = false;
  compare(a, b, [&found](const auto&, std::int32_t, bool is_in_both) { found |= is_in_both; });
  return found;
}

bool is_subset(const Assignment& part, const Assignment& whole) {
  bool all = true;
  compare(part, whole, [&all](const auto&, std::int32_t, bool is_in_both) { all &= is_in_both; });
  return all;
}

Assignment difference(const Assignment& a, const Assignment& b) {
  Assignment rest;
  compare(a, b, [&rest](const kafka::Uuid& topic, std::int32_t partition, bool is_in_both) {
    if (!is_in_both) rest[topic].insert(partition);
  });
  return rest;
}

void add(Assignment& to, const Assignment& what) {
  for (const auto& [topic, partitions] : what) to[topic].insert(partitions.begin(), partitions.end());
}

void subtract(Assignment& from, const Assignment& what) {
  for (const auto& [topic, partitions] : what) {
    const auto place = from.find(topic);
    if (place == from.end()) continue;
    for (const std::int32_t partition : partitions) place->second.erase(partition);
    if (place->second.empty()) from.erase(place);
  }
}

std::size_t partition_count(const Assignment& set) {
  std::size_t count = 0;
  for (const auto& partitions : set | std::views::values) count += partitions.size();
  return count;
}

}  // namespace penstock::group
