#include "sim/model.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/batch.h"

namespace penstock::sim {

bool Model::send(Offset base, Offset next, ByteView batch) {
  const auto place = sent_.find(base);
  if (place != sent_.end() && place->second.is_fixed) {
    return fail(fmt::format("offset {} was given away twice", base));
  }
  // Nor was what an earlier life sent to offsets inside of this batch.
  sent_.erase(sent_.upper_bound(base), sent_.lower_bound(next));
  auto stamped = std::make_shared<std::vector<std::byte>>(batch.begin(), batch.end());
  log::stamp_batch(*stamped, base, kLeaderEpoch);
  sent_.insert_or_assign(base, Sent{.batch = std::move(stamped), .next = next, .sent_at = ++now_});
  return true;
}

void Model::acknowledge(Offset base) {
  const auto place = sent_.find(base);
  if (place == sent_.end()) {
    fail(fmt::format("offset {} was acknowledged, and nothing was sent there", base));
    return;
  }
  place->second.acknowledged_at = ++now_;
  ++acknowledged_count_;
  fix(place->second);
}

// What was acknowledged from memory and was not durable may be gone after anything but a kill.
void Model::start_life(bool after_kill) {
  life_started_at_ = ++now_;
  is_after_kill_ = after_kill;
  if (after_kill || last_lie_at_ > 0) return;
  for (auto& [base, sent] : sent_) {
    if (sent.next > durable_end_) sent.is_fixed = false;
  }
  fixed_end_ = std::min(fixed_end_, durable_end_);
}

void Model::fix(Sent& sent) {
  sent.is_fixed = true;
  fixed_end_ = std::max(fixed_end_, sent.next);
}

bool Model::serve(Offset expected, ByteView batch, Offset& next) {
  const auto header = log::BatchHeader::parse(batch);
  if (!header) return fail(fmt::format("an unreadable batch was served at offset {}", expected));
  if (header->base_offset != expected) {
    return fail(fmt::format("the batch at offset {} was served where {} was expected",
                            header->base_offset, expected));
  }
  const auto place = sent_.find(expected);
  if (place == sent_.end() || !std::ranges::equal(*place->second.batch, batch)) {
    return fail(fmt::format("wrong bytes were served at offset {}", expected));
  }
  if (!place->second.is_fixed) ++unacknowledged_kept_;
  fix(place->second);
  next = header->next_offset();
  return true;
}

bool Model::miss(Offset offset, const std::string& why) {
  if (may_report_damage_) return true;
  return fail(
      fmt::format("offset {} could not be read, from a device that has not lied: {}", offset, why));
}

bool Model::begin(Offset start) {
  if (start < deleted_below_) {
    return fail(
        fmt::format("the log begins at {}, and all below {} was deleted", start, deleted_below_));
  }
  if (start > deletion_asked_) {
    return fail(fmt::format("the log begins at {}, and only what is below {} was to be deleted", start,
                            deletion_asked_));
  }
  return true;
}

bool Model::recover(const Recovered& found) {
  const bool has_reported = !found.findings.empty();
  if (has_reported && !may_report_damage_) {
    return fail("recovery reports damage where there is none: " + found.findings[0]);
  }
  if (has_reported && last_lie_at_ > 0) {
    // Where the log begins can be what is damaged; then it says so.
    deletion_asked_ = std::max(deletion_asked_, found.start);
    deleted_below_ = std::min(deleted_below_, found.start);
  }
  if (!begin(found.start)) return false;
  const Offset testified = testified_end();
  // At most one lie per life is made about a partition: what was sealed without one stays known. But
  // what a killed process sealed may be with the kernel only.
  if (last_lie_at_ < life_started_at_ && !is_after_kill_) sealed_end_ = found.end;
  if (found.end >= fixed_end_) return true;
  if (last_lie_at_ == 0) {
    return fail(fmt::format("recovered up to {}, but everything below {} was acknowledged or served",
                            found.end, fixed_end_));
  }
  if (found.refuses_appends && has_reported) return true;  // nothing is given away again
  // What nothing behind it testifies for looks like a torn tail, and is cut: docs/durability.md.
  if (found.end < testified) {
    return fail(
        fmt::format("recovered up to {}, but a later entry testifies that all below {} was "
                    "acknowledged; findings: {}",
                    found.end, testified, found.findings.size()));
  }
  forget_from(found.end);
  return true;
}

// Up to where an intact entry tells that what was acknowledged before it was durable. It was sent after
// the newest lie, which so cannot have hit it.
Offset Model::testified_end() const {
  Tick newest = 0;
  for (const auto& [base, sent] : sent_) {
    if (sent.acknowledged_at > 0 && sent.sent_at > last_lie_at_)
      newest = std::max(newest, sent.sent_at);
  }
  Offset end = sealed_end_;
  for (const auto& [base, sent] : sent_) {
    if (sent.acknowledged_at > 0 && sent.acknowledged_at < newest) end = std::max(end, sent.next);
  }
  return end;
}

void Model::forget_from(Offset end) {
  sent_.erase(sent_.lower_bound(end), sent_.end());
  fixed_end_ = std::min(fixed_end_, end);
  durable_end_ = std::min(durable_end_, end);
}

void Model::confirm_destruction() {
  sent_.clear();
  fixed_end_ = durable_end_ = deletion_asked_ = deleted_below_ = sealed_end_ = Offset{};
  last_lie_at_ = 0;
  may_report_damage_ = false;
  is_being_destroyed_ = false;
  ++generation_;
}

void Model::note_lie() {
  last_lie_at_ = ++now_;
  may_report_damage_ = true;
}

Offset Model::batch_at(Offset offset) const {
  const auto after = sent_.upper_bound(offset);
  return after == sent_.begin() ? offset : std::prev(after)->first;
}

}  // namespace penstock::sim
