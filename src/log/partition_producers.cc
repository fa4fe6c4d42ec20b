// Producers that number their batches: what they may append, and how that is remembered.

#include <algorithm>

#include "log/partition.h"
#include "log/segment_reader.h"

namespace penstock::log {

namespace {

// What is known of producers is written down when so much was committed since the last time, or so many
// times its own size: then it costs an eighth of the device at most, and a start has little to read.
constexpr std::uint64_t kSaveAfterBytes = 640 * kKiB;
constexpr std::uint64_t kSaveAfterTimes = 8;

constexpr ReadLimits kReplayed{.max_bytes = kMiB};

// Where reading can go on behind something that is damaged at `offset`.
Offset behind_damage(const Segment& segment, Offset offset) {
  const auto known = std::ranges::find_if(segment.damaged, [offset](const DamagedRange& range) {
    return range.first <= offset && offset < range.next;
  });
  if (known != segment.damaged.end()) return known->next;
  const auto place =
      std::ranges::upper_bound(segment.index.places(), offset, {}, &SegmentIndex::Place::offset);
  return place == segment.index.places().end() ? segment.next_offset : place->offset;
}

}  // namespace

// --- Appending -----------------------------------------------------------------------------------

// Makes the file before there is anything to be known, so that a partition without one needs no
// reading. Those who wait for it go on in the order in which they came.
Task<Result<void>> Partition::prepare_for_producers() {
  if (producers_file_.exists() && preparing_producers_ == 0) co_return Result<void>();
  ++preparing_producers_;
  co_await producers_turn_.acquire(1);
  Result<void> prepared;
  if (!producers_file_.exists()) {
    ProducersAt known = durable_producers();
    prepared = co_await producers_file_.save(std::move(known));
  }
  producers_turn_.release(1);
  --preparing_producers_;
  co_return prepared;
}

// A batch that was not taken in: why, and, if it is there already, where.
Partition::Ticket Partition::not_appended(const ProducerState::Checked& checked) const {
  const SequencedBatch& original = checked.duplicate_of;
  return {original.base_offset, original.next_offset, commit_of(original.base_offset), checked.verdict};
}

// In which the batch at `offset` is on its way; null when it is not.
CommitRef Partition::commit_of(Offset offset) const {
  const auto holds = [offset](const CommitRef& commit) {
    return commit->base_offset() <= offset && offset < commit->next_offset();
  };
  const auto flight = std::ranges::find_if(in_flight_, holds, &InFlight::commit);
  if (flight != in_flight_.end()) return flight->commit;
  const auto collected = std::ranges::find_if(collected_, holds);
  return collected == collected_.end() ? nullptr : *collected;
}

Task<Result<Partition::Ticket>> Partition::end_transaction(TransactionMarker marker,
                                                           std::int32_t leader_epoch) {
  const std::vector<std::byte> batch = encode_marker(marker);
  co_return co_await append(batch, leader_epoch);
}

// --- Writing down --------------------------------------------------------------------------------

ProducersAt Partition::durable_producers() {
  return producers_.durable_state(marks_.durable_end, marks_.log_start,
                                  context_.scheduler.clock().wall_ms());
}

void Partition::start_saving_producers() {
  const std::uint64_t after_bytes =
      std::max(kSaveAfterBytes, kSaveAfterTimes * producers_file_.saved_bytes());
  const bool is_due =
      producers_file_.exists() && committed_bytes_ - producers_saved_at_bytes_ >= after_bytes;
  if (!is_due || is_saving_producers_) return;
  auto hold = background_.enter();
  if (!hold) return;
  is_saving_producers_ = true;
  context_.scheduler.spawn(save_producers_in_background(std::move(*hold)));
}

// No commit waits for it. One that fails only means that the next start has more to read.
Task<void> Partition::save_producers_in_background(Gate::Hold) {
  producers_saved_at_bytes_ = committed_bytes_;
  co_await producers_turn_.acquire(1);
  const auto saved = co_await save_producers();
  producers_turn_.release(1);
  is_saving_producers_ = false;
  if (saved) co_return;
  report(Reporter::Severity::kWarning,
         fmt::format("what is known of producers could not be written down; the next start will read "
                     "the log for it: {}",
                     saved.error().message()));
}

// At the end of a life, and now and then.
Task<Result<void>> Partition::save_producers() {
  if (!producers_file_.exists() || producers_saved_end_ == marks_.durable_end) co_return Result<void>();
  ProducersAt known = durable_producers();
  const Offset end = known.offset;
  auto saved = co_await producers_file_.save(std::move(known));
  if (saved) producers_saved_end_ = end;
  co_return saved;
}

// --- Recovery ------------------------------------------------------------------------------------

// What an earlier life wrote down, and what the log says behind it.
Task<Result<void>> Partition::recover_producers() {
  auto written = co_await producers_file_.load();
  if (!written && written.error().code() != ErrorCode::kCorrupt) co_return Unexpected(written.error());
  ProducersAt known;
  known.offset = marks_.log_start;
  if (written) {
    if (!*written) co_return Result<void>();
    known = std::move(**written);
  } else {
    recovery_report_.findings.push_back(fmt::format(
        "{}: what was known of producers is damaged, and is found again in the whole log: {}",
        id_.to_string(), written.error().message()));
  }
  const Offset from = std::clamp(known.offset, marks_.log_start, marks_.durable_end);
  producers_saved_end_ = written ? std::optional(from) : std::nullopt;
  producers_ = Producers(std::move(known));
  co_return co_await replay_producers(from);
}

Task<Result<void>> Partition::replay_producers(Offset from) {
  const std::int64_t now_ms = context_.scheduler.clock().wall_ms();
  while (from < marks_.durable_end) {
    const auto segment = std::ranges::find_if(
        segments_, [from](const SegmentRef& candidate) { return candidate->next_offset > from; });
    if (segment == segments_.end()) break;
    from = std::max(from, (*segment)->base_offset);
    auto found = co_await read_batches(share(*segment), from, marks_.durable_end, kReplayed);
    if (!found && found.error().code() == ErrorCode::kCorrupt) {
      from = behind_damage(**segment, from);  // which is reported when it is found, or read
      continue;
    }
    if (!found) co_return Unexpected(found.error());
    PENSTOCK_ASSERT(!found->batches.empty(), "a segment has batches below its end");
    for (const SharedSlice& batch : found->batches) {
      const auto header = BatchHeader::parse(batch.view());
      if (!header) co_return Unexpected(header.error());
      if (header->has_producer()) producers_.add(*header, batch.view(), now_ms);
      from = header->next_offset();
    }
    producers_.advance(from, from);
  }
  co_return Result<void>();
}

}  // namespace penstock::log
