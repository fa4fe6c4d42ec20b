#include "cli/stored_segment.h"

#include <algorithm>

namespace penstock::cli {

namespace {

using log::EntryHeader;
using log::SegmentHeader;

constexpr std::uint64_t kWindowBytes = kMiB;
// An entry may start so late in a block that what its checksum covers ends in the next.
constexpr std::uint64_t kLookBytes = 2 * kBlockBytes;

constexpr std::string_view kBadBatch =
    "the record batch's checksum is wrong; its entry header is intact";
constexpr std::string_view kBadHeader = "no intact entry header where an entry should be";
constexpr std::string_view kCutEntry = "the file ends in the middle of an entry";
constexpr std::string_view kFileEnded = "the file ends before the entry that should be here";
constexpr std::string_view kZeros = "zeros where an entry should be";

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

bool same(const SegmentHeader& a, const SegmentHeader& b) {
  return a.topic_id == b.topic_id && a.partition == b.partition && a.number == b.number &&
         a.salt == b.salt && a.created_ms == b.created_ms;
}

Result<void> read_header(OfflineDisk& disk, StoredSegment& segment) {
  AlignedBuffer buffer(log::kFirstCommit.value);
  auto read = disk.run(segment.file->read(FilePosition{0}, std::move(buffer), log::kFirstCommit.value));
  if (!read) return Unexpected(read.error());
  const ByteView bytes = read->buffer.view().first(read->size_bytes);
  for (const FilePosition copy : log::kHeaderCopies) {
    const ByteView block = bytes.subspan(std::min<std::size_t>(copy.value, bytes.size()));
    const auto header = SegmentHeader::decode(block);
    if (!header) {
      const bool cut = block.size() < kBlockBytes;
      segment.bad_copies.push_back(
          {copy, cut ? Error(ErrorCode::kCorrupt, "the file ends before it") : header.error()});
    } else if (!segment.header) {
      segment.header = *header;
    } else {
      segment.copies_differ = !same(*segment.header, *header);
    }
  }
  return {};
}

// Whether the index is about this segment; with both headers gone, only its number can be compared.
bool belongs_to(const log::SealedIndex& index, const StoredSegment& segment) {
  return index.segment_number == segment.number &&
         (!segment.header || segment.header->salt == index.salt);
}

Result<void> read_index(OfflineDisk& disk, StoredSegment& segment) {
  using enum StoredSegment::IndexState;
  const auto contents = disk.read_small_file(segment.index_path);
  if (!contents && contents.error().code() == ErrorCode::kNotFound) return {};
  if (!contents) return Unexpected(contents.error());
  auto index = log::SealedIndex::decode(*contents);
  if (!index) {
    segment.index_state = kDamaged;
    segment.index_problem = index.error().message();
  } else if (!belongs_to(*index, segment)) {
    segment.index_state = kForeign;
    segment.index_problem =
        fmt::format("it is the index of another segment (number {})", index->segment_number);
  } else {
    segment.index_state = kIntact;
    segment.index = std::move(*index);
  }
  return {};
}

}  // namespace

std::optional<log::Salt> StoredSegment::salt() const {
  if (header) return header->salt;
  if (index) return index->salt;
  return std::nullopt;
}

Result<StoredSegment> open_stored_segment(OfflineDisk& disk, const std::string& directory,
                                          std::uint64_t number) {
  StoredSegment segment;
  segment.number = number;
  segment.path = directory + "/" + log::segment_file_name(number);
  segment.index_path = directory + "/" + log::index_file_name(number);
  auto file = disk.open(segment.path);
  if (!file) return Unexpected(file.error());
  segment.file = std::move(*file);
  // Before the index: a seal writes that first and cuts the file then, so a file that was cut has an
  // index.
  const auto size = disk.run(segment.file->size());
  if (!size) return Unexpected(size.error());
  segment.size_bytes = *size;
  if (auto read = read_header(disk, segment); !read) return Unexpected(read.error());
  if (auto read = read_index(disk, segment); !read) return Unexpected(read.error());
  return segment;
}

EntryWalk::EntryWalk(OfflineDisk& disk, StoredSegment& segment, Start start)
    : disk_(disk),
      segment_(segment),
      windows_(std::make_unique<log::FileWindows>(*segment.file, kWindowBytes)),
      expected_(start.offset) {
  scanner_.emplace(scanner_from(start.place));
}

log::SegmentScanner EntryWalk::scanner_from(FilePosition place) const {
  PENSTOCK_ASSERT(segment_.salt().has_value(), "a walk needs the segment's salt");
  const log::SegmentScanner::Range range{place, segment_.data_end()};
  return {*windows_, *segment_.salt(), range};
}

Result<EntryWalk::Step> EntryWalk::next() {
  if (after_gap_) return take(*std::exchange(after_gap_, std::nullopt));
  const FilePosition place = scanner_->place();
  auto entry = disk_.run(scanner_->next());
  if (!entry) return Unexpected(entry.error());
  if (!*entry) return step_over_gap(place);
  const Result<bool> passed = has_passed_damage(place, **entry);
  if (!passed) return Unexpected(passed.error());
  return *passed ? step_over_gap(place) : take(std::move(**entry));
}

EntryWalk::Step EntryWalk::take(log::Entry entry) {
  expected_ = entry.batch_header.next_offset();
  return entry;
}

Result<bool> EntryWalk::has_passed_damage(FilePosition place, const log::Entry& entry) {
  const bool follows = !expected_ || entry.batch_header.base_offset == *expected_;
  if (follows || entry.position == place) return false;
  const Result<Evidence> evidence = look_at(place);
  if (!evidence) return Unexpected(evidence.error());
  return evidence->found != kZeros;
}

Result<EntryWalk::Step> EntryWalk::step_over_gap(FilePosition place) {
  const FilePosition end = segment_.data_end();
  if (place >= end) return Step(End{});
  const Result<Evidence> evidence = examine(place);
  if (!evidence) return Unexpected(evidence.error());

  std::optional<log::SegmentScanner> beyond;
  auto entry = find_beyond(*evidence, beyond);
  if (!entry) return Unexpected(entry.error());

  Gap gap{.from = evidence->position,
          .to = end,
          .found = std::string(evidence->found),
          .is_last = !entry->has_value()};
  scanner_.emplace(scanner_from(end));
  if (*entry) {
    gap.to = (*entry)->position;
    after_gap_ = std::move(*entry);
    scanner_.emplace(*beyond);
  } else if (!segment_.is_sealed() && !evidence->is_entry) {
    return Step(End{});
  }
  return Step(std::move(gap));
}

// The first intact entry behind `evidence`, and the scanner that goes on behind that one. Where lengths
// are known the walk is from entry to entry, so that one damaged batch takes no other of its commit
// with it.
Result<std::optional<log::Entry>> EntryWalk::find_beyond(Evidence evidence,
                                                         std::optional<log::SegmentScanner>& beyond) {
  while (evidence.resume) {
    const FilePosition place = *evidence.resume;
    beyond.emplace(scanner_from(place));
    auto entry = disk_.run(beyond->next());
    if (!entry || (*entry && (*entry)->position == place)) return entry;
    const Result<Evidence> next = look_at(place);
    if (!next) return Unexpected(next.error());
    if (*entry && next->found == kZeros) return entry;
    evidence = *next;
  }
  beyond.emplace(scanner_from(evidence.position));
  return disk_.run(beyond->find_beyond_damage(segment_.data_end().value));
}

// What is where an entry should start: at `place`, or, when the commit ended there, at the next block.
// Zeros up to the end of a block are what a commit is padded with.
Result<EntryWalk::Evidence> EntryWalk::examine(FilePosition place) {
  const FilePosition boundary{align_up(place.value, kBlockBytes)};
  Result<Evidence> evidence = look_at(place);
  if (evidence && evidence->found == kZeros && place != boundary) evidence = look_at(boundary);
  return evidence;
}

Result<EntryWalk::Evidence> EntryWalk::look_at(FilePosition place) {
  const FilePosition block{align_down(place.value, kBlockBytes)};
  auto read = disk_.run(segment_.file->read(block, AlignedBuffer(kLookBytes), kLookBytes));
  if (!read) return Unexpected(read.error());
  const std::size_t at = std::min<std::size_t>(place - block, read->size_bytes);
  const ByteView bytes = read->buffer.view().first(read->size_bytes).subspan(at);
  const FilePosition file_end{segment_.size_bytes};

  EntryHeader header;
  if (header.decode(bytes, *segment_.salt(), place) == EntryHeader::Verdict::kEntry) {
    const FilePosition end = place + header.entry_bytes();
    return Evidence{.position = place,
                    .found = end > file_end ? kCutEntry : kBadBatch,
                    .is_entry = true,
                    .resume = log::next_entry_place(end)};
  }
  const bool is_behind = place >= file_end;
  const ByteView rest_of_block =
      bytes.first(std::min<std::size_t>(bytes.size(), kBlockBytes - (place - block)));
  return Evidence{.position = place,
                  .found = is_behind                 ? kFileEnded
                           : all_zero(rest_of_block) ? kZeros
                                                     : kBadHeader,
                  .is_entry = false,
                  .resume = std::nullopt};
}

}  // namespace penstock::cli
