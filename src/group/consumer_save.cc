// A group of the new protocol and the catalog: what is written when, and read back.

#include <ranges>

#include "group/consumer_group.h"

namespace penstock::group {

ConsumerMemberRecord ConsumerMember::to_record() const {
  ConsumerMemberRecord record;
  record.instance_id = instance_id;
  record.rack_id = rack_id;
  record.client_id = client_id;
  record.client_host = client_host;
  record.rebalance_timeout_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(rebalance_timeout).count();
  if (subscription != nullptr)
    record.topic_names = {subscription->topic_names.begin(), subscription->topic_names.end()};
  record.assignor = assignor;
  record.epoch = epoch;
  record.previous_epoch = previous_epoch;
  record.target = to_records(target);
  record.assigned = to_records(assigned);
  record.unconfirmed = to_records(unconfirmed);
  record.revoking = to_records(revoking);
  return record;
}

ConsumerGroupRecord ConsumerGroup::to_record() const {
  return {.epoch = epoch_,
          .assignment_epoch = assignment_epoch_,
          .changed_ms = changed_ms_,
          .topics_digest = topics_digest_};
}

Result<std::shared_ptr<ConsumerGroup>> ConsumerGroup::from_records(GroupContext context, std::string id,
                                                                   const ConsumerGroupRecord& record,
                                                                   const MemberRecords& members) {
  auto group = std::make_shared<ConsumerGroup>(context, std::move(id));
  group->has_record_ = true;
  group->epoch_ = record.epoch;
  group->assignment_epoch_ = record.assignment_epoch;
  group->changed_ms_ = record.changed_ms;
  group->topics_digest_ = record.topics_digest;
  for (const auto& [member_id, from] : members) {
    ConsumerMember& member = group->members_[member_id];
    member.id = member_id;
    member.instance_id = from.instance_id;
    member.rack_id = from.rack_id;
    member.client_id = from.client_id;
    member.client_host = from.client_host;
    member.rebalance_timeout = std::chrono::milliseconds(from.rebalance_timeout_ms);
    group->subscribe(member, Subscription{{from.topic_names.begin(), from.topic_names.end()}});
    member.assignor = from.assignor;
    member.epoch = from.epoch;
    member.previous_epoch = from.previous_epoch;
    member.target = penstock::group::from_records(from.target);
    member.assigned = penstock::group::from_records(from.assigned);
    member.unconfirmed = penstock::group::from_records(from.unconfirmed);
    member.revoking = penstock::group::from_records(from.revoking);
    member.owes_news = true;  // whether it has heard of it is not known
    for (const Assignment* held : {&member.assigned, &member.revoking}) {
      if (intersects(*held, group->owned_)) {
        return fail(ErrorCode::kCorrupt, "member {} owns a partition that is owned already", member_id);
      }
      add(group->owned_, *held);
    }
    if (member.is_static()) group->static_members_[*member.instance_id] = member_id;
    group->touch(member);
    if (!member.revoking.empty()) group->wait_for(member);
  }
  group->needs_epoch_ = false;
  return group;
}

std::shared_ptr<GroupBase> ConsumerGroup::again() const {
  MemberRecords records;
  for (const auto& [id, member] : members_) records.emplace(id, member.to_record());
  auto group = from_records(context_, id_, to_record(), records);
  PENSTOCK_ASSERT(group.has_value(), "two members own the same partition");
  (*group)->mark_group();
  for (const ConsumerMember& member : members_ | std::views::values) (*group)->mark(member);
  return *group;
}

void ConsumerGroup::mark(const ConsumerMember& member) {
  unsaved_members_.insert(member.id);
  ++changes_;
}

void ConsumerGroup::mark_group() {
  is_group_unsaved_ = true;
  ++changes_;
}

// Returns whether everything that has changed until now is in the catalog. One write of a group is on
// its way at a time and takes along whatever has changed; so what a later one rests on is never missing
// in an earlier one that failed.
Task<bool> ConsumerGroup::save(std::shared_ptr<ConsumerGroup>) {
  const std::uint64_t wanted = changes_;
  while (saved_ < wanted && !ended_) {
    if (const auto saving = saving_) {
      co_await saving->done.wait();
      if (!saving->has_succeeded) co_return false;
      continue;
    }
    const auto saving = std::make_shared<Saving>(context_.scheduler);
    saving_ = saving;
    const std::uint64_t until = changes_;
    const bool takes_group = std::exchange(is_group_unsaved_, false);
    const std::set<std::string> ids = std::exchange(unsaved_members_, {});
    catalog::Change change = begin_change();
    if (takes_group) change.put(consumer_group_key(id_), encode(to_record()));
    for (const std::string& id : ids) {
      const auto member = members_.find(id);
      std::string key = consumer_member_key(id_, id);
      if (member == members_.end()) {
        change.erase(std::move(key));
      } else {
        change.put(std::move(key), encode(member->second.to_record()));
      }
    }
    const auto written = co_await context_.catalog.write(context_.scheduler, std::move(change));
    saving_.reset();
    saving->has_succeeded = written.has_value();
    saving->done.set();
    if (written) {
      saved_ = until;
      end_change();
    } else {
      is_group_unsaved_ |= takes_group;
      unsaved_members_.insert(ids.begin(), ids.end());
      if (!ended_) start_timer();
      co_return false;
    }
  }
  co_return saved_ >= wanted;
}

Task<void> ConsumerGroup::save_beside(std::shared_ptr<ConsumerGroup> self, Gate::Hold) {
  (void)co_await save(self);  // what it could not write, the next one does
}

void ConsumerGroup::save_in_background() {
  auto hold = context_.background.enter();
  if (hold) context_.scheduler.start(save_beside(shared_from_this(), std::move(*hold)));
}

}  // namespace penstock::group
