#include "log/segment.h"

#include <algorithm>
#include <charconv>

#include "file/small_file.h"

namespace penstock::log {

namespace {

constexpr std::string_view kSegmentSuffix = ".seg";
constexpr std::string_view kIndexSuffix = ".idx";
constexpr std::size_t kNumberDigits = 20;

}  // namespace

std::string segment_file_name(std::uint64_t number) {
  return fmt::format("{:0{}}{}", number, kNumberDigits, kSegmentSuffix);
}

std::string index_file_name(std::uint64_t number) {
  return fmt::format("{:0{}}{}", number, kNumberDigits, kIndexSuffix);
}

std::optional<std::uint64_t> segment_number_of(std::string_view name) {
  if (name.size() != kNumberDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  const char* end = name.data() + kNumberDigits;
  const auto parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

Task<Result<SegmentStart>> read_segment_start(File& file) {
  AlignedBuffer buffer(kFirstCommit.value);
  auto read = co_await file.read(FilePosition{0}, std::move(buffer), kFirstCommit.value);
  if (!read) co_return Unexpected(read.error());
  const ByteView bytes = read->buffer.view().first(read->size_bytes);
  Result<SegmentHeader> header = fail(ErrorCode::kCorrupt, "no segment header");
  for (const FilePosition copy : kHeaderCopies) {
    if (header || copy.value >= bytes.size()) break;
    header = SegmentHeader::decode(bytes.subspan(copy.value));
  }
  if (!header) co_return Unexpected(header.error().context(file.path()));
  SegmentStart start{*header, std::nullopt};
  for (const FilePosition copy : kHeaderCopies) {
    if (copy.value >= bytes.size()) break;
    auto found = Checkpoint::decode(bytes.subspan(copy.value), header->salt);
    if (found && (!start.checkpoint || found->number > start.checkpoint->number)) {
      start.checkpoint = std::move(found);
    }
  }
  co_return start;
}

Task<Result<void>> write_segment_header(File& file, const SegmentHeader& header,
                                        Durability durability) {
  AlignedBuffer headers(kFirstCommit.value);
  for (const FilePosition copy : kHeaderCopies) header.encode(headers.span().subspan(copy.value));
  const SharedSlice bytes = std::move(headers).freeze(kFirstCommit.value);
  co_return co_await file.write(FilePosition{0}, bytes, durability);
}

void Segment::note(const BatchHeader& batch, FilePosition position, std::uint64_t size_bytes) {
  if (empty()) base_offset = batch.base_offset;
  const bool after_damage = !damaged.empty() && damaged.back().next == batch.base_offset;
  index.note(batch, position, after_damage);
  next_offset = batch.next_offset();
  data_end = position + size_bytes;
  entry_bytes += size_bytes;
}

Checkpoint Segment::to_checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.number = checkpoint_count + 1;
  checkpoint.base_offset = base_offset;
  checkpoint.next_offset = next_offset;
  checkpoint.data_end = data_end;
  checkpoint.commit_sequence = commit_sequence;
  checkpoint.entry_bytes = entry_bytes;
  checkpoint.index = index.thinned(Checkpoint::kPlacesMax);
  return checkpoint;
}

void Segment::adopt(const Checkpoint& checkpoint) {
  base_offset = checkpoint.base_offset;
  next_offset = checkpoint.next_offset;
  data_end = checkpoint.data_end;
  commit_sequence = checkpoint.commit_sequence;
  entry_bytes = checkpoint.entry_bytes;
  index = checkpoint.index;
}

SealedIndex Segment::to_sealed_index() const {
  SealedIndex sealed_index;
  sealed_index.segment_number = header.number;
  sealed_index.salt = header.salt;
  sealed_index.base_offset = base_offset;
  sealed_index.next_offset = next_offset;
  sealed_index.data_end = data_end;
  sealed_index.entry_bytes = entry_bytes;
  sealed_index.index = index;
  sealed_index.damaged = damaged;
  return sealed_index;
}

Task<Result<Entry>> read_expected(SegmentScanner& scanner, const Segment& segment, Offset expected,
                                  Offset latest) {
  auto entry = co_await scanner.next();
  if (entry && !*entry && expected < latest) {
    entry = co_await scanner.find_beyond_damage(kIndexStrideBytes);
  }
  if (!entry) co_return Unexpected(entry.error());
  const bool fits = *entry && (*entry)->batch_header.base_offset >= expected &&
                    (*entry)->batch_header.base_offset <= latest;
  if (!fits) {
    co_return fail(ErrorCode::kCorrupt,
                   "offset {} is damaged, near byte {} of {}; run `penstock log verify`", expected,
                   scanner.place(), segment.path());
  }
  co_return std::move(**entry);
}

namespace {

Task<Result<void>> write_index(Disk& disk, const Segment& segment) {
  co_return co_await file::replace_small_file(disk, segment.directory,
                                              index_file_name(segment.header.number),
                                              segment.to_sealed_index().encode());
}

// Readers read whole blocks, and direct reads of a partial last block are short, not wrong.
Task<Result<void>> cut_to_data(Segment& segment) {
  segment.written_bytes = std::min(segment.written_bytes, segment.data_end.value);
  if (auto done = co_await segment.file->truncate(segment.data_end.value); !done) co_return done;
  co_return co_await segment.file->sync(SyncScope::kAll);
}

}  // namespace

Task<Result<void>> seal(Disk& disk, Segment& segment, SealCut cut) {
  const bool may_cut = cut == SealCut::kToData;
  const bool keeps_spare = segment.is_nearly_full();
  if (may_cut && !keeps_spare) {
    if (auto done = co_await cut_to_data(segment); !done) co_return done;
  }
  auto indexed = co_await write_index(disk, segment);
  if (!indexed && indexed.error().code() == ErrorCode::kNoSpace && may_cut && keeps_spare) {
    if (auto done = co_await cut_to_data(segment); !done) co_return done;
    indexed = co_await write_index(disk, segment);
  }
  if (!indexed) co_return indexed;
  segment.sealed = true;
  segment.indexed = true;
  co_return Result<void>();
}

}  // namespace penstock::log
