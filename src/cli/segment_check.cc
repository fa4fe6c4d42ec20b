#include "cli/segment_check.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "cli/text.h"

namespace penstock::cli {

namespace {

using Kind = Finding::Kind;

constexpr std::string_view kRebuiltAtStart = "the server rebuilds it at its next start";
constexpr std::string_view kRebuiltAfterRemoval =
    "remove it with the server stopped, and the server rebuilds it";

}  // namespace

Result<SegmentResult> SegmentCheck::run() {
  auto opened = open_stored_segment(disk_, task_.partition.directory, task_.number);
  if (!opened && opened.error().code() == ErrorCode::kNotFound) return Unexpected(opened.error());
  if (!opened) {
    segment_.path = task_.partition.directory + "/" + log::segment_file_name(task_.number);
    report(Kind::kUnreadable, opened.error().message());
    return std::move(result_);
  }
  segment_ = std::move(*opened);
  result_.sealed = segment_.is_sealed();
  check_header();
  check_identity();
  check_index_file();
  at_.expected = first_offset();
  at_.finding_count = result_.findings.size();
  if (segment_.salt()) {
    if (auto walked = walk(); !walked)
      report(Kind::kUnreadable, walked.error().message()).from = walked_to_;
  }
  return std::move(result_);
}

void SegmentCheck::check_header() {
  for (const StoredSegment::BadCopy& copy : segment_.bad_copies) {
    const auto number = 1 + (copy.position.value / kBlockBytes);
    const bool is_newer_format = copy.error.code() == ErrorCode::kNotSupported;
    const std::string consequence = segment_.header ? "; the other copy is used" : "";
    Finding& finding =
        report(is_newer_format ? Kind::kUnreadable : Kind::kHeader,
               fmt::format("header copy {}: {}{}", number, copy.error.message(), consequence));
    finding.from = copy.position;
    finding.to = copy.position + kBlockBytes;
  }
  if (segment_.copies_differ) {
    report(Kind::kHeader,
           "the two copies of the header differ, and both are intact; the first is used");
  }
  if (segment_.header) return;
  Finding& finding =
      report(Kind::kHeader,
             "no copy of the header is intact: the server sets the segment aside at its next start");
  finding.first = segment_.index ? segment_.index->base_offset : task_.expected_base;
  if (segment_.index) finding.next = segment_.index->next_offset;
}

void SegmentCheck::check_identity() {
  if (!segment_.header) return;
  const log::SegmentHeader& header = *segment_.header;
  const StoredPartition& partition = task_.partition;
  if (header.number != segment_.number) {
    report(Kind::kIdentity, fmt::format("its header says that it is segment {}", header.number));
  }
  if (partition.index_is_known && header.partition != partition.index) {
    report(Kind::kIdentity,
           fmt::format("its header says that it belongs to partition {}", header.partition));
  }
  if (partition.topic_id && header.topic_id != *partition.topic_id) {
    report(Kind::kIdentity,
           fmt::format("its header says that it belongs to the topic with id {}, and this is {}",
                       to_hex(header.topic_id), to_hex(*partition.topic_id)));
  }
}

void SegmentCheck::check_index_file() {
  using enum StoredSegment::IndexState;
  switch (segment_.index_state) {
    case kIntact: return;
    case kDamaged:
    case kForeign: report_index(fmt::format("{}; {}", segment_.index_problem, kRebuiltAtStart)); return;
    case kNone: break;
  }
  // A segment is cut to its data when its index has been written, and not before; until then it has the
  // size that it was made with, a power of two.
  if (segment_.size_bytes > log::kFirstCommit.value && !std::has_single_bit(segment_.size_bytes)) {
    report_index(
        fmt::format("the segment was sealed, and its index file is missing; {}", kRebuiltAtStart));
  }
}

// Where the segment begins: what its index says, and what the one before says, must agree.
std::optional<Offset> SegmentCheck::first_offset() {
  if (!segment_.index) return task_.expected_base;
  const log::SealedIndex& index = *segment_.index;
  const bool damaged_first = !index.damaged.empty() && index.damaged.front().next == index.base_offset;
  const Offset begins = damaged_first ? index.damaged.front().first : index.base_offset;
  if (task_.expected_base && begins > *task_.expected_base) {
    Finding& finding =
        report(Kind::kMissingOffsets, "the segment begins after them, and no other file has them");
    finding.first = task_.expected_base;
    finding.next = begins;
  } else if (task_.expected_base && begins < *task_.expected_base) {
    report(Kind::kOrder,
           fmt::format("the segment begins at offset {}, and the one before it ends with {}", begins,
                       *task_.expected_base + -1));
  }
  return begins;
}

// --- The walk ------------------------------------------------------------------------------------

Result<void> SegmentCheck::walk() {
  std::optional<EntryWalk> walk;
  walk.emplace(disk_, segment_, EntryWalk::Start{});
  while (true) {
    auto step = walk->next();
    walked_to_ = walk->place();
    if (!step) return Unexpected(step.error());
    if (std::holds_alternative<EntryWalk::End>(*step)) break;
    if (auto* gap = std::get_if<EntryWalk::Gap>(&*step)) take(std::move(*gap));
    if (const auto* entry = std::get_if<log::Entry>(&*step)) take(*entry);
    if (must_look_again()) {
      const FilePosition from = holes_.back().gap.from;
      looked_again_ = from;
      at_ = before_hole_.back();
      result_.findings.resize(at_.finding_count);
      holes_.pop_back();
      before_hole_.pop_back();
      walk.emplace(disk_, segment_, EntryWalk::Start{.place = from, .offset = at_.expected});
    }
    on_progress_(walked_to_);
  }
  judge_holes();
  check_end();
  return {};
}

void SegmentCheck::take(EntryWalk::Gap gap) {
  at_.finding_count = result_.findings.size();
  before_hole_.push_back(at_);
  Hole hole{.gap = std::move(gap), .first = at_.expected, .next = {}, .acknowledged = false};
  if (hole.gap.is_last && segment_.index) hole.next = segment_.index->next_offset;
  // Entries of a rewritten segment vouch for those behind them.
  if (at_.expected && at_.durable_end > *at_.expected) {
    hole.acknowledged = true;
    if (hole.gap.is_last) hole.next = at_.durable_end;
  }
  holes_.push_back(std::move(hole));
}

void SegmentCheck::take(const log::Entry& entry) {
  const Offset base = entry.batch_header.base_offset;
  const bool after_hole = !holes_.empty() && holes_.back().gap.to == entry.position;
  if (after_hole) holes_.back().next = base;
  for (Hole& hole : holes_) {
    const Offset unknown_first = base + -1;
    if (entry.header.durable_end > hole.first.value_or(unknown_first)) hole.acknowledged = true;
  }
  if (!after_hole || (at_.expected && base <= *at_.expected)) check_order(entry);
  check_place(entry);
  if (segment_.is_sealed())
    rebuilt_.note(entry.batch_header, entry.position, entry.header.entry_bytes());
  at_.expected = entry.batch_header.next_offset();
  at_.last_sequence = entry.header.commit_sequence;
  at_.durable_end = std::max(at_.durable_end, entry.header.durable_end);
  at_.entry_count += 1;
  at_.entry_bytes += entry.header.entry_bytes();
}

void SegmentCheck::check_order(const log::Entry& entry) {
  const Offset base = entry.batch_header.base_offset;
  if (at_.expected && base > *at_.expected) {
    Finding& finding = report(Kind::kMissingOffsets,
                              "the entry here begins after them, and all bytes before are intact");
    finding.first = at_.expected;
    finding.next = base;
    finding.from = entry.position;
  } else if (at_.expected && base < *at_.expected) {
    report(Kind::kOrder,
           fmt::format("the entry here has offset {}, and the log had come to {}", base, *at_.expected))
        .from = entry.position;
  }
  if (entry.header.commit_sequence < at_.last_sequence) {
    report(Kind::kOrder,
           fmt::format("the entry here is of commit {}, and the log had come to commit {}",
                       entry.header.commit_sequence, at_.last_sequence))
        .from = entry.position;
  }
}

void SegmentCheck::check_place(const log::Entry& entry) {
  if (!segment_.index) return;
  check_places_below(entry.position);
  const auto& places = segment_.index->index.places();
  if (next_place_ == places.size() || places[next_place_].position != entry.position) return;
  if (places[next_place_].offset != entry.batch_header.base_offset) report_place(places[next_place_]);
  ++next_place_;
}

// The index's places that the walk has passed without finding an entry there.
void SegmentCheck::check_places_below(FilePosition position) {
  const auto& places = segment_.index->index.places();
  for (; next_place_ < places.size() && places[next_place_].position < position; ++next_place_) {
    if (!is_in_hole(places[next_place_].position)) report_place(places[next_place_]);
  }
}

void SegmentCheck::report_place(const log::SegmentIndex::Place& place) {
  index_fits_ = false;
  Finding& finding =
      report_index(fmt::format("it says that the entry with offset {} is at byte {} of the segment, "
                               "and that is not so; {}",
                               place.offset, place.position, kRebuiltAfterRemoval));
  finding.first = place.offset;
  finding.next = place.offset + 1;
}

// In a segment that is being written, what follows a hole may have been read later than the hole
// itself, which a commit has filled in between. A second look, after the evidence, tells.
bool SegmentCheck::must_look_again() const {
  if (!task_.is_live || segment_.is_sealed() || holes_.empty()) return false;
  const Hole& hole = holes_.back();
  return hole.acknowledged && looked_again_ != hole.gap.from;
}

// --- The judgement -------------------------------------------------------------------------------

// The first hole that nobody can have been promised anything about is the torn tail, with all that
// follows it.
void SegmentCheck::judge_holes() {
  const auto torn = std::ranges::find_if(holes_, [this](const Hole& hole) { return !is_damage(hole); });
  if (torn != holes_.end()) {
    result_.torn_tail = true;
    at_ = before_hole_[static_cast<std::size_t>(torn - holes_.begin())];
    result_.findings.resize(at_.finding_count);
  }
  for (auto hole = holes_.begin(); hole != torn; ++hole) report_hole(*hole);
  result_.entry_count = at_.entry_count;
  result_.entry_bytes = at_.entry_bytes;
}

// At the end of a segment that is not sealed a hole is no damage, unless the segment was rewritten: had
// it been acknowledged, the next segment would begin after it, and that is checked there.
bool SegmentCheck::is_damage(const Hole& hole) const {
  if (segment_.is_sealed()) return true;
  const bool is_newest = task_.number == task_.partition.newest_segment;
  return hole.acknowledged || (!hole.gap.is_last && !is_newest);
}

void SegmentCheck::report_hole(const Hole& hole) {
  const bool is_cut = hole.gap.is_last && segment_.size_bytes < segment_.data_end().value;
  std::string what = hole.gap.found;
  if (is_cut) {
    what += fmt::format("; the file has {} bytes, and its index says that its data has {}",
                        segment_.size_bytes, segment_.data_end());
  }
  if (is_recorded(hole)) what += "; known since the recovery that sealed the segment";
  Finding& finding = report(is_cut ? Kind::kTruncated : Kind::kEntry, std::move(what));
  finding.first = hole.first;
  finding.next = hole.next;
  finding.from = hole.gap.from;
  finding.to = hole.gap.to;
}

bool SegmentCheck::is_recorded(const Hole& hole) const {
  if (!segment_.index || !hole.first || !hole.next) return false;
  return std::ranges::any_of(segment_.index->damaged, [&hole](const log::DamagedRange& range) {
    return range.first <= *hole.first && range.next >= *hole.next;
  });
}

void SegmentCheck::check_end() {
  result_.next_offset = at_.expected;
  const bool ends_in_hole = !holes_.empty() && holes_.back().gap.is_last;
  if (ends_in_hole && holes_.back().acknowledged) result_.next_offset = holes_.back().next;
  if (!segment_.index) return;
  result_.next_offset = segment_.index->next_offset;
  check_places_below(FilePosition{std::numeric_limits<std::uint64_t>::max()});
  if (ends_in_hole) return;
  if (at_.expected && *at_.expected != segment_.index->next_offset) {
    index_fits_ = false;
    report_index(fmt::format("it says that the segment ends with offset {}; it ends with {}; {}",
                             segment_.index->next_offset + -1, *at_.expected + -1,
                             kRebuiltAfterRemoval));
  }
  check_rebuilt_index();
}

void SegmentCheck::check_rebuilt_index() {
  const log::SealedIndex& index = *segment_.index;
  const bool comparable = holes_.empty() && index.damaged.empty() && index_fits_;
  if (!comparable) return;
  rebuilt_.header.number = segment_.number;
  rebuilt_.header.salt = *segment_.salt();
  if (index.entry_bytes == 0) rebuilt_.entry_bytes = 0;  // written by a build that did not count them
  if (rebuilt_.to_sealed_index().encode() == index.encode()) return;
  report_index(
      fmt::format("it is intact, but not the one that its segment gives: {} places, data to byte {}; "
                  "rebuilt, {} places, data to byte {}; {}",
                  index.index.places().size(), index.data_end, rebuilt_.index.places().size(),
                  rebuilt_.data_end, kRebuiltAfterRemoval));
}

bool SegmentCheck::is_in_hole(FilePosition position) const {
  return std::ranges::any_of(holes_, [position](const Hole& hole) {
    return hole.gap.from <= position && position < hole.gap.to;
  });
}

Finding& SegmentCheck::report(Kind kind, std::string what) {
  Finding finding{.kind = kind,
                  .topic = task_.partition.topic,
                  .partition = task_.partition.index,
                  .first = {},
                  .next = {},
                  .file = segment_.path,
                  .from = {},
                  .to = {},
                  .what = std::move(what)};
  return result_.findings.emplace_back(std::move(finding));
}

Finding& SegmentCheck::report_index(std::string what) {
  Finding& finding = report(Kind::kIndex, std::move(what));
  finding.file = segment_.index_path;
  return finding;
}

}  // namespace penstock::cli
