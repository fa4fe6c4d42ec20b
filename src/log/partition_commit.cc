// Committing: from collected batches to acknowledgement.

#include <algorithm>

#include "log/partition.h"

namespace penstock::log {

namespace {

// What those who wait for a commit are told. Any other code (a file system's limit for files, say)
// would be about their batch.
Error as_outcome(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kNoSpace:
    case ErrorCode::kIo:
    case ErrorCode::kFenced:
    case ErrorCode::kClosed: return error;
    default: return {ErrorCode::kIo, error.message()};
  }
}

}  // namespace

const CommitRef& Partition::collecting(std::uint64_t batch_bytes, Commit::Acknowledged acknowledged) {
  const bool fits = !collected_.empty() && collected_.back()->acknowledged() == acknowledged &&
                    collected_.back()->device_bytes_with(batch_bytes) <= options_.commit_bytes;
  if (!fits) collected_.push_back(std::make_shared<Commit>(context_.scheduler, acknowledged));
  return collected_.back();
}

// Whether the oldest of what collects is to leave now.
bool Partition::is_due() const {
  return !collected_.empty() && collected_.front()->base_offset() < leave_below_;
}

void Partition::start_committing() {
  if (committing_ || !is_due()) return;
  auto hold = background_.enter();
  if (!hold) {
    fail_collected(hold.error());
    return;
  }
  committing_ = true;
  context_.scheduler.spawn(commit_loop(std::move(*hold)));
}

Task<void> Partition::commit_loop(Gate::Hold) {
  while (is_due() && !fence_) {
    if (must_wait()) {
      co_await commit_finished_.wait();
      continue;
    }
    if (!has_room_for_next()) {
      auto rolled = co_await roll(collected_.front()->device_bytes());
      note_space(rolled || rolled.error().code() != ErrorCode::kNoSpace);
      if (!rolled) fail_collected(rolled.error());
      continue;
    }
    if (auto sent = send_next(); !sent) {
      fail_collected(sent.error());
      break;
    }
  }
  committing_ = false;
  commit_finished_.pulse();
}

// As many are in flight as may be, or the next one would write a block that is being written.
bool Partition::must_wait() const {
  const bool shares_a_block = !is_aligned(write_position_.value, kBlockBytes);
  return in_flight_.size() >= options_.commit_depth || (!in_flight_.empty() && shares_a_block);
}

bool Partition::has_room_for_next() const {
  return has_room(collected_.front()->device_bytes_at(write_position_));
}

// Lays out what has collected longest, and submits it. kClosed when the partition is being closed.
Result<void> Partition::send_next() {
  auto hold = background_.enter();
  if (!hold) return Unexpected(hold.error());
  const SegmentRef segment = segments_.back();
  CommitRef commit = std::move(collected_.front());
  collected_.pop_front();
  commit->lay_out(segment->header.salt, write_position_, ++commit_count_, marks_.durable_end,
                  block_start_.view());
  if (!segment->begun_at) segment->begun_at = context_.scheduler.now();
  if (segment->header.entry_places == EntryPlaces::kAnywhere) {
    write_position_ = commit->end();
    block_start_ = commit->last_block_start();
  } else {
    write_position_ = write_position_ + commit->device_bytes();
  }
  committed_bytes_ += commit->device_bytes();
  marks_.written_end = commit->next_offset();
  check_marks();
  in_flight_.push_back(InFlight{commit, segment});
  context_.scheduler.start(write(std::move(commit), segment, std::move(*hold)));
  prepare_ahead();
  return {};
}

// A commit that nothing can join any more leaves as soon as it may: the next turn belongs to those who
// were just acknowledged, and copies what they append next.
void Partition::send_full_commits() {
  while (collected_.size() > 1 && is_due() && !fence_ && !must_wait() && has_room_for_next()) {
    if (!send_next()) return;  // the commit loop hears of it too
  }
}

Task<void> Partition::write(CommitRef commit, SegmentRef segment, Gate::Hold) {
  const CommitGaps::Hold in_flight = context_.pool.commit_gaps().enter();
  const SharedSlice& bytes = commit->bytes();
  const Instant begin = context_.scheduler.now();
  auto written = co_await segment->file->write(commit->position(), bytes, Durability::kDevice);
  const Instant end = context_.scheduler.now();
  if (written) note_commit(*commit, begin - commit->begun(), end - begin);
  if (!written) {
    ++context_.stats->failed_commits;
    fence_off(written.error().context(id_.to_string()));
  } else if (!commit->is_settled()) {
    const auto place = std::ranges::find(in_flight_, commit, &InFlight::commit);
    PENSTOCK_ASSERT(place != in_flight_.end(), "an unsettled commit that was written is in flight");
    place->written_at = end;
    acknowledge();
    send_full_commits();
  }
  commit_finished_.pulse();
}

void Partition::note_commit(const Commit& commit, Duration queued, Duration took) {
  LogStats& stats = *context_.stats;
  const std::uint64_t used_bytes = commit.payload_bytes() + commit.batches().size() * kEntryHeaderBytes;
  ++stats.commits;
  stats.committed_bytes += commit.device_bytes();
  stats.payload_bytes += commit.payload_bytes();
  stats.pad_bytes += commit.device_bytes() - used_bytes;
  stats.queue_latency.add(queued);
  stats.device_latency.add(took);
}

void Partition::acknowledge() {
  bool moved = false;
  while (!in_flight_.empty() && in_flight_.front().written_at) {
    const InFlight durable = std::move(in_flight_.front());
    in_flight_.pop_front();
    for (const Commit::PlacedBatch& batch : durable.commit->batches()) {
      durable.segment->note(batch.header, durable.commit->position() + batch.entry_at,
                            kEntryHeaderBytes + batch.header.total_bytes);
    }
    durable.segment->commit_sequence = durable.commit->sequence();
    start_checkpoint(durable.segment);
    marks_.durable_end = durable.commit->next_offset();
    marks_.high_watermark = std::max(marks_.high_watermark, marks_.durable_end);
    check_marks();
    tail_.add(durable.commit);
    context_.stats->ack_latency.add(context_.scheduler.now() - *durable.written_at);
    settle(*durable.commit, std::nullopt);
    moved = true;
  }
  if (!moved) return;
  producers_.advance(marks_.durable_end, marks_.high_watermark);
  start_saving_producers();
  release_unsynced();
  notify();
}

// In the background: no commit waits for a checkpoint, nor it for a commit.
void Partition::start_checkpoint(const SegmentRef& segment) {
  const bool is_due = options_.checkpoint_bytes > 0 &&
                      segment->data_end - segment->checkpointed_end >= options_.checkpoint_bytes;
  if (!is_due || segment->is_checkpointing || segment->checkpoint_failed) return;
  auto hold = background_.enter();
  if (!hold) return;
  segment->is_checkpointing = true;
  context_.scheduler.spawn(write_checkpoint(segment, std::move(*hold)));
}

// One that fails may have taken its header block with it, so the other one is left alone.
Task<void> Partition::write_checkpoint(SegmentRef segment, Gate::Hold) {
  const Checkpoint checkpoint = segment->to_checkpoint();
  AlignedBuffer block(kBlockBytes);
  segment->header.encode(block.span());
  checkpoint.encode(block.span(), segment->header.salt);
  const SharedSlice bytes = std::move(block).freeze(kBlockBytes);
  auto written = co_await segment->file->write(checkpoint.block(), bytes, Durability::kDevice);
  segment->is_checkpointing = false;
  segment->checkpoint_failed = !written;
  segment->checkpoint_count = checkpoint.number;
  segment->checkpointed_end = checkpoint.data_end;
}

void Partition::settle(Commit& commit, const std::optional<Error>& error) {
  if (commit.acknowledged() == Commit::Acknowledged::kWhenDurable) {
    for (const Commit::PlacedBatch& batch : commit.batches())
      pending_bytes_.release(batch.header.total_bytes);
  }
  commit.settle(error ? std::optional(as_outcome(*error)) : std::nullopt);
}

// Nothing of these commits was submitted, so the offsets of what is not acknowledged were never given
// to anybody: they are free again. What is acknowledged comes first, and stays for the next try.
void Partition::fail_collected(const Error& error) {
  const auto first_failed =
      std::ranges::find(collected_, Commit::Acknowledged::kWhenDurable,
                        [](const CommitRef& commit) { return commit->acknowledged(); });
  const std::deque<CommitRef> failed(first_failed, collected_.end());
  collected_.erase(first_failed, collected_.end());
  marks_.append_end = std::max(marks_.written_end, marks_.high_watermark);
  leave_below_ = marks_.written_end;
  producers_.roll_back(marks_.append_end);
  for (const CommitRef& commit : failed) settle(*commit, error);
  if (collected_.empty()) return;
  persist_error_ = error;
  try_again_later();
}

// A write failed: what the device holds of it, nobody knows. No more writes until it has been read
// back.
void Partition::fence_off(const Error& error) {
  if (!fence_) {
    fence_ = Error(ErrorCode::kFenced, error.message());
    ++context_.stats->fences;
    report(Reporter::Severity::kError,
           fmt::format("a write failed; appends are refused until `penstock topic reopen {} {}` or the "
                       "next start: {}",
                       id_.topic_name, id_.index, error.message()));
  }
  std::deque<InFlight> lost;
  lost.swap(in_flight_);
  // Also of a write for which there was no space: that says that nothing was kept.
  const Error may_be_lost(ErrorCode::kIo, error.message());
  for (const InFlight& flight : lost) strand(flight.commit, may_be_lost);
  std::deque<CommitRef> failed;
  failed.swap(collected_);
  for (const CommitRef& commit : failed) strand(commit, *fence_);
  notify();
}

void Partition::note_space(bool has_space) {
  if (is_out_of_space_ == !has_space) return;
  is_out_of_space_ = !has_space;
  if (has_space) {
    report(Reporter::Severity::kInfo, "there is space again: writing resumes");
  } else {
    ++context_.stats->no_space;
    report(Reporter::Severity::kWarning,
           "no space for another segment: appends are refused until there is; reads go on");
  }
}

}  // namespace penstock::log
