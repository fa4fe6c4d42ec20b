#include "log/partition.h"

#include <algorithm>
#include <bit>

namespace penstock::log {

namespace {

// Commits of this size and more do not notice the metadata of space that was only reserved, while
// filling that space with zeros first would cost them half of the device.
constexpr std::uint64_t kLargeCommitBytes = 256 * kKiB;

constexpr std::uint64_t kTimeSearchBytes = kMiB;

}  // namespace

Partition::Partition(LogContext context, std::string directory, PartitionId id,
                     PartitionOptions options)
    : context_(context),
      directory_(std::move(directory)),
      id_(std::move(id)),
      options_(options),
      next_demand_(context.pool.pace()),
      prepared_(context.scheduler),
      commit_finished_(context.scheduler),
      pending_bytes_(context.scheduler, static_cast<std::int64_t>(options.pending_bytes)),
      tail_(options.tail_bytes),
      trim_turn_(context.scheduler, 1),
      gate_(context.scheduler),
      background_(context.scheduler) {
  PENSTOCK_ASSERT(std::has_single_bit(options_.segment_bytes), "segment sizes are powers of two");
  PENSTOCK_ASSERT(options_.commit_depth >= 1, "at least one commit is in flight");
  // So that a full commit fits into any segment, whatever its place in the ramp.
  const std::uint64_t smallest =
      std::min(options_.segment_bytes, context_.pool.options().smallest_bytes);
  options_.commit_bytes = std::min(options_.commit_bytes, smallest / 2);
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
  partition->marks_ = Marks{recovered->log_start, end, end, end};
  co_return partition;
}

// --- Appending -----------------------------------------------------------------------------------

Task<Result<Partition::Ticket>> Partition::append(ByteView batch, std::int32_t leader_epoch) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  auto header = BatchHeader::parse(batch);
  if (!header) co_return Unexpected(header.error());
  const std::uint64_t device_bytes = align_up(kEntryHeaderBytes + batch.size(), kBlockBytes);
  if (batch.size() > kMaxBatchBytes || kFirstCommit.value + device_bytes > options_.segment_bytes) {
    co_return fail(ErrorCode::kTooLarge, "a batch of {} bytes does not fit a segment of {}",
                   batch.size(), options_.segment_bytes);
  }
  const auto units = static_cast<std::int64_t>(batch.size());
  co_await pending_bytes_.acquire(units);
  if (fence_ || gate_.is_closed()) {
    pending_bytes_.release(units);
    if (fence_) co_return Unexpected(*fence_);
    co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  }

  header->base_offset = marks_.append_end;
  header->leader_epoch = leader_epoch;
  Commit& commit = collecting(batch.size());
  commit.add(batch, *header);
  marks_.append_end = header->next_offset();
  check_marks();
  start_committing();
  co_return Ticket{header->base_offset, header->next_offset(), collected_.back()};
}

Task<Result<void>> Partition::wait_durable(Ticket ticket, Instant deadline) {
  co_return co_await ticket.commit->wait(deadline);
}

Commit& Partition::collecting(std::uint64_t batch_bytes) {
  const bool fits = !collected_.empty() &&
                    (collected_.back()->empty() ||
                     collected_.back()->device_bytes_with(batch_bytes) <= options_.commit_bytes);
  if (!fits) collected_.push_back(std::make_shared<Commit>(context_.scheduler));
  return *collected_.back();
}

void Partition::start_committing() {
  if (committing_ || collected_.empty()) return;
  auto hold = background_.enter();
  if (!hold) {
    fail_collected(hold.error());
    return;
  }
  committing_ = true;
  context_.scheduler.spawn(commit_loop(std::move(*hold)));
}

Task<void> Partition::commit_loop(Gate::Hold) {
  while (!collected_.empty() && !fence_) {
    if (in_flight_.size() >= options_.commit_depth) {
      co_await commit_finished_.wait();
      continue;
    }
    const std::uint64_t device_bytes = collected_.front()->device_bytes();
    if (!has_room(device_bytes)) {
      auto rolled = co_await roll(device_bytes);
      note_space(rolled || rolled.error().code() != ErrorCode::kNoSpace);
      if (!rolled) fail_collected(rolled.error());
      continue;
    }
    auto hold = background_.enter();
    if (!hold) {
      fail_collected(hold.error());
      break;
    }
    const SegmentRef segment = segments_.back();
    CommitRef commit = std::move(collected_.front());
    collected_.pop_front();
    commit->lay_out(segment->header.salt, write_position_, ++commit_count_, marks_.durable_end);
    write_position_ = write_position_ + commit->device_bytes();
    committed_bytes_ += commit->device_bytes();
    marks_.written_end = commit->next_offset();
    check_marks();
    in_flight_.push_back(InFlight{commit, segment});
    context_.scheduler.spawn(write(std::move(commit), segment, std::move(*hold)));
    prepare_ahead();
  }
  committing_ = false;
  commit_finished_.pulse();
}

Task<void> Partition::write(CommitRef commit, SegmentRef segment, Gate::Hold) {
  const ZeroPace::CommitHold in_flight = context_.pool.pace().enter_commit();
  const SharedSlice& bytes = commit->bytes();
  auto written = co_await segment->file->write(commit->position(), bytes, Durability::kDevice);
  if (!written) {
    fence_off(written.error().context(id_.to_string()));
  } else if (!commit->is_settled()) {
    const auto place = std::ranges::find(in_flight_, commit, &InFlight::commit);
    PENSTOCK_ASSERT(place != in_flight_.end(), "an unsettled commit that was written is in flight");
    place->written = true;
    acknowledge();
  }
  commit_finished_.pulse();
}

void Partition::acknowledge() {
  bool moved = false;
  while (!in_flight_.empty() && in_flight_.front().written) {
    const InFlight durable = std::move(in_flight_.front());
    in_flight_.pop_front();
    for (const Commit::PlacedBatch& batch : durable.commit->batches()) {
      durable.segment->note(batch.header, durable.commit->position() + batch.entry_at,
                            kEntryHeaderBytes + batch.header.total_bytes);
    }
    marks_.durable_end = durable.commit->next_offset();
    check_marks();
    tail_.add(durable.commit);
    settle(*durable.commit, std::nullopt);
    moved = true;
  }
  if (moved) notify();
}

void Partition::settle(Commit& commit, std::optional<Error> error) {
  for (const Commit::PlacedBatch& batch : commit.batches())
    pending_bytes_.release(batch.header.total_bytes);
  commit.settle(std::move(error));
}

// Nothing of these commits was submitted, so their offsets were never given to anybody: they are free
// again.
void Partition::fail_collected(const Error& error) {
  std::deque<CommitRef> failed;
  failed.swap(collected_);
  marks_.append_end = marks_.written_end;
  for (const CommitRef& commit : failed) settle(*commit, error);
}

// A write failed: what the device holds of it, nobody knows. No more writes until it has been read
// back.
void Partition::fence_off(const Error& error) {
  if (!fence_) {
    fence_ = Error(ErrorCode::kFenced, error.message());
    report(
        Reporter::Severity::kError,
        fmt::format("a write failed; appends are refused until the next start: {}", error.message()));
  }
  std::deque<InFlight> lost;
  lost.swap(in_flight_);
  for (const InFlight& flight : lost) settle(*flight.commit, error);
  std::deque<CommitRef> failed;
  failed.swap(collected_);
  for (const CommitRef& commit : failed) settle(*commit, fence_);
  notify();
}

void Partition::note_space(bool has_space) {
  if (is_out_of_space_ == !has_space) return;
  is_out_of_space_ = !has_space;
  if (has_space) {
    report(Reporter::Severity::kInfo, "there is space again: writing resumes");
  } else {
    report(Reporter::Severity::kWarning,
           "no space for another segment: appends are refused until there is; reads go on");
  }
}

void Partition::note_damage(const Error& error) {
  if (error.code() != ErrorCode::kCorrupt || reported_damage_ == error.message()) return;
  reported_damage_ = error.message();
  report(Reporter::Severity::kError, "damage: " + error.message());
}

void Partition::report(Reporter::Severity severity, std::string_view what) const {
  if (context_.reporter == nullptr) return;
  context_.reporter->report(severity, fmt::format("{}: {}", id_.to_string(), what));
}

void Partition::notify() {
  for (Observer* observer : observers_) observer->on_durable();
}

void Partition::check_marks() const {
  PENSTOCK_ASSERT(marks_.log_start <= marks_.durable_end && marks_.durable_end <= marks_.written_end &&
                      marks_.written_end <= marks_.append_end,
                  "log_start <= durable_end <= written_end <= append_end");
}

// --- Segments ------------------------------------------------------------------------------------

bool Partition::has_room(std::uint64_t device_bytes) const {
  if (segments_.empty() || segments_.back()->sealed) return false;
  return write_position_.value + device_bytes <= segments_.back()->capacity_bytes;
}

// Switches to the next segment. Waits until everything in the old one is durable: so a segment that
// holds any entry proves that all earlier segments are complete, which is what recovery relies on.
Task<Result<void>> Partition::roll(std::uint64_t device_bytes) {
  const std::uint64_t needed_bytes = kFirstCommit.value + device_bytes;
  while (!in_flight_.empty()) co_await commit_finished_.wait();
  if (fence_) co_return Unexpected(*fence_);
  if (next_segment_ && next_segment_->capacity_bytes < needed_bytes) {
    co_await discard(std::exchange(next_segment_, nullptr));
  }
  while (!next_segment_) {
    if (!preparing_) start_preparing(needed_bytes);
    next_demand_.rush();
    if (preparing_) co_await prepared_.wait();
    if (prepare_error_) co_return Unexpected(*std::exchange(prepare_error_, std::nullopt));
  }
  SegmentRef old;
  if (!segments_.empty() && !segments_.back()->sealed) old = segments_.back();
  if (old && old->empty()) {
    segments_.pop_back();
    co_await discard(std::exchange(old, nullptr));
  }
  segments_.push_back(std::exchange(next_segment_, nullptr));
  segments_.back()->base_offset = marks_.durable_end;
  segments_.back()->next_offset = marks_.durable_end;
  write_position_ = kFirstCommit;
  if (old) {
    if (auto hold = background_.enter()) {
      context_.scheduler.spawn(seal_in_background(std::move(old), std::move(*hold)));
    }
  }
  co_return Result<void>();
}

// Once half of the active segment is used, the next one is prepared, at least in step with what is used
// of the rest: its last block is due when an eighth is left. That is 512 KiB and more, so there is time
// for its header and its name.
void Partition::prepare_ahead() {
  const std::uint64_t capacity_bytes = segments_.back()->capacity_bytes;
  const std::uint64_t begin_at = capacity_bytes / 2;
  if (write_position_.value <= begin_at) return;
  start_preparing(0);
  const std::uint64_t due_at = capacity_bytes - capacity_bytes / 8;
  next_demand_.raise_to(static_cast<double>(write_position_.value - begin_at) /
                        static_cast<double>(due_at - begin_at));
}

void Partition::start_preparing(std::uint64_t at_least_bytes) {
  if (preparing_ || next_segment_) return;
  prepare_error_.reset();
  auto hold = background_.enter();
  if (!hold) {
    prepare_error_ = hold.error();
    return;
  }
  preparing_ = true;
  next_demand_.reset();
  context_.scheduler.spawn(
      prepare_next(next_segment_bytes(at_least_bytes), preparation(), std::move(*hold)));
}

Task<void> Partition::prepare_next(std::uint64_t size_bytes, SegmentPool::Preparation preparation,
                                   Gate::Hold) {
  auto made = co_await make_segment(size_bytes, preparation);
  if (made) {
    next_segment_ = std::move(*made);
  } else {
    prepare_error_ = made.error();
  }
  preparing_ = false;
  prepared_.pulse();
}

// Name and header are durable before the segment is used, so an entry in it can always be found again.
Task<Result<SegmentRef>> Partition::make_segment(std::uint64_t size_bytes,
                                                 SegmentPool::Preparation preparation) {
  auto taken = co_await context_.pool.take(size_bytes, preparation);
  if (!taken) co_return Unexpected(taken.error());

  auto segment = std::make_shared<Segment>();
  segment->header.topic_id = id_.topic_id;
  segment->header.partition = id_.index;
  segment->header.number = next_segment_number_++;
  segment->header.salt = context_.random.next();
  segment->header.created_ms = context_.scheduler.clock().wall_ms();
  segment->directory = directory_;
  segment->capacity_bytes = taken->size_bytes;
  segment->file = std::move(taken->file);

  AlignedBuffer headers(kFirstCommit.value);
  for (const FilePosition copy : kHeaderCopies)
    segment->header.encode(headers.span().subspan(copy.value));
  const SharedSlice header_bytes = std::move(headers).freeze(kFirstCommit.value);
  Result<void> done = co_await segment->file->write(FilePosition{0}, header_bytes, Durability::kDevice);
  if (done) done = co_await context_.disk.rename(taken->path, segment->path());
  if (done) done = co_await context_.disk.sync_directory(directory_);
  if (done) co_return segment;

  // Best effort, under whichever name it has: the error to report is the first one, and recovery
  // removes an unused segment anyway.
  (void)co_await context_.disk.remove(taken->path);
  (void)co_await context_.disk.remove(segment->path());
  co_return Unexpected(done.error());
}

// An index that could not be written is tried again by close(); until then the segment is merely
// unsealed.
Task<void> Partition::seal_in_background(SegmentRef segment, Gate::Hold) {
  (void)co_await seal(context_.disk, *segment, SealCut::kToData);
}

// Gives an unused segment back to the pool. Best effort: recovery removes empty segments.
Task<void> Partition::discard(SegmentRef segment) {
  segment->file.reset();
  (void)co_await context_.pool.retire(segment->path(), segment->capacity_bytes);
}

// The ramp: each segment twice the one before, so that a quiet partition stays small.
std::uint64_t Partition::next_segment_bytes(std::uint64_t at_least_bytes) const {
  std::uint64_t size_bytes = context_.pool.options().smallest_bytes;
  if (!segments_.empty() && !segments_.back()->sealed)
    size_bytes = segments_.back()->capacity_bytes * 2;
  return std::max(std::min(size_bytes, options_.segment_bytes), std::bit_ceil(at_least_bytes));
}

SegmentPool::Preparation Partition::preparation() const {
  const bool large = commit_count_ > 0 && committed_bytes_ / commit_count_ >= kLargeCommitBytes;
  return large ? SegmentPool::Preparation::kAllocated : SegmentPool::Preparation::kWritten;
}

std::uint64_t Partition::size_bytes() const {
  std::uint64_t total = 0;
  for (const SegmentRef& segment : segments_) total += segment->data_end.value;
  return total;
}

// --- Reading -------------------------------------------------------------------------------------

Task<Result<Batches>> Partition::read(Offset from, ReadLimits limits) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  if (from < marks_.log_start || from > marks_.durable_end) {
    co_return fail(ErrorCode::kOutOfRange, "{}: offset {} is outside of {} to {}", id_.to_string(),
                   from, marks_.log_start, marks_.durable_end);
  }
  if (from == marks_.durable_end) co_return Batches();
  if (auto recent = tail_.read(from, limits)) {
    if (context_.catch_up != nullptr) context_.catch_up->drop(directory_, from);
    co_return std::move(*recent);
  }
  const SegmentRef segment = segment_of(from);
  if (!segment || from >= segment->next_offset) {
    co_return fail(ErrorCode::kCorrupt,
                   "{}: offset {} is in a segment that is missing or was set aside", id_.to_string(),
                   from);
  }
  auto found = co_await read_from_device(segment, from, limits);
  if (!found) note_damage(found.error());
  co_return found;
}

Task<Result<Batches>> Partition::read_from_device(SegmentRef segment, Offset from, ReadLimits limits) {
  if (context_.catch_up == nullptr) {
    return read_batches(std::move(segment), from, marks_.durable_end, limits);
  }
  return context_.catch_up->read(std::move(segment), from, marks_.durable_end, limits, background_);
}

SegmentRef Partition::segment_of(Offset offset) const {
  const auto after = std::ranges::upper_bound(segments_, offset, {},
                                              [](const SegmentRef& s) { return s->base_offset; });
  if (after == segments_.begin()) return nullptr;
  return *std::prev(after);
}

Task<Result<std::optional<SharedSlice>>> Partition::find_time(std::int64_t timestamp_ms) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  const std::vector<SegmentRef> snapshot = segments_;
  for (const SegmentRef& segment : snapshot) {
    const auto place = segment->index.find_time(timestamp_ms);
    if (!place) continue;
    const SegmentScanner::Range range{place->position, segment->data_end};
    FileWindows windows(*segment->file, kTimeSearchBytes);
    SegmentScanner scanner(windows, segment->header.salt, range);
    Offset expected = place->offset;
    const Offset end = segment->next_offset;
    while (expected < end) {
      auto entry = co_await read_expected(scanner, *segment, expected, expected);
      if (!entry) co_return Unexpected(entry.error());
      const bool is_kept = entry->batch_header.next_offset() > marks_.log_start;
      if (is_kept && entry->batch_header.max_timestamp_ms >= timestamp_ms) {
        co_return std::optional<SharedSlice>(std::move(entry->batch));
      }
      expected = entry->batch_header.next_offset();
    }
  }
  co_return std::optional<SharedSlice>();
}

std::int64_t Partition::max_timestamp_ms() const {
  std::int64_t latest_ms = -1;
  for (const SegmentRef& segment : segments_) {
    latest_ms = std::max(latest_ms, segment->index.max_timestamp_ms());
  }
  return latest_ms;
}

// --- The end -------------------------------------------------------------------------------------

// Ends everything that changes state. Appends that were taken in get their outcome first.
Task<void> Partition::quiesce() {
  co_await gate_.close();
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
  if (!segments_.empty() && segments_.back()->empty()) {
    SegmentRef unused = std::move(segments_.back());
    segments_.pop_back();
    co_await discard(std::move(unused));
  }
  // What a fenced partition holds behind its durable end is for the next recovery to find out.
  if (fence_) co_return Result<void>();
  for (const SegmentRef& segment : segments_) {
    if (segment->sealed) continue;
    if (auto sealed = co_await seal(context_.disk, *segment, SealCut::kToData); !sealed)
      co_return sealed;
  }
  co_return Result<void>();
}

Task<Result<void>> Partition::destroy() {
  co_await quiesce();
  if (next_segment_) co_await discard(std::exchange(next_segment_, nullptr));
  while (!segments_.empty()) {
    const SegmentRef segment = std::move(segments_.back());
    segments_.pop_back();
    const bool has_readers = segment.use_count() > 1;
    if (has_readers) continue;  // removed below; its bytes go when the last reader lets go
    if (auto retired = co_await context_.pool.retire(segment->path(), segment->data_end.value);
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
