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
  options.catch_up.cache_bytes = random.coin() ? log::SegmentCache::kSmallestBytes : 0;
  return options;
}

log::PartitionOptions draw_topic(Random& random, CommitPolicies policies) {
  log::PartitionOptions options;
  options.segment_bytes = 128 * kKiB;
  options.commit_bytes = 16 * kKiB;
  options.pending_bytes = 32 * kKiB;
  options.tail_bytes = random.coin() ? 0 : 64 * kKiB;
  options.commit_depth = static_cast<std::uint32_t>(1 + random.below(3));
  options.tail = random.coin() ? log::TailPolicy::kPad : log::TailPolicy::kRewrite;
  constexpr std::uint64_t kCheckpoints[] = {0, 12 * kKiB, 40 * kKiB};
  options.checkpoint_bytes = kCheckpoints[random.below(std::size(kCheckpoints))];
  if (policies == CommitPolicies::kAll && random.one_in(3)) {
    options.commit = log::CommitPolicy::kBatch;
    options.persist.records = 1 + random.below(12);
    options.persist.bytes = log::kPersistBytesMin + random.below(16 * kKiB);
    options.persist.interval = std::chrono::microseconds(1 + random.below(20'000));
  }
  return options;
}

}  // namespace penstock::sim
