// LogShard: a simulated machine with what the partitions of one shard share: a segment pool, cursors, a
// reporter, salts.
//
// One life of it. Tests of one partition build on it (log_machine.h), and so do the simulations in
// sim/.
//
// Ownership: the storage must outlive it; its partitions must have ended before it is destroyed, and
// stop_pool() must have completed. Threading: the test's.
#pragma once

#include "disk/sim_disk.h"
#include "log/partition.h"
#include "log/testing/reports.h"

namespace penstock::log::testing {

inline constexpr const char* kPoolDirectory = "/data/pool/0";
inline constexpr std::uint64_t kSmallestSegmentBytes = 32 * kKiB;

struct LogShardOptions {
  SimDiskOptions disk{};
  SegmentPoolOptions pool{.ready_files = 0, .smallest_bytes = kSmallestSegmentBytes};
  CatchUpOptions catch_up{};
  std::uint64_t salt_seed = 1;
  std::int64_t wall_ms_at_start = SimMachine::kFirstWallMs;
};

class LogShard : public SimMachine {
 public:
  explicit LogShard(SimStorage& storage, LogShardOptions options = {})
      : SimMachine(prepared(storage), std::move(options.disk), options.wall_ms_at_start),
        random_(options.salt_seed),
        pool_(scheduler, disk, kPoolDirectory, options.pool),
        catch_up_(scheduler, pool_.commit_gaps(), options.catch_up) {
    const auto started = catch_up_.start();
    PENSTOCK_ASSERT(started.has_value(), "there is memory for a small cache");
  }

  Task<Result<void>> start_pool() { return pool_.start(); }
  Task<void> stop_pool() { return pool_.close(); }

  LogContext context() { return {scheduler, disk, pool_, random_, &reports_, &catch_up_}; }
  SegmentPool& pool() { return pool_; }
  CatchUp& catch_up() { return catch_up_; }
  const std::vector<std::string>& reports() const { return reports_.lines(); }

 private:
  static SimStorage& prepared(SimStorage& storage) {
    storage.make_directories(kPoolDirectory);
    return storage;
  }

  Random random_;
  Reports reports_;
  SegmentPool pool_;
  CatchUp catch_up_;
};

}  // namespace penstock::log::testing
