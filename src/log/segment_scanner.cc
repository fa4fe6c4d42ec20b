#include "log/segment_scanner.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace penstock::log {

namespace {

// Looked through at a time for the beginning of an entry.
constexpr std::uint64_t kSearchBytes = 16 * kKiB;

}  // namespace

Task<Result<std::optional<Entry>>> SegmentScanner::next() {
  auto entry = co_await entry_at(place_);
  if (!entry) co_return entry;
  const FilePosition boundary{align_up(place_.value, kBlockBytes)};
  if (!*entry && place_ != boundary && entry_places_ == EntryPlaces::kInCommits) {
    // Not an entry, so this commit may have ended here: the next one starts at the boundary.
    entry = co_await entry_at(boundary);
    if (!entry) co_return entry;
  }
  if (*entry) place_ = next_entry_place((*entry)->end());
  co_return entry;
}

Task<Result<std::optional<Entry>>> SegmentScanner::find_beyond_damage(std::uint64_t limit_bytes) {
  const FilePosition limit = std::min(to_, place_ + limit_bytes);
  FilePosition behind = place_;
  while (true) {
    auto candidate = co_await next_candidate(behind + 1, limit);
    if (!candidate) co_return Unexpected(candidate.error());
    if (*candidate >= limit) co_return std::optional<Entry>();
    auto entry = co_await entry_at(*candidate);
    if (!entry) co_return entry;
    if (*entry) {
      place_ = next_entry_place((*entry)->end());
      co_return entry;
    }
    behind = *candidate;
  }
}

// The first place from `from` on at which an entry may start; `limit` when there is none in front of
// it.
Task<Result<FilePosition>> SegmentScanner::next_candidate(FilePosition from, FilePosition limit) {
  if (entry_places_ == EntryPlaces::kInCommits) {
    co_return std::min(FilePosition{align_up(from.value, kBlockBytes)}, limit);
  }
  std::array<std::byte, sizeof(kEntryMagic)> magic;
  store_le<std::uint32_t>(magic, 0, kEntryMagic);
  while (from < limit) {
    auto bytes = co_await bytes_at(from, std::min<std::uint64_t>(kSearchBytes, limit - from));
    if (!bytes) co_return Unexpected(bytes.error());
    // Not std::search, which takes a nanosecond and more for a byte.
    const void* found = ::memmem(bytes->data(), bytes->size(), magic.data(), magic.size());
    if (found != nullptr) {
      co_return from + static_cast<std::uint64_t>(static_cast<const std::byte*>(found) - bytes->data());
    }
    if (bytes->size() < magic.size()) break;
    // The magic may begin in the last bytes of these.
    from = from + (bytes->size() - (magic.size() - 1));
  }
  co_return limit;
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

  const std::size_t batch_at = position - held_start_ + kEntryHeaderBytes;
  SharedSlice batch = held_.slice(batch_at, header.batch_bytes);
  auto batch_header = BatchHeader::parse(batch.view());
  if (!batch_header || !batch_checksum_is_right(batch.view())) co_return std::optional<Entry>();
  co_return Entry{position, header, *batch_header, std::move(batch)};
}

Task<Result<ByteView>> SegmentScanner::bytes_at(FilePosition from, std::uint64_t size_bytes) {
  const FilePosition end = std::min(to_, from + size_bytes);
  if (from >= end) co_return ByteView();
  if (auto held = co_await hold(from, end - from); !held) co_return Unexpected(held.error());
  const std::uint64_t at = from - held_start_;
  co_return held_.view().subspan(at, std::min(end - from, held_.size() - at));
}

// Never asks for what it holds already: windows that were passed may be gone.
Task<Result<void>> SegmentScanner::hold(FilePosition from, std::uint64_t size_bytes) {
  const FilePosition held_end = held_start_ + held_.size();
  const bool holds_first = from >= held_start_ && from < held_end;
  if (holds_first && from + size_bytes <= held_end) co_return Result<void>();
  held_ = holds_first ? held_.slice(from - held_start_, held_end - from) : SharedSlice();
  held_start_ = from;
  if (held_.empty()) {
    auto window = co_await windows_->next(from, size_bytes, to_);
    if (!window) co_return Unexpected(std::move(window).error());
    held_ = std::move(*window);
  }
  if (held_.empty() || held_.size() >= size_bytes) co_return Result<void>();

  AlignedBuffer whole(size_bytes);
  std::size_t filled = held_.size();
  std::memcpy(whole.data(), held_.data(), filled);
  while (filled < size_bytes) {
    auto window = co_await windows_->next(from + filled, size_bytes - filled, to_);
    if (!window) co_return Unexpected(std::move(window).error());
    if (window->empty()) break;
    const std::size_t taken = std::min<std::size_t>(window->size(), size_bytes - filled);
    std::memcpy(whole.data() + filled, window->data(), taken);
    filled += taken;
  }
  held_ = std::move(whole).freeze(filled);
  co_return Result<void>();
}

}  // namespace penstock::log
