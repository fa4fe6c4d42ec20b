// What a batch topic acknowledges from memory, and how that gets to the device.
//
// What is acknowledged so is always a run from the durable end to the high watermark. It is in two
// places: in commits that collect or are in flight, for readers and for the device, and in the shared
// memory, which outlives the process and is read only when that has died.

#include <algorithm>

#include "log/partition.h"

namespace penstock::log {

namespace {

constexpr std::string_view kUnsyncedFile = "unsynced";
constexpr std::string_view kDamagedSuffix = ".damaged";

// Of one partition, which has been damaged again and again, and nobody looked.
constexpr int kMostKeptAside = 100;

// Room for what is on its way to the device while as much again collects, twice.
constexpr std::uint64_t kArenaBytesPerPersistBytes = 4;
constexpr std::uint64_t kArenaBytesMin = kArenaBytesPerPersistBytes * kPersistBytesMin;
constexpr std::uint64_t kArenaBytesMax = kArenaBytesPerPersistBytes * kPersistBytesMax;

// On a full disk.
constexpr Duration kTryAgainAfter = std::chrono::seconds(1);

}  // namespace

// --- Acknowledging -------------------------------------------------------------------------------

// Only behind what is acknowledged already: so there is no hole in what the memory holds. Nor on a full
// disk, which is told to the producer instead.
bool Partition::can_acknowledge_from_memory(std::uint64_t batch_bytes) const {
  return arena_ && options_.commit == CommitPolicy::kBatch && !is_leaving_memory_ &&
         !is_out_of_space_ && marks_.append_end == marks_.high_watermark &&
         arena_->has_room(batch_bytes);
}

void Partition::acknowledge_from_memory(ByteView batch, const BatchHeader& header) {
  arena_->append(batch, header.base_offset.value, header.next_offset().value);
  marks_.high_watermark = header.next_offset();
  producers_.advance(marks_.durable_end, marks_.high_watermark);
  if (unpersisted_.records == 0) persist_at_ = context_.scheduler.now() + options_.persist.interval;
  unpersisted_.records += static_cast<std::uint64_t>(header.next_offset() - header.base_offset);
  unpersisted_.bytes += batch.size();
  if (unpersisted_.records >= options_.persist.records ||
      unpersisted_.bytes >= options_.persist.bytes) {
    persist_collected();
  } else {
    start_persist_timer();
  }
  notify();
}

// Everything that collects is to leave for the device now.
void Partition::persist_collected() {
  leave_below_ = marks_.append_end;
  unpersisted_ = {};
}

void Partition::start_persist_timer() {
  if (persist_timer_runs_) return;
  auto hold = background_.enter();
  if (!hold) return;
  persist_timer_runs_ = true;
  context_.scheduler.spawn(persist_in_time(std::move(*hold)));
}

Task<void> Partition::persist_in_time(Gate::Hold) {
  while (unpersisted_.records > 0 && !fence_ && !gate_.is_closed()) {
    if (context_.scheduler.now() >= persist_at_) {
      persist_collected();
      start_committing();
    } else {
      co_await persist_timer_.wait_until(persist_at_);
    }
  }
  persist_timer_runs_ = false;
}

// The disk was full, or no segment could be made. What is acknowledged stays where it is.
void Partition::try_again_later() {
  unpersisted_ = {};
  for (const CommitRef& commit : collected_) {
    unpersisted_.records += static_cast<std::uint64_t>(commit->next_offset() - commit->base_offset());
    unpersisted_.bytes += commit->payload_bytes();
  }
  persist_at_ = context_.scheduler.now() + kTryAgainAfter;
  start_persist_timer();
}

// Waits until everything below `end`, which is acknowledged, is on the device. Errors: why that cannot
// be done now; kFenced.
Task<Result<void>> Partition::persist_below(Offset end) {
  if (marks_.durable_end >= end) co_return Result<void>();
  persist_collected();
  start_committing();
  while (marks_.durable_end < end) {
    if (fence_) co_return Unexpected(*fence_);
    if (!committing_ && in_flight_.empty()) co_return Unexpected(*persist_error_);
    co_await commit_finished_.wait();
  }
  co_return Result<void>();
}

// A commit that will not become durable in this life. What it promised stays for readers, and in the
// shared memory for the next recovery.
void Partition::strand(const CommitRef& commit, const Error& error) {
  settle(*commit, error);
  if (commit->acknowledged() == Commit::Acknowledged::kFromMemory) stranded_.push_back(commit);
}

// --- Reading -------------------------------------------------------------------------------------

// In order, what is acknowledged and not yet durable, until `visit` returns false.
template <typename Visit>
void Partition::visit_unpersisted(Visit visit) const {
  const auto visit_commit = [&](const Commit& commit) {
    if (commit.acknowledged() != Commit::Acknowledged::kFromMemory) return true;
    return std::ranges::all_of(commit.batches(),
                               [&](const Commit::PlacedBatch& batch) { return visit(commit, batch); });
  };
  for (const InFlight& flight : in_flight_)
    if (!visit_commit(*flight.commit)) return;
  for (const std::deque<CommitRef>* commits : {&collected_, &stranded_})
    for (const CommitRef& commit : *commits)
      if (!visit_commit(*commit)) return;
}

Batches Partition::read_unpersisted(Offset from, ReadLimits limits) const {
  Batches found;
  visit_unpersisted([&](const Commit& commit, const Commit::PlacedBatch& batch) {
    if (batch.header.next_offset() <= from) return true;
    if (!found.has_room(batch.header.total_bytes, limits)) return false;
    found.add(commit.batch_bytes(batch));
    return true;
  });
  return found;
}

std::optional<SharedSlice> Partition::find_time_unpersisted(std::int64_t timestamp_ms) const {
  std::optional<SharedSlice> found;
  visit_unpersisted([&](const Commit& commit, const Commit::PlacedBatch& batch) {
    if (batch.header.max_timestamp_ms < timestamp_ms) return true;
    found = commit.batch_bytes(batch);
    return false;
  });
  return found;
}

std::int64_t Partition::max_timestamp_ms() const {
  std::int64_t latest_ms = -1;
  for (const SegmentRef& segment : segments_) {
    latest_ms = std::max(latest_ms, segment->index.max_timestamp_ms());
  }
  visit_unpersisted([&](const Commit&, const Commit::PlacedBatch& batch) {
    latest_ms = std::max(latest_ms, batch.header.max_timestamp_ms);
    return true;
  });
  return latest_ms;
}

// --- The shared memory ---------------------------------------------------------------------------

// Gives the memory of what has become durable back. Where there is no memory - what an earlier life
// left in it was not durable until now, or the disk was full - it is made.
void Partition::release_unsynced() {
  if (arena_) {
    arena_->release(marks_.durable_end.value);
    return;
  }
  const bool is_wanted = options_.commit == CommitPolicy::kBatch && !is_arena_unsupported_;
  const bool has_all = marks_.durable_end == marks_.high_watermark;
  const bool is_early =
      is_taking_in_ || is_leaving_memory_ || making_arena_ || context_.scheduler.now() < make_arena_at_;
  if (!is_wanted || !has_all || is_early) return;
  auto hold = background_.enter();
  if (!hold) return;
  context_.scheduler.spawn(make_arena_in_background(std::move(*hold)));
}

Task<void> Partition::make_arena_in_background(Gate::Hold) { co_await make_arena(); }

// Replaces what an earlier life left, of which everything that can be read is durable. Without it,
// appends are acknowledged when they are durable.
Task<void> Partition::make_arena() {
  if (making_arena_ || arena_) co_return;
  making_arena_ = true;
  if (const auto kept = co_await keep_damaged_unsynced(); !kept) {
    making_arena_ = false;
    make_arena_at_ = context_.scheduler.now() + kTryAgainAfter;
    co_return;
  }
  const std::uint64_t size_bytes =
      std::clamp(align_up(options_.persist.bytes, kBlockBytes) * kArenaBytesPerPersistBytes,
                 kArenaBytesMin, kArenaBytesMax);
  auto arena = co_await file::SharedArena::create(context_.disk, unsynced_path(), size_bytes,
                                                  arena_identity(), context_.random.next());
  making_arena_ = false;
  if (arena) {
    arena_ = std::move(*arena);
    co_return;
  }
  make_arena_at_ = context_.scheduler.now() + kTryAgainAfter;
  is_arena_unsupported_ = arena.error().code() == ErrorCode::kNotSupported;
  if (is_arena_unsupported_) {
    report(Reporter::Severity::kWarning,
           fmt::format("commit=batch acknowledges when durable, as sync does: {}",
                       arena.error().message()));
  }
}

// What an earlier life acknowledged from memory and had not written: first of all, it is written.
Task<Result<void>> Partition::take_in_unsynced() {
  auto left =
      co_await file::read_arena(context_.disk, unsynced_path(), arena_identity(), kArenaBytesMax);
  if (!left && left.error().code() != ErrorCode::kCorrupt) co_return Unexpected(left.error());
  if (!left) {
    if (auto noted = co_await note_damaged_unsynced(left.error().message()); !noted) co_return noted;
    left = std::vector<file::ArenaRecord>();
  }
  std::uint64_t taken_records = 0;
  for (const file::ArenaRecord& record : *left) {
    const auto header = BatchHeader::parse(record.payload.view());
    if (!header || header->next_offset() <= marks_.append_end) continue;
    if (fence_) {
      recovery_report_.findings.push_back(
          fmt::format("{}: messages from offset {} on, acknowledged from memory, wait in {}",
                      id_.to_string(), header->base_offset, unsynced_path()));
      co_return Result<void>();
    }
    if (header->base_offset != marks_.append_end) {
      std::string reason = fmt::format("it goes on at offset {}, and the log ends at {}",
                                       header->base_offset, marks_.append_end);
      if (auto noted = co_await note_damaged_unsynced(std::move(reason)); !noted) co_return noted;
      break;
    }
    collecting(record.payload.size(), Commit::Acknowledged::kFromMemory)
        ->add(record.payload.view(), *header);
    if (header->has_producer())
      producers_.add(*header, record.payload.view(), context_.scheduler.clock().wall_ms());
    marks_.append_end = marks_.high_watermark = header->next_offset();
    taken_records += static_cast<std::uint64_t>(header->next_offset() - header->base_offset);
  }
  recovery_report_.unsynced_records = taken_records;
  is_taking_in_ = true;
  const auto persisted = co_await persist_below(marks_.high_watermark);
  is_taking_in_ = false;
  if (!persisted) {
    // It stays in the file, and in memory for readers; on a full disk, later tries will write it.
    co_return Result<void>();
  }
  // In front of every new append: behind one of those, what is left of it would seem to go on.
  if (auto kept = co_await keep_damaged_unsynced(); !kept) co_return kept;
  if (options_.commit == CommitPolicy::kBatch) {
    co_await make_arena();
    co_return Result<void>();
  }
  co_return co_await remove_unsynced();
}

// Under a name that nothing has yet: what was kept of an earlier damage is somebody's evidence, too.
Task<Result<void>> Partition::note_damaged_unsynced(std::string reason) {
  std::string aside = unsynced_path() + std::string(kDamagedSuffix);
  for (int number = 2;; ++number) {
    const auto info = co_await context_.disk.info(aside);
    if (!info && info.error().code() == ErrorCode::kNotFound) break;
    if (!info) co_return Unexpected(info.error());
    if (number > kMostKeptAside) {
      co_return fail(ErrorCode::kExists, "{}: too many damaged files are kept as {}{}*: move them away",
                     id_.to_string(), unsynced_path(), kDamagedSuffix);
    }
    aside = fmt::format("{}{}.{}", unsynced_path(), kDamagedSuffix, number);
  }
  recovery_report_.findings.push_back(fmt::format(
      "{}: messages that were acknowledged from memory and not yet on the device are lost from offset "
      "{} on: {}; the file is kept as {}",
      id_.to_string(), marks_.append_end, reason, aside));
  unsynced_aside_ = std::move(aside);
  co_return Result<void>();
}

// Not before everything in it that can be read is durable, which has no other place until then.
Task<Result<void>> Partition::keep_damaged_unsynced() {
  if (!unsynced_aside_) co_return Result<void>();
  if (auto renamed = co_await context_.disk.rename(unsynced_path(), *unsynced_aside_); !renamed)
    co_return renamed;
  unsynced_aside_.reset();
  co_return co_await context_.disk.sync_directory(directory_);
}

Task<Result<void>> Partition::remove_unsynced() {
  arena_.reset();
  if (auto kept = co_await keep_damaged_unsynced(); !kept) co_return kept;
  auto removed = co_await context_.disk.remove(unsynced_path());
  if (!removed && removed.error().code() != ErrorCode::kNotFound) co_return removed;
  co_return Result<void>();
}

file::ArenaIdentity Partition::arena_identity() const {
  return {id_.topic_id, static_cast<std::uint32_t>(id_.index)};
}

std::string Partition::unsynced_path() const { return fmt::format("{}/{}", directory_, kUnsyncedFile); }

}  // namespace penstock::log
