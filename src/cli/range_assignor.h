// The range assignor: how the leader of a consumer group shares out partitions, as Kafka's
// RangeAssignor does: of each topic, consecutive partitions to the members in the order of their ids,
// the first members get one more where it does not come out even.
//
// Threading: a pure function.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kafka/consumer_protocol.h"

namespace penstock::cli {

struct GroupSubscriber {
  std::string member_id;
  std::string instance_id;  // empty: not a static member
  std::vector<std::string> topics;
};

// By member id; every subscriber has an entry. A topic without a count has no partitions.
std::map<std::string, kafka::ConsumerAssignment> assign_ranges(
    const std::vector<GroupSubscriber>& subscribers,
    const std::map<std::string, std::int32_t>& partition_counts);

}  // namespace penstock::cli
