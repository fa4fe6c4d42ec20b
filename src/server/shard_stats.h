// ShardStats: everything that one shard counts, copied at one moment.
//
// Threading: made on the shard's thread, then a plain value.
#pragma once

#include <optional>

#include "broker/broker_stats.h"
#include "disk/uring_reactor.h"
#include "group/coordinator.h"
#include "log/catch_up.h"
#include "log/log_stats.h"
#include "log/segment_cache.h"
#include "log/segment_pool.h"
#include "server/connection_stats.h"
#include "task/loop_watch.h"
#include "transaction/coordinator.h"

namespace penstock::server {

struct ShardStats {
  LoopWatch::Stats loop;
  std::optional<UringStats> ring;  // nothing without io_uring
  log::LogStats log;
  log::SegmentPoolStats pool;
  std::uint64_t pool_spare_bytes = 0;
  std::uint64_t pool_ready_files = 0;
  log::CatchUpStats catch_up;
  std::uint64_t cursors = 0;
  std::uint64_t tail_bytes = 0;
  log::SegmentCacheStats cache;  // zeros when there is none
  broker::BrokerStats broker;
  broker::PartitionCounts partitions;
  group::GroupStats groups;
  transaction::TransactionStats transactions;
  ConnectionStats connections;
};

}  // namespace penstock::server
