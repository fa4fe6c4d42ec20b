#include "cli/log_reindex.h"

#include "cli/stored_segment.h"

namespace penstock::cli {

namespace {

using IndexState = StoredSegment::IndexState;

class Reindexing {
 public:
  Reindexing(OfflineDisk& disk, const StoredLog& log) : disk_(disk), log_(log) {}

  Result<ReindexReport> run() {
    for (const StoredPartition& partition : log_.partitions) {
      for (const std::uint64_t number : partition.segments) {
        ++report_.segment_count;
        if (auto done = look_at(partition, number); !done) return Unexpected(done.error());
      }
    }
    return std::move(report_);
  }

 private:
  Result<void> look_at(const StoredPartition& partition, std::uint64_t number) {
    auto stored = open_stored_segment(disk_, partition.directory, number);
    if (!stored) return Unexpected(stored.error());
    if (stored->index_state == IndexState::kIntact) {
      ++report_.intact_count;
      return {};
    }
    const bool is_newest = number == partition.newest_segment;
    if (is_newest && stored->index_state == IndexState::kNone) {
      ++report_.unsealed_count;
      return {};
    }
    if (!stored->header) {
      return give_up(*stored, "neither copy of the segment's header is intact");
    }
    return rebuild(partition, *stored, is_newest);
  }

  Result<void> rebuild(const StoredPartition& partition, const StoredSegment& stored, bool is_newest) {
    log::Segment segment;
    segment.header = *stored.header;
    segment.directory = partition.directory;
    auto file = disk_.open_to_write(stored.path);
    if (!file) return Unexpected(file.error());
    segment.file = std::move(*file);
    const auto scanned = disk_.scan(segment);
    if (!scanned) return Unexpected(scanned.error());
    if (segment.empty()) return give_up(stored, "there is no entry in the segment");
    if (!segment.damaged.empty()) {
      const log::DamagedRange& range = segment.damaged.front();
      return give_up(stored, fmt::format("offsets {} to {} are damaged, near byte {}", range.first,
                                         range.next + -1, range.position));
    }
    const auto ends_right = is_newest ? ends_with_its_file(stored, segment)
                                      : ends_where_the_next_begins(partition, segment);
    if (!ends_right) return Unexpected(ends_right.error());
    if (!ends_right->empty()) return give_up(stored, *ends_right);
    // What a killed server left in the device's cache is about to be called sealed.
    if (auto synced = disk_.run(segment.file->sync(SyncScope::kAll)); !synced) return synced;
    if (auto sealed = disk_.seal(segment); !sealed) return sealed;
    report_.rebuilt.push_back(stored.index_path);
    return {};
  }

  // Why not; empty when it does.
  static Result<std::string> ends_with_its_file(const StoredSegment& stored,
                                                const log::Segment& segment) {
    if (segment.data_end.value == stored.size_bytes) return "";
    return fmt::format("intact entries end at byte {}, and the file has {} bytes", segment.data_end,
                       stored.size_bytes);
  }

  Result<std::string> ends_where_the_next_begins(const StoredPartition& partition,
                                                 const log::Segment& segment) {
    const auto next = next_base(partition, segment.header.number);
    if (!next) return Unexpected(next.error());
    if (!*next)
      return "it cannot be told whether its end is there: the next segment has no intact entry";
    if (**next == segment.next_offset) return "";
    return fmt::format("intact entries end with offset {}, and the next segment begins at {}",
                       segment.next_offset + -1, **next);
  }

  // Of the segment that comes after `number` in the directory; nothing when it has no intact entry.
  Result<std::optional<Offset>> next_base(const StoredPartition& partition, std::uint64_t number) {
    const auto names = disk_.list(partition.directory);
    if (!names) return Unexpected(names.error());
    std::optional<std::uint64_t> next;
    for (const std::string& name : *names) {
      const auto other = log::segment_number_of(name);
      if (other && *other > number && (!next || *other < *next)) next = other;
    }
    if (!next) return std::optional<Offset>();
    auto stored = open_stored_segment(disk_, partition.directory, *next);
    if (!stored) return Unexpected(stored.error());
    if (stored->index) return std::optional(stored->index->base_offset);
    if (!stored->header) return std::optional<Offset>();
    EntryWalk walk(disk_, *stored, EntryWalk::Start{});
    const auto step = walk.next();
    if (!step) return Unexpected(step.error());
    const auto* entry = std::get_if<log::Entry>(&*step);
    if (entry == nullptr) return std::optional<Offset>();
    return std::optional(entry->batch_header.base_offset);
  }

  Result<void> give_up(const StoredSegment& stored, std::string_view why) {
    report_.damage.push_back(fmt::format("{}: not rebuilt: {}", stored.index_path, why));
    return {};
  }

  OfflineDisk& disk_;
  const StoredLog& log_;
  ReindexReport report_;
};

}  // namespace

Result<std::optional<DirectoryLock>> lock_stored_log(const std::string& path) {
  const auto directory = find_data_directory(path);
  if (!directory) return Unexpected(directory.error());
  if (!*directory) return std::optional<DirectoryLock>();
  auto lock = DirectoryLock::acquire(**directory);
  if (!lock) return Unexpected(lock.error());
  return std::optional<DirectoryLock>(std::move(*lock));
}

Result<ReindexReport> reindex_log(OfflineDisk& disk, const StoredLog& log) {
  return Reindexing(disk, log).run();
}

}  // namespace penstock::cli
