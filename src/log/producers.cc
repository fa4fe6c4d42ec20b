#include "log/producers.h"

#include <algorithm>
#include <utility>

namespace penstock::log {

Producers::Producers(ProducersAt known)
    : table_(std::move(known.table)), aborted_(std::move(known.aborted)) {
  for (const auto& [producer_id, state] : table_) {
    if (state.transaction_start) open_.emplace(*state.transaction_start, Open{producer_id, {}});
  }
}

const ProducerState* Producers::find(std::int64_t producer_id) const {
  const auto ahead = ahead_.find(producer_id);
  return ahead != ahead_.end() ? &ahead->second.state : table_.find(producer_id);
}

TransactionGuard Producers::guard(std::int64_t producer_id) const {
  const ProducerState* state = find(producer_id);
  return state == nullptr ? TransactionGuard() : TransactionGuard{state->last_marker};
}

ProducerState::Checked Producers::check(const BatchHeader& batch,
                                        std::optional<TransactionGuard> verified) const {
  const ProducerState* state = find(batch.producer_id);
  ProducerState::Checked checked;
  if (state != nullptr) checked = state->check(batch);
  const bool begins_transaction =
      batch.is_transactional && !batch.is_control && (state == nullptr || !state->transaction_start);
  if (checked.verdict == ProducerCheck::kNext && begins_transaction &&
      verified != guard(batch.producer_id)) {
    checked.verdict = ProducerCheck::kUnverified;
  }
  return checked;
}

void Producers::add(const BatchHeader& batch, ByteView bytes, std::int64_t now_ms) {
  const Pending& added = pending_.emplace_back(
      Pending{batch, batch.is_control ? marker_outcome(bytes) : std::nullopt, now_ms});
  const auto [place, is_new] = ahead_.try_emplace(batch.producer_id);
  Ahead& ahead = place->second;
  if (is_new) {
    if (const ProducerState* known = table_.find(batch.producer_id)) ahead.state = *known;
  }
  ++ahead.pending_count;
  if (added.outcome) end_transaction(ahead.state, added);
  const bool was_open = ahead.state.transaction_start.has_value();
  ahead.state.apply(batch, added.outcome, now_ms);
  if (!was_open && ahead.state.transaction_start)
    open_.emplace(batch.base_offset, Open{batch.producer_id, {}});
}

// `state` is the producer's before its marker.
void Producers::end_transaction(const ProducerState& state, const Pending& marker) {
  if (!state.transaction_start) return;
  const Offset first = *state.transaction_start;
  open_.at(first).marker = marker.batch.base_offset;
  if (marker.outcome != TransactionOutcome::kAbort) return;
  Offset last_stable = marker.batch.next_offset();
  for (const auto& [start, open] : open_) {
    if (open.marker && *open.marker <= marker.batch.base_offset) continue;
    last_stable = start;
    break;
  }
  aborted_.push_back({marker.batch.producer_id, first, marker.batch.base_offset, last_stable});
}

void Producers::advance(Offset durable_end, Offset high_watermark) {
  while (!pending_.empty() && pending_.front().batch.next_offset() <= durable_end) {
    const Pending durable = pending_.front();
    pending_.pop_front();
    const std::int64_t producer_id = durable.batch.producer_id;
    const auto ahead = ahead_.find(producer_id);
    if (--ahead->second.pending_count == 0) {
      table_.put(producer_id, ahead->second.state);
      ahead_.erase(ahead);
      continue;
    }
    const ProducerState* known = table_.find(producer_id);
    ProducerState state = known == nullptr ? ProducerState() : *known;
    state.apply(durable.batch, durable.outcome, durable.now_ms);
    table_.put(producer_id, state);
  }
  std::erase_if(open_, [&](const auto& entry) {
    return entry.second.marker && *entry.second.marker < high_watermark;
  });
}

void Producers::roll_back(Offset end) {
  while (!pending_.empty() && pending_.back().batch.base_offset >= end) pending_.pop_back();
  ahead_.clear();
  for (const Pending& pending : pending_) {
    Ahead& ahead = ahead_[pending.batch.producer_id];
    if (ahead.pending_count++ == 0) {
      if (const ProducerState* known = table_.find(pending.batch.producer_id)) ahead.state = *known;
    }
    ahead.state.apply(pending.batch, pending.outcome, pending.now_ms);
  }
  open_.erase(open_.lower_bound(end), open_.end());
  for (auto& [first, open] : open_) {
    if (open.marker && *open.marker >= end) open.marker.reset();
  }
  while (!aborted_.empty() && aborted_.back().marker >= end) aborted_.pop_back();
}

Offset Producers::last_stable_offset(Offset high_watermark) const {
  return open_.empty() ? high_watermark : std::min(high_watermark, open_.begin()->first);
}

std::vector<AbortedTransaction> Producers::aborted_within(Offset from, Offset next) const {
  std::vector<AbortedTransaction> found;
  auto place = std::ranges::lower_bound(aborted_, from, {}, &AbortedTransaction::marker);
  for (; place != aborted_.end(); ++place) {
    if (place->first < next) found.push_back(*place);
    // Whatever was aborted later begins there or behind it.
    if (place->last_stable >= next) break;
  }
  return found;
}

ProducersAt Producers::durable_state(Offset durable_end, Offset log_start, std::int64_t now_ms) {
  table_.forget_silent(now_ms);
  const auto kept = std::ranges::lower_bound(aborted_, log_start, {}, &AbortedTransaction::marker);
  aborted_.erase(aborted_.begin(), kept);
  const auto written = std::ranges::lower_bound(aborted_, durable_end, {}, &AbortedTransaction::marker);
  return {durable_end, table_, std::vector(aborted_.begin(), written)};
}

}  // namespace penstock::log
