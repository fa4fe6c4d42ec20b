#include "log/recovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include "file/small_file.h"
#include "log/log_start.h"
#include "log/segment_scan.h"

namespace penstock::log {

namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr std::string_view kDamagedSuffix = ".damaged";

class Recovery {
 public:
  Recovery(Scheduler& scheduler, Disk& disk, std::string directory, PartitionId id)
      : scheduler_(scheduler), disk_(disk), directory_(std::move(directory)), id_(std::move(id)) {}

  Task<Result<RecoveredPartition>> run() {
    if (auto read = co_await read_start(); !read) co_return Unexpected(read.error());
    auto numbers = co_await list_segments();
    if (!numbers) co_return Unexpected(numbers.error());
    for (const std::uint64_t number : *numbers) {
      found_.next_segment_number = std::max(found_.next_segment_number, number + 1);
      if (auto taken = co_await take_in(number); !taken) co_return Unexpected(taken.error());
    }
    if (auto cleared = co_await clear_trailing(); !cleared) co_return Unexpected(cleared.error());
    refuse_appends_if_the_end_is_unknown();
    if (auto sealed = co_await seal_all(); !sealed) co_return Unexpected(sealed.error());
    settle_log_start();
    found_.next_offset = known_end();
    found_.report.segment_count = static_cast<std::uint32_t>(found_.segments.size());
    co_return std::move(found_);
  }

 private:
  // What cannot be made out is read twice, here and below, before anything depends on it: a read can go
  // astray. A damaged file is reported, and read as if it were not there: then what was deleted, and is
  // still on the disk, is served again.
  Task<Result<void>> read_start() {
    auto start = co_await read_log_start(disk_, directory_, id_);
    if (!start && start.error().code() == ErrorCode::kCorrupt)
      start = co_await read_log_start(disk_, directory_, id_);
    if (start) {
      deleted_below_ = *start;
      // A killed process may not have synced its name; what goes because of it must not come back.
      if (deleted_below_ > Offset{0}) co_return co_await disk_.sync_directory(directory_);
    } else if (start.error().code() == ErrorCode::kCorrupt) {
      unreadable_start_ = start.error();
      found_.report.findings.push_back(
          fmt::format("{}: where the log begins is unreadable: {}; deleted records that are still on "
                      "the disk are served again",
                      id_.to_string(), start.error().message()));
    } else {
      co_return Unexpected(start.error());
    }
    co_return Result<void>();
  }

  void settle_log_start() {
    found_.log_start = deleted_below_;
    if (found_.segments.empty()) return;
    const Offset first = found_.segments.front()->base_offset;
    // A start that set a segment aside may have died before anybody heard of it.
    const bool is_one_aside =
        !aside_.empty() && *aside_.begin() < found_.segments.front()->header.number;
    if (first > deleted_below_ && (deleted_below_ > Offset{0} || is_one_aside)) {
      found_.report.findings.push_back(
          fmt::format("{}: offsets {} to {} are missing from its beginning", id_.to_string(),
                      deleted_below_, first + -1));
    }
    found_.log_start = std::max(first, deleted_below_);
  }

  Task<Result<std::vector<std::uint64_t>>> list_segments() {
    auto names = co_await disk_.list(directory_);
    if (!names) co_return Unexpected(names.error());
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : *names) {
      if (const auto number = segment_number_of(name)) {
        numbers.push_back(*number);
      } else if (const auto aside = set_aside_number_of(name)) {
        note_aside(*aside);
      } else if (name.ends_with(kTemporarySuffix)) {
        if (auto removed = co_await disk_.remove(directory_ + "/" + name); !removed) {
          co_return Unexpected(removed.error());
        }
      }
    }
    std::ranges::sort(numbers);
    co_return numbers;
  }

  static std::optional<std::uint64_t> set_aside_number_of(std::string_view name) {
    if (!name.ends_with(kDamagedSuffix)) return std::nullopt;
    return segment_number_of(name.substr(0, name.size() - kDamagedSuffix.size()));
  }

  void note_aside(std::uint64_t number) {
    aside_.insert(number);
    found_.next_segment_number = std::max(found_.next_segment_number, number + 1);
  }

  Task<Result<void>> take_in(std::uint64_t number) {
    auto segment = std::make_shared<Segment>();
    segment->directory = directory_;
    OpenOptions options;
    options.write = true;
    auto file = co_await disk_.open(directory_ + "/" + segment_file_name(number), options);
    if (!file) co_return Unexpected(file.error());
    segment->file = std::move(*file);

    auto about = co_await read_about(*segment->file, number);
    if (!about) {
      if (about.error().code() != ErrorCode::kCorrupt) co_return Unexpected(about.error());
      co_return co_await set_aside(number, about.error());
    }
    auto& [start, seal] = *about;
    segment->header = start.header;
    auto size = co_await segment->file->size();
    if (!size) co_return Unexpected(size.error());
    if (seal && seal->data_end.value <= *size) {
      adopt(*segment, std::move(*seal));
    } else {
      if (auto scanned = co_await scan(*segment, start.checkpoint); !scanned) co_return scanned;
      if (seal && segment->empty()) {
        co_return co_await set_aside(number, Error(ErrorCode::kCorrupt, "shorter than its index says"));
      }
      if (seal) note_lost_end(*segment, *seal);
    }
    if (segment->empty() && (segment->header.rewritten || start.checkpoint)) {
      // Acknowledged entries were in it, so it is never one that was not used.
      co_return co_await set_aside(number, no_readable_entry());
    }
    if (segment->empty()) {
      without_entries_.push_back(number);
      co_return Result<void>();
    }
    if (segment->next_offset <= deleted_below_) co_return co_await remove_deleted(*segment);
    if (auto settled = co_await settle_without_entries(segment->base_offset); !settled) {
      co_return settled;
    }
    report_damage(*segment);
    found_.segments.push_back(std::move(segment));
    co_return Result<void>();
  }

  // What a segment's file and its index say of it.
  struct About {
    SegmentStart start;
    std::optional<SealedIndex> seal;
  };
  // An index under the header's salt proves that this is the file's header. Without one the start is
  // read until two reads agree, three times at most: one that went astray may have brought the start
  // that this segment had in an earlier life.
  Task<Result<About>> read_about(File& file, std::uint64_t number) {
    constexpr int kMostReads = 3;
    auto start = co_await read_own_start(file, number);
    for (int reads = 1; reads < kMostReads; ++reads) {
      if (!start && start.error().code() != ErrorCode::kCorrupt) break;
      std::optional<SealedIndex> seal;
      if (start) seal = co_await read_seal(start->header);
      if (seal) co_return About{*start, std::move(seal)};
      auto again = co_await read_own_start(file, number);
      const bool agree =
          start && again ? start->header == again->header : start.has_value() == again.has_value();
      start = std::move(again);
      if (agree) break;
    }
    if (!start) co_return Unexpected(start.error());
    co_return About{std::move(*start), std::nullopt};
  }

  // kCorrupt also when it is the start of another segment.
  Task<Result<SegmentStart>> read_own_start(File& file, std::uint64_t number) {
    auto start = co_await read_segment_start(file);
    if (!start) co_return start;
    if (auto own = check_identity(start->header, number); !own) co_return Unexpected(own.error());
    co_return start;
  }

  // Segments without a readable entry, in front of one that begins at `next_base`. A newer segment is
  // only begun when everything in the older ones is durable: so they held something exactly if offsets
  // are missing.
  Task<Result<void>> settle_without_entries(Offset next_base) {
    const bool nothing_missing = next_base <= known_end();
    for (const std::uint64_t number : std::exchange(without_entries_, {})) {
      auto done = nothing_missing ? co_await remove_unused(number)
                                  : co_await set_aside(number, no_readable_entry());
      if (!done) co_return done;
    }
    co_return Result<void>();
  }

  // The same at the log's end: prepared and never committed to, or torn in their first commit, unless
  // something came after them.
  Task<Result<void>> clear_trailing() {
    for (const std::uint64_t number : std::exchange(without_entries_, {})) {
      const bool is_last = aside_.upper_bound(number) == aside_.end();
      auto done =
          is_last ? co_await remove_unused(number) : co_await set_aside(number, no_readable_entry());
      if (!done) co_return done;
    }
    co_return Result<void>();
  }

  static Error no_readable_entry() { return {ErrorCode::kCorrupt, "no readable entry in it"}; }

  Task<Result<void>> remove_unused(std::uint64_t number) {
    return disk_.remove(directory_ + "/" + segment_file_name(number));
  }

  // Its records were deleted; its files were still there when the process died.
  Task<Result<void>> remove_deleted(const Segment& segment) {
    const std::string index = directory_ + "/" + index_file_name(segment.header.number);
    auto removed = co_await disk_.remove(index);
    if (!removed && removed.error().code() != ErrorCode::kNotFound) co_return removed;
    co_return co_await disk_.remove(segment.path());
  }

  Result<void> check_identity(const SegmentHeader& header, std::uint64_t number) const {
    const bool is_right =
        header.topic_id == id_.topic_id && header.partition == id_.index && header.number == number;
    if (is_right) return {};
    return fail(ErrorCode::kCorrupt,
                "{}/{} says in its header that it is segment {} of another partition", directory_,
                segment_file_name(number), header.number);
  }

  // A segment whose salt is gone says nothing any more. Its name is changed, its bytes are kept.
  Task<Result<void>> set_aside(std::uint64_t number, Error reason) {
    const std::string path = directory_ + "/" + segment_file_name(number);
    const std::string aside = path + std::string(kDamagedSuffix);
    if (auto renamed = co_await disk_.rename(path, aside); !renamed) co_return renamed;
    if (auto synced = co_await disk_.sync_directory(directory_); !synced) co_return synced;
    note_aside(number);
    found_.report.findings.push_back(
        fmt::format("{}: offsets from {} on are unreadable: {}; the file is kept as {}",
                    id_.to_string(), known_end(), reason.message(), aside));
    co_return Result<void>();
  }

  // At this start or an earlier one: as long as the file is there and nothing newer is.
  void refuse_appends_if_the_end_is_unknown() {
    if (unreadable_start_ && found_.segments.empty()) {
      found_.append_refusal = Error(
          ErrorCode::kFenced,
          fmt::format("{}: all its records were deleted, and the file that tells the next offset is "
                      "unreadable: {}; restore the file, or delete and create the topic again",
                      id_.to_string(), unreadable_start_->message()));
      return;
    }
    if (aside_.upper_bound(newest_kept()) == aside_.end()) return;
    found_.append_refusal = Error(
        ErrorCode::kFenced,
        fmt::format("{}: the newest segment is unreadable (kept as {}/{}{}), so the next offset is "
                    "not known; delete and create the topic again, or restore the file",
                    id_.to_string(), directory_, segment_file_name(*aside_.rbegin()), kDamagedSuffix));
    found_.report.findings.push_back(found_.append_refusal->message());
  }

  // The segment's index file, if there is one that belongs to it.
  Task<std::optional<SealedIndex>> read_seal(const SegmentHeader& header) {
    const std::string path = directory_ + "/" + index_file_name(header.number);
    for (int times = 0; times < 2; ++times) {
      auto contents = co_await file::read_small_file(disk_, path);
      if (!contents) co_return std::nullopt;
      auto seal = SealedIndex::decode(*contents);
      const bool belongs = seal && seal->segment_number == header.number && seal->salt == header.salt;
      if (belongs) co_return std::move(*seal);
    }
    co_return std::nullopt;
  }

  static void adopt(Segment& segment, SealedIndex seal) {
    segment.base_offset = seal.base_offset;
    segment.next_offset = seal.next_offset;
    segment.data_end = seal.data_end;
    segment.entry_bytes = seal.entry_bytes;
    segment.index = std::move(seal.index);
    segment.damaged = std::move(seal.damaged);
    segment.sealed = true;
    segment.indexed = true;
  }

  // The file is shorter than its index says: what is missing had been acknowledged, and its offsets are
  // not given away again.
  static void note_lost_end(Segment& segment, const SealedIndex& seal) {
    if (segment.next_offset >= seal.next_offset) return;
    segment.damaged.push_back(DamagedRange{segment.next_offset, seal.next_offset, segment.data_end});
    segment.next_offset = seal.next_offset;
  }

  Task<Result<void>> scan(Segment& segment, const std::optional<Checkpoint>& checkpoint) {
    const SegmentScan how{expected_base(segment.header.number), known_end(), checkpoint};
    auto scanned = co_await scan_segment(scheduler_, segment, how);
    if (!scanned) co_return Unexpected(scanned.error());
    found_.report.scanned_segment_count += 1;
    found_.report.scanned_bytes += scanned->scanned_bytes;
    found_.report.torn_bytes += scanned->torn_bytes;
    co_return Result<void>();
  }

  Task<Result<void>> seal_all() {
    for (std::size_t i = 0; i < found_.segments.size(); ++i) {
      Segment& segment = *found_.segments[i];
      const bool has_next = i + 1 < found_.segments.size();
      const bool whole = !has_next || found_.segments[i + 1]->base_offset == segment.next_offset;
      if (!whole) {
        found_.report.findings.push_back(fmt::format(
            "{}: offsets {} to {} are missing between {} and the next segment; its file is kept whole",
            id_.to_string(), segment.next_offset, found_.segments[i + 1]->base_offset + -1,
            segment.path()));
      }
      if (segment.sealed) continue;
      // A killed process may have left entries that only the device's cache holds. They are about to be
      // served, so they must first be as durable as they look.
      if (auto synced = co_await segment.file->sync(SyncScope::kAll); !synced) co_return synced;
      // A rewritten one has its size from the beginning: what is behind its data is damage.
      const bool has_spare = whole && !segment.header.rewritten;
      const SealCut cut = has_spare ? SealCut::kToData : SealCut::kNone;
      auto sealed = co_await seal(disk_, segment, cut);
      if (!sealed && sealed.error().code() != ErrorCode::kNoSpace) co_return sealed;
      // On a full disk it is read without its seal, and scanned again at the next start.
      segment.sealed = true;
    }
    co_return Result<void>();
  }

  void report_damage(const Segment& segment) {
    for (const DamagedRange& range : segment.damaged) {
      found_.report.findings.push_back(
          fmt::format("{}: offsets {} to {} are damaged in {} near byte {}; the rest is served",
                      id_.to_string(), range.first, range.next + -1, segment.path(), range.position));
    }
  }

  // Where what has been taken in ends.
  Offset known_end() const {
    return found_.segments.empty() ? deleted_below_ : found_.segments.back()->next_offset;
  }

  std::uint64_t newest_kept() const {
    return found_.segments.empty() ? 0 : found_.segments.back()->header.number;
  }

  // Where the segment `number` must begin; nothing when what should be in front of it is not there.
  std::optional<Offset> expected_base(std::uint64_t number) const {
    const auto aside = aside_.upper_bound(newest_kept());
    const bool after_aside = aside != aside_.end() && *aside < number;
    const bool starts_late =
        found_.segments.empty() && (number != kFirstSegmentNumber || deleted_below_ > Offset{0});
    if (after_aside || starts_late) return std::nullopt;
    return known_end();
  }

  Scheduler& scheduler_;
  Disk& disk_;
  std::string directory_;
  PartitionId id_;
  RecoveredPartition found_;
  Offset deleted_below_;
  std::optional<Error> unreadable_start_;
  std::vector<std::uint64_t> without_entries_;  // not settled yet
  std::set<std::uint64_t> aside_;               // the numbers of segments that are set aside
};

}  // namespace

void RecoveryReport::add(const RecoveryReport& other) {
  segment_count += other.segment_count;
  scanned_segment_count += other.scanned_segment_count;
  scanned_bytes += other.scanned_bytes;
  torn_bytes += other.torn_bytes;
  unsynced_records += other.unsynced_records;
  findings.insert(findings.end(), other.findings.begin(), other.findings.end());
}

Task<Result<RecoveredPartition>> recover_partition(Scheduler& scheduler, Disk& disk,
                                                   std::string directory, PartitionId id) {
  Recovery recovery(scheduler, disk, std::move(directory), std::move(id));
  co_return co_await recovery.run();
}

}  // namespace penstock::log
