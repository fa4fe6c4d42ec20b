// Verification of a stored log: every segment (segment_check.h), and what they promise together.
//
// Threading: one thread. Changes nothing on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cli/finding.h"
#include "cli/offline_disk.h"
#include "cli/stored_log.h"

namespace penstock::cli {

struct VerifyReport {
  std::vector<Finding> damage;
  std::uint64_t topic_count = 0;
  std::uint64_t partition_count = 0;
  std::uint64_t segment_count = 0;
  std::uint64_t unsealed_count = 0;
  std::uint64_t entry_count = 0;
  std::uint64_t entry_bytes = 0;
  std::uint64_t read_bytes = 0;
  // Parts of commits that nobody was told had succeeded; the next start cuts them off.
  std::uint64_t torn_tail_count = 0;
  double seconds = 0;
};

struct VerifyProgress {
  const StoredPartition& partition;
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;
};

// `on_progress` is called often.
VerifyReport verify_log(OfflineDisk& disk, const StoredLog& log,
                        const std::function<void(const VerifyProgress&)>& on_progress);

}  // namespace penstock::cli
