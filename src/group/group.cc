#include "group/group.h"

#include <algorithm>
#include <ranges>

#include "kafka/reader.h"

namespace penstock::group {

namespace {

using kafka::KafkaError;

// How long a member that was in no generation yet may wait for its first one (KIP-394).
constexpr Duration kNewMemberTimeout = std::chrono::minutes(5);

// Between two looks for a leader, whatever members say.
constexpr Duration kLeastPatience = std::chrono::seconds(1);

// Of a group's record: what Kafka refuses, too, if only at a smaller size.
constexpr std::size_t kMaxRecordBytes = 16U << 20;

constexpr std::string_view kConsumerProtocolType = "consumer";

JoinAnswer refuse_join(KafkaError error, std::string member_id) {
  return {.error = error, .member_id = std::move(member_id)};
}

SyncAnswer refuse_sync(KafkaError error) {
  SyncAnswer answer;
  answer.error = error;
  return answer;
}

std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// The topics of a ConsumerProtocolSubscription: after the version they come first, in all versions.
std::optional<std::set<std::string>> topics_of(ByteView subscription) {
  kafka::Reader reader(subscription);
  (void)reader.integer<std::int16_t>();
  const auto count = reader.array_count(/*compact=*/false);
  std::set<std::string> topics;
  for (std::uint32_t i = 0; count && i < *count && reader.ok(); ++i) {
    const auto topic = reader.string(/*compact=*/false);
    if (topic) topics.emplace(as_text(*topic));
  }
  if (!reader.ok() || !count) return std::nullopt;
  return topics;
}

}  // namespace

const std::vector<std::byte>& metadata_in(std::string_view protocol,
                                          const std::vector<Protocol>& spoken) {
  static const std::vector<std::byte> nothing;
  const auto place = std::ranges::find(spoken, protocol, &Protocol::name);
  return place == spoken.end() ? nothing : place->metadata;
}

std::string_view to_string(GroupState state) {
  switch (state) {
    case GroupState::kEmpty: return "Empty";
    case GroupState::kPreparingRebalance: return "PreparingRebalance";
    case GroupState::kCompletingRebalance: return "CompletingRebalance";
    case GroupState::kStable: return "Stable";
    case GroupState::kDead: return "Dead";
  }
  return "Unknown";
}

void Group::Deadline::start_by(Instant when) {
  if (is_running() && when_ <= when) return;
  cancel();
  when_ = when;
  start(when);
}

Group::Group(GroupContext context, std::string id) : context_(context), id_(std::move(id)) {}

Group::Group(GroupContext context, std::string id, GroupRecord record)
    : context_(context),
      id_(std::move(id)),
      generation_(record.generation),
      protocol_type_(std::move(record.protocol_type)),
      protocol_(std::move(record.protocol)),
      leader_(std::move(record.leader)),
      changed_ms_(record.changed_ms),
      is_kept_(true) {
  for (MemberRecord& from : record.members) {
    Member member;
    member.id = from.member_id;
    member.instance_id = std::move(from.instance_id);
    member.client_id = std::move(from.client_id);
    member.client_host = std::move(from.client_host);
    member.session_timeout = std::chrono::milliseconds(from.session_timeout_ms);
    member.rebalance_timeout = std::chrono::milliseconds(from.rebalance_timeout_ms);
    set_protocols(member, std::move(from.protocols));
    member.assignment = std::move(from.assignment);
    if (member.is_static()) static_members_[*member.instance_id] = member.id;
    touch(members_.emplace(from.member_id, std::move(member)).first->second);
  }
  if (!members_.empty()) state_ = GroupState::kStable;
}

GroupRecord Group::to_record() const {
  GroupRecord record{.generation = generation_,
                     .protocol_type = protocol_type_,
                     .protocol = protocol_,
                     .leader = leader_,
                     .changed_ms = changed_ms_};
  for (const Member& member : members_ | std::views::values) {
    record.members.push_back({.member_id = member.id,
                              .instance_id = member.instance_id,
                              .client_id = member.client_id,
                              .client_host = member.client_host,
                              .session_timeout_ms = to_ms(member.session_timeout),
                              .rebalance_timeout_ms = to_ms(member.rebalance_timeout),
                              .protocols = member.protocols,
                              .assignment = member.assignment});
  }
  return record;
}

// --- Who may speak -------------------------------------------------------------------------------

KafkaError Group::check_member(const MemberIdentity& member) const {
  if (member.instance_id) {
    const auto known = static_members_.find(*member.instance_id);
    if (known == static_members_.end()) return KafkaError::kUnknownMemberId;
    if (known->second != member.member_id) return KafkaError::kFencedInstanceId;
  }
  return members_.contains(member.member_id) ? KafkaError::kNone : KafkaError::kUnknownMemberId;
}

// While members gather, those count that have come.
bool Group::has_room_for(const std::string& member_id) const {
  const auto known = members_.find(member_id);
  if (state_ == GroupState::kPreparingRebalance) {
    if (known != members_.end() && known->second.joining) return true;
    const auto is_joining = [](const auto& entry) { return entry.second.joining != nullptr; };
    const auto joining = static_cast<std::size_t>(std::ranges::count_if(members_, is_joining));
    return joining + pending_.size() < context_.settings.max_members || pending_.contains(member_id);
  }
  return known != members_.end() || pending_.contains(member_id) ||
         members_.size() + pending_.size() < context_.settings.max_members;
}

bool Group::all_speak(const std::string& protocol) const {
  const auto speakers = speakers_.find(protocol);
  return speakers != speakers_.end() && speakers->second == members_.size();
}

bool Group::can_all_speak_with(const JoinRequest& request) const {
  if (members_.empty()) return !request.protocol_type.empty() && !request.protocols.empty();
  const auto is_common = [this](const Protocol& protocol) { return all_speak(protocol.name); };
  return protocol_type_ == request.protocol_type && std::ranges::any_of(request.protocols, is_common);
}

void Group::count_protocols(const Member& member, int change) {
  std::set<std::string> names;  // one that is named twice counts once
  for (const Protocol& protocol : member.protocols) names.insert(protocol.name);
  for (const std::string& name : names) {
    const auto speakers = speakers_.try_emplace(name, 0).first;
    speakers->second += static_cast<std::size_t>(change);
    if (speakers->second == 0) speakers_.erase(speakers);
  }
}

void Group::set_protocols(Member& member, std::vector<Protocol> protocols) {
  count_protocols(member, -1);
  member.protocols = std::move(protocols);
  count_protocols(member, 1);
}

std::optional<std::set<std::string>> Group::subscribed_topics() const {
  if (members_.empty() || protocol_type_ != kConsumerProtocolType) return std::nullopt;
  std::set<std::string> all;
  for (const Member& member : members_ | std::views::values) {
    if (member.protocols.empty()) return std::nullopt;
    const std::string& spoken = protocol_ ? *protocol_ : member.protocols.front().name;
    auto topics = topics_of(metadata_in(spoken, member.protocols));
    if (!topics) return std::nullopt;
    all.merge(*topics);
  }
  return all;
}

// --- Joining -------------------------------------------------------------------------------------

Task<JoinAnswer> Group::join(JoinRequest request) {
  if (ended_) co_return refuse_join(*ended_, request.member.member_id);
  const std::string& member_id = request.member.member_id;
  if (!has_room_for(member_id)) {
    co_return refuse_join(KafkaError::kGroupMaxSizeReached, member_id);
  }
  if (!can_all_speak_with(request)) {
    co_return refuse_join(KafkaError::kInconsistentGroupProtocol, member_id);
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
    co_return refuse_join(KafkaError::kMemberIdRequired, std::move(member_id));
  }
  co_return co_await add_member(std::move(member_id), std::move(request));
}

std::string Group::make_member_id(const JoinRequest& request) {
  const std::string& who = request.member.instance_id.value_or(request.client_id);
  const std::uint64_t high = context_.random.next();
  const std::uint64_t low = context_.random.next();
  return fmt::format("{}-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", who, high >> 32, (high >> 16) & 0xFFFF,
                     high & 0xFFFF, low >> 48, low & 0xFFFFFFFFFFFF);
}

Task<JoinAnswer> Group::add_member(std::string member_id, JoinRequest request) {
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
  co_return co_await Parked<JoinAnswer>::wait(std::move(parked));
}

Task<JoinAnswer> Group::join_known(JoinRequest request) {
  const std::string& member_id = request.member.member_id;
  if (const KafkaError error = check_member(request.member); error != KafkaError::kNone) {
    co_return refuse_join(error, member_id);
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
  member.answer_join(refuse_join(KafkaError::kRebalanceInProgress, member.id));  // of a lost connection
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
  co_return co_await Parked<JoinAnswer>::wait(std::move(parked));
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
                       metadata_in(*protocol_, member.protocols) == metadata_in(*protocol_, earlier);
  if (!goes_on) co_return co_await update_member(member, std::move(request));

  member.client_id = std::move(request.client_id);
  member.client_host = std::move(request.client_host);
  member.session_timeout = request.session_timeout;
  member.rebalance_timeout = request.rebalance_timeout;
  touch(member);
  const std::int32_t generation = generation_;
  is_kept_ = true;
  catalog::Change change;
  change.put(group_key(id_), encode(to_record()));
  const auto kept = co_await context_.catalog.write(context_.scheduler, std::move(change));
  const auto place = members_.find(member_id);
  if (ended_) co_return refuse_join(*ended_, member_id);
  if (place == members_.end()) co_return refuse_join(KafkaError::kUnknownMemberId, member_id);
  if (!kept) co_return refuse_join(KafkaError::kCoordinatorNotAvailable, member_id);
  if (state_ != GroupState::kStable || generation_ != generation) {
    co_return refuse_join(KafkaError::kRebalanceInProgress, member_id);
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
  member.answer_join(refuse_join(KafkaError::kFencedInstanceId, old_id));
  member.answer_sync(refuse_sync(KafkaError::kFencedInstanceId));
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

// --- Rebalancing ---------------------------------------------------------------------------------

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
  is_kept_ = true;
  catalog::Change change;
  change.put(group_key(id_), encode(record));
  (void)co_await context_.catalog.write(context_.scheduler, std::move(change));
}

// --- Syncing -------------------------------------------------------------------------------------

Task<SyncAnswer> Group::sync(SyncRequest request) {
  if (ended_) co_return refuse_sync(*ended_);
  if (const KafkaError error = check_member(request.member); error != KafkaError::kNone)
    co_return refuse_sync(error);
  if (request.generation != generation_) co_return refuse_sync(KafkaError::kIllegalGeneration);
  const bool is_another_protocol = (request.protocol_type && request.protocol_type != protocol_type_) ||
                                   (request.protocol && request.protocol != protocol_);
  if (is_another_protocol) co_return refuse_sync(KafkaError::kInconsistentGroupProtocol);
  Member& member = members_.at(request.member.member_id);
  switch (state_) {
    case GroupState::kEmpty:
    case GroupState::kDead: co_return refuse_sync(KafkaError::kUnknownMemberId);
    case GroupState::kPreparingRebalance: co_return refuse_sync(KafkaError::kRebalanceInProgress);
    case GroupState::kStable:
      member.owes_sync = false;
      touch(member);
      co_return assignment_of(member);
    case GroupState::kCompletingRebalance: break;
  }
  auto parked = std::make_shared<Parked<SyncAnswer>>(context_.scheduler);
  member.answer_sync(refuse_sync(KafkaError::kRebalanceInProgress));  // of a lost connection
  member.syncing = parked;
  member.owes_sync = false;
  // Asked again while the first answer is being written, the leader waits for that one.
  const bool settles = leader_ == member.id && settling_ != generation_;
  if (settles) co_await settle_assignment(std::move(request.assignments));
  co_return co_await Parked<SyncAnswer>::wait(std::move(parked));
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
  is_kept_ = true;
  catalog::Change change;
  change.put(group_key(id_), std::move(value));
  const auto kept = co_await context_.catalog.write(context_.scheduler, std::move(change));
  settling_ = -1;
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
    member.answer_sync(refuse_sync(error));
  }
}

// --- Living, leaving -----------------------------------------------------------------------------

KafkaError Group::heartbeat(const MemberIdentity& member, std::int32_t generation) {
  if (ended_) return *ended_;
  if (const KafkaError error = check_member(member); error != KafkaError::kNone) return error;
  if (generation != generation_) return KafkaError::kIllegalGeneration;
  if (state_ == GroupState::kEmpty) return KafkaError::kUnknownMemberId;
  touch(members_.at(member.member_id));
  return state_ == GroupState::kPreparingRebalance ? KafkaError::kRebalanceInProgress
                                                   : KafkaError::kNone;
}

KafkaError Group::check_commit(const MemberIdentity& member, std::int32_t generation) {
  if (ended_) return *ended_;
  // From a consumer without a group, or an operator.
  if (generation < 0 && state_ == GroupState::kEmpty) return KafkaError::kNone;
  if (const KafkaError error = check_member(member); error != KafkaError::kNone) return error;
  if (generation != generation_) return KafkaError::kIllegalGeneration;
  if (state_ == GroupState::kEmpty) return KafkaError::kUnknownMemberId;
  touch(members_.at(member.member_id));
  return state_ == GroupState::kCompletingRebalance ? KafkaError::kRebalanceInProgress
                                                    : KafkaError::kNone;
}

KafkaError Group::leave(const LeavingMember& leaving) {
  if (ended_) return *ended_;
  std::string member_id = leaving.member_id;
  if (leaving.instance_id) {
    const auto known = static_members_.find(*leaving.instance_id);
    if (known == static_members_.end()) return KafkaError::kUnknownMemberId;
    if (!member_id.empty() && member_id != known->second) return KafkaError::kFencedInstanceId;
    member_id = known->second;
  }
  if (pending_.erase(member_id) > 0) {
    try_to_complete_join();
    return KafkaError::kNone;
  }
  const auto place = members_.find(member_id);
  if (place == members_.end()) return KafkaError::kUnknownMemberId;
  remove(place);
  go_on_without();
  return KafkaError::kNone;
}

void Group::touch(Member& member) {
  member.expires = now() + member.session_timeout;
  deadline_.start_by(member.expires);
}

void Group::remove(Members::iterator place) {
  Member& member = place->second;
  member.answer_join(refuse_join(KafkaError::kUnknownMemberId, member.id));
  member.answer_sync(refuse_sync(KafkaError::kUnknownMemberId));
  if (member.is_static()) static_members_.erase(*member.instance_id);
  const bool was_leader = leader_ == member.id;
  count_protocols(member, -1);
  members_.erase(place);
  if (was_leader) leader_ = members_.empty() ? std::string() : members_.begin()->first;
}

void Group::go_on_without() {
  if (state_ == GroupState::kStable || state_ == GroupState::kCompletingRebalance) {
    prepare_rebalance();
  } else {
    try_to_complete_join();
  }
}

void Group::end(KafkaError error) {
  ended_ = error;
  state_ = GroupState::kDead;
  deadline_.cancel();
  for (Member& member : members_ | std::views::values) {
    member.answer_join(refuse_join(error, member.id));
    member.answer_sync(refuse_sync(error));
  }
}

// --- Time ----------------------------------------------------------------------------------------

void Group::on_time() {
  expire_members();
  if (now() >= join_deadline_ && state_ == GroupState::kPreparingRebalance) on_join_deadline();
  if (now() >= sync_deadline_) on_sync_deadline();
  start_timer();
}

void Group::expire_members() {
  const auto has_run_out = [this](const auto& entry) { return entry.second <= now(); };
  const bool has_forgotten = std::erase_if(pending_, has_run_out) > 0;
  bool has_gone = false;
  for (auto place = members_.begin(); place != members_.end();) {
    const auto member = place++;
    const bool waits = member->second.joining || member->second.syncing;
    if (member->second.expires > now() || (waits && !member->second.is_new)) continue;
    remove(member);
    has_gone = true;
  }
  if (has_gone) {
    go_on_without();
  } else if (has_forgotten) {
    try_to_complete_join();  // for which it may have been waited
  }
}

void Group::on_sync_deadline() {
  sync_deadline_ = Instant::kNever;
  bool has_gone = false;
  for (auto place = members_.begin(); place != members_.end();) {
    const auto member = place++;
    if (!member->second.owes_sync) continue;
    remove(member);
    has_gone = true;
  }
  if (has_gone) go_on_without();
}

void Group::start_timer() {
  Instant next = std::min(join_deadline_, sync_deadline_);
  for (const Instant until : pending_ | std::views::values) next = std::min(next, until);
  for (const Member& member : members_ | std::views::values) {
    // One that waits is heard of when it is answered; then its time begins.
    if (member.expires > now()) next = std::min(next, member.expires);
  }
  if (next != Instant::kNever) deadline_.start_by(next);
}

}  // namespace penstock::group
