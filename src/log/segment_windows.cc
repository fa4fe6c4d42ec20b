#include "log/segment_windows.h"

#include <algorithm>
#include <utility>

#include "log/segment_source.h"

namespace penstock::log {

namespace {

// Two of the largest in flight keep a device busy; the smallest serves a fetch of a few messages.
constexpr std::uint64_t kSmallestAheadBytes = 128 * kKiB;

file::ReadAheadOptions ahead_options(AheadWindows::Start start) {
  file::ReadAheadOptions options;
  options.window_bytes_min = kSmallestAheadBytes;
  options.window_bytes_max = AheadWindows::kWindowBytes;
  options.sequential_from_start = start == AheadWindows::Start::kReadOn;
  return options;
}

}  // namespace

FileWindows::FileWindows(SegmentSource& source, std::uint64_t window_bytes)
    : FileWindows(static_cast<File&>(source), window_bytes) {
  source_ = &source;
}

std::uint64_t FileWindows::window_length(FilePosition start, std::uint64_t wanted,
                                         std::uint64_t left) const {
  const std::uint64_t window = std::min(window_bytes_, left);
  const std::uint64_t cached = source_ == nullptr ? 0 : source_->cached_bytes(start, window);
  return std::max(wanted, cached > 0 ? cached : window);
}

Task<Result<SharedSlice>> FileWindows::next(FilePosition from, std::uint64_t wanted_bytes,
                                            FilePosition end) {
  if (from < window_start_ || from >= window_start_ + window_.size()) {
    const FilePosition start{align_down(from.value, kBlockBytes)};
    const std::uint64_t wanted = align_up(from + wanted_bytes - start, kBlockBytes);
    const std::uint64_t left = align_up(end - start, kBlockBytes);
    const std::uint64_t length = window_length(start, wanted, left);
    auto read = co_await file_.read(start, AlignedBuffer(length), length);
    if (!read) co_return Unexpected(std::move(read).error());
    const std::size_t filled = read->size_bytes;
    window_ = std::move(read->buffer).freeze(filled);
    window_start_ = start;
    if (from >= start + filled) co_return SharedSlice();
  }
  const std::uint64_t at = from - window_start_;
  co_return window_.slice(at, window_.size() - at);
}

AheadWindows::AheadWindows(Scheduler& scheduler, std::shared_ptr<File> file, Start start)
    : ahead_(scheduler, std::move(file), ahead_options(start)) {}

void AheadWindows::prepare(FilePosition from, FilePosition end) {
  // Only what will not change: the last block of a segment that grows may be written again.
  const FilePosition fixed_end{align_down(end.value, kBlockBytes)};
  if (from >= fixed_end) return;
  ahead_.set_end(fixed_end);
  ahead_.prepare(from);
}

Task<Result<SharedSlice>> AheadWindows::next(FilePosition from, std::uint64_t /*wanted_bytes*/,
                                             FilePosition end) {
  ahead_.set_end(end);
  co_return co_await ahead_.next(from);
}

}  // namespace penstock::log
