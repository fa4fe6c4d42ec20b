// How far the consumer groups of a shard are behind, for an operator.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/broker.h"

namespace penstock::broker {

struct PartitionLag {
  std::string group;
  std::string topic;
  std::int32_t partition = 0;
  std::uint64_t messages = 0;  // between what the group has committed and what may be read
};

struct GroupLags {
  std::vector<PartitionLag> lags;
  std::uint64_t left_out = 0;  // partitions that groups have committed for and that are not among them
};

// Of at most `limit` partitions, in the order of groups, topics and partitions. Asks the shards that
// own the partitions. What cannot be told (the topic is gone, the partition does not open) is left out.
Task<GroupLags> lags_of_groups(Broker& broker, std::size_t limit);

}  // namespace penstock::broker
