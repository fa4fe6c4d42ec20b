#include "rocksdb/log_writer.h"

#include <algorithm>
#include <random>

#include "rocksdb/exact_writer.h"
#include "rocksdb/inline_run.h"
#include "rocksdb/log_view.h"

namespace penstock::rocksdb {

namespace {

// Handed to the pool when so much has collected: a write that the device takes at its bandwidth, and no
// more than this share of the side file, so that puts go on meanwhile.
constexpr std::uint64_t kDrainBytes = 256 * kKiB;
constexpr std::uint64_t kDrainShare = 4;
// More than this at once goes to the file itself: the arena is for many small ones.
constexpr std::uint64_t kMaxArenaRecordBytes = 128 * kKiB;
// Who syncs so much or less at a time gains more by space that was written before than it costs to
// write that.
constexpr std::uint64_t kSmallSyncBytes = 256 * kKiB;
// And who has not synced for so long is not one of them.
constexpr std::uint64_t kRarelySyncedBytes = kMiB;
// A MANIFEST is small and there may be many.
constexpr std::uint64_t kManifestBufferBytes = 64 * kKiB;

std::uint64_t random_generation() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random();
}

// The file that says "look where the data ends", before the log itself is there.
Result<void> mark(Disk& disk, const std::string& path) {
  OpenOptions how;
  how.write = true;
  how.create = true;
  auto marker = run_inline(disk.open(side_path(path), how));
  if (!marker) return Unexpected(marker.error());
  return run_inline((*marker)->truncate(0));
}

}  // namespace

void LogWriter::DrainJob::run() {
  const std::shared_ptr<LogWriter> self = std::move(writer);
  const Back back(self->back_);
  (void)self->drain(back);  // a failure is kept, for the next call
}

void LogWriter::StepJob::run() {
  const std::shared_ptr<LogWriter> self = std::move(writer);
  // Once it is told this job may begin anew.
  std::promise<Result<void>> promise = std::move(outcome);
  promise.set_value(self->take_step(step));
}

Result<std::shared_ptr<LogWriter>> LogWriter::open(Places& places, LogWorkers workers, Habit& habit,
                                                   const std::string& path, bool keeps,
                                                   const LogWriterOptions& options) {
  const Result<Disk*> disk = places.disk_for(path);
  if (!disk) return Unexpected(disk.error());
  const bool is_manifest = kind_of(path) == FileKind::kManifest;
  file::AppendOptions how;
  if (is_manifest) how.buffer_bytes = kManifestBufferBytes;
  how.write_behind_max = 1;  // the disk blocks
  how.write_depth = 1;
  how.preparation = is_manifest ? Preparation::kWritten : habit.load(std::memory_order_relaxed);
  how.preparation_step_bytes = is_manifest ? options.manifest_step_bytes : options.step_bytes;
  how.owner_prepares = true;
  if (auto marked = mark(places.side_disk(), path); !marked) return Unexpected(marked.error());
  auto file = open_to_append(places, **disk, path, keeps, how);
  OpenOptions writable;
  writable.write = true;
  auto step_file = file ? run_inline((*disk)->open(path, writable)) : Unexpected(file.error());
  if (!step_file) {
    (void)run_inline(places.side_disk().remove(side_path(path)));
    return Unexpected(step_file.error());
  }
  std::shared_ptr<LogWriter> writer(
      new LogWriter(places, **disk, workers, habit, std::move(*file), std::move(*step_file), how));
  if (!is_manifest && options.side_file_bytes > 0) {
    if (auto started = writer->start_arena(options.side_file_bytes); !started)
      return Unexpected(started.error());
  }
  return writer;
}

LogWriter::LogWriter(Places& places, Disk& disk, LogWorkers workers, Habit& habit,
                     file::AppendFile file, std::unique_ptr<File> step_file,
                     file::AppendOptions options)
    : places_(places),
      disk_(disk),
      workers_(workers),
      habit_(habit),
      kind_(kind_of(file.path())),
      options_(options),
      step_file_(std::move(step_file)),
      file_(std::move(file)),
      path_(file_.path()),
      synced_end_(file_.size_bytes()),
      preparation_(options.preparation),
      size_bytes_(file_.size_bytes()) {}

// RocksDB drops some files without closing them.
LogWriter::~LogWriter() { (void)close(); }

Result<void> LogWriter::start_arena(std::uint64_t side_file_bytes) {
  auto arena = run_inline(file::SharedArena::create(
      places_.side_disk(), side_path(path_), side_file_bytes, identity_of(path_), random_generation()));
  if (arena) {
    arena_ = std::move(*arena);
    drain_bytes_ = std::min(kDrainBytes, side_file_bytes / kDrainShare);
    return {};
  }
  if (arena.error().code() != ErrorCode::kNotSupported) return Unexpected(arena.error());
  places_.reports().say(directory_of(path_),
                        fmt::format("each put is a write of its own, because memory that outlives the "
                                    "process cannot be had: {}",
                                    arena.error().message()));
  return {};
}

Result<void> LogWriter::append(ByteView bytes) {
  std::unique_lock front(front_);
  // Twice at most: a ring that was emptied has room for what is small enough.
  while (arena_ != nullptr && !failure_ && bytes.size() <= kMaxArenaRecordBytes) {
    if (arena_->has_room(bytes.size())) {
      arena_->append(bytes, static_cast<std::int64_t>(size_bytes_),
                     static_cast<std::int64_t>(size_bytes_ + bytes.size()));
      pending_.insert(pending_.end(), bytes.begin(), bytes.end());
      size_bytes_ += bytes.size();
      if (pending_.size() >= drain_bytes_ && !std::exchange(is_drain_asked_, true)) {
        drain_job_.writer = shared_from_this();
        workers_.drains.submit(drain_job_);
      }
      return {};
    }
    front.unlock();
    {
      const Back back(back_);
      if (auto drained = drain(back); !drained) return drained;
    }
    front.lock();
  }
  if (failure_) return Unexpected(*failure_);
  front.unlock();
  return append_past_arena(bytes);
}

// What is large is handed to the device at once.
Result<void> LogWriter::append_past_arena(ByteView bytes) {
  const Back back(back_);
  if (auto drained = take_pending(back); !drained) return drained;
  if (auto appended = append_to_file(back, bytes); !appended) return appended;
  if (bytes.size() > kMaxArenaRecordBytes) {
    if (auto flushed = run_inline(file_.flush()); !flushed) return fail_with(flushed.error());
    release_arena();
  }
  const std::lock_guard front(front_);
  size_bytes_ += bytes.size();
  return {};
}

Result<void> LogWriter::flush() {
  {
    const std::lock_guard front(front_);
    if (failure_) return Unexpected(*failure_);
    if (arena_ != nullptr) return {};
  }
  const Back back(back_);
  if (kind_ == FileKind::kManifest && !is_exact_) return {};
  return drain(back);
}

Result<void> LogWriter::sync() {
  const Back back(back_);
  if (auto taken = take_pending(back); !taken) return taken;
  if (auto synced = run_inline(file_.sync()); !synced) return fail_with(synced.error());
  // A step's own sync may be the one that was told of a write of ours that the device lost.
  end_step(back, Wait::kNo);
  if (const auto& fence = file_.fence()) return fail_with(*fence);
  release_arena();
  learn_habit(file_.size_bytes() - synced_end_);
  synced_end_ = file_.size_bytes();
  return {};
}

Result<void> LogWriter::close() {
  const Back back(back_);
  if (std::exchange(is_closed_, true)) return {};
  forget_want_of_space(back);
  give_up_step(back);
  if (auto taken = take_pending(back); !taken) return taken;
  if (auto sealed = run_inline(file_.seal()); !sealed) return fail_with(sealed.error());
  const std::lock_guard front(front_);
  arena_.reset();
  return remove_side_file();
}

Result<void> LogWriter::truncate(std::uint64_t size_bytes) {
  const Back back(back_);
  if (auto drained = drain(back); !drained) return drained;
  if (size_bytes == file_.size_bytes()) return {};
  give_up_step(back);
  file::AppendOptions options = options_;
  options.is_exact = is_exact_;
  if (is_exact_) options.preparation = Preparation::kNone;
  if (auto cut = reopen_at(places_, disk_, file_, path_, size_bytes, options); !cut)
    return fail_with(cut.error());
  preparation_ = options.preparation;
  synced_end_ = size_bytes;
  const std::lock_guard front(front_);
  size_bytes_ = size_bytes;
  if (arena_ == nullptr) return {};
  // What it holds of the part that was cut must not come back. Nobody appends much behind a cut.
  arena_.reset();
  return mark(places_.side_disk(), path_);
}

std::uint64_t LogWriter::size_bytes() const {
  const std::lock_guard front(front_);
  return size_bytes_;
}

Result<std::uint64_t> LogWriter::make_readable() {
  const Back back(back_);
  if (!is_closed_) {
    if (auto drained = drain(back); !drained) return Unexpected(drained.error());
  }
  return file_.size_bytes();
}

Result<void> LogWriter::make_exact() {
  const Back back(back_);
  if (is_closed_ || is_exact_) return {};
  forget_want_of_space(back);
  if (auto taken = take_pending(back); !taken) return taken;
  give_up_step(back);
  file_.make_exact();
  is_exact_ = true;
  preparation_ = Preparation::kNone;
  if (auto synced = run_inline(file_.sync()); !synced) return fail_with(synced.error());
  // What came meanwhile, which is little; nothing more comes while this lasts.
  const std::lock_guard front(front_);
  const auto appended = run_inline(file_.append(pending_));
  Result<void> synced =
      appended ? run_inline(file_.sync()) : Result<void>(Unexpected(appended.error()));
  if (!synced) {
    failure_ = synced.error();
    return synced;
  }
  pending_.clear();
  arena_.reset();
  return remove_side_file();
}

void LogWriter::renamed(const std::string& path) {
  const Back back(back_);
  path_ = path;
}

// Moves what is not in the file yet into its buffer.
Result<void> LogWriter::take_pending(const Back& back) {
  {
    const std::lock_guard front(front_);
    if (failure_) return Unexpected(*failure_);
    is_drain_asked_ = false;
    // What an earlier failure left comes first.
    draining_.insert(draining_.end(), pending_.begin(), pending_.end());
    pending_.clear();
  }
  if (draining_.empty()) return {};
  if (auto appended = append_to_file(back, draining_); !appended) return appended;
  draining_.clear();
  return {};
}

Result<void> LogWriter::append_to_file(const Back& back, ByteView bytes) {
  end_step(back, file_.has_space_for(bytes.size()) ? Wait::kNo : Wait::kYes);
  const auto appended = run_inline(file_.append(bytes));
  if (!appended) return fail_with(appended.error());
  begin_step(back);
  return {};
}

// The next one, if it is due. Not while it closes: the job would keep alive what is being destroyed.
void LogWriter::begin_step(const Back& /*back*/) {
  if (is_closed_) return;
  const std::optional<file::PreparationStep> due = file_.begin_step();
  if (!due) return;
  step_job_.writer = shared_from_this();
  step_job_.step = *due;
  step_job_.outcome = {};
  step_ = step_job_.outcome.get_future();
  workers_.steps.submit(step_job_);
}

// On a thread of the pool, without a lock.
Result<void> LogWriter::take_step(const file::PreparationStep& step) {
  Result<void> done = run_inline(file::take_step(*step_file_, step, is_step_given_up_));
  if (done && step.preparation == Preparation::kWritten)
    done = run_inline(step_file_->sync(SyncScope::kData));
  return done;
}

// If it has ended, or waits until it has.
void LogWriter::end_step(const Back& /*back*/, Wait wait) {
  if (!step_.valid()) return;
  if (wait == Wait::kNo && step_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
  run_inline(file_.end_step(step_job_.step, step_.get()));
}

void LogWriter::give_up_step(const Back& back) {
  is_step_given_up_ = true;
  end_step(back, Wait::kYes);
  is_step_given_up_ = false;
}

// And hands it to the device, so that the arena need not keep it.
Result<void> LogWriter::drain(const Back& back) {
  if (auto taken = take_pending(back); !taken) return taken;
  if (auto flushed = run_inline(file_.flush()); !flushed) return fail_with(flushed.error());
  release_arena();
  const std::uint64_t unsynced_bytes = file_.size_bytes() - synced_end_;
  if (unsynced_bytes > kRarelySyncedBytes) learn_habit(unsynced_bytes);
  return {};
}

Result<void> LogWriter::fail_with(const Error& error) {
  const std::lock_guard front(front_);
  if (!failure_) failure_ = error;
  return Unexpected(*failure_);
}

// A file that is not fenced failed for want of space, of which there may be some now.
void LogWriter::forget_want_of_space(const Back& /*back*/) {
  const std::lock_guard front(front_);
  if (!file_.fence()) failure_.reset();
}

// Of everything that the file has: what came after that is still pending.
void LogWriter::release_arena() {
  const std::lock_guard front(front_);
  if (arena_ != nullptr) arena_->release(static_cast<std::int64_t>(file_.size_bytes()));
}

void LogWriter::learn_habit(std::uint64_t synced_at_once_bytes) {
  if (kind_ != FileKind::kWriteAheadLog || is_exact_) return;
  const Preparation better =
      synced_at_once_bytes <= kSmallSyncBytes ? Preparation::kWritten : Preparation::kAllocated;
  if (better == std::exchange(preparation_, better)) return;
  file_.set_preparation(better);
  habit_.store(better, std::memory_order_relaxed);
}

Result<void> LogWriter::remove_side_file() {
  auto removed = run_inline(places_.side_disk().remove(side_path(path_)));
  // A log that was removed while it was open took it along.
  if (!removed && removed.error().code() == ErrorCode::kNotFound) return {};
  return removed;
}

}  // namespace penstock::rocksdb
