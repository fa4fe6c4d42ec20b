#include "log/segment_scanner.h"

#include <algorithm>

namespace penstock::log {

SegmentScanner::SegmentScanner(File& file, Salt salt, Range range, std::uint64_t window_bytes)
    : file_(file),
      salt_(salt),
      place_(range.from),
      to_(range.to),
      window_bytes_(align_up(std::max(window_bytes, kBlockBytes), kBlockBytes)) {}

Task<Result<std::optional<Entry>>> SegmentScanner::next() {
  auto entry = co_await entry_at(place_);
  if (!entry) co_return entry;
  const FilePosition boundary{align_up(place_.value, kBlockBytes)};
  if (!*entry && place_ != boundary) {
    // Not an entry, so this commit may have ended here: the next one starts at the boundary.
    entry = co_await entry_at(boundary);
    if (!entry) co_return entry;
  }
  if (*entry) place_ = next_entry_place((*entry)->end());
  co_return entry;
}

Task<Result<std::optional<Entry>>> SegmentScanner::find_beyond_damage(std::uint64_t limit_bytes) {
  const FilePosition limit = std::min(to_, place_ + limit_bytes);
  FilePosition candidate{align_up(place_.value + 1, kBlockBytes)};
  for (; candidate < limit; candidate = candidate + kBlockBytes) {
    auto entry = co_await entry_at(candidate);
    if (!entry) co_return entry;
    if (*entry) {
      place_ = next_entry_place((*entry)->end());
      co_return entry;
    }
  }
  co_return std::optional<Entry>();
}

Task<Result<std::optional<Entry>>> SegmentScanner::entry_at(FilePosition position) {
  auto head = co_await bytes_at(position, kEntryHeaderBytes + kBatchPrefixBytes);
  if (!head) co_return Unexpected(head.error());
  EntryHeader header;
  if (header.decode(*head, salt_, position) != EntryHeader::Verdict::kEntry) {
    co_return std::optional<Entry>();
  }
  auto whole = co_await bytes_at(position, header.entry_bytes());
  if (!whole) co_return Unexpected(whole.error());
  if (whole->size() < header.entry_bytes()) co_return std::optional<Entry>();

  const std::size_t batch_at = position - window_start_ + kEntryHeaderBytes;
  SharedSlice batch = window_.slice(batch_at, header.batch_bytes);
  auto batch_header = BatchHeader::parse(batch.view());
  if (!batch_header || !batch_checksum_is_right(batch.view())) co_return std::optional<Entry>();
  co_return Entry{position, header, *batch_header, std::move(batch)};
}

Task<Result<ByteView>> SegmentScanner::bytes_at(FilePosition from, std::uint64_t size_bytes) {
  const FilePosition end = std::min(to_, from + size_bytes);
  if (from >= end) co_return ByteView();
  const FilePosition window_end = window_start_ + window_.size();
  if (window_.empty() || from < window_start_ || end > window_end) {
    const FilePosition start{align_down(from.value, kBlockBytes)};
    const std::uint64_t wanted = align_up(end - start, kBlockBytes);
    const std::uint64_t left = align_up(to_ - start, kBlockBytes);
    const std::uint64_t length = std::max(wanted, std::min(window_bytes_, left));
    AlignedBuffer buffer(length);
    auto read = co_await file_.read(start, std::move(buffer), length);
    if (!read) co_return Unexpected(read.error());
    const std::size_t filled = read->size_bytes;
    window_ = std::move(read->buffer).freeze(filled);
    window_start_ = start;
  }
  const std::uint64_t at = from - window_start_;
  if (at >= window_.size()) co_return ByteView();
  co_return window_.view().subspan(at, std::min(end - from, window_.size() - at));
}

}  // namespace penstock::log
