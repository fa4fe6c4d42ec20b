#include "log/segment_source.h"

#include <utility>

namespace penstock::log {

Task<Result<ReadResult>> SegmentSource::read(FilePosition from, AlignedBuffer buffer,
                                             std::size_t length_bytes) {
  std::size_t filled = 0;
  while (filled < length_bytes) {
    const MutableBytes rest = buffer.span().subspan(filled, length_bytes - filled);
    const FilePosition at = from + filled;
    const std::size_t copied = cache_ == nullptr ? 0 : cache_->copy(*segment_, at, rest);
    filled += copied;
    if (copied > 0) continue;
    const std::uint64_t missing =
        cache_ == nullptr ? rest.size() : cache_->missing_bytes(*segment_, at, rest.size());
    // What is here of the segment's last block ends where the segment does.
    if (missing == 0) break;
    auto read = co_await pace_.read(*file_, at, rest.first(missing), gate_);
    if (!read) co_return Unexpected(std::move(read).error());
    if (cache_ != nullptr) cache_->count_miss(*read);
    filled += *read;
    if (*read < missing) break;
  }
  co_return ReadResult{std::move(buffer), filled};
}

Task<Result<void>> SegmentSource::refuse() {
  co_return fail(ErrorCode::kNotSupported, "{} is open for reading", path());
}

}  // namespace penstock::log
