// Assignors: who of a group's members is to have which partitions (KIP-848's server side).
//
// Pure functions of what the group looks like: every partition of every topic that somebody subscribes
// to goes to exactly one member that subscribes to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "group/assignment.h"

namespace penstock::group {

struct AssignorInput {
  struct Topic {
    kafka::Uuid id;
    std::int32_t partition_count = 0;
  };
  struct Member {
    std::string rank;              // what members are ordered by; one each
    std::size_t subscription = 0;  // index into subscriptions
    const Assignment* current = nullptr;
  };

  std::vector<Topic> topics;
  // Indexes into topics, ascending. Members that subscribe to the same share one.
  std::vector<std::vector<std::size_t>> subscriptions;
  std::vector<Member> members;
};

enum class Assignor {
  // Members get as many partitions as each other, over all topics, and keep what they have where that
  // allows it.
  kUniform,
  // Each topic's partitions in runs, in the order of the members: whoever has partition 0 of one topic
  // has it of all that are alike.
  kRange,
};

// Kafka's name, for example "uniform"; nothing for a name that is none.
std::string_view to_string(Assignor assignor);
std::optional<Assignor> assignor_named(std::string_view name);

// What each member is to have, in the order of `input.members`.
std::vector<Assignment> assign(Assignor assignor, const AssignorInput& input);

}  // namespace penstock::group
