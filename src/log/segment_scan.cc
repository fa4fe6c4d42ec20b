#include "log/segment_scan.h"

#include <algorithm>
#include <utility>

namespace penstock::log {

namespace {

// How far behind an unreadable place a later entry is looked for when the segment does not say how far
// its commits reach: behind the largest batch that may lie there, so that its damage cannot hide what
// was acknowledged after it.
constexpr std::uint64_t kUnknownReachBytes = kMaxBatchBytes + kMiB;

// What is read again before anything is taken for lost.
constexpr std::uint64_t kSecondLookBytes = 256 * kKiB;

// What a second look finds at a place where the entry that belongs there could not be read.
struct Look {
  std::optional<Entry> first;             // at the place or behind it
  bool follows = false;                   // it is the one that belongs there: the first look was wrong
  bool was_acknowledged = false;          // a later one knows that what belongs there was durable
  std::optional<FilePosition> stray_end;  // where the last one that was found ends
};

class Scan {
 public:
  Scan(Scheduler& scheduler, Segment& segment, SegmentScan how, std::uint64_t file_bytes)
      : scheduler_(scheduler),
        segment_(segment),
        how_(std::move(how)),
        reach_bytes_(segment.header.commit_reach_bytes > 0 ? segment.header.commit_reach_bytes
                                                           : kUnknownReachBytes),
        expected_(how_.expected_base),
        begin_(kFirstCommit),
        end_{file_bytes} {
    if (how_.checkpoint) vouched_end_ = how_.checkpoint->next_offset;
    if (can_use_checkpoint()) {
      segment_.adopt(*how_.checkpoint);
      expected_ = segment_.next_offset;
      begin_ = next_entry_place(segment_.data_end);
    }
    windows_ = make_windows();
  }

  Task<Result<ScanResult>> run() {
    SegmentScanner scanner = scanner_from(*windows_, begin_);
    while (true) {
      const FilePosition here = scanner.place();
      scanner.extend(reach_of(here));
      auto entry = co_await scanner.next();
      if (!entry) co_return Unexpected(entry.error());
      if (!follows(*entry)) {
        auto look = co_await look_beyond(here);
        if (!look) co_return Unexpected(look.error());
        if (!look->follows && !look->was_acknowledged) {
          if (look->stray_end) result_.torn_bytes = *look->stray_end - here;
          break;
        }
        // What the first look holds may be what one read got wrong.
        if (look->follows || !*entry) {
          entry = std::move(look->first);
          windows_ = make_windows();
          scanner = scanner_from(*windows_, next_entry_place((*entry)->end()));
        }
      }
      const Offset base = (*entry)->batch_header.base_offset;
      if (expected_ && base < *expected_) break;
      take(**entry, here);
    }
    note_what_is_vouched_for();
    result_.scanned_bytes = scanner.place() - begin_;
    co_return result_;
  }

 private:
  bool can_use_checkpoint() const {
    if (!how_.checkpoint) return false;
    const bool begins_right = !expected_ || how_.checkpoint->base_offset == *expected_;
    return begins_right && how_.checkpoint->data_end <= end_ && !how_.checkpoint->index.empty();
  }

  std::unique_ptr<AheadWindows> make_windows() {
    const bool is_short = segment_.commit_sequence > 0;
    return std::make_unique<AheadWindows>(
        scheduler_, segment_.file, is_short ? AheadWindows::Start::kTry : AheadWindows::Start::kReadOn);
  }

  SegmentScanner scanner_from(Windows& windows, FilePosition from) const {
    return {windows, segment_.header.salt, {from, reach_of(from)}, segment_.header.entry_places};
  }
  // Nothing at or behind this is read: so that a short scan does not read ahead for a long one.
  FilePosition reach_of(FilePosition place) const { return std::min(end_, place + reach_bytes_); }

  bool follows(const std::optional<Entry>& entry) const {
    return entry && entry->header.commit_sequence >= segment_.commit_sequence &&
           entry->batch_header.base_offset == expected_.value_or(entry->batch_header.base_offset);
  }

  void take(const Entry& entry, FilePosition here) {
    const BatchHeader& batch = entry.batch_header;
    const std::optional<Offset> expected = expected_ ? expected_ : how_.earliest_base;
    // What is missing in front of a segment's first entry, nothing was skipped in it for.
    const bool missing_before = segment_.empty() && entry.position == kFirstCommit;
    const bool is_damage = expected && batch.base_offset > *expected && !missing_before;
    if (is_damage) segment_.damaged.push_back(DamagedRange{*expected, batch.base_offset, here});
    // A segment whose first entries are damaged begins with them all the same.
    const bool begins_damaged = is_damage && segment_.empty();
    segment_.note(batch, entry.position, entry.header.entry_bytes());
    if (begins_damaged) segment_.base_offset = *expected;
    segment_.commit_sequence = entry.header.commit_sequence;
    vouched_end_ = std::max(vouched_end_, entry.header.durable_end);
    expected_ = batch.next_offset();
  }

  // Reads the place `here` again, and on from it: what one read got wrong must not cost what was
  // acknowledged.
  Task<Result<Look>> look_beyond(FilePosition here) {
    Look look;
    FileWindows windows(*segment_.file, kSecondLookBytes);
    SegmentScanner scanner = scanner_from(windows, here);
    const FilePosition limit = reach_of(here);
    while (scanner.place() < limit && !look.was_acknowledged) {
      auto entry = co_await scanner.next();
      if (!entry) co_return Unexpected(entry.error());
      if (!look.first && follows(*entry)) {
        look.first = std::move(*entry);
        look.follows = true;
        break;
      }
      if (!*entry) entry = co_await scanner.find_beyond_damage(limit - scanner.place());
      if (!entry) co_return Unexpected(entry.error());
      if (!*entry) break;
      const Offset unknown_base = (*entry)->batch_header.base_offset + -1;
      look.was_acknowledged = (*entry)->header.durable_end > expected_.value_or(unknown_base);
      look.stray_end = (*entry)->end();
      if (!look.first) look.first = std::move(*entry);
    }
    co_return look;
  }

  // What is durable by a checkpoint is not cut, whatever can be read of it; nor what the entries of a
  // rewritten segment say of those behind them.
  void note_what_is_vouched_for() {
    if (segment_.empty() || segment_.next_offset >= vouched_end_) return;
    segment_.damaged.push_back(DamagedRange{segment_.next_offset, vouched_end_, segment_.data_end});
    segment_.next_offset = vouched_end_;
  }

  Scheduler& scheduler_;
  Segment& segment_;
  SegmentScan how_;
  std::uint64_t reach_bytes_;
  std::optional<Offset> expected_;
  Offset vouched_end_;  // everything below is known to have been durable
  FilePosition begin_;
  FilePosition end_;
  std::unique_ptr<AheadWindows> windows_;
  ScanResult result_;
};

}  // namespace

Task<Result<ScanResult>> scan_segment(Scheduler& scheduler, Segment& segment, SegmentScan how) {
  auto size = co_await segment.file->size();
  if (!size) co_return Unexpected(size.error());
  Scan scan(scheduler, segment, std::move(how), *size);
  co_return co_await scan.run();
}

}  // namespace penstock::log
