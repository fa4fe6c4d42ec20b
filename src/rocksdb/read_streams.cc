#include "rocksdb/read_streams.h"

#include <algorithm>
#include <cstring>

#include "rocksdb/inline_run.h"

namespace penstock::rocksdb {

namespace {

constexpr std::uint64_t kReadsOfAStream = 3;

}  // namespace

bool ReadAheadBudget::take(std::uint64_t bytes) {
  const auto wanted = static_cast<std::int64_t>(bytes);
  if (left_bytes_.fetch_sub(wanted, std::memory_order_relaxed) >= wanted) return true;
  give_back(bytes);
  return false;
}

void ReadAheadBudget::give_back(std::uint64_t bytes) {
  left_bytes_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

ReadStreams::Stream::~Stream() {
  if (budget != nullptr) budget->give_back(budget_bytes);
}

std::optional<Result<std::size_t>> ReadStreams::read(FilePosition from, MutableBytes into) {
  if (into.size() > kMaxReadBytes) return std::nullopt;
  const std::shared_ptr<Stream> stream = stream_at(from, into.size());
  if (stream == nullptr) return std::nullopt;
  const std::unique_lock lock(stream->mutex, std::try_to_lock);
  if (!lock.owns_lock() || !start(*stream)) return std::nullopt;
  const Result<SharedSlice> bytes = run_inline(stream->ahead->read(from, into.size()));
  if (!bytes) return Unexpected(bytes.error());
  if (!bytes->empty()) std::memcpy(into.data(), bytes->data(), bytes->size());
  return bytes->size();
}

std::shared_ptr<ReadStreams::Stream> ReadStreams::stream_at(FilePosition from, std::size_t size_bytes) {
  const std::lock_guard lock(mutex_);
  ++clock_;
  const auto slot = std::ranges::find_if(
      slots_, [&](const Slot& one) { return one.read_count > 0 && one.next == from; });
  if (slot == slots_.end()) {
    Slot& oldest = *std::ranges::min_element(slots_, {}, &Slot::used_at);
    oldest = {.next = from + size_bytes, .read_count = 1, .used_at = clock_, .stream = nullptr};
    return nullptr;
  }
  slot->next = from + size_bytes;
  slot->used_at = clock_;
  if (++slot->read_count < kReadsOfAStream) return nullptr;
  if (slot->stream == nullptr) slot->stream = std::make_shared<Stream>();
  return slot->stream;
}

// False when the budget is used up.
bool ReadStreams::start(Stream& stream) {
  if (stream.ahead) return true;
  if (!budget_.take(window_bytes_)) return false;
  stream.budget = &budget_;
  stream.budget_bytes = window_bytes_;
  // The disk blocks, so a window on its way would be one to wait for.
  const file::ReadAheadOptions options{.window_bytes_min = std::min(64 * kKiB, window_bytes_),
                                       .window_bytes_max = window_bytes_,
                                       .windows_in_flight = 0};
  stream.ahead.emplace(scheduler_, file_, options);
  return true;
}

}  // namespace penstock::rocksdb
