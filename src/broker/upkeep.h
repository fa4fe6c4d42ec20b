// Upkeep: what a broker does to its partitions by itself, round by round.
//
// Threading: the partition's shard. What goes wrong is told to the operator and tried again in the next
// round.
#pragma once

#include "log/partition.h"

namespace penstock::broker {

class Broker;

// Deletes what neither the partition's topic nor the broker's settings keep.
Task<void> delete_what_is_not_kept(Broker& broker, log::Partition& partition);

// Reads all sealed segments, at the rate that the settings allow, and reports what is damaged.
Task<void> scrub(Broker& broker, log::Partition& partition);

// Rewrites sealed segments that are largely padding, as the settings say.
Task<void> compact(Broker& broker, log::Partition& partition);

}  // namespace penstock::broker
