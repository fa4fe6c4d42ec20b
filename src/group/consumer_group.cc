// Members of a group of the new protocol: who may speak, and what becomes of who does not.

#include "group/consumer_group.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include "group/member_id.h"

namespace penstock::group {

namespace {

using kafka::KafkaError;

std::unexpected<ConsumerHeartbeatAnswer> refuse(KafkaError error, std::string message) {
  return std::unexpected(ConsumerHeartbeatAnswer::refused(error, std::move(message)));
}

// After a write that failed, if nobody speaks meanwhile.
constexpr Duration kSaveAgainAfter = std::chrono::seconds(10);

// All that can change is said in it: as clients do when they join, and after an answer was lost.
bool says_everything(const ConsumerHeartbeat& request) {
  return request.rebalance_timeout && request.topic_names && request.owned;
}

// Without its subscription, which it may share.
std::uint64_t own_bytes_of(const ConsumerMember& member) {
  return kEntryBytes + member.client_id.size() + member.instance_id.value_or("").size() +
         member.rack_id.value_or("").size();
}

}  // namespace

ConsumerGroup::ConsumerGroup(GroupContext context, std::string id)
    : GroupBase(context, std::move(id)) {}

std::string_view ConsumerGroup::state_name() const {
  if (ended_) return "Dead";
  if (members_.empty()) return "Empty";
  if (epoch_ > assignment_epoch_) return "Assigning";
  const bool is_settled = std::ranges::all_of(
      members_ | std::views::values,
      [this](const auto& member) { return member.is_settled() && member.epoch == assignment_epoch_; });
  return is_settled ? "Stable" : "Reconciling";
}

std::optional<std::set<std::string>> ConsumerGroup::subscribed_topics() const {
  if (members_.empty()) return std::nullopt;
  std::set<std::string> all;
  for (const Subscription& subscription : subscriptions_ | std::views::keys)
    all.insert(subscription.topic_names.begin(), subscription.topic_names.end());
  return all;
}

std::uint64_t ConsumerGroup::said_bytes(const MemberIdentity& member) const {
  const auto instance =
      member.instance_id ? static_members_.find(*member.instance_id) : static_members_.end();
  const auto place =
      members_.find(instance == static_members_.end() ? member.member_id : instance->second);
  if (place == members_.end()) return 0;
  const Subscription* const subscription = place->second.subscription;
  return own_bytes_of(place->second) +
         (subscription == nullptr ? 0 : group::held_bytes(subscription->topic_names));
}

std::uint64_t ConsumerGroup::members_bytes() const {
  std::uint64_t bytes = 0;
  for (const ConsumerMember& member : members_ | std::views::values) bytes += own_bytes_of(member);
  for (const Subscription& subscription : subscriptions_ | std::views::keys)
    bytes += group::held_bytes(subscription.topic_names);
  return bytes;
}

// --- Heartbeats ----------------------------------------------------------------------------------

Task<ConsumerHeartbeatAnswer> ConsumerGroup::heartbeat(ConsumerHeartbeat request) {
  if (ended_) co_return ConsumerHeartbeatAnswer::refused(*ended_, "the group is not served here");
  if (request.epoch < kJoinEpoch) co_return co_await leave(std::move(request));
  const std::size_t member_count = members_.size();
  auto speaker = request.epoch == kJoinEpoch ? admit(request) : find_member(request);
  if (!speaker) co_return std::move(speaker.error());
  ConsumerMember& member = **speaker;
  // Whoever has not heard its epoch has not heard either what it is to let go of.
  const bool is_behind = request.epoch != member.epoch;
  update(member, request);
  notice_topics();
  assign_targets();
  if (member.has_left_for_a_while()) come_back(member);
  reconcile(member, !is_behind && request.owned ? &*request.owned : nullptr);
  touch(member);

  ConsumerHeartbeatAnswer answer;
  answer.member_id = member.id;
  answer.epoch = member.epoch;
  answer.heartbeat_interval = context_.settings.consumer_heartbeat_interval;
  if (is_behind || member.owes_news || says_everything(request)) answer.assigned = member.assigned;
  const bool is_new = members_.size() > member_count;
  co_return co_await when_saved(std::move(answer), is_new);
}

Task<ConsumerHeartbeatAnswer> ConsumerGroup::when_saved(ConsumerHeartbeatAnswer answer, bool is_new) {
  const auto self = shared_from_this();
  const bool is_saved = co_await save(self);
  if (ended_) co_return ConsumerHeartbeatAnswer::refused(*ended_, "the group is not served here");
  const auto member = members_.find(answer.member_id);
  if (!is_saved) {
    // Nobody knows its id, so nobody would come back for it.
    if (is_new && member != members_.end()) remove(member);
    co_return ConsumerHeartbeatAnswer::refused(KafkaError::kCoordinatorNotAvailable,
                                               "the group could not be written to the catalog");
  }
  if (answer.epoch < kJoinEpoch) co_return answer;
  if (member == members_.end()) {
    co_return ConsumerHeartbeatAnswer::refused(KafkaError::kUnknownMemberId,
                                               "the member was removed from the group");
  }
  if (answer.assigned == member->second.assigned) member->second.owes_news = false;
  co_return answer;
}

void ConsumerGroup::update(ConsumerMember& member, const ConsumerHeartbeat& request) {
  bool is_changed = false;
  const auto set = [&is_changed](auto& field, const auto& value) {
    is_changed |= field != value;
    if (field != value) field = value;
  };
  set(member.client_id, request.client_id);
  set(member.client_host, request.client_host);
  if (request.rack_id) set(member.rack_id, request.rack_id);
  if (request.rebalance_timeout) set(member.rebalance_timeout, *request.rebalance_timeout);
  if (request.assignor && request.assignor != member.assignor) {
    set(member.assignor, request.assignor);
    needs_epoch_ = true;
  }
  const bool is_subscribed = member.subscription != nullptr;
  if (!is_subscribed ||
      (request.topic_names && *request.topic_names != member.subscription->topic_names)) {
    subscribe(member, Subscription{request.topic_names.value_or(std::set<std::string>())});
    is_changed = true;
  }
  if (is_changed) mark(member);
}

void ConsumerGroup::subscribe(ConsumerMember& member, Subscription subscription) {
  const auto [place, is_new] = subscriptions_.try_emplace(std::move(subscription), 0);
  ++place->second;
  unsubscribe(member);
  member.subscription = &place->first;
  has_new_subscriptions_ |= is_new;
  needs_epoch_ = true;
}

void ConsumerGroup::unsubscribe(ConsumerMember& member) {
  if (member.subscription == nullptr) return;
  const auto place = subscriptions_.find(*member.subscription);
  member.subscription = nullptr;
  if (--place->second > 0) return;
  subscriptions_.erase(place);
  has_new_subscriptions_ = true;
}

// --- Who may speak -------------------------------------------------------------------------------

ConsumerGroup::Admitted ConsumerGroup::find_static_member(const MemberIdentity& member) {
  const auto known = static_members_.find(*member.instance_id);
  if (known == static_members_.end()) {
    return refuse(KafkaError::kUnknownMemberId,
                  fmt::format("instance id {} is not known in the group", *member.instance_id));
  }
  if (known->second != member.member_id) {
    return refuse(KafkaError::kFencedInstanceId,
                  fmt::format("instance id {} is member {}'s", *member.instance_id, known->second));
  }
  return &members_.at(known->second);
}

ConsumerGroup::Admitted ConsumerGroup::find_member(const ConsumerHeartbeat& request) {
  Admitted found;
  if (request.member.instance_id) {
    found = find_static_member(request.member);
    if (!found) return found;
  } else {
    const auto place = members_.find(request.member.member_id);
    if (place == members_.end()) {
      return refuse(KafkaError::kUnknownMemberId,
                    fmt::format("member {} is not in the group", request.member.member_id));
    }
    found = &place->second;
  }
  const ConsumerMember& member = **found;
  if (request.epoch == member.epoch) return found;
  // The answer that told it of its epoch may have been lost.
  const bool has_missed_one = request.epoch == member.previous_epoch && request.owned &&
                              is_subset(*request.owned, member.assigned);
  if (has_missed_one && !member.has_left_for_a_while()) return found;
  return refuse(KafkaError::kFencedMemberEpoch,
                fmt::format("the member's epoch is {} and not {}: it must let go of all its partitions "
                            "and join again",
                            member.epoch, request.epoch));
}

ConsumerGroup::Admitted ConsumerGroup::admit(const ConsumerHeartbeat& request) {
  if (request.member.instance_id) return admit_static(request);
  const auto known = members_.find(request.member.member_id);
  if (known == members_.end() || request.member.member_id.empty()) {
    if (members_.size() < context_.settings.max_members) return &add_member(request);
    return refuse(KafkaError::kGroupMaxSizeReached,
                  fmt::format("the group has {} members and takes no more", members_.size()));
  }
  // It joins again: it has nothing, and is told what it had. Nobody else gets that on its word, because
  // this may be an old request that was on its way for long.
  known->second.unconfirmed = known->second.assigned;
  mark(known->second);
  return &known->second;
}

ConsumerGroup::Admitted ConsumerGroup::admit_static(const ConsumerHeartbeat& request) {
  const auto known = static_members_.find(*request.member.instance_id);
  if (known == static_members_.end()) {
    if (members_.size() < context_.settings.max_members) return &add_member(request);
    return refuse(KafkaError::kGroupMaxSizeReached,
                  fmt::format("the group has {} members and takes no more", members_.size()));
  }
  ConsumerMember& member = members_.at(known->second);
  if (member.has_left_for_a_while()) return &replace_member(member.id, request);
  if (member.id == request.member.member_id) {
    member.unconfirmed = member.assigned;
    mark(member);
    return &member;
  }
  return refuse(KafkaError::kUnreleasedInstanceId,
                fmt::format("instance id {} is still used by member {}, which must leave first",
                            *request.member.instance_id, member.id));
}

ConsumerMember& ConsumerGroup::add_member(const ConsumerHeartbeat& request) {
  std::string id = request.member.member_id;
  while (id.empty() || members_.contains(id)) id = make_uuid_text(context_.random);
  ConsumerMember& member = members_[id];
  member.id = std::move(id);
  member.instance_id = request.member.instance_id;
  member.owes_news = true;
  if (member.is_static()) static_members_[*member.instance_id] = member.id;
  needs_epoch_ = true;
  mark(member);
  return member;
}

// What it had is kept for it: nobody else hears of its restart.
ConsumerMember& ConsumerGroup::replace_member(const std::string& old_id,
                                              const ConsumerHeartbeat& request) {
  auto node = members_.extract(old_id);
  ConsumerMember& member = node.mapped();
  mark(member);
  std::string id = request.member.member_id;
  while (id.empty() || members_.contains(id)) id = make_uuid_text(context_.random);
  member.id = id;
  member.owes_news = true;
  static_members_[*member.instance_id] = id;
  node.key() = std::move(id);
  mark(member);
  return members_.insert(std::move(node)).position->second;
}

KafkaError ConsumerGroup::check_commit(const OffsetsCaller& caller) {
  if (ended_) return *ended_;
  // From an operator.
  if (caller.generation < 0 && members_.empty()) return KafkaError::kNone;
  const auto member = members_.find(caller.member.member_id);
  if (member == members_.end()) return KafkaError::kUnknownMemberId;
  if (!caller.knows_epochs) return KafkaError::kUnsupportedVersion;
  return caller.generation == member->second.epoch ? KafkaError::kNone : KafkaError::kStaleMemberEpoch;
}

KafkaError ConsumerGroup::check_fetch(const OffsetsCaller& caller) {
  if (ended_) return *ended_;
  // From an operator, or a client that does not say who it is.
  if (caller.generation < 0 && caller.member.member_id.empty()) return KafkaError::kNone;
  const auto member = members_.find(caller.member.member_id);
  if (member == members_.end()) return KafkaError::kUnknownMemberId;
  return caller.generation == member->second.epoch ? KafkaError::kNone : KafkaError::kStaleMemberEpoch;
}

// --- Leaving -------------------------------------------------------------------------------------

Task<ConsumerHeartbeatAnswer> ConsumerGroup::leave(ConsumerHeartbeat request) {
  ConsumerHeartbeatAnswer answer;
  answer.member_id = request.member.member_id;
  answer.epoch = request.epoch;
  answer.heartbeat_interval = context_.settings.consumer_heartbeat_interval;
  if (request.member.instance_id) {
    const auto known = find_static_member(request.member);
    if (!known) co_return known.error();
  }
  const auto place = members_.find(request.member.member_id);
  if (place == members_.end()) {
    co_return ConsumerHeartbeatAnswer::refused(
        KafkaError::kUnknownMemberId,
        fmt::format("member {} is not in the group", request.member.member_id));
  }
  ConsumerMember& member = place->second;
  if (request.epoch == kLeaveForAWhileEpoch && member.is_static()) {
    member.epoch = kLeaveForAWhileEpoch;
    settle_absent(member);
    mark(member);
  } else {
    remove(place);
  }
  co_return co_await when_saved(std::move(answer), /*is_new=*/false);
}

void ConsumerGroup::remove(Members::iterator place) {
  ConsumerMember& member = place->second;
  mark(member);
  release(member.assigned);
  release(member.revoking);
  unsubscribe(member);
  if (member.is_static()) static_members_.erase(*member.instance_id);
  members_.erase(place);
  // Who is to have its partitions is found out when the next one speaks.
  needs_epoch_ = true;
  begin_epoch();
  if (members_.empty()) changed_ms_ = context_.scheduler.clock().wall_ms();
}

void ConsumerGroup::end(KafkaError error) {
  ended_ = error;
  deadline_.cancel();
}

// --- Time ----------------------------------------------------------------------------------------

void ConsumerGroup::touch(ConsumerMember& member) {
  member.expires = now() + context_.settings.consumer_session_timeout;
  deadline_.start_by(member.expires);
}

void ConsumerGroup::on_time() {
  bool has_gone = false;
  for (auto place = members_.begin(); place != members_.end();) {
    const auto member = place++;
    if (std::min(member->second.expires, member->second.must_settle_by) > now()) continue;
    remove(member);
    has_gone = true;
  }
  if (has_gone || saved_ < changes_) save_in_background();
  start_timer();
}

void ConsumerGroup::start_timer() {
  Instant next = saved_ < changes_ ? now() + kSaveAgainAfter : Instant::kNever;
  for (const ConsumerMember& member : members_ | std::views::values)
    next = std::min({next, member.expires, member.must_settle_by});
  if (next != Instant::kNever) deadline_.start_by(next);
}

}  // namespace penstock::group
