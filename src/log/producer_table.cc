#include "log/producer_table.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace penstock::log {

namespace {

SequencedBatch sequenced(const BatchHeader& batch) {
  return {batch.base_sequence, sequence_after(batch.base_sequence, batch.last_offset_delta),
          batch.base_offset, batch.next_offset()};
}

}  // namespace

std::int32_t sequence_after(std::int32_t first, std::int32_t count) {
  constexpr std::int64_t kNumbers = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  return static_cast<std::int32_t>((std::int64_t{first} + count) % kNumbers);
}

void ProducerState::add(const SequencedBatch& batch) {
  if (batch_count_ == kBatchesMax) {
    std::shift_left(batches_.begin(), batches_.end(), 1);
    --batch_count_;
  }
  batches_[batch_count_++] = batch;
}

ProducerState::Checked ProducerState::check(const BatchHeader& batch) const {
  if (batch.producer_epoch < epoch) return {ProducerCheck::kStaleEpoch};
  if (batch.is_control) return {ProducerCheck::kNext};
  if (transaction_start && !batch.is_transactional) return {ProducerCheck::kOutsideTransaction};
  const bool begins_anew = batch.producer_epoch > epoch || batch_count_ == 0;
  if (begins_anew) {
    return {batch.base_sequence == 0 ? ProducerCheck::kNext : ProducerCheck::kOutOfOrder};
  }
  const SequencedBatch asked = sequenced(batch);
  for (const SequencedBatch& known : batches()) {
    if (known.first_sequence == asked.first_sequence && known.last_sequence == asked.last_sequence)
      return {ProducerCheck::kDuplicate, known};
  }
  const bool is_next = asked.first_sequence == sequence_after(batches().back().last_sequence, 1);
  return {is_next ? ProducerCheck::kNext : ProducerCheck::kOutOfOrder};
}

void ProducerState::apply(const BatchHeader& batch, std::optional<TransactionOutcome> outcome,
                          std::int64_t now_ms) {
  if (batch.producer_epoch > epoch) {
    epoch = batch.producer_epoch;
    batch_count_ = 0;
  }
  last_seen_ms = now_ms;
  if (outcome) {
    transaction_start.reset();
    last_marker = batch.base_offset;
  }
  if (batch.is_control) return;
  add(sequenced(batch));
  if (batch.is_transactional && !transaction_start) transaction_start = batch.base_offset;
}

const ProducerState* ProducerTable::find(std::int64_t producer_id) const {
  const auto found = states_.find(producer_id);
  return found == states_.end() ? nullptr : &found->second;
}

void ProducerTable::put(std::int64_t producer_id, const ProducerState& state) {
  states_.insert_or_assign(producer_id, state);
  if (states_.size() > kProducersMax) make_room(producer_id);
}

void ProducerTable::forget_silent(std::int64_t now_ms) {
  std::erase_if(states_, [&](const auto& entry) {
    return !entry.second.transaction_start && now_ms - entry.second.last_seen_ms > kForgottenAfterMs;
  });
}

// For the one that came last.
void ProducerTable::make_room(std::int64_t newest_id) {
  std::vector<std::pair<std::int64_t, std::int64_t>> candidates;  // when it was seen, and its id
  for (const auto& [producer_id, state] : states_) {
    if (!state.transaction_start && producer_id != newest_id)
      candidates.emplace_back(state.last_seen_ms, producer_id);
  }
  const std::size_t count = std::min(candidates.size(), kProducersMax / 10);
  const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::nth_element(candidates, last);
  for (auto forgotten = candidates.begin(); forgotten != last; ++forgotten)
    states_.erase(forgotten->second);
}

}  // namespace penstock::log
