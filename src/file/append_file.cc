#include "file/append_file.h"

#include <algorithm>
#include <limits>
#include <list>

#include "file/fence.h"
#include "file/tail_buffer.h"

namespace penstock::file {

namespace {

constexpr std::uint64_t kMaxBufferBytes = 64 * kMiB;
constexpr std::size_t kMaxWriteBehind = 64;
constexpr std::uint64_t kMaxStepBytes = 64 * kGiB;

// The largest file position that the kernel knows.
constexpr auto kMaxFileBytes = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

Result<void> check_blocks(std::string_view name, std::uint64_t bytes, std::uint64_t max_bytes) {
  if (bytes > 0 && bytes <= max_bytes && is_aligned(bytes, kBlockBytes)) return {};
  return fail(ErrorCode::kInvalidArgument, "{} is {}; it has to be a multiple of {}, from {} to {}",
              name, bytes, kBlockBytes, kBlockBytes, max_bytes);
}

Result<void> check(const AppendOptions& options) {
  if (auto ok = check_blocks("buffer_bytes", options.buffer_bytes, kMaxBufferBytes); !ok) return ok;
  if (options.write_behind_max < 1 || options.write_behind_max > kMaxWriteBehind) {
    return fail(ErrorCode::kInvalidArgument, "write_behind_max is {}; it has to be from 1 to {}",
                options.write_behind_max, kMaxWriteBehind);
  }
  if (options.write_depth < 1 || options.write_depth > kMaxWriteBehind) {
    return fail(ErrorCode::kInvalidArgument, "write_depth is {}; it has to be from 1 to {}",
                options.write_depth, kMaxWriteBehind);
  }
  if (options.is_exact && options.preparation != Preparation::kNone) {
    return fail(ErrorCode::kInvalidArgument, "an exact file has no room for prepared space");
  }
  return check_blocks("preparation_step_bytes", options.preparation_step_bytes, kMaxStepBytes);
}

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

}  // namespace

class AppendFile::State : public std::enable_shared_from_this<State> {
 public:
  State(Scheduler& scheduler, IoMode mode, std::unique_ptr<File> file, AppendOptions options,
        FilePosition end);

  // Reads back the bytes that the file has in its last block.
  Task<Result<void>> read_tail();

  Task<Result<FilePosition>> append(ByteView bytes);
  Task<Result<void>> flush();
  Task<Result<void>> sync();
  Task<Result<void>> seal();
  Task<void> close();
  void set_preparation(Preparation preparation);
  std::optional<PreparationStep> begin_step() { return space_.begin_step(FilePosition{size_bytes_}); }
  Task<void> end_step(PreparationStep step, Result<void> done) {
    return space_.end_step(step, std::move(done));
  }
  bool has_space_for(std::uint64_t bytes) const {
    return space_.reaches(FilePosition{size_bytes_} + bytes);
  }
  void make_exact();
  Unwritten unwritten() const;
  // Nobody calls any more.
  void abandon() {
    PENSTOCK_ASSERT(!is_taken_, "an AppendFile was destroyed during one of its calls");
    space_.stop();
  }

  std::uint64_t size_bytes() const { return size_bytes_; }
  std::uint64_t durable_bytes() const { return durable_bytes_; }
  IoMode mode() const { return mode_; }
  const std::string& path() const { return file_->path(); }
  const std::optional<Error>& fence() const { return fence_.cause(); }

 private:
  // One caller at a time.
  class Turn {
   public:
    explicit Turn(bool& taken) : taken_(taken) {
      PENSTOCK_ASSERT(!taken_, "two calls to one AppendFile at a time");
      taken_ = true;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { taken_ = false; }

   private:
    bool& taken_;
  };

  // A full buffer on its way to the device; kept until everything before it has arrived too.
  struct Behind {
    FilePosition start;    // of the memory
    AlignedBuffer memory;  // immutable while this lives
    TailBuffer::Blocks dirty;
    bool has_arrived = false;
  };

  Task<Result<void>> make_room();
  static Task<void> write_behind(std::shared_ptr<State> self, Behind& full);
  bool can_go_straight_out(ByteView bytes) const;
  Task<Result<void>> write_through(ByteView blocks);
  Task<Result<void>> write_tail(Durability durability);
  Task<Result<void>> write_everything();
  Task<Result<void>> cut();
  Task<Result<void>> sync_file(SyncScope scope);
  AlignedBuffer free_buffer();
  void keep_spare(AlignedBuffer memory);
  Result<void> fenced_by(const Result<void>& failure);

  Scheduler& scheduler_;
  IoMode mode_;
  std::unique_ptr<File> file_;
  AppendOptions options_;
  Fence fence_;
  Semaphore sync_turn_;
  PreparedSpace space_;
  TailBuffer tail_;
  std::list<Behind> behind_;  // oldest first, at most write_behind_max
  Semaphore write_turns_;     // of write_depth
  std::size_t behind_in_flight_ = 0;
  WaitQueue behind_changed_;
  // All buffers but the first: a file that never fills that one needs no more. In one piece, so that
  // they are on huge pages.
  AlignedBuffer slab_;
  std::vector<AlignedBuffer> spare_;  // parts of the slab that are not in use
  std::uint64_t size_bytes_;
  std::uint64_t durable_bytes_;
  bool needs_sync_ = false;     // something was written that only a sync makes durable
  bool may_be_longer_ = false;  // than what was appended: padding, or prepared space
  bool disk_blocks_ = false;    // the last write behind had ended as soon as it was started
  bool is_sealed_ = false;
  bool is_taken_ = false;
};

AppendFile::State::State(Scheduler& scheduler, IoMode mode, std::unique_ptr<File> file,
                         AppendOptions options, FilePosition end)
    : scheduler_(scheduler),
      mode_(mode),
      file_(std::move(file)),
      options_(options),
      fence_(file_->path()),
      sync_turn_(scheduler, 1),
      space_(scheduler, *file_, fence_, sync_turn_,
             {.preparation = options.preparation, .step_bytes = options.preparation_step_bytes}, end),
      tail_(end, AlignedBuffer(options.buffer_bytes)),
      write_turns_(scheduler, static_cast<std::int64_t>(options.write_depth)),
      behind_changed_(scheduler),
      size_bytes_(end.value),
      durable_bytes_(end.value) {}

Task<Result<void>> AppendFile::State::read_tail() {
  const std::uint64_t tail_bytes = tail_.end() - tail_.start();
  if (tail_bytes == 0) co_return Result<void>();
  AlignedBuffer block(kBlockBytes);
  auto read = co_await file_->read(tail_.start(), std::move(block), kBlockBytes);
  if (!read) co_return Unexpected(read.error());
  if (read->size_bytes < tail_bytes) {
    co_return fail(ErrorCode::kIo,
                   "read {} at {}: {} bytes where {} are; is something else writing it?", path(),
                   tail_.start(), read->size_bytes, tail_bytes);
  }
  tail_.restore(read->buffer.view().first(tail_bytes));
  co_return Result<void>();
}

Task<Result<FilePosition>> AppendFile::State::append(ByteView bytes) {
  const Turn turn(is_taken_);
  if (auto allowed = fence_.check(); !allowed) co_return Unexpected(allowed.error());
  if (is_sealed_) {
    co_return fail(ErrorCode::kClosed, "{} is sealed; open it again to append", path());
  }
  if (bytes.size() > kMaxFileBytes - size_bytes_) {
    co_return fail(ErrorCode::kTooLarge, "append {} bytes to {}, which has {}: at most {} are possible",
                   bytes.size(), path(), size_bytes_, kMaxFileBytes);
  }
  const FilePosition at{size_bytes_};
  if (bytes.empty()) co_return at;
  const FilePosition end = at + bytes.size();
  if (!space_.reaches(end)) {
    if (auto reached = co_await space_.reach(end); !reached) co_return Unexpected(reached.error());
  }
  while (!bytes.empty()) {
    if (tail_.is_full()) {
      if (auto room = co_await make_room(); !room) co_return Unexpected(room.error());
    }
    if (can_go_straight_out(bytes)) {
      const ByteView blocks = bytes.first(align_down(bytes.size(), kBlockBytes));
      if (auto written = co_await write_through(blocks); !written)
        co_return Unexpected(written.error());
      bytes = bytes.subspan(blocks.size());
    } else {
      bytes = bytes.subspan(tail_.fill(bytes));
    }
  }
  // Only now: an append that failed on the way has not happened.
  size_bytes_ = end.value;
  if (!options_.owner_prepares && space_.should_go_ahead(end))
    scheduler_.start(space_.go_ahead(shared_from_this()));
  co_return at;
}

Task<Result<void>> AppendFile::State::flush() {
  const Turn turn(is_taken_);
  if (auto allowed = fence_.check(); !allowed) co_return allowed;
  if (auto written = co_await write_everything(); !written) co_return written;
  co_return co_await cut();
}

Task<Result<void>> AppendFile::State::sync() {
  const Turn turn(is_taken_);
  if (auto allowed = fence_.check(); !allowed) co_return allowed;
  if (!needs_sync_ && !options_.is_exact) {
    if (auto written = co_await write_tail(Durability::kDevice); !written) co_return written;
  } else {
    if (auto written = co_await write_everything(); !written) co_return written;
    if (auto done = co_await cut(); !done) co_return done;
    if (!needs_sync_) co_return Result<void>();
    // An exact file was cut; kAll also drops the page that a cut leaves.
    const SyncScope scope = options_.is_exact ? SyncScope::kAll : SyncScope::kData;
    if (auto synced = co_await sync_file(scope); !synced) co_return synced;
  }
  durable_bytes_ = size_bytes_;
  co_return Result<void>();
}

Task<Result<void>> AppendFile::State::seal() {
  const Turn turn(is_taken_);
  if (auto allowed = fence_.check(); !allowed) co_return allowed;
  if (is_sealed_) co_return Result<void>();
  space_.stop();
  if (auto written = co_await write_everything(); !written) co_return written;
  co_await space_.wait_until_idle();
  if (auto allowed = fence_.check(); !allowed) co_return allowed;
  if (auto cut = co_await file_->truncate(size_bytes_); !cut) co_return fenced_by(cut);
  if (auto synced = co_await sync_file(SyncScope::kAll); !synced) co_return synced;
  durable_bytes_ = size_bytes_;
  is_sealed_ = true;
  co_return Result<void>();
}

Task<void> AppendFile::State::close() {
  const Turn turn(is_taken_);
  space_.stop();
  while (behind_in_flight_ > 0) co_await behind_changed_.wait();
  co_await space_.wait_until_idle();
}

// For a full tail: sends it on its way, and starts the next one.
Task<Result<void>> AppendFile::State::make_room() {
  if (!tail_.is_dirty()) {
    tail_.advance();
    co_return Result<void>();
  }
  while (behind_.size() >= options_.write_behind_max && !fence_.is_up()) {
    co_await behind_changed_.wait();
  }
  if (auto allowed = fence_.check(); !allowed) co_return allowed;
  needs_sync_ = true;
  const FilePosition start = tail_.start();
  TailBuffer::Blocks dirty = tail_.dirty_blocks();
  tail_.mark_written();
  Behind& full = behind_.emplace_back(start, tail_.exchange(free_buffer()), std::move(dirty));
  ++behind_in_flight_;
  scheduler_.start(write_behind(shared_from_this(), full));
  disk_blocks_ = behind_in_flight_ == 0;
  // A ring submits when the scheduler polls: else the device would wait while the next bytes are
  // copied.
  if (!disk_blocks_) co_await scheduler_.yield();
  co_return fence_.check();
}

Task<void> AppendFile::State::write_behind(std::shared_ptr<State> self, Behind& full) {
  co_await self->write_turns_.acquire(1);
  // Not by check(), which tells the first cause once: that is for the caller.
  if (!self->fence_.is_up()) {
    const Result<void> written =
        co_await self->file_->write(full.dirty.at, full.dirty.bytes, Durability::kNone);
    if (!written) self->fence_.raise(written.error());
    full.has_arrived = written.has_value();
  }
  self->write_turns_.release(1);
  --self->behind_in_flight_;
  // In order, so that what is left is contiguous: see unwritten().
  while (!self->behind_.empty() && self->behind_.front().has_arrived) {
    self->keep_spare(std::move(self->behind_.front().memory));
    self->behind_.pop_front();
  }
  self->behind_changed_.wake_all();
}

// Over a disk that blocks there is no write behind, so a copy would buy nothing: it takes a third of
// the time of a large write.
bool AppendFile::State::can_go_straight_out(ByteView bytes) const {
  return disk_blocks_ && bytes.size() >= options_.buffer_bytes && tail_.end() == tail_.start() &&
         is_aligned(reinterpret_cast<std::uintptr_t>(bytes.data()), kBlockBytes);
}

// Whole blocks, from the caller's memory, which is lent until this returns.
Task<Result<void>> AppendFile::State::write_through(ByteView blocks) {
  needs_sync_ = true;
  const SharedSlice lent(nullptr, blocks);
  if (auto written = co_await file_->write(tail_.start(), lent, Durability::kNone); !written) {
    co_return fenced_by(written);
  }
  tail_.skip(blocks.size());
  co_return Result<void>();
}

AlignedBuffer AppendFile::State::free_buffer() {
  if (slab_.capacity() == 0) {
    slab_ = AlignedBuffer((options_.write_behind_max + 1) * options_.buffer_bytes);
    for (std::size_t at = 0; at < slab_.capacity(); at += options_.buffer_bytes)
      spare_.push_back(AlignedBuffer::borrow(slab_.span().subspan(at, options_.buffer_bytes)));
  }
  AlignedBuffer buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

void AppendFile::State::keep_spare(AlignedBuffer memory) {
  const bool is_of_slab =
      memory.data() >= slab_.data() && memory.data() < slab_.data() + slab_.capacity();
  if (is_of_slab) spare_.push_back(std::move(memory));
}

// Everything dirty, from the tail's own memory: the caller waits, so nobody changes it meanwhile.
Task<Result<void>> AppendFile::State::write_tail(Durability durability) {
  if (!tail_.is_dirty()) co_return Result<void>();
  if (durability == Durability::kNone) needs_sync_ = true;
  may_be_longer_ = true;
  const TailBuffer::Blocks dirty = tail_.dirty_blocks();
  if (auto written = co_await file_->write(dirty.at, dirty.bytes, durability); !written) {
    co_return fenced_by(written);
  }
  tail_.mark_written();
  co_return Result<void>();
}

// Returns when the device has taken everything appended so far.
Task<Result<void>> AppendFile::State::write_everything() {
  if (auto written = co_await write_tail(Durability::kNone); !written) co_return written;
  while (!behind_.empty() && !fence_.is_up()) co_await behind_changed_.wait();
  co_return fence_.check();
}

// Of an exact file. Over space that is being prepared nothing may be cut, so that has to end first.
Task<Result<void>> AppendFile::State::cut() {
  if (!options_.is_exact || !may_be_longer_) co_return Result<void>();
  co_await space_.wait_until_idle();
  if (auto allowed = fence_.check(); !allowed) co_return allowed;
  needs_sync_ = true;
  if (auto done = co_await file_->truncate(size_bytes_); !done) co_return fenced_by(done);
  may_be_longer_ = false;
  co_return Result<void>();
}

void AppendFile::State::set_preparation(Preparation preparation) {
  PENSTOCK_ASSERT(!options_.is_exact, "an exact file has no room for prepared space");
  options_.preparation = preparation;
  space_.set_preparation(preparation);
}

void AppendFile::State::make_exact() {
  if (options_.is_exact) return;
  set_preparation(Preparation::kNone);
  options_.is_exact = true;
  may_be_longer_ = true;
}

// Not while space is being synced: of two at a time, either may be the one that is told of a write that
// failed, and the other one would succeed.
Task<Result<void>> AppendFile::State::sync_file(SyncScope scope) {
  co_await sync_turn_.acquire(1);
  Result<void> done = fence_.check();
  if (done) {
    done = co_await file_->sync(scope);
    if (!done) done = fenced_by(done);
  }
  sync_turn_.release(1);
  if (done) needs_sync_ = false;
  co_return done;
}

Result<void> AppendFile::State::fenced_by(const Result<void>& failure) {
  fence_.raise(failure.error());
  return fence_.check();
}

AppendFile::Unwritten AppendFile::State::unwritten() const {
  const FilePosition first = behind_.empty() ? tail_.start() : behind_.front().start;
  // An append that failed on the way may have sent its own bytes past the end.
  const FilePosition end{size_bytes_};
  Unwritten left{.at = std::min(std::max(first, FilePosition{durable_bytes_}), end), .bytes = {}};
  const auto add = [&](FilePosition start, ByteView bytes) {
    const std::uint64_t from = std::max(start, left.at).value;
    const std::uint64_t to = std::min(start + bytes.size(), end).value;
    if (from < to)
      left.bytes.push_back(SharedSlice::copy_of(bytes.subspan(from - start.value, to - from)));
  };
  for (const Behind& full : behind_) add(full.start, full.memory.view());
  add(tail_.start(), tail_.bytes());
  return left;
}

Task<Result<AppendFile>> AppendFile::create(Scheduler& scheduler, Disk& disk, std::string path,
                                            AppendOptions options) {
  if (auto ok = check(options); !ok) co_return Unexpected(ok.error());
  OpenOptions how;
  how.write = true;
  how.create = true;
  how.exclusive = true;
  auto file = co_await disk.open(path, how);
  if (!file) co_return Unexpected(file.error());
  if (auto named = co_await disk.sync_directory(directory_of(path)); !named) {
    file->reset();
    // Whether or not it can be removed, the error to report is the first one.
    (void)co_await disk.remove(path);
    co_return Unexpected(named.error());
  }
  const FilePosition start;
  co_return AppendFile(
      std::make_shared<State>(scheduler, disk.mode(), std::move(*file), options, start));
}

Task<Result<AppendFile>> AppendFile::open(Scheduler& scheduler, Disk& disk, std::string path,
                                          AppendOpen open) {
  if (auto ok = check(open.options); !ok) co_return Unexpected(ok.error());
  OpenOptions how;
  how.write = true;
  auto file = co_await disk.open(path, how);
  if (!file) co_return Unexpected(file.error());
  auto size_bytes = co_await (*file)->size();
  if (!size_bytes) co_return Unexpected(size_bytes.error());
  const std::uint64_t end = open.end.value_or(*size_bytes);
  if (end > *size_bytes) {
    co_return fail(ErrorCode::kOutOfRange,
                   "{} has {} bytes, and its data is said to end at {}: some of it is missing", path,
                   *size_bytes, end);
  }
  if (end < *size_bytes) {
    if (auto cut = co_await (*file)->truncate(end); !cut) co_return Unexpected(cut.error());
  }
  // Also if nothing was cut: a process that was killed may have cut it, written it, or just created it,
  // and not synced.
  if (auto synced = co_await (*file)->sync(SyncScope::kData); !synced) {
    co_return Unexpected(synced.error());
  }
  if (auto named = co_await disk.sync_directory(directory_of(path)); !named) {
    co_return Unexpected(named.error());
  }
  auto state = std::make_shared<State>(scheduler, disk.mode(), std::move(*file), open.options,
                                       FilePosition{end});
  if (auto read = co_await state->read_tail(); !read) co_return Unexpected(read.error());
  co_return AppendFile(std::move(state));
}

AppendFile::AppendFile(std::shared_ptr<State> state) : state_(std::move(state)) {}
AppendFile::AppendFile(AppendFile&&) noexcept = default;
AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  if (state_ != nullptr && state_ != other.state_) state_->abandon();
  state_ = std::move(other.state_);
  return *this;
}
AppendFile::~AppendFile() {
  if (state_ != nullptr) state_->abandon();
}

Task<Result<FilePosition>> AppendFile::append(ByteView bytes) { return state_->append(bytes); }
Task<Result<void>> AppendFile::flush() { return state_->flush(); }
Task<Result<void>> AppendFile::sync() { return state_->sync(); }
Task<Result<void>> AppendFile::seal() { return state_->seal(); }
Task<void> AppendFile::close() { return state_->close(); }
void AppendFile::set_preparation(Preparation preparation) { state_->set_preparation(preparation); }
std::optional<PreparationStep> AppendFile::begin_step() { return state_->begin_step(); }
Task<void> AppendFile::end_step(PreparationStep step, Result<void> done) {
  return state_->end_step(step, std::move(done));
}
bool AppendFile::has_space_for(std::uint64_t bytes) const { return state_->has_space_for(bytes); }
void AppendFile::make_exact() { state_->make_exact(); }
std::uint64_t AppendFile::size_bytes() const { return state_->size_bytes(); }
std::uint64_t AppendFile::durable_bytes() const { return state_->durable_bytes(); }
IoMode AppendFile::mode() const { return state_->mode(); }
const std::string& AppendFile::path() const { return state_->path(); }
const std::optional<Error>& AppendFile::fence() const { return state_->fence(); }
AppendFile::Unwritten AppendFile::unwritten() const { return state_->unwritten(); }

}  // namespace penstock::file
