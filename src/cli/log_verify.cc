#include "cli/log_verify.h"

#include <chrono>

#include "cli/segment_check.h"

namespace penstock::cli {

namespace {

using Kind = Finding::Kind;
using OnProgress = std::function<void(const VerifyProgress&)>;

class Verification {
 public:
  Verification(OfflineDisk& disk, const StoredLog& log, const OnProgress& on_progress)
      : disk_(disk), log_(log), on_progress_(on_progress) {}

  VerifyReport run() {
    const auto start = std::chrono::steady_clock::now();
    report_.topic_count = log_.topic_count;
    report_.partition_count = log_.partitions.size();
    for (const StoredPartition& partition : log_.partitions) total_bytes_ += size_of(partition);
    for (const TopicProblem& problem : log_.problems) {
      report_.damage.push_back({.kind = Kind::kTopic,
                                .topic = problem.topic,
                                .partition = {},
                                .first = {},
                                .next = {},
                                .file = problem.file,
                                .from = {},
                                .to = {},
                                .what = problem.what});
    }
    for (const StoredPartition& partition : log_.partitions) verify(partition);
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(report_);
  }

 private:
  std::uint64_t size_of(const StoredPartition& partition) {
    std::uint64_t size_bytes = 0;
    for (const std::uint64_t number : partition.segments) size_bytes += size_of(partition, number);
    return size_bytes;
  }
  std::uint64_t size_of(const StoredPartition& partition, std::uint64_t number) {
    const auto info = disk_.info(partition.directory + "/" + log::segment_file_name(number));
    return info ? info->size_bytes : 0;
  }

  void verify(const StoredPartition& partition) {
    for (const std::string& name : partition.set_aside) {
      report_.damage.push_back(
          {.kind = Kind::kSetAside,
           .topic = partition.topic,
           .partition = partition.index,
           .first = {},
           .next = {},
           .file = partition.directory + "/" + name,
           .from = {},
           .to = {},
           .what = "a recovery could not read this segment and keeps it as evidence"});
    }
    // A segment is added to the report when the next one has been looked at.
    std::optional<Checked> before;
    for (const std::uint64_t number : partition.segments) {
      std::optional<Checked> now = check(partition, number, base_after(before, number));
      const bool may_have_gone_on = log_.in_use_by && before && !before->result.sealed;
      if (may_have_gone_on && now && !now->result.findings.empty()) {
        // The server may have filled the one before, and begun this one, between our two looks.
        before = check(partition, before->number, before->expected_base);
        now = check(partition, number, base_after(before, number));
      }
      if (before) add(std::move(*before));
      before = std::move(now);
    }
    if (before) add(std::move(*before));
  }

  struct Checked {
    std::uint64_t number = 0;
    std::optional<Offset> expected_base;
    std::uint64_t size_bytes = 0;
    SegmentResult result;
  };

  static std::optional<Offset> base_after(const std::optional<Checked>& before, std::uint64_t number) {
    if (number == log::kFirstSegmentNumber) return Offset{0};
    return before ? before->result.next_offset : std::nullopt;
  }

  // Nothing when the server has deleted the segment since we listed it.
  std::optional<Checked> check(const StoredPartition& partition, std::uint64_t number,
                               std::optional<Offset> expected_base) {
    const std::uint64_t size_bytes = size_of(partition, number);
    const SegmentTask task{partition, number, expected_base, log_.in_use_by.has_value()};
    const auto on_progress = [&](FilePosition position) {
      on_progress_({partition, done_bytes_ + std::min(position.value, size_bytes), total_bytes_});
    };
    Result<SegmentResult> result = SegmentCheck(disk_, task, on_progress).run();
    done_bytes_ += size_bytes;
    if (!result) return std::nullopt;
    return Checked{number, expected_base, size_bytes, std::move(*result)};
  }

  void add(Checked checked) {
    SegmentResult& result = checked.result;
    report_.segment_count += 1;
    report_.unsealed_count += result.sealed ? 0 : 1;
    report_.entry_count += result.entry_count;
    report_.entry_bytes += result.entry_bytes;
    report_.read_bytes += checked.size_bytes;
    report_.torn_tail_count += result.torn_tail ? 1 : 0;
    for (Finding& finding : result.findings) report_.damage.push_back(std::move(finding));
  }

  OfflineDisk& disk_;
  const StoredLog& log_;
  const OnProgress& on_progress_;
  VerifyReport report_;
  std::uint64_t done_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace

VerifyReport verify_log(OfflineDisk& disk, const StoredLog& log, const OnProgress& on_progress) {
  return Verification(disk, log, on_progress).run();
}

}  // namespace penstock::cli
