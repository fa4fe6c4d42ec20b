#include "file/cached_read_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "file/block_range.h"
#include "task/join.h"

namespace penstock::file {

namespace {

std::size_t copy_from(ByteView block, std::size_t at, MutableBytes into) {
  if (at >= block.size()) return 0;
  const std::size_t size_bytes = std::min(into.size(), block.size() - at);
  std::memcpy(into.data(), block.data() + at, size_bytes);
  return size_bytes;
}

}  // namespace

Task<Result<std::size_t>> CachedReadFile::read(FilePosition from, MutableBytes into) {
  into = into.first(end_of(from, into.size()) - from);
  std::vector<Piece> missing;
  std::size_t at = 0;
  std::size_t end = into.size();
  while (at < end) {
    Piece piece = first_piece(from + at, into.subspan(at));
    if (const auto pin = cache_.find({file_id_, piece.block}, priority_)) {
      const std::size_t copied = copy_from(pin->bytes(), piece.at, piece.into);
      if (copied < piece.into.size()) end = at + copied;
    } else {
      missing.push_back(piece);
    }
    at += piece.into.size();
    const bool goes_on = at < end && missing.size() < kMaxFetchesInFlight;
    if (goes_on || missing.empty()) continue;

    co_await fetch_all(missing);
    for (const Piece& fetched : missing) {
      if (!fetched.result) co_return Unexpected(fetched.result.error());
      if (*fetched.result == fetched.into.size()) continue;
      const std::size_t place = static_cast<std::size_t>(fetched.into.data() - into.data());
      end = std::min(end, place + *fetched.result);
      break;
    }
    missing.clear();
  }
  co_return end;
}

CachedReadFile::Piece CachedReadFile::first_piece(FilePosition from, MutableBytes into) const {
  const std::uint64_t block_bytes = cache_.block_bytes();
  const std::size_t at = from.value % block_bytes;
  return {from.value / block_bytes, at, into.first(std::min(into.size(), block_bytes - at))};
}

Task<void> CachedReadFile::fetch(Piece& piece) {
  const BlockKey key{file_id_, piece.block};
  const Result<BlockCache::Pin> pin = co_await cache_.get(key, *file_.blocks(), priority_);
  if (pin) {
    piece.result = copy_from(pin->bytes(), piece.at, piece.into);
  } else if (pin.error().code() == ErrorCode::kBusy) {
    const FilePosition from{piece.block * cache_.block_bytes() + piece.at};
    piece.result = co_await file_.read(from, piece.into);
  } else {
    piece.result = Unexpected(pin.error());
  }
}

Task<void> CachedReadFile::fetch_all(std::span<Piece> pieces) {
  if (pieces.size() == 1) {
    co_await fetch(pieces.front());
    co_return;
  }
  std::vector<Task<void>> fetches;
  fetches.reserve(pieces.size());
  for (Piece& piece : pieces) fetches.push_back(fetch(piece));
  co_await join(scheduler_, std::move(fetches));
}

}  // namespace penstock::file
