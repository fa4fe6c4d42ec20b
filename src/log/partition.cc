#include "log/partition.h"

#include <algorithm>

namespace penstock::log {

Partition::Partition(LogContext context, std::string directory, PartitionId id,
                     PartitionOptions options)
    : own_stats_(context.stats == nullptr ? std::make_unique<LogStats>() : nullptr),
      own_tail_memory_(context.tails == nullptr ? std::make_unique<TailMemory>(options.tail_bytes)
                                                : nullptr),
      context_(context),
      directory_(std::move(directory)),
      id_(std::move(id)),
      options_(options),
      next_demand_(context.pool.pace()),
      prepared_(context.scheduler),
      wanted_commit_bytes_(options.commit_bytes),
      commit_finished_(context.scheduler),
      pending_bytes_(context.scheduler, static_cast<std::int64_t>(options.pending_bytes)),
      producers_file_(context.disk, directory_, id_),
      producers_turn_(context.scheduler, 1),
      persist_timer_(context.scheduler),
      tail_(context.tails == nullptr ? *own_tail_memory_ : *context.tails),
      change_turn_(context.scheduler, 1),
      trim_turn_(context.scheduler, 1),
      gate_(context.scheduler),
      background_(context.scheduler) {
  if (own_stats_) context_.stats = own_stats_.get();
  PENSTOCK_ASSERT(options_.commit_depth >= 1, "at least one commit is in flight");
  limit_segments(options_.segment_bytes);
}

Partition::~Partition() {
  PENSTOCK_ASSERT(background_.is_closed(), "a partition is closed or destroyed before it is dropped");
}

Task<Result<std::unique_ptr<Partition>>> Partition::open(LogContext context, std::string directory,
                                                         PartitionId id, PartitionOptions options) {
  auto recovered = co_await recover_partition(context.scheduler, context.disk, directory, id);
  if (!recovered) co_return Unexpected(recovered.error().context(id.to_string()));
  std::unique_ptr<Partition> partition(
      new Partition(context, std::move(directory), std::move(id), options));
  partition->segments_ = std::move(recovered->segments);
  partition->next_segment_number_ = recovered->next_segment_number;
  partition->fence_ = std::move(recovered->append_refusal);
  partition->recovery_report_ = std::move(recovered->report);
  const Offset end = recovered->next_offset;
  partition->marks_ = Marks{recovered->log_start, end, end, end, end};
  auto taken = co_await partition->recover_producers();
  if (taken) taken = co_await partition->take_in_unsynced();
  if (!taken) {
    // Not close(), which removes the shared memory of a log that has all of it on the device.
    co_await partition->quiesce();
    co_return Unexpected(taken.error().context(partition->id_.to_string()));
  }
  co_return partition;
}

// --- Appending -----------------------------------------------------------------------------------

Task<Result<Partition::Ticket>> Partition::append(ByteView batch, std::int32_t leader_epoch,
                                                  std::optional<TransactionGuard> verified) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  auto header = BatchHeader::parse(batch);
  if (!header) co_return Unexpected(header.error());
  const std::uint64_t device_bytes = align_up(kEntryHeaderBytes + batch.size(), kBlockBytes);
  if (batch.size() > kMaxBatchBytes || kFirstCommit.value + device_bytes > options_.segment_bytes) {
    co_return fail(ErrorCode::kTooLarge, "a batch of {} bytes does not fit a segment of {}",
                   batch.size(), options_.segment_bytes);
  }
  if (header->has_producer()) {
    if (auto prepared = co_await prepare_for_producers(); !prepared)
      co_return Unexpected(prepared.error());
  }
  const auto units = static_cast<std::int64_t>(batch.size());
  co_await pending_bytes_.acquire(units);
  if (fence_ || gate_.is_closed()) {
    pending_bytes_.release(units);
    if (fence_) {
      ++context_.stats->refused_appends;
      co_return Unexpected(*fence_);
    }
    co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  }
  if (header->has_producer()) {
    const auto checked = producers_.check(*header, verified);
    if (checked.verdict != ProducerCheck::kNext) {
      pending_bytes_.release(units);
      co_return not_appended(checked);
    }
  }

  header->base_offset = marks_.append_end;
  header->leader_epoch = leader_epoch;
  const bool from_memory = !header->is_control && can_acknowledge_from_memory(batch.size());
  const CommitRef commit = collecting(batch.size(), from_memory ? Commit::Acknowledged::kFromMemory
                                                                : Commit::Acknowledged::kWhenDurable);
  const ByteView stored = commit->add(batch, *header);
  if (header->has_producer()) producers_.add(*header, stored, context_.scheduler.clock().wall_ms());
  ++context_.stats->appends;
  context_.stats->appended_records += static_cast<std::uint64_t>(header->last_offset_delta) + 1;
  context_.stats->appended_bytes += batch.size();
  marks_.append_end = header->next_offset();
  if (from_memory) {
    ++context_.stats->memory_acknowledged;
    pending_bytes_.release(units);
    acknowledge_from_memory(stored, *header);
  } else {
    leave_below_ = marks_.append_end;
  }
  check_marks();
  start_committing();
  co_return Ticket{header->base_offset, header->next_offset(), commit};
}

Task<Result<void>> Partition::wait_acknowledged(Ticket ticket, Instant deadline) {
  if (!ticket.commit || ticket.commit->acknowledged() == Commit::Acknowledged::kFromMemory)
    co_return Result<void>();
  co_return co_await ticket.commit->wait(deadline);
}

void Partition::report(Reporter::Severity severity, std::string_view what) const {
  if (context_.reporter == nullptr) return;
  context_.reporter->report(severity, fmt::format("{}: {}", id_.to_string(), what));
}

void Partition::notify() {
  for (Observer* observer : observers_) observer->on_high_watermark();
}

void Partition::check_marks() const {
  PENSTOCK_ASSERT(marks_.log_start <= marks_.durable_end && marks_.durable_end <= marks_.written_end &&
                      marks_.written_end <= marks_.append_end,
                  "log_start <= durable_end <= written_end <= append_end");
  PENSTOCK_ASSERT(
      marks_.durable_end <= marks_.high_watermark && marks_.high_watermark <= marks_.append_end,
      "durable_end <= high_watermark <= append_end");
}

// --- The end -------------------------------------------------------------------------------------

// Ends everything that changes state. Appends that were taken in get their outcome first, and what was
// acknowledged from memory is written, if that is possible.
Task<void> Partition::quiesce() {
  co_await gate_.close();
  persist_collected();
  persist_timer_.pulse();
  start_committing();
  while (committing_ || !in_flight_.empty()) co_await commit_finished_.wait();
  next_demand_.abandon();
  if (context_.catch_up != nullptr) context_.catch_up->drop_all(directory_);
  co_await background_.close();
  tail_.clear();
  notify();
}

Task<Result<void>> Partition::close() {
  co_await quiesce();
  if (next_segment_) co_await discard(std::exchange(next_segment_, nullptr));
  // What a fenced partition holds behind its durable end is for the next recovery to find out.
  if (fence_) co_return Result<void>();
  if (!segments_.empty() && segments_.back()->empty()) {
    SegmentRef unused = std::move(segments_.back());
    segments_.pop_back();
    co_await discard(std::move(unused));
  }
  for (const SegmentRef& segment : segments_) {
    if (segment->sealed && segment->indexed) continue;
    if (segment->sealed) {
      // Best effort: without its index it is scanned at the next start.
      (void)co_await seal(context_.disk, *segment, SealCut::kNone);
      continue;
    }
    auto sealed = co_await seal(context_.disk, *segment, SealCut::kToData);
    // A full disk takes nothing but the index away.
    if (!sealed && sealed.error().code() != ErrorCode::kNoSpace) co_return sealed;
  }
  if (!collected_.empty()) {
    co_return Unexpected(persist_error_->context(
        id_.to_string() + ": what is acknowledged from memory is kept for the next start"));
  }
  // Best effort: without it the next start reads what was appended in this life.
  (void)co_await save_producers();
  co_return co_await remove_unsynced();
}

Task<Result<void>> Partition::destroy() {
  co_await quiesce();
  if (next_segment_) co_await discard(std::exchange(next_segment_, nullptr));
  while (!segments_.empty()) {
    const SegmentRef segment = std::move(segments_.back());
    segments_.pop_back();
    const bool has_readers = segment.use_count() > 1;
    if (has_readers) continue;  // removed below; its bytes go when the last reader lets go
    if (auto retired = co_await context_.pool.retire(segment->path(), segment->reusable_bytes());
        !retired) {
      co_return retired;
    }
  }
  auto names = co_await context_.disk.list(directory_);
  if (!names) co_return Unexpected(names.error());
  for (const std::string& name : *names) {
    if (auto removed = co_await context_.disk.remove(directory_ + "/" + name); !removed)
      co_return removed;
  }
  co_return co_await context_.disk.remove_directory(directory_);
}

}  // namespace penstock::log
