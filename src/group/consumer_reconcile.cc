// Who is to have what, and how members get there.

#include <algorithm>
#include <ranges>

#include "base/crc32c.h"
#include "group/consumer_group.h"

namespace penstock::group {

// --- Topics --------------------------------------------------------------------------------------

void ConsumerGroup::notice_topics() {
  const std::uint64_t version = context_.topics.version();
  if (version == topics_version_ && !has_new_subscriptions_) return;
  const bool may_be_deleted = version != topics_version_;
  const std::int64_t before = topics_digest_;
  topics_version_ = version;
  learn_topics();
  if (topics_digest_ == before) return;
  needs_epoch_ = true;
  if (!may_be_deleted) return;
  for (ConsumerMember& member : members_ | std::views::values) forget_deleted_topics(member);
}

void ConsumerGroup::learn_topics() {
  has_new_subscriptions_ = false;
  topics_.clear();
  for (const Subscription& subscription : subscriptions_ | std::views::keys) {
    for (const std::string& name : subscription.topic_names) {
      if (topics_.contains(name)) continue;
      if (auto topic = context_.topics.find(name)) topics_.emplace(name, std::move(*topic));
    }
  }
  std::uint64_t digest = 0;
  for (const Topics::Topic& topic : topics_ | std::views::values) {
    for (std::size_t half = 0; half < topic.id.bytes.size(); half += sizeof(std::uint64_t))
      digest = mix64(digest + load_be<std::uint64_t>(topic.id.bytes, half));
    digest = mix64(digest + static_cast<std::uint64_t>(topic.partition_count));
  }
  topics_digest_ = static_cast<std::int64_t>(digest);
}

// Its partitions are nobody's any more, whatever the member says: it may not even know their name.
void ConsumerGroup::forget_deleted_topics(ConsumerMember& member) {
  Assignment deleted;
  for (const Assignment* held : {&member.assigned, &member.revoking}) {
    for (const auto& [topic, partitions] : *held) {
      if (!context_.topics.find(topic)) deleted[topic].insert(partitions.begin(), partitions.end());
    }
  }
  if (deleted.empty()) return;
  release(deleted);
  subtract(member.assigned, deleted);
  subtract(member.revoking, deleted);
  subtract(member.unconfirmed, deleted);
  member.owes_news = true;
  mark(member);
}

// --- Targets -------------------------------------------------------------------------------------

void ConsumerGroup::begin_epoch() {
  if (!std::exchange(needs_epoch_, false)) return;
  ++epoch_;
  mark_group();
}

Assignor ConsumerGroup::assignor() const {
  std::map<std::string_view, std::size_t> votes;
  for (const ConsumerMember& member : members_ | std::views::values) {
    if (member.assignor) ++votes[*member.assignor];
  }
  if (votes.empty()) return context_.settings.consumer_assignor;
  const auto most = std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
  return assignor_named(most->first).value_or(context_.settings.consumer_assignor);
}

void ConsumerGroup::assign_targets() {
  begin_epoch();
  if (assignment_epoch_ == epoch_) return;
  AssignorInput input;
  std::map<std::string_view, std::size_t> index_of;
  for (const auto& [name, topic] : topics_) {
    index_of.emplace(name, input.topics.size());
    input.topics.push_back({topic.id, topic.partition_count});
  }
  std::map<const Subscription*, std::size_t> subscription_of;
  for (const Subscription& subscription : subscriptions_ | std::views::keys) {
    subscription_of.emplace(&subscription, input.subscriptions.size());
    std::vector<std::size_t>& wanted = input.subscriptions.emplace_back();
    for (const std::string& name : subscription.topic_names) {
      const auto index = index_of.find(name);
      if (index != index_of.end()) wanted.push_back(index->second);
    }
    std::ranges::sort(wanted);
  }
  for (const ConsumerMember& member : members_ | std::views::values) {
    input.members.push_back({.rank = member.instance_id.value_or(member.id),
                             .subscription = subscription_of.at(member.subscription),
                             .current = &member.target});
  }
  std::vector<Assignment> targets = assign(assignor(), input);
  auto target = targets.begin();
  for (ConsumerMember& member : members_ | std::views::values) {
    if (std::exchange(member.target, std::move(*target)) != member.target) mark(member);
    ++target;
    if (member.has_left_for_a_while()) settle_absent(member);
  }
  assignment_epoch_ = epoch_;
  ++context_.rebalances;
  mark_group();
}

// A static member that has left holds nothing; what its target has is kept for when it comes back.
void ConsumerGroup::settle_absent(ConsumerMember& member) {
  const Assignment lost = difference(member.assigned, member.target);
  release(lost);
  release(member.revoking);
  subtract(member.assigned, lost);
  member.revoking.clear();
  member.unconfirmed.clear();
  member.must_settle_by = Instant::kNever;
  if (!lost.empty()) mark(member);
}

// It holds nothing yet, so what its target does not have need not be waited for.
void ConsumerGroup::come_back(ConsumerMember& member) {
  settle_absent(member);
  member.epoch = kJoinEpoch;
  member.previous_epoch = kJoinEpoch;
  member.unconfirmed = member.assigned;
  mark(member);
}

// --- Getting there -------------------------------------------------------------------------------

// `owned`: what the member says that it has, if it does and has heard what it was last told.
void ConsumerGroup::reconcile(ConsumerMember& member, const Assignment* owned) {
  if (owned != nullptr && intersects(member.unconfirmed, *owned)) {
    subtract(member.unconfirmed, *owned);
    mark(member);
  }
  if (!finish_revoking(member, owned) || !begin_revoking(member, owned)) return wait_for(member);
  member.must_settle_by = Instant::kNever;
  take_what_is_free(member);
  if (member.epoch == assignment_epoch_) return;
  member.previous_epoch = std::exchange(member.epoch, assignment_epoch_);
  mark(member);
}

// Whether nothing is left that it was told to let go of.
bool ConsumerGroup::finish_revoking(ConsumerMember& member, const Assignment* owned) {
  if (member.revoking.empty()) return true;
  if (owned == nullptr || intersects(*owned, member.revoking)) return false;
  release(member.revoking);
  member.revoking.clear();
  mark(member);
  return true;
}

bool ConsumerGroup::begin_revoking(ConsumerMember& member, const Assignment* owned) {
  const Assignment lost = difference(member.assigned, member.target);
  if (lost.empty()) return true;
  if (intersects(lost, member.unconfirmed)) return false;
  subtract(member.assigned, lost);
  member.revoking = lost;
  member.owes_news = true;
  mark(member);
  return finish_revoking(member, owned);
}

void ConsumerGroup::take_what_is_free(ConsumerMember& member) {
  const Assignment missing = difference(member.target, member.assigned);
  const Assignment gained = difference(missing, owned_);
  if (gained.empty()) return;
  add(owned_, gained);
  add(member.assigned, gained);
  add(member.unconfirmed, gained);
  member.owes_news = true;
  mark(member);
}

void ConsumerGroup::wait_for(ConsumerMember& member) {
  if (member.must_settle_by != Instant::kNever) return;
  member.must_settle_by = now() + member.rebalance_timeout;
  deadline_.start_by(member.must_settle_by);
}

void ConsumerGroup::release(const Assignment& partitions) {
  PENSTOCK_ASSERT(is_subset(partitions, owned_), "a partition that nobody owned is let go of");
  subtract(owned_, partitions);
}

}  // namespace penstock::group
