#include "log/read_pace.h"

#include <algorithm>
#include <utility>

namespace penstock::log {

namespace {

Task<Result<std::size_t>> read_whole(File& file, FilePosition from, MutableBytes into) {
  AlignedBuffer memory = AlignedBuffer::borrow(into);
  auto read = co_await file.read(from, std::move(memory), into.size());
  if (!read) co_return Unexpected(std::move(read).error());
  co_return read->size_bytes;
}

}  // namespace

Task<Result<std::size_t>> ReadPace::read(File& file, FilePosition from, MutableBytes into,
                                         const Gate& owner) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    if (owner.is_closed()) co_return fail(ErrorCode::kClosed, "{} is being closed", file.path());
    const MutableBytes rest = into.subspan(filled);
    const bool is_quiet = gaps_.is_quiet_for(kQuietAfter);
    const MutableBytes piece =
        is_quiet ? rest : rest.first(std::min<std::size_t>(rest.size(), piece_bytes()));
    auto read = is_quiet ? co_await read_whole(file, from + filled, piece)
                         : co_await read_piece(file, from + filled, piece);
    if (!read) co_return read;
    filled += *read;
    if (*read < piece.size()) break;
  }
  co_return filled;
}

std::uint64_t ReadPace::piece_bytes() const {
  const auto commit_us =
      std::chrono::duration_cast<std::chrono::microseconds>(gaps_.commit_time()).count();
  const std::uint64_t bytes = static_cast<std::uint64_t>(commit_us) * kPieceBytesPerCommitMicrosecond;
  return std::clamp(align_down(bytes, kBlockBytes), kPieceBytes, kLargestPieceBytes);
}

Task<Result<std::size_t>> ReadPace::read_piece(File& file, FilePosition from, MutableBytes into) {
  co_await turn_.acquire(1);
  co_await wait_for_gap();
  auto read = co_await read_whole(file, from, into);
  turn_.release(1);
  co_return read;
}

Task<void> ReadPace::wait_for_gap() {
  const Instant held_until = scheduler_.now() + kLongestHold;
  while (!gaps_.is_gap() && scheduler_.now() < held_until) co_await gaps_.wait_until(held_until);
}

}  // namespace penstock::log
