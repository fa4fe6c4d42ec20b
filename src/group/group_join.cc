// Joining a group: new members, known ones, and static ones that take their place again.

#include <algorithm>
#include <ranges>

#include "group/group.h"
#include "group/member_id.h"
#include "kafka/consumer_protocol.h"

namespace penstock::group {

namespace {

using kafka::KafkaError;

// How long a member that was in no generation yet may wait for its first one (KIP-394).
constexpr Duration kNewMemberTimeout = std::chrono::minutes(5);

// Whether a member that comes back with `now` can keep what it was assigned for `before`. The Java
// client also writes what it owns and since which generation, and has forgotten both after a restart:
// of consumers only the topics count.
bool asks_for_the_same(const std::optional<std::string>& protocol_type, ByteView before, ByteView now) {
  if (std::ranges::equal(before, now)) return true;
  if (protocol_type != kafka::kConsumerProtocolType) return false;
  const auto topics = topics_of(before);
  return topics && topics == topics_of(now);
}

}  // namespace

Task<JoinAnswer> Group::join(JoinRequest request) {
  if (ended_) co_return JoinAnswer::refused(*ended_, request.member.member_id);
  const std::string& member_id = request.member.member_id;
  if (!has_room_for(member_id)) {
    co_return JoinAnswer::refused(KafkaError::kGroupMaxSizeReached, member_id);
  }
  if (!can_all_speak_with(request)) {
    co_return JoinAnswer::refused(KafkaError::kInconsistentGroupProtocol, member_id);
  }
  if (member_id.empty()) co_return co_await join_new(std::move(request));
  if (pending_.contains(member_id) && !request.member.instance_id) {
    std::string id = member_id;
    co_return co_await add_member(std::move(id), std::move(request));
  }
  co_return co_await join_known(std::move(request));
}

Task<JoinAnswer> Group::join_new(JoinRequest request) {
  if (request.member.instance_id) {
    const auto known = static_members_.find(*request.member.instance_id);
    if (known != static_members_.end()) {
      std::string old_id = known->second;
      co_return co_await join_in_place_of(std::move(old_id), std::move(request));
    }
  }
  std::string member_id = make_member_id(request);
  if (request.must_know_its_id && !request.member.instance_id) {
    const Instant until = now() + request.session_timeout;
    pending_.emplace(member_id, until);
    deadline_.start_by(until);
    co_return JoinAnswer::refused(KafkaError::kMemberIdRequired, std::move(member_id));
  }
  co_return co_await add_member(std::move(member_id), std::move(request));
}

std::string Group::make_member_id(const JoinRequest& request) {
  const std::string& who = request.member.instance_id.value_or(request.client_id);
  return fmt::format("{}-{}", who, make_uuid_text(context_.random));
}

Task<JoinAnswer> Group::add_member(std::string member_id, JoinRequest request) {
  AbortSource* const gone = request.gone;
  JoinAnswer if_gone = JoinAnswer::refused(KafkaError::kRebalanceInProgress, member_id);
  Member member;
  member.id = member_id;
  member.instance_id = request.member.instance_id;
  member.client_id = std::move(request.client_id);
  member.client_host = std::move(request.client_host);
  member.session_timeout = request.session_timeout;
  member.rebalance_timeout = request.rebalance_timeout;
  set_protocols(member, std::move(request.protocols));
  member.is_new = true;
  member.expires = now() + kNewMemberTimeout;
  auto parked = std::make_shared<Parked<JoinAnswer>>(context_.scheduler);
  member.joining = parked;

  if (members_.empty()) protocol_type_ = std::move(request.protocol_type);
  if (leader_.empty()) leader_ = member_id;
  if (member.is_static()) static_members_[*member.instance_id] = member_id;
  pending_.erase(member_id);
  deadline_.start_by(member.expires);
  members_.emplace(std::move(member_id), std::move(member));
  if (state_ == GroupState::kPreparingRebalance) {
    has_newcomer_ = true;
    try_to_complete_join();
  } else {
    prepare_rebalance();
  }
  co_return co_await Parked<JoinAnswer>::wait(std::move(parked), gone, std::move(if_gone));
}

Task<JoinAnswer> Group::join_known(JoinRequest request) {
  const std::string& member_id = request.member.member_id;
  if (const KafkaError error = check_member(request.member); error != KafkaError::kNone) {
    co_return JoinAnswer::refused(error, member_id);
  }
  Member& member = members_.at(member_id);
  const bool says_the_same = member.protocols == request.protocols;
  // It has not heard of the generation that it is in.
  const bool repeats = says_the_same && (state_ == GroupState::kCompletingRebalance ||
                                         (state_ == GroupState::kStable && leader_ != member_id));
  if (repeats) {
    touch(member);
    co_return current_generation(member);
  }
  co_return co_await update_member(member, std::move(request));
}

Task<JoinAnswer> Group::update_member(Member& member, JoinRequest request) {
  auto parked = std::make_shared<Parked<JoinAnswer>>(context_.scheduler);
  JoinAnswer if_gone = JoinAnswer::refused(KafkaError::kRebalanceInProgress, member.id);
  member.answer_join(if_gone);  // of a lost connection
  member.joining = parked;
  member.client_id = std::move(request.client_id);
  member.client_host = std::move(request.client_host);
  member.session_timeout = request.session_timeout;
  member.rebalance_timeout = request.rebalance_timeout;
  set_protocols(member, std::move(request.protocols));
  if (state_ == GroupState::kPreparingRebalance) {
    try_to_complete_join();
  } else {
    prepare_rebalance();
  }
  co_return co_await Parked<JoinAnswer>::wait(std::move(parked), request.gone, std::move(if_gone));
}

// A static member that has restarted. In a stable group that goes on as before, nobody else hears of it
// (KIP-345).
Task<JoinAnswer> Group::join_in_place_of(std::string old_id, JoinRequest request) {
  const std::string old_leader = leader_;
  const bool can_skip_assignment = request.can_skip_assignment;
  std::string member_id = make_member_id(request);
  Member& member = replace_static_member(old_id, member_id);
  if (state_ != GroupState::kStable) {
    request.member.member_id = member_id;
    co_return co_await update_member(member, std::move(request));
  }
  const std::vector<Protocol> earlier = member.protocols;
  set_protocols(member, request.protocols);
  const bool goes_on = choose_protocol() == protocol_ &&
                       asks_for_the_same(protocol_type_, metadata_in(*protocol_, earlier),
                                         metadata_in(*protocol_, member.protocols));
  if (!goes_on) co_return co_await update_member(member, std::move(request));

  member.client_id = std::move(request.client_id);
  member.client_host = std::move(request.client_host);
  member.session_timeout = request.session_timeout;
  member.rebalance_timeout = request.rebalance_timeout;
  touch(member);
  const std::int32_t generation = generation_;
  catalog::Change change = begin_change();
  change.put(group_key(id_), encode(to_record()));
  const auto kept = co_await context_.catalog.write(context_.scheduler, std::move(change));
  const auto place = members_.find(member_id);
  if (ended_) co_return JoinAnswer::refused(*ended_, member_id);
  if (place == members_.end()) co_return JoinAnswer::refused(KafkaError::kUnknownMemberId, member_id);
  if (!kept) co_return JoinAnswer::refused(KafkaError::kCoordinatorNotAvailable, member_id);
  if (state_ != GroupState::kStable || generation_ != generation) {
    co_return JoinAnswer::refused(KafkaError::kRebalanceInProgress, member_id);
  }
  JoinAnswer answer = current_generation(place->second);
  if (leader_ == member_id && can_skip_assignment) {
    answer.skip_assignment = true;
  } else {
    // A client that cannot skip it must not believe that it is to assign again.
    answer.leader = old_leader;
    answer.members.clear();
  }
  co_return answer;
}

Member& Group::replace_static_member(const std::string& old_id, std::string new_id) {
  auto node = members_.extract(old_id);
  Member& member = node.mapped();
  member.answer_join(JoinAnswer::refused(KafkaError::kFencedInstanceId, old_id));
  member.answer_sync(SyncAnswer::refused(KafkaError::kFencedInstanceId));
  member.id = new_id;
  static_members_[*member.instance_id] = new_id;
  if (leader_ == old_id) leader_ = new_id;
  node.key() = std::move(new_id);
  return members_.insert(std::move(node)).position->second;
}

JoinAnswer Group::current_generation(const Member& member) const {
  JoinAnswer answer{.error = KafkaError::kNone,
                    .member_id = member.id,
                    .generation = generation_,
                    .protocol_type = protocol_type_,
                    .protocol = protocol_,
                    .leader = leader_};
  if (leader_ == member.id) answer.members = joined_members();
  return answer;
}

std::vector<JoinedMember> Group::joined_members() const {
  std::vector<JoinedMember> joined;
  for (const Member& member : members_ | std::views::values)
    joined.push_back(
        {member.id, member.instance_id, metadata_in(protocol_.value_or(""), member.protocols)});
  return joined;
}

}  // namespace penstock::group
