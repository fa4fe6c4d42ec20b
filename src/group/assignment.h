// Assignment: partitions of topics, by the topics' ids, and what sets can do with each other.
//
// A topic without partitions is not in it, so equal sets are equal values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "kafka/uuid.h"

namespace penstock::group {

using Assignment = std::map<kafka::Uuid, std::set<std::int32_t>>;

bool contains(const Assignment& set, const kafka::Uuid& topic, std::int32_t partition);
bool intersects(const Assignment& a, const Assignment& b);
bool is_subset(const Assignment& part, const Assignment& whole);
// What is in `a` and not in `b`.
Assignment difference(const Assignment& a, const Assignment& b);
void add(Assignment& to, const Assignment& what);
void subtract(Assignment& from, const Assignment& what);
std::size_t partition_count(const Assignment& set);

}  // namespace penstock::group
