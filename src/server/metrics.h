// Metrics: what the server tells a Prometheus, in its text format 0.0.4.
//
// Every metric stands once, in the table of metrics.cc: its line there names it, says what it means,
// and takes it out of a snapshot. The text, and the reference that docs/metrics.md repeats, go by that
// table.
//
// Threading: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/group_lag.h"
#include "catalog/rocks_catalog.h"
#include "log/recovery.h"
#include "server/shard_stats.h"
#include "task/clock.h"

namespace penstock::server {

// What is known of the server as a whole.
struct ServerStats {
  enum class Phase { kStarting, kReady, kStopping };

  Phase phase = Phase::kStarting;
  std::string version;
  std::string io_mode;  // "direct"
  bool uses_uring = false;
  Duration start_took{};           // until clients could connect
  log::RecoveryReport recovery{};  // of the start
  catalog::RocksCatalogStats catalog{};
  broker::GroupLags lags{};
  std::size_t kernel_worker_count = 0;  // see count_kernel_workers
};

// By shard; nothing for one that did not answer in time.
using AllShardStats = std::vector<std::optional<ShardStats>>;

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_text(const ServerStats& server, const AllShardStats& shards);

// One row of a Markdown table for each metric: name, type, unit, labels, meaning.
std::string metrics_reference();

}  // namespace penstock::server
