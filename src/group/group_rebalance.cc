// From one generation to the next: members gather, one leads, all get their part.

#include <algorithm>
#include <ranges>

#include "group/group.h"

namespace penstock::group {

namespace {

using kafka::KafkaError;

// Between two looks for a leader, whatever members say.
constexpr Duration kLeastPatience = std::chrono::seconds(1);

// Of a group's record: what Kafka refuses, too, if only at a smaller size.
constexpr std::size_t kMaxRecordBytes = 16U << 20;

}  // namespace

Duration Group::rebalance_timeout() const {
  Duration longest = Duration::zero();
  for (const Member& member : members_ | std::views::values)
    longest = std::max(longest, member.rebalance_timeout);
  return longest;
}

void Group::prepare_rebalance() {
  ++context_.rebalances;
  if (state_ == GroupState::kCompletingRebalance) {
    for (Member& member : members_ | std::views::values) member.assignment.clear();
    answer_syncs(KafkaError::kRebalanceInProgress);
  }
  for (Member& member : members_ | std::views::values) member.owes_sync = false;
  sync_deadline_ = Instant::kNever;
  is_first_join_ = state_ == GroupState::kEmpty;
  has_newcomer_ = false;
  state_ = GroupState::kPreparingRebalance;
  join_deadline_ = now() + rebalance_timeout();
  if (is_first_join_) {
    first_join_ends_ = join_deadline_;
    join_deadline_ = std::min(join_deadline_, now() + context_.settings.initial_rebalance_delay);
  }
  deadline_.start_by(join_deadline_);
  try_to_complete_join();
}

void Group::try_to_complete_join() {
  if (state_ != GroupState::kPreparingRebalance || is_first_join_ || !pending_.empty()) return;
  const auto has_joined = [](const Member& member) { return member.joining != nullptr; };
  if (std::ranges::all_of(members_ | std::views::values, has_joined)) complete_join();
}

void Group::on_join_deadline() {
  if (is_first_join_ && has_newcomer_ && now() < first_join_ends_) {
    has_newcomer_ = false;
    join_deadline_ = std::min(first_join_ends_, now() + context_.settings.initial_rebalance_delay);
    return;
  }
  complete_join();
}

void Group::complete_join() {
  is_first_join_ = false;
  join_deadline_ = Instant::kNever;
  for (auto place = members_.begin(); place != members_.end();) {
    const auto member = place++;
    // A static one stays until its session ends.
    if (!member->second.joining && !member->second.is_static()) remove(member);
  }
  if (members_.empty()) return become_empty();
  if (!elect_joined_leader()) {
    // Nobody is there to lead; sessions end meanwhile.
    join_deadline_ = now() + std::max(rebalance_timeout(), kLeastPatience);
    deadline_.start_by(join_deadline_);
    return;
  }
  ++generation_;
  protocol_ = choose_protocol();
  state_ = GroupState::kCompletingRebalance;
  sync_deadline_ = now() + rebalance_timeout();
  deadline_.start_by(sync_deadline_);
  for (Member& member : members_ | std::views::values) {
    member.is_new = false;
    member.owes_sync = true;
    touch(member);
    member.answer_join(current_generation(member));
  }
}

bool Group::elect_joined_leader() {
  const auto current = members_.find(leader_);
  if (current != members_.end() && current->second.joining) return true;
  const auto has_joined = [](const auto& entry) { return entry.second.joining != nullptr; };
  const auto next = std::ranges::find_if(members_, has_joined);
  if (next == members_.end()) return false;
  leader_ = next->first;
  return true;
}

// Each member votes for the first of its own that all can speak; of equal ones, the first by name wins.
std::string Group::choose_protocol() const {
  std::map<std::string, std::size_t> votes;
  for (const Member& member : members_ | std::views::values) {
    const auto is_common = [this](const Protocol& protocol) { return all_speak(protocol.name); };
    const auto choice = std::ranges::find_if(member.protocols, is_common);
    if (choice != member.protocols.end()) ++votes[choice->name];
  }
  if (votes.empty()) return {};
  return std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; })->first;
}

void Group::become_empty() {
  ++generation_;
  state_ = GroupState::kEmpty;
  protocol_.reset();
  leader_.clear();
  sync_deadline_ = Instant::kNever;
  changed_ms_ = context_.scheduler.clock().wall_ms();
  auto hold = context_.background.enter();
  // A restart that has not heard of it finds members that do not show up, and comes here again. Its
  // place in the catalog's line is taken now, in front of whatever is asked for next.
  if (hold) context_.scheduler.start(keep(shared_from_this(), to_record(), std::move(*hold)));
}

Task<void> Group::keep(std::shared_ptr<Group>, GroupRecord record, Gate::Hold) {
  catalog::Change change = begin_change();
  change.put(group_key(id_), encode(record));
  (void)co_await context_.catalog.write(context_.scheduler, std::move(change));
}

// --- Syncing -------------------------------------------------------------------------------------

Task<SyncAnswer> Group::sync(SyncRequest request) {
  if (ended_) co_return SyncAnswer::refused(*ended_);
  if (const KafkaError error = check_member(request.member); error != KafkaError::kNone)
    co_return SyncAnswer::refused(error);
  if (request.generation != generation_) co_return SyncAnswer::refused(KafkaError::kIllegalGeneration);
  const bool is_another_protocol = (request.protocol_type && request.protocol_type != protocol_type_) ||
                                   (request.protocol && request.protocol != protocol_);
  if (is_another_protocol) co_return SyncAnswer::refused(KafkaError::kInconsistentGroupProtocol);
  Member& member = members_.at(request.member.member_id);
  switch (state_) {
    case GroupState::kEmpty:
    case GroupState::kDead: co_return SyncAnswer::refused(KafkaError::kUnknownMemberId);
    case GroupState::kPreparingRebalance:
      co_return SyncAnswer::refused(KafkaError::kRebalanceInProgress);
    case GroupState::kStable:
      member.owes_sync = false;
      touch(member);
      co_return assignment_of(member);
    case GroupState::kCompletingRebalance: break;
  }
  auto parked = std::make_shared<Parked<SyncAnswer>>(context_.scheduler);
  member.answer_sync(SyncAnswer::refused(KafkaError::kRebalanceInProgress));  // of a lost connection
  member.syncing = parked;
  member.owes_sync = false;
  // Asked again while the first answer is being written, the leader waits for that one.
  const bool settles = leader_ == member.id && settling_ != generation_;
  if (settles) co_await settle_assignment(std::move(request.assignments));
  SyncAnswer if_gone = SyncAnswer::refused(KafkaError::kRebalanceInProgress);
  co_return co_await Parked<SyncAnswer>::wait(std::move(parked), request.gone, std::move(if_gone));
}

Task<void> Group::settle_assignment(std::vector<MemberAssignment> assignments) {
  const std::int32_t generation = generation_;
  changed_ms_ = context_.scheduler.clock().wall_ms();
  std::map<std::string, std::vector<std::byte>> given;
  for (MemberAssignment& of : assignments) given[of.member_id] = std::move(of.assignment);
  GroupRecord record = to_record();
  for (MemberRecord& member : record.members) member.assignment = std::move(given[member.member_id]);
  std::string value = encode(record);
  if (value.size() > kMaxRecordBytes) {
    answer_syncs(KafkaError::kUnknownServerError);
    prepare_rebalance();
    co_return;
  }
  settling_ = generation;
  catalog::Change change = begin_change();
  change.put(group_key(id_), std::move(value));
  const auto kept = co_await context_.catalog.write(context_.scheduler, std::move(change));
  if (settling_ == generation) settling_ = -1;
  // Whoever changed it meanwhile has answered those who wait.
  if (state_ != GroupState::kCompletingRebalance || generation_ != generation) co_return;
  if (!kept) {
    answer_syncs(KafkaError::kCoordinatorNotAvailable);
    prepare_rebalance();
    co_return;
  }
  state_ = GroupState::kStable;
  for (MemberRecord& from : record.members) {
    const auto member = members_.find(from.member_id);
    if (member == members_.end()) continue;
    member->second.assignment = std::move(from.assignment);
    if (!member->second.syncing) continue;
    touch(member->second);
    member->second.answer_sync(assignment_of(member->second));
  }
}

SyncAnswer Group::assignment_of(const Member& member) const {
  SyncAnswer answer;
  answer.protocol_type = protocol_type_;
  answer.protocol = protocol_;
  answer.assignment = member.assignment;
  return answer;
}

void Group::answer_syncs(KafkaError error) {
  for (Member& member : members_ | std::views::values) {
    if (!member.syncing) continue;
    touch(member);  // it could not be heard of while it waited
    member.answer_sync(SyncAnswer::refused(error));
  }
}

}  // namespace penstock::group
