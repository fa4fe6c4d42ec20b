#include "group/group.h"

#include <algorithm>
#include <ranges>

#include "kafka/consumer_protocol.h"
#include "kafka/reader.h"

namespace penstock::group {

namespace {

std::uint64_t said_bytes_of(const Member& member) {
  return kEntryBytes + member.client_id.size() + member.instance_id.value_or("").size() +
         held_bytes(member.protocols);
}

using kafka::KafkaError;

std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

std::optional<std::set<std::string>> topics_of(ByteView subscription) {
  // After the version they come first, in all versions.
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

Group::Group(GroupContext context, std::string id) : GroupBase(context, std::move(id)) {}

Group::Group(GroupContext context, std::string id, GroupRecord record)
    : GroupBase(context, std::move(id)),
      generation_(record.generation),
      protocol_type_(std::move(record.protocol_type)),
      protocol_(std::move(record.protocol)),
      leader_(std::move(record.leader)),
      changed_ms_(record.changed_ms) {
  has_record_ = true;
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

std::uint64_t Group::said_bytes(const MemberIdentity& member) const {
  const auto instance =
      member.instance_id ? static_members_.find(*member.instance_id) : static_members_.end();
  const std::string& id = instance == static_members_.end() ? member.member_id : instance->second;
  const auto place = members_.find(id);
  return place == members_.end() ? 0 : said_bytes_of(place->second);
}

std::uint64_t Group::assignments_bytes() const {
  std::uint64_t bytes = 0;
  for (const Member& member : members_ | std::views::values) bytes += member.assignment.size();
  return bytes;
}

std::uint64_t Group::members_bytes() const {
  std::uint64_t bytes = assignments_bytes();
  for (const Member& member : members_ | std::views::values) bytes += said_bytes_of(member);
  return bytes;
}

std::shared_ptr<GroupBase> Group::again() const {
  return std::make_shared<Group>(context_, id_, to_record());
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
  if (members_.empty() || protocol_type_ != kafka::kConsumerProtocolType) return std::nullopt;
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

KafkaError Group::check_commit(const OffsetsCaller& caller) {
  const auto& [member, generation, knows_epochs] = caller;
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
  member.answer_join(JoinAnswer::refused(KafkaError::kUnknownMemberId, member.id));
  member.answer_sync(SyncAnswer::refused(KafkaError::kUnknownMemberId));
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
    member.answer_join(JoinAnswer::refused(error, member.id));
    member.answer_sync(SyncAnswer::refused(error));
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
