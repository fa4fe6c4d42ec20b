#include "sim/settings.h"

#include <chrono>

namespace penstock::sim {

log::testing::LogShardOptions draw_shard(Random& random) {
  log::testing::LogShardOptions options;
  options.disk.seed = random.next();
  options.salt_seed = random.next();
  options.pool.smallest_bytes = log::testing::kSmallestSegmentBytes;
  options.pool.ready_files = static_cast<std::uint32_t>(random.below(3));
  // Room for every cursor, for one, or for none.
  const std::uint64_t cursors = random.below(3);
  if (cursors < 2) options.catch_up.memory_bytes = cursors * log::CatchUp::kCursorBytes;
  return options;
}

log::PartitionOptions draw_topic(Random& random) {
  log::PartitionOptions options;
  options.segment_bytes = 128 * kKiB;
  options.commit_bytes = 16 * kKiB;
  options.pending_bytes = 32 * kKiB;
  options.tail_bytes = random.coin() ? 0 : 64 * kKiB;
  options.commit_depth = static_cast<std::uint32_t>(1 + random.below(3));
  return options;
}

}  // namespace penstock::sim
