#include "file/read_ahead.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "file/block_range.h"
#include "file/buffer_pool.h"
#include "task/started.h"

namespace penstock::file {

namespace {

// Beside the windows held: one for the slice that the reader still holds of the last window, and one
// for a seek, which drops several at once.
constexpr std::size_t kSpareBuffers = 2;

// What the reads in flight still need when the ReadAhead is gone.
struct Source {
  std::shared_ptr<File> file;
  std::shared_ptr<BufferPool> pool;
  ReadAheadStats stats;
  std::size_t in_flight = 0;
};

Task<Result<SharedSlice>> read_blocks(std::shared_ptr<Source> source, BlockRange blocks) {
  ++source->in_flight;
  auto read = co_await source->file->read(blocks.start, source->pool->take(blocks.size_bytes()),
                                          blocks.size_bytes());
  --source->in_flight;
  if (!read) co_return Unexpected(std::move(read).error());
  ++source->stats.windows_read;
  source->stats.bytes_read += read->size_bytes;
  co_return source->pool->lease(std::move(read->buffer), read->size_bytes);
}

// Whole blocks that were read, or are being read, in one go.
class Window {
 public:
  Window(std::shared_ptr<Source> source, BlockRange blocks, std::uint64_t call_number)
      : blocks_(blocks), call_number_(call_number), read_(read_blocks(std::move(source), blocks)) {}

  FilePosition start() const { return blocks_.start; }
  // Where its bytes end: in front of its last block's end when the file ends inside.
  FilePosition end() const { return bytes_ ? start() + bytes_->size() : blocks_.end; }
  bool is_cut_short() const { return end() < blocks_.end; }
  // The call that started the read.
  std::uint64_t call_number() const { return call_number_; }

  bool is_in_flight() const { return !read_.has_ended(); }

  // Waits for the bytes.
  Task<Result<void>> load() {
    if (bytes_) co_return Result<void>();
    Result<SharedSlice> read = co_await read_;
    if (!read) co_return Unexpected(std::move(read).error());
    bytes_ = std::move(*read);
    co_return Result<void>();
  }

  // The bytes from `from` on, when it is loaded and holds that position.
  SharedSlice use(FilePosition from) {
    was_used_ = true;
    return bytes_->slice(from - start(), end() - from);
  }
  std::uint64_t unused_bytes() const { return was_used_ ? 0 : end() - start(); }

 private:
  BlockRange blocks_;
  std::uint64_t call_number_;
  Started<Result<SharedSlice>> read_;
  std::optional<SharedSlice> bytes_;
  bool was_used_ = false;
};

Task<void> end_unheard(Window window) {
  [[maybe_unused]] const Result<void> told_to_nobody = co_await window.load();
}

}  // namespace

class ReadAhead::State {
 public:
  State(Scheduler& scheduler, std::shared_ptr<File> file, ReadAheadOptions options);
  ~State();

  Task<Result<SharedSlice>> read(FilePosition from, std::size_t size_bytes);
  Task<Result<SharedSlice>> next(FilePosition from);
  void prepare(FilePosition from);
  void set_end(FilePosition end) { options_.end = end; }
  const ReadAheadStats& stats() const { return source_->stats; }

 private:
  // From the beginning of a call to its end.
  class Call {
   public:
    explicit Call(State& state) : state_(state) {
      PENSTOCK_ASSERT(!state_.is_called_, "a ReadAhead was called during another call");
      state_.is_called_ = true;
      ++state_.call_number_;
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { state_.is_called_ = false; }

   private:
    State& state_;
  };

  void touch(FilePosition from);
  Task<Result<SharedSlice>> bytes_at(FilePosition from, FilePosition wanted_end);
  Task<Result<SharedSlice>> joined(SharedSlice first, FilePosition from, FilePosition end);
  void start_window(BlockRange blocks);
  FilePosition smallest_window_end(FilePosition from) const;
  BlockRange window_for(FilePosition from, FilePosition wanted_end) const;
  void read_ahead();
  void learn_end();
  void drop_behind(FilePosition from);
  void start_over();
  void drop_first();
  void let_go(Window window);
  FilePosition read_ahead_limit() const;

  Scheduler& scheduler_;
  std::shared_ptr<Source> source_;
  ReadAheadOptions options_;
  std::deque<Window> windows_;  // without gaps; the first one is in use
  // Where the last call began, and where what it asked for ended.
  FilePosition last_from_;
  FilePosition last_end_;
  bool was_touched_ = false;
  bool is_sequential_;
  std::uint64_t window_bytes_;  // of the next window
  std::size_t windows_in_a_row_ = 0;
  std::optional<FilePosition> known_end_;
  bool is_called_ = false;
  std::uint64_t call_number_ = 0;
};

ReadAhead::State::State(Scheduler& scheduler, std::shared_ptr<File> file, ReadAheadOptions options)
    : scheduler_(scheduler),
      source_(std::make_shared<Source>()),
      options_(options),
      is_sequential_(options.sequential_from_start),
      window_bytes_(is_sequential_ ? options.window_bytes_max : options.window_bytes_min) {
  PENSTOCK_ASSERT(options.window_bytes_min > 0 && is_aligned(options.window_bytes_min, kBlockBytes) &&
                      is_aligned(options.window_bytes_max, kBlockBytes) &&
                      options.window_bytes_min <= options.window_bytes_max &&
                      options.window_bytes_max <= kMaxReadBytes,
                  "read-ahead windows are whole blocks, the smallest not above the largest");
  source_->file = std::move(file);
  source_->pool = std::make_shared<BufferPool>(kSpareBuffers, options.window_bytes_max);
}

ReadAhead::State::~State() {
  PENSTOCK_ASSERT(!is_called_, "a ReadAhead was destroyed during a call");
  for (Window& window : windows_) let_go(std::move(window));
}

Task<Result<SharedSlice>> ReadAhead::State::read(FilePosition from, std::size_t size_bytes) {
  const Call call(*this);
  if (size_bytes > kMaxReadBytes) {
    co_return fail(ErrorCode::kTooLarge, "read {} at {}: {} bytes at once; at most {} can be",
                   source_->file->path(), from, size_bytes, kMaxReadBytes);
  }
  const FilePosition end = end_of(from, size_bytes);
  if (from == end) co_return SharedSlice();
  touch(from);
  last_from_ = from;
  last_end_ = end;
  auto first = co_await bytes_at(from, end);
  if (!first || first->empty()) co_return first;
  if (first->size() >= end - from) co_return first->slice(0, end - from);
  co_return co_await joined(std::move(*first), from, end);
}

// Nothing behind options_.end is wanted, unless somebody asks for just that.
FilePosition ReadAhead::State::smallest_window_end(FilePosition from) const {
  const FilePosition end = end_of({align_down(from.value, kBlockBytes)}, options_.window_bytes_min);
  return from < options_.end ? std::min(end, options_.end) : end;
}

void ReadAhead::State::prepare(FilePosition from) {
  PENSTOCK_ASSERT(!was_touched_ && windows_.empty(), "a ReadAhead is prepared before its first call");
  const FilePosition wanted_end = smallest_window_end(from);
  if (from < wanted_end) start_window(window_for(from, wanted_end));
}

Task<Result<SharedSlice>> ReadAhead::State::next(FilePosition from) {
  const Call call(*this);
  const FilePosition wanted_end = smallest_window_end(from);
  if (from >= wanted_end) co_return SharedSlice();
  touch(from);
  last_from_ = from;
  last_end_ = from;
  auto bytes = co_await bytes_at(from, wanted_end);
  if (bytes) last_end_ = from + bytes->size();
  co_return bytes;
}

// [from, end), of which `first` is the beginning, from further windows.
Task<Result<SharedSlice>> ReadAhead::State::joined(SharedSlice first, FilePosition from,
                                                   FilePosition end) {
  AlignedBuffer whole;
  std::size_t filled = first.size();
  while (filled < end - from) {
    auto more = co_await bytes_at(from + filled, end);
    if (!more) co_return Unexpected(std::move(more).error());
    if (more->empty()) break;
    if (whole.capacity() == 0) {
      whole = AlignedBuffer(end - from);
      std::memcpy(whole.data(), first.data(), first.size());
    }
    const std::size_t size_bytes = std::min<std::size_t>(more->size(), end - from - filled);
    std::memcpy(whole.data() + filled, more->data(), size_bytes);
    filled += size_bytes;
  }
  if (whole.capacity() == 0) co_return first;
  co_return std::move(whole).freeze(filled);
}

// Takes note of a call at `from`: does it go on where the last one ended?
void ReadAhead::State::touch(FilePosition from) {
  const bool is_first = !std::exchange(was_touched_, true);
  if (is_first) return;
  const bool is_dropped = !windows_.empty() && from < windows_.front().start();
  const bool is_held = !windows_.empty() && from < windows_.back().end();
  // Readers step over the rest of a block.
  const bool follows = from >= last_from_ && from.value <= align_up(last_end_.value, kBlockBytes);
  if (is_dropped || (!is_held && !follows)) {
    start_over();
    ++source_->stats.resets;
  } else if (from > last_from_) {
    is_sequential_ = true;
  }
}

// All bytes from `from` on of the window that holds it; none at the end of the file.
Task<Result<SharedSlice>> ReadAhead::State::bytes_at(FilePosition from, FilePosition wanted_end) {
  drop_behind(from);
  if (windows_.empty()) start_window(window_for(from, wanted_end));
  // At most twice: the end that a window saw before this call may have moved since, so the device is
  // asked again; a window of this call has the last word.
  while (true) {
    read_ahead();
    const Result<void> loaded = co_await windows_.front().load();
    if (!loaded) {
      windows_.pop_front();
      start_over();
      co_return Unexpected(loaded.error());
    }
    learn_end();
    Window& window = windows_.front();
    if (from < window.end()) co_return window.use(from);
    if (window.call_number() == call_number_) co_return SharedSlice();
    windows_.clear();
    start_window(BlockRange::around(from, wanted_end));
  }
}

// The window to start for a reader that waits for [from, wanted_end).
BlockRange ReadAhead::State::window_for(FilePosition from, FilePosition wanted_end) const {
  BlockRange blocks = BlockRange::around(from, wanted_end);
  if (!is_sequential_) return blocks;
  const FilePosition ahead_end = std::min(blocks.start + window_bytes_, read_ahead_limit());
  const FilePosition longest_end = blocks.start + options_.window_bytes_max;
  blocks.end = std::max(std::min(blocks.end, longest_end), ahead_end);
  return blocks;
}

void ReadAhead::State::read_ahead() {
  if (!is_sequential_ || windows_in_a_row_ <= options_.windows_alone) return;
  // Reads that a seek has left behind count too, so that their memory is bounded.
  while (windows_.size() <= options_.windows_in_flight &&
         source_->in_flight <= options_.windows_in_flight) {
    const FilePosition start = windows_.back().end();
    const FilePosition end = std::min(start + window_bytes_, read_ahead_limit());
    if (windows_.back().is_cut_short() || start >= end) return;
    start_window({start, end});
  }
}

void ReadAhead::State::start_window(BlockRange blocks) {
  windows_.emplace_back(source_, blocks, call_number_);
  ++windows_in_a_row_;
  if (is_sequential_) window_bytes_ = std::min(2 * window_bytes_, options_.window_bytes_max);
}

// Whole blocks, and not behind the end of the file as it was last seen.
FilePosition ReadAhead::State::read_ahead_limit() const {
  const std::uint64_t end = std::min(options_.end, known_end_.value_or(options_.end)).value;
  return {align_up(std::min(end, kFilePositionLimit), kBlockBytes)};
}

void ReadAhead::State::learn_end() {
  const Window& window = windows_.front();
  if (window.is_cut_short()) {
    known_end_ = window.end();
    // If the file has grown, what the windows behind it hold does not follow.
    while (windows_.size() > 1) {
      let_go(std::move(windows_.back()));
      windows_.pop_back();
    }
  } else if (known_end_ && window.end() > *known_end_) {
    known_end_.reset();
  }
}

void ReadAhead::State::drop_behind(FilePosition from) {
  while (!windows_.empty() && windows_.front().end() <= from && !windows_.front().is_cut_short()) {
    drop_first();
  }
}

void ReadAhead::State::start_over() {
  while (!windows_.empty()) drop_first();
  is_sequential_ = false;
  windows_in_a_row_ = 0;
  window_bytes_ = options_.window_bytes_min;
}

void ReadAhead::State::drop_first() {
  source_->stats.bytes_dropped_unused += windows_.front().unused_bytes();
  let_go(std::move(windows_.front()));
  windows_.pop_front();
}

// Who ends the scheduler waits for its tasks, so a read that nobody waits for any more has to be one.
void ReadAhead::State::let_go(Window window) {
  if (window.is_in_flight()) scheduler_.spawn(end_unheard(std::move(window)));
}

ReadAhead::ReadAhead(Scheduler& scheduler, std::shared_ptr<File> file, ReadAheadOptions options)
    : state_(std::make_unique<State>(scheduler, std::move(file), options)) {}
ReadAhead::ReadAhead(ReadAhead&&) noexcept = default;
ReadAhead& ReadAhead::operator=(ReadAhead&&) noexcept = default;
ReadAhead::~ReadAhead() = default;

Task<Result<SharedSlice>> ReadAhead::read(FilePosition from, std::size_t size_bytes) {
  return state_->read(from, size_bytes);
}

Task<Result<SharedSlice>> ReadAhead::next(FilePosition from) { return state_->next(from); }

void ReadAhead::prepare(FilePosition from) { state_->prepare(from); }

void ReadAhead::set_end(FilePosition end) { state_->set_end(end); }

const ReadAheadStats& ReadAhead::stats() const { return state_->stats(); }

}  // namespace penstock::file
