#include "group/coordinator.h"

#include <algorithm>
#include <limits>
#include <ranges>

namespace penstock::group {

namespace {

using kafka::KafkaError;

// What waiting members are told by a server that stops: they look for the coordinator, and come back.
constexpr KafkaError kGoAway = KafkaError::kNotCoordinator;

}  // namespace

GroupCoordinator::GroupCoordinator(Scheduler& scheduler, catalog::Catalog& catalog, Random& random,
                                   const Topics& topics, const GroupSettings& settings)
    : scheduler_(scheduler),
      catalog_(catalog),
      settings_(settings),
      background_(scheduler),
      stopping_(scheduler),
      context_{scheduler, catalog, random, settings, topics, background_, rebalances_},
      memory_(scheduler, settings.memory_bytes, [this] { return held_bytes(); }) {}

GroupCoordinator::~GroupCoordinator() = default;

// --- Life ----------------------------------------------------------------------------------------

Task<Result<void>> GroupCoordinator::start(std::function<bool(const std::string& group)> is_own) {
  if (auto loaded = co_await load_groups(is_own); !loaded) co_return loaded;
  if (auto loaded = co_await load_consumer_groups(is_own); !loaded) co_return loaded;
  if (auto loaded = co_await load_offsets(is_own); !loaded) co_return loaded;
  if (auto loaded = co_await load_pending_offsets(is_own); !loaded) co_return loaded;
  auto hold = background_.enter();
  if (hold) scheduler_.spawn(expire_now_and_then(std::move(*hold)));
  co_return Result<void>();
}

Task<Result<void>> GroupCoordinator::load_groups(
    const std::function<bool(const std::string& group)>& is_own) {
  const auto groups = co_await catalog_.scan(scheduler_, std::string(kGroupPrefix));
  if (!groups) co_return Unexpected(groups.error());
  for (const catalog::Entry& entry : *groups) {
    auto id = decode_group_key(entry.key);
    if (!id) co_return Unexpected(id.error());
    if (!is_own(*id)) continue;
    auto record = decode_group(entry.value);
    if (!record) co_return Unexpected(record.error().context(fmt::format("group {}", *id)));
    groups_.emplace(*id, std::make_shared<Group>(context_, *id, std::move(*record)));
  }
  co_return Result<void>();
}

Task<Result<void>> GroupCoordinator::load_consumer_groups(
    const std::function<bool(const std::string& group)>& is_own) {
  std::map<std::string, ConsumerGroup::MemberRecords> members;
  const auto member_entries = co_await catalog_.scan(scheduler_, std::string(kConsumerMemberPrefix));
  if (!member_entries) co_return Unexpected(member_entries.error());
  for (const catalog::Entry& entry : *member_entries) {
    auto key = decode_consumer_member_key(entry.key);
    if (!key) co_return Unexpected(key.error());
    if (!is_own(key->group)) continue;
    auto record = decode_consumer_member(entry.value);
    if (!record)
      co_return Unexpected(record.error().context(fmt::format("a member of group {}", key->group)));
    members[key->group].emplace(std::move(key->member), std::move(*record));
  }
  const auto groups = co_await catalog_.scan(scheduler_, std::string(kConsumerGroupPrefix));
  if (!groups) co_return Unexpected(groups.error());
  for (const catalog::Entry& entry : *groups) {
    auto id = decode_consumer_group_key(entry.key);
    if (!id) co_return Unexpected(id.error());
    if (!is_own(*id)) continue;
    const auto record = decode_consumer_group(entry.value);
    if (!record) co_return Unexpected(record.error().context(fmt::format("group {}", *id)));
    auto group = ConsumerGroup::from_records(context_, *id, *record, members[*id]);
    if (!group) co_return Unexpected(group.error().context(fmt::format("group {}", *id)));
    groups_.emplace(*id, std::move(*group));
    members.erase(*id);
  }
  if (!members.empty()) {
    co_return fail(ErrorCode::kCorrupt, "group {} has members in the catalog and is not there itself",
                   members.begin()->first);
  }
  co_return Result<void>();
}

Task<Result<void>> GroupCoordinator::load_offsets(
    const std::function<bool(const std::string& group)>& is_own) {
  const auto offsets = co_await catalog_.scan(scheduler_, std::string(kOffsetPrefix));
  if (!offsets) co_return Unexpected(offsets.error());
  for (const catalog::Entry& entry : *offsets) {
    auto key = decode_offset_key(entry.key);
    if (!key) co_return Unexpected(key.error());
    if (!is_own(key->group)) continue;
    auto record = decode_offset(entry.value);
    if (!record)
      co_return Unexpected(record.error().context(fmt::format("an offset of group {}", key->group)));
    GroupRef& group = groups_[key->group];
    if (!group) group = std::make_shared<Group>(context_, key->group);
    group->offsets().emplace(std::move(key->partition), std::move(*record));
  }
  co_return Result<void>();
}

void GroupCoordinator::release_waiting() {
  is_released_ = true;
  for (const GroupRef& group : groups_ | std::views::values) group->end(kGoAway);
}

Task<void> GroupCoordinator::stop() {
  release_waiting();
  stopping_.set();
  co_await background_.close();
}

GroupCoordinator::GroupRef GroupCoordinator::find(const std::string& id) const {
  const auto place = groups_.find(id);
  return place == groups_.end() ? nullptr : place->second;
}

GroupCoordinator::GroupRef GroupCoordinator::find_or_make(const std::string& id) {
  if (GroupRef group = find(id)) return group;
  if (groups_.size() >= settings_.max_groups) return nullptr;
  return groups_.emplace(id, std::make_shared<Group>(context_, id)).first->second;
}

template <typename Type>
std::shared_ptr<Type> GroupCoordinator::find_of_type(const std::string& id) const {
  return std::dynamic_pointer_cast<Type>(find(id));
}

template <typename Type>
std::expected<std::shared_ptr<Type>, KafkaError> GroupCoordinator::find_or_make_of_type(
    const std::string& id, KafkaError other) {
  const GroupRef found = find(id);
  if (auto group = std::dynamic_pointer_cast<Type>(found)) return group;
  if (!found && groups_.size() >= settings_.max_groups)
    return std::unexpected(KafkaError::kCoordinatorNotAvailable);
  if (found && (!found->is_idle() || pending_.has_any(id))) {
    // It is being deleted, or somebody's commit is on its way.
    const bool is_passing = found->is_dead() || found->member_count() == 0;
    return std::unexpected(is_passing ? KafkaError::kCoordinatorNotAvailable : other);
  }
  auto group = std::make_shared<Type>(context_, id);
  if (found) {
    found->end(KafkaError::kCoordinatorNotAvailable);
    group->replace(*found);
  }
  groups_[id] = group;
  return group;
}

// --- Members -------------------------------------------------------------------------------------

KafkaError GroupCoordinator::without_group() const {
  return is_released_ ? kGoAway : KafkaError::kUnknownMemberId;
}

bool GroupCoordinator::has_memory_for(const std::string& id, const MemberIdentity& member,
                                      std::uint64_t bytes) {
  const GroupRef group = find(id);
  return memory_.admit(bytes, group ? group->said_bytes(member) : 0);
}

bool GroupCoordinator::has_memory_for(const Group& group,
                                      const std::vector<MemberAssignment>& assignments) {
  if (assignments.empty()) return true;
  return memory_.admit(group::held_bytes(assignments), group.assignments_bytes());
}

Task<JoinAnswer> GroupCoordinator::join(std::string id, JoinRequest request) {
  const std::string& member_id = request.member.member_id;
  const bool is_new = member_id.empty();
  if (is_released_) co_return JoinAnswer::refused(kGoAway, member_id);
  if (request.session_timeout < settings_.min_session_timeout ||
      request.session_timeout > settings_.max_session_timeout) {
    co_return JoinAnswer::refused(KafkaError::kInvalidSessionTimeout, member_id);
  }
  if (!has_memory_for(id, request.member, group::held_bytes(request)))
    co_return JoinAnswer::refused(KafkaError::kGroupMaxSizeReached, member_id);
  if (!is_new) {
    if (const auto group = find_of_type<Group>(id)) co_return co_await group->join(std::move(request));
    const bool is_another_type = find(id) != nullptr;
    co_return JoinAnswer::refused(
        is_another_type ? KafkaError::kInconsistentGroupProtocol : without_group(), member_id);
  }
  const auto group = find_or_make_of_type<Group>(id, KafkaError::kInconsistentGroupProtocol);
  if (!group) co_return JoinAnswer::refused(group.error(), member_id);
  co_return co_await (*group)->join(std::move(request));
}

Task<SyncAnswer> GroupCoordinator::sync(std::string id, SyncRequest request) {
  const auto group = find_of_type<Group>(id);
  if (!group) co_return SyncAnswer::refused(without_group());
  if (!has_memory_for(*group, request.assignments))
    co_return SyncAnswer::refused(KafkaError::kGroupMaxSizeReached);
  co_return co_await group->sync(std::move(request));
}

KafkaError GroupCoordinator::heartbeat(const std::string& id, const MemberIdentity& member,
                                       std::int32_t generation) {
  const auto group = find_of_type<Group>(id);
  return group ? group->heartbeat(member, generation) : without_group();
}

std::vector<KafkaError> GroupCoordinator::leave(const std::string& id,
                                                const std::vector<LeavingMember>& members) {
  std::vector<KafkaError> errors;
  const auto group = find_of_type<Group>(id);
  for (const LeavingMember& member : members)
    errors.push_back(group ? group->leave(member) : without_group());
  return errors;
}

Task<ConsumerHeartbeatAnswer> GroupCoordinator::consumer_heartbeat(std::string id,
                                                                   ConsumerHeartbeat request) {
  if (is_released_) co_return ConsumerHeartbeatAnswer::refused(kGoAway, "the server stops");
  const bool says_much = request.epoch == kJoinEpoch || request.topic_names;
  if (says_much && !has_memory_for(id, request.member, group::held_bytes(request))) {
    co_return ConsumerHeartbeatAnswer::refused(
        KafkaError::kGroupMaxSizeReached, "groups hold as much memory as groups.memory_bytes allows");
  }
  const auto not_found = [&id] {
    return ConsumerHeartbeatAnswer::refused(KafkaError::kGroupIdNotFound,
                                            fmt::format("there is no consumer group {}", id));
  };
  if (request.epoch != kJoinEpoch) {
    const auto group = find_of_type<ConsumerGroup>(id);
    if (!group) co_return not_found();
    co_return co_await group->heartbeat(std::move(request));
  }
  const auto group = find_or_make_of_type<ConsumerGroup>(id, KafkaError::kGroupIdNotFound);
  if (group) co_return co_await (*group)->heartbeat(std::move(request));
  if (group.error() == KafkaError::kGroupIdNotFound) {
    co_return ConsumerHeartbeatAnswer::refused(
        KafkaError::kGroupIdNotFound,
        fmt::format("group {} has members of the classic protocol: they must leave first", id));
  }
  co_return ConsumerHeartbeatAnswer::refused(group.error(), "the group cannot be served now");
}

// --- Offsets -------------------------------------------------------------------------------------

Task<void> GroupCoordinator::commit(std::string id, CommitRequest& request) {
  const auto refuse_all = [&request](KafkaError error) {
    for (CommitRequest::Part& part : request.parts) part.error = error;
  };
  if (is_released_) co_return refuse_all(kGoAway);
  // A generation that nobody knows of any more cannot be the current one.
  const bool has_no_member = request.caller.generation < 0;
  const GroupRef group = has_no_member ? find_or_make(id) : find(id);
  if (!group) {
    if (has_no_member) co_return refuse_all(KafkaError::kCoordinatorNotAvailable);
    co_return refuse_all(request.caller.knows_epochs ? KafkaError::kGroupIdNotFound
                                                     : KafkaError::kIllegalGeneration);
  }
  if (const KafkaError error = group->check_commit(request.caller); error != KafkaError::kNone) {
    co_return refuse_all(error);
  }
  prepare_parts(*group, request);
  catalog::Change change;
  for (const CommitRequest::Part& part : request.parts) {
    if (part.error == KafkaError::kNone)
      change.put(offset_key(id, part.partition), encode(part.record));
  }
  ++commits_;
  group->begin_commit();
  const auto written = co_await catalog_.write(scheduler_, std::move(change));
  group->end_commit();
  for (CommitRequest::Part& part : request.parts) {
    if (part.error != KafkaError::kNone) continue;
    if (written) group->offsets()[part.partition] = part.record;
    if (!written) part.error = KafkaError::kCoordinatorNotAvailable;
  }
}

KafkaError GroupCoordinator::check_fetch(const std::string& id, const OffsetsCaller& caller) const {
  const GroupRef group = find(id);
  return group ? group->check_fetch(caller) : KafkaError::kNone;
}

void GroupCoordinator::prepare_parts(const GroupBase& group, CommitRequest& request) {
  for (CommitRequest::Part& part : request.parts) {
    part.record.committed_ms = scheduler_.clock().wall_ms();
    if (part.error != KafkaError::kNone) continue;
    if (part.record.metadata.size() > settings_.max_offset_metadata_bytes) {
      part.error = KafkaError::kOffsetMetadataTooLarge;
      continue;
    }
    const auto earlier = group.offsets().find(part.partition);
    const bool is_there = earlier != group.offsets().end();
    const std::uint64_t has_bytes = is_there ? group::held_bytes(earlier->first, earlier->second) : 0;
    if (!memory_.admit(group::held_bytes(part.partition, part.record), has_bytes))
      part.error = KafkaError::kInvalidCommitOffsetSize;
  }
}

std::uint64_t GroupCoordinator::held_bytes() const {
  std::uint64_t bytes = pending_.held_bytes();
  for (const auto& [id, group] : groups_) bytes += kEntryBytes + id.size() + group->held_bytes();
  return bytes;
}

std::vector<CommittedOffset> GroupCoordinator::committed(
    const std::string& id, const std::optional<std::vector<TopicPartition>>& wanted) const {
  std::vector<CommittedOffset> found;
  const GroupRef group = find(id);
  if (!wanted) {
    if (!group) return found;
    for (const auto& [partition, record] : group->offsets())
      found.push_back({partition, record, pending_.holds(id, partition)});
    return found;
  }
  for (const TopicPartition& partition : *wanted) {
    CommittedOffset& offset =
        found.emplace_back(CommittedOffset{partition, std::nullopt, pending_.holds(id, partition)});
    if (!group) continue;
    const auto place = group->offsets().find(partition);
    if (place != group->offsets().end()) offset.record = place->second;
  }
  return found;
}

std::vector<GroupOffset> GroupCoordinator::first_offsets(std::size_t limit) const {
  std::vector<GroupOffset> found;
  for (const auto& [id, group] : groups_) {
    for (const auto& [partition, record] : group->offsets()) {
      if (found.size() == limit) return found;
      found.push_back({id, partition, record.offset});
    }
  }
  return found;
}

GroupStats GroupCoordinator::stats() const {
  GroupStats stats{.groups = groups_.size(),
                   .rebalances = rebalances_,
                   .commits = commits_,
                   .refused = memory_.refused_count()};
  for (const GroupRef& group : groups_ | std::views::values) {
    stats.members += group->member_count();
    stats.offsets += group->offsets().size();
  }
  return stats;
}

// --- For operators -------------------------------------------------------------------------------

GroupDescription GroupCoordinator::describe(const std::string& id) const {
  GroupDescription described;
  described.id = id;
  described.state = to_string(GroupState::kDead);
  const auto group = find_of_type<Group>(id);
  if (!group) return described;
  described.state = to_string(group->state());
  described.protocol_type = group->protocol_type().value_or("");
  const bool is_stable = group->state() == GroupState::kStable;
  if (is_stable) described.protocol = group->protocol().value_or("");
  for (const Member& member : group->members() | std::views::values) {
    described.members.push_back(
        {member.id, member.instance_id, member.client_id, member.client_host, {}, {}});
    if (!is_stable) continue;
    described.members.back().metadata = metadata_in(described.protocol, member.protocols);
    described.members.back().assignment = member.assignment;
  }
  return described;
}

ConsumerGroupDescription GroupCoordinator::describe_consumer_group(const std::string& id) const {
  ConsumerGroupDescription described;
  described.id = id;
  const auto group = find_of_type<ConsumerGroup>(id);
  if (!group) {
    described.error = KafkaError::kGroupIdNotFound;
    described.message = fmt::format("there is no consumer group {}", id);
    return described;
  }
  described.state = group->state_name();
  described.epoch = group->epoch();
  described.assignment_epoch = group->assignment_epoch();
  described.assignor = to_string(group->assignor());
  for (const ConsumerMember& member : group->members() | std::views::values) {
    const std::set<std::string>& names = member.subscription->topic_names;
    described.members.push_back({.member_id = member.id,
                                 .instance_id = member.instance_id,
                                 .rack_id = member.rack_id,
                                 .epoch = member.epoch,
                                 .client_id = member.client_id,
                                 .client_host = member.client_host,
                                 .topic_names = {names.begin(), names.end()},
                                 .assigned = member.assigned,
                                 .target = member.target});
  }
  return described;
}

std::vector<GroupSummary> GroupCoordinator::list() const {
  std::vector<GroupSummary> summaries;
  for (const auto& [id, group] : groups_) {
    summaries.push_back(
        {id, group->protocol_type_name(), std::string(group->state_name()), group->type()});
  }
  return summaries;
}

Task<KafkaError> GroupCoordinator::delete_group(std::string id) {
  const GroupRef group = find(id);
  if (!group || group->is_dead()) co_return KafkaError::kGroupIdNotFound;
  if (!group->is_empty()) co_return KafkaError::kNonEmptyGroup;
  const auto erased = co_await erase_group(group);
  co_return erased ? KafkaError::kNone : KafkaError::kCoordinatorNotAvailable;
}

Task<KafkaError> GroupCoordinator::delete_offsets(std::string id,
                                                  std::vector<TopicPartition> partitions,
                                                  std::vector<KafkaError>& errors) {
  const GroupRef group = find(id);
  if (!group || group->is_dead()) co_return KafkaError::kGroupIdNotFound;
  const auto subscribed = group->subscribed_topics();
  const bool is_empty = group->is_empty();
  if (!is_empty && !subscribed) co_return KafkaError::kNonEmptyGroup;
  std::vector<TopicPartition> erased;
  errors.clear();
  for (const TopicPartition& partition : partitions) {
    const bool is_read = !is_empty && subscribed->contains(partition.topic);
    errors.push_back(is_read ? KafkaError::kGroupSubscribedToTopic : KafkaError::kNone);
    if (!is_read) erased.push_back(partition);
  }
  const auto done = co_await erase_offsets(group, std::move(erased));
  co_return done ? KafkaError::kNone : KafkaError::kCoordinatorNotAvailable;
}

bool GroupCoordinator::may_have_offsets_of(const std::string& topic) const {
  return std::ranges::any_of(groups_ | std::views::values, [this, &topic](const GroupRef& group) {
    const auto first = group->offsets().lower_bound({topic, std::numeric_limits<std::int32_t>::min()});
    const bool has_some = first != group->offsets().end() && first->first.topic == topic;
    return has_some || has_commits_to_come(*group);
  });
}

Task<Result<void>> GroupCoordinator::forget_topic(std::string topic) {
  if (!may_have_offsets_of(topic)) co_return Result<void>();
  // Twice: what was on its way to the catalog the first time has arrived by the second.
  for (int round = 0; round < 2; ++round) {
    catalog::Change change;
    const auto is_of_topic = [&topic](const auto& entry) { return entry.first.topic == topic; };
    for (const auto& [id, group] : groups_) {
      for (const auto& [partition, record] : group->offsets() | std::views::filter(is_of_topic))
        change.erase(offset_key(id, partition));
    }
    for (std::string& key : pending_.keys_of_topic(topic)) change.erase(std::move(key));
    // Empty or not, for its place in line.
    change.erase(offset_key("", {topic, -1}));
    const auto written = co_await catalog_.write(scheduler_, std::move(change));
    if (!written) co_return written;
    if (round == 0) continue;
    for (const GroupRef& group : groups_ | std::views::values)
      std::erase_if(group->offsets(), is_of_topic);
    pending_.forget_topic(topic);
  }
  co_return Result<void>();
}

// --- What is not kept ----------------------------------------------------------------------------

Task<void> GroupCoordinator::expire_now_and_then(Gate::Hold) {
  while (!co_await stopping_.wait_until(scheduler_.now() + settings_.offsets_check_interval)) {
    (void)co_await expire();  // what it could not do, the next one does
  }
}

// As Kafka does since KIP-211: what a group without members has committed, when it has been without for
// as long; what a group consumes no more, by its age; and what was committed without a group, by its
// age.
std::vector<TopicPartition> GroupCoordinator::expired_offsets(const GroupBase& group,
                                                              std::int64_t now_ms) const {
  const std::int64_t kept_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(settings_.offsets_retention).count();
  const bool is_empty = group.is_empty();
  const auto subscribed = group.subscribed_topics();
  std::vector<TopicPartition> expired;
  for (const auto& [partition, record] : group.offsets()) {
    std::int64_t unused_since_ms = record.committed_ms;
    if (is_empty) {
      unused_since_ms = std::max(unused_since_ms, group.changed_ms());
    } else if (!subscribed || subscribed->contains(partition.topic)) {
      continue;
    }
    if (now_ms - unused_since_ms >= kept_ms) expired.push_back(partition);
  }
  return expired;
}

Task<Result<void>> GroupCoordinator::expire() {
  const std::int64_t now_ms = scheduler_.clock().wall_ms();
  const auto refs = groups_ | std::views::values;
  const std::vector<GroupRef> groups(refs.begin(), refs.end());
  for (const GroupRef& group : groups) {
    if (is_released_) break;
    // What is on its way to the catalog does not show in its offsets yet.
    if (has_commits_to_come(*group)) continue;
    std::vector<TopicPartition> expired = expired_offsets(*group, now_ms);
    Result<void> done;
    if (group->is_idle() && expired.size() == group->offsets().size()) {
      done = co_await erase_group(group);
    } else if (!expired.empty()) {
      done = co_await erase_offsets(group, std::move(expired));
    }
    if (!done) co_return done;
  }
  co_return Result<void>();
}

Task<Result<void>> GroupCoordinator::erase_offsets(GroupRef group,
                                                   std::vector<TopicPartition> partitions) {
  catalog::Change change;
  for (const TopicPartition& partition : partitions) change.erase(offset_key(group->id(), partition));
  auto written = co_await catalog_.write(scheduler_, std::move(change));
  if (!written) co_return written;
  for (const TopicPartition& partition : partitions) group->offsets().erase(partition);
  co_return written;
}

// Whoever asks for it meanwhile is told to come again; so nothing is added to what goes.
Task<Result<void>> GroupCoordinator::erase_group(GroupRef group) {
  group->end(KafkaError::kCoordinatorNotAvailable);
  if (!group->is_kept() && !pending_.has_any(group->id())) {
    groups_.erase(group->id());
    co_return Result<void>();
  }
  catalog::Change change;
  erase_records(change, group->id());
  change.erase_prefix(offset_prefix(group->id()));
  change.erase_prefix(pending_offset_prefix(group->id()));
  auto written = co_await catalog_.write(scheduler_, std::move(change));
  groups_.erase(group->id());
  if (written) pending_.forget_group(group->id());
  if (written || is_released_) co_return written;
  // It is still there.
  const GroupRef again = group->again();
  again->replace(*group);
  groups_.emplace(group->id(), again);
  co_return written;
}

}  // namespace penstock::group
