#include "log/recovery.h"

#include <algorithm>
#include <map>

#include "file/small_file.h"

namespace penstock::log {

namespace {

constexpr std::uint64_t kScanWindowBytes = kMiB;

// How far behind an unreadable place a later entry is looked for: a few commits of the usual largest
// size.
constexpr std::uint64_t kLookBeyondDamageBytes = 4 * kMiB;

constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr std::string_view kDamagedSuffix = ".damaged";

class Recovery {
 public:
  Recovery(Disk& disk, std::string directory, PartitionId id)
      : disk_(disk), directory_(std::move(directory)), id_(std::move(id)) {}

  Task<Result<RecoveredPartition>> run() {
    auto numbers = co_await list_segments();
    if (!numbers) co_return Unexpected(numbers.error());
    for (const std::uint64_t number : *numbers) {
      const bool is_last = number == numbers->back();
      found_.next_segment_number = number + 1;
      if (auto taken = co_await take_in(number, is_last); !taken) co_return Unexpected(taken.error());
    }
    if (auto sealed = co_await seal_all(); !sealed) co_return Unexpected(sealed.error());
    if (!found_.segments.empty()) {
      found_.log_start = found_.segments.front()->base_offset;
      found_.next_offset = found_.segments.back()->next_offset;
    }
    found_.report.segment_count = static_cast<std::uint32_t>(found_.segments.size());
    co_return std::move(found_);
  }

 private:
  Task<Result<std::vector<std::uint64_t>>> list_segments() {
    auto names = co_await disk_.list(directory_);
    if (!names) co_return Unexpected(names.error());
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : *names) {
      if (const auto number = segment_number_of(name)) {
        numbers.push_back(*number);
      } else if (name.ends_with(kTemporarySuffix)) {
        if (auto removed = co_await disk_.remove(directory_ + "/" + name); !removed) {
          co_return Unexpected(removed.error());
        }
      }
    }
    std::ranges::sort(numbers);
    co_return numbers;
  }

  Task<Result<void>> take_in(std::uint64_t number, bool is_last) {
    auto segment = std::make_shared<Segment>();
    segment->directory = directory_;
    OpenOptions options;
    options.write = true;
    auto file = co_await disk_.open(directory_ + "/" + segment_file_name(number), options);
    if (!file) co_return Unexpected(file.error());
    segment->file = std::move(*file);

    auto header = co_await read_segment_header(*segment->file);
    if (header) header = check_identity(*header, number);
    if (!header) {
      if (header.error().code() != ErrorCode::kCorrupt) co_return Unexpected(header.error());
      co_return co_await set_aside(number, is_last, header.error());
    }
    segment->header = *header;
    const bool was_sealed = co_await load_seal(*segment);
    if (!was_sealed) {
      if (auto scanned = co_await scan(*segment); !scanned) co_return scanned;
      if (segment->empty() && is_last) {
        // Prepared, and never committed to: it holds nothing that was acknowledged.
        co_return co_await disk_.remove(segment->path());
      }
      if (segment->empty()) {
        // A newer segment is only begun when everything in the older ones is durable.
        co_return co_await set_aside(number, is_last,
                                     Error(ErrorCode::kCorrupt, "no readable entry in it"));
      }
    }
    report_damage(*segment);
    found_.segments.push_back(std::move(segment));
    co_return Result<void>();
  }

  Result<SegmentHeader> check_identity(const SegmentHeader& header, std::uint64_t number) const {
    if (header.topic_id == id_.topic_id && header.partition == id_.index && header.number == number) {
      return header;
    }
    return fail(ErrorCode::kCorrupt,
                "{}/{} says in its header that it is segment {} of another partition", directory_,
                segment_file_name(number), header.number);
  }

  // A segment whose salt is gone says nothing any more. Its name is changed, its bytes are kept.
  Task<Result<void>> set_aside(std::uint64_t number, bool is_last, Error reason) {
    const std::string path = directory_ + "/" + segment_file_name(number);
    const std::string aside = path + std::string(kDamagedSuffix);
    if (auto renamed = co_await disk_.rename(path, aside); !renamed) co_return renamed;
    if (auto synced = co_await disk_.sync_directory(directory_); !synced) co_return synced;
    const Offset from = expected_base(number).value_or(Offset{0});
    found_.report.findings.push_back(
        fmt::format("{}: offsets from {} on are unreadable: {}; the file is kept as {}",
                    id_.to_string(), from, reason.message(), aside));
    if (is_last) {
      found_.append_refusal = Error(
          ErrorCode::kFenced,
          fmt::format(
              "{}: the newest segment is unreadable (kept as {}), so the next offset is not known; "
              "delete and create the topic again, or restore the file",
              id_.to_string(), aside));
    }
    co_return Result<void>();
  }

  Task<bool> load_seal(Segment& segment) {
    const std::string path = directory_ + "/" + index_file_name(segment.header.number);
    auto contents = co_await file::read_small_file(disk_, path);
    if (!contents) co_return false;
    auto sealed = SealedIndex::decode(*contents);
    auto size = co_await segment.file->size();
    const bool fits = sealed && size && sealed->segment_number == segment.header.number &&
                      sealed->salt == segment.header.salt && sealed->data_end.value <= *size;
    if (!fits) co_return false;
    segment.base_offset = sealed->base_offset;
    segment.next_offset = sealed->next_offset;
    segment.data_end = sealed->data_end;
    segment.index = std::move(sealed->index);
    segment.damaged = std::move(sealed->damaged);
    segment.sealed = true;
    co_return true;
  }

  Task<Result<void>> scan(Segment& segment) {
    auto scanned = co_await scan_segment(segment, expected_base(segment.header.number));
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
      const SealCut cut = whole ? SealCut::kToData : SealCut::kNone;
      if (auto sealed = co_await seal(disk_, segment, cut); !sealed) co_return sealed;
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

  std::optional<Offset> expected_base(std::uint64_t number) const {
    if (!found_.segments.empty()) return found_.segments.back()->next_offset;
    if (number == kFirstSegmentNumber) return Offset{0};
    return std::nullopt;
  }

  Disk& disk_;
  std::string directory_;
  PartitionId id_;
  RecoveredPartition found_;
};

}  // namespace

void RecoveryReport::add(const RecoveryReport& other) {
  segment_count += other.segment_count;
  scanned_segment_count += other.scanned_segment_count;
  scanned_bytes += other.scanned_bytes;
  torn_bytes += other.torn_bytes;
  findings.insert(findings.end(), other.findings.begin(), other.findings.end());
}

Task<Result<RecoveredPartition>> recover_partition(Disk& disk, std::string directory, PartitionId id) {
  Recovery recovery(disk, std::move(directory), std::move(id));
  co_return co_await recovery.run();
}

namespace {

// What lies behind a place where no entry could be read.
struct Beyond {
  bool was_acknowledged = false;          // a later entry knows that what belongs here was durable
  std::optional<FilePosition> stray_end;  // where the last entry that was found ends
};

// Looks on from where `scanner` stands, a copy.
Task<Result<Beyond>> look_beyond(SegmentScanner scanner, std::optional<Offset> expected) {
  const FilePosition limit = scanner.place() + kLookBeyondDamageBytes;
  Beyond beyond;
  while (scanner.place() < limit && !beyond.was_acknowledged) {
    auto entry = co_await scanner.next();
    if (entry && !*entry) entry = co_await scanner.find_beyond_damage(limit - scanner.place());
    if (!entry) co_return Unexpected(entry.error());
    if (!*entry) break;
    const Offset unknown_base = (*entry)->batch_header.base_offset + -1;
    beyond.was_acknowledged = (*entry)->header.durable_end > expected.value_or(unknown_base);
    beyond.stray_end = (*entry)->end();
  }
  co_return beyond;
}

}  // namespace

Task<Result<ScanResult>> scan_segment(Segment& segment, std::optional<Offset> expected_base) {
  auto size = co_await segment.file->size();
  if (!size) co_return Unexpected(size.error());
  const SegmentScanner::Range range{kFirstCommit, FilePosition{*size}};
  SegmentScanner scanner(*segment.file, segment.header.salt, range, kScanWindowBytes);

  std::optional<Offset> expected = expected_base;
  std::uint64_t last_sequence = 0;
  ScanResult result;
  while (true) {
    const SegmentScanner here = scanner;
    auto entry = co_await scanner.next();
    if (!entry) co_return Unexpected(entry.error());
    const bool in_order = *entry && (*entry)->header.commit_sequence >= last_sequence;
    const bool follows = in_order && (*entry)->batch_header.base_offset ==
                                         expected.value_or((*entry)->batch_header.base_offset);
    if (!follows) {
      auto beyond = co_await look_beyond(here, expected);
      if (!beyond) co_return Unexpected(beyond.error());
      if (!beyond->was_acknowledged) {
        if (beyond->stray_end) result.torn_bytes = *beyond->stray_end - here.place();
        break;
      }
      if (!*entry) entry = co_await scanner.find_beyond_damage(kLookBeyondDamageBytes);
      if (!entry) co_return Unexpected(entry.error());
      if (!*entry) break;
    }
    const BatchHeader& batch = (*entry)->batch_header;
    if (expected && batch.base_offset < *expected) break;
    if (expected && batch.base_offset > *expected) {
      segment.damaged.push_back(DamagedRange{*expected, batch.base_offset, here.place()});
    }
    segment.note(batch, (*entry)->position, (*entry)->header.entry_bytes());
    expected = batch.next_offset();
    last_sequence = (*entry)->header.commit_sequence;
  }
  result.scanned_bytes = scanner.place() - FilePosition{0};
  co_return result;
}

}  // namespace penstock::log
