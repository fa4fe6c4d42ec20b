#include "rocksdb/read_streams.h"

#include <algorithm>
#include <cstring>

#include "rocksdb/inline_run.h"

namespace penstock::rocksdb {

namespace {

// One read that goes on where another one ended is enough: a scan of a few blocks has most of them in
// the first window.
constexpr std::uint64_t kReadsOfAStream = 2;
// Who reads as much as this at once, from a disk that does one thing after the other, needs no help.
constexpr std::size_t kMaxBlockingReadBytes = 64 * kKiB;

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
  ahead.reset();
  if (ring != nullptr) ring->finish();
  if (budget != nullptr) budget->give_back(budget_bytes);
}

Result<SharedSlice> ReadStreams::Stream::next(FilePosition from) {
  if (ring == nullptr) return run_inline(ahead->next(from));
  Result<SharedSlice> bytes = ring->run(ahead->next(from));
  ring->submit();  // the window after this one
  return bytes;
}

// Window by window, so that each byte is copied once.
Result<std::size_t> ReadStreams::Stream::read(FilePosition from, MutableBytes into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const Result<SharedSlice> bytes = next(from + filled);
    if (!bytes) return Unexpected(bytes.error());
    if (bytes->empty()) break;
    const std::size_t piece_bytes = std::min(bytes->size(), into.size() - filled);
    std::memcpy(into.data() + filled, bytes->data(), piece_bytes);
    filled += piece_bytes;
  }
  return filled;
}

std::optional<Result<std::size_t>> ReadStreams::read(FilePosition from, MutableBytes into) {
  if (into.size() > window_bytes_) return std::nullopt;
  const std::shared_ptr<Stream> stream = stream_at(from, into.size());
  if (stream == nullptr) return std::nullopt;
  const std::unique_lock lock(stream->mutex, std::try_to_lock);
  if (!lock.owns_lock() || !start(*stream)) return std::nullopt;
  if (stream->ring == nullptr && into.size() > kMaxBlockingReadBytes) return std::nullopt;
  return stream->read(from, into);
}

std::shared_ptr<ReadStreams::Stream> ReadStreams::stream_at(FilePosition from, std::size_t size_bytes) {
  // Its end waits for its window on the way, which must not hold up other readers.
  std::shared_ptr<Stream> pushed_out;
  const std::lock_guard lock(mutex_);
  ++clock_;
  const auto slot = std::ranges::find_if(
      slots_, [&](const Slot& one) { return one.read_count > 0 && one.next == from; });
  if (slot == slots_.end()) {
    Slot& oldest = *std::ranges::min_element(slots_, {}, &Slot::used_at);
    pushed_out = std::move(oldest.stream);
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
  if (!budget_.take(kWindows * window_bytes_)) return false;
  stream.budget = &budget_;
  stream.budget_bytes = kWindows * window_bytes_;
  const auto* const shared = dynamic_cast<const DescriptorFile*>(file_.get());
  if (shared != nullptr) stream.ring = rings_.borrow_to_keep();
  const bool has_ring = stream.ring != nullptr;
  const file::ReadAheadOptions options{.window_bytes_min = std::min(64 * kKiB, window_bytes_),
                                       .window_bytes_max = window_bytes_,
                                       .windows_in_flight = has_ring ? 1U : 0U,
                                       .windows_alone = 1};
  std::shared_ptr<File> file = file_;
  if (has_ring) file = stream.ring->share(*shared);
  stream.ahead.emplace(has_ring ? stream.ring->scheduler() : scheduler_, std::move(file), options);
  return true;
}

}  // namespace penstock::rocksdb
