// GroupSettings: what an operator decides about consumer groups, as values that have been checked.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "group/assignor.h"
#include "task/clock.h"

namespace penstock::group {

struct GroupSettings {
  // What members may ask for. Kafka's group.min.session.timeout.ms and group.max.session.timeout.ms.
  Duration min_session_timeout = std::chrono::seconds(6);
  Duration max_session_timeout = std::chrono::minutes(30);
  // How long the first member of an empty group waits for others. group.initial.rebalance.delay.ms.
  Duration initial_rebalance_delay = std::chrono::seconds(3);
  // Of the new protocol (KIP-848), where the broker decides: how long a member may be silent, how often
  // it is told to speak, and who gets what when members do not ask for an assignor. Kafka's
  // group.consumer.session.timeout.ms, group.consumer.heartbeat.interval.ms, group.consumer.assignors.
  Duration consumer_session_timeout = std::chrono::seconds(45);
  Duration consumer_heartbeat_interval = std::chrono::seconds(5);
  Assignor consumer_assignor = Assignor::kUniform;
  // The most members of a group, and the most groups of a shard. Kafka's group.max.size and
  // group.consumer.max.size are the former.
  std::size_t max_members = 10'000;
  std::size_t max_groups = 100'000;
  // What all groups of a shard may hold: what members said and were given, and committed offsets.
  std::uint64_t memory_bytes = 64 * kMiB;
  // How long the offsets of a group without members are kept. Kafka's offsets.retention.minutes.
  Duration offsets_retention = std::chrono::hours(7 * 24);
  // How often what is not kept any more is looked for.
  Duration offsets_check_interval = std::chrono::minutes(10);
  // The largest text that may be committed with an offset. Kafka's offset.metadata.max.bytes.
  std::size_t max_offset_metadata_bytes = 4096;
};

}  // namespace penstock::group
