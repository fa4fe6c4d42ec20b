// Clients: what is done with the partitions of a shard while it lives: producers, consumers that keep
// up and that catch up, deletions, retention, scrubbing, searches by time, partitions deleted and
// created.
//
// All of it at once, drawn from the world's seed.
#pragma once

#include "sim/shard.h"

namespace penstock::sim {

// Ends when everybody has: they are many, and each does little; or soon after the shard is over.
Task<void> work(Shard& shard, Activity activity);

}  // namespace penstock::sim
