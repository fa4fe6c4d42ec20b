// Group: a consumer group of the classic protocol (KIP-62, KIP-345, KIP-394, KIP-559).
//
// Members join, one of them (the leader) says who gets what, all fetch their part by a sync, and prove
// by heartbeats that they live. The broker decides only who belongs to a generation and when the next
// one begins; what members tell each other is bytes to it, but for the topics of a subscription.
//
//     Empty -> PreparingRebalance -> CompletingRebalance -> Stable, and from each back to Preparing;
//     Dead is a group that was deleted while somebody still held it.
//
// Ownership: whoever calls holds it until the call has returned; what the context refers to must
// outlive it. Threading: the scheduler's. Durability: a sync is answered when the assignment is in the
// catalog, so a restart goes on with the same generation.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "catalog/catalog.h"
#include "group/member.h"
#include "group/records.h"
#include "group/requests.h"
#include "group/settings.h"
#include "task/scheduler.h"
#include "task/sync.h"

namespace penstock::group {

enum class GroupState { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };

// Kafka's name, for example "PreparingRebalance".
std::string_view to_string(GroupState state);

// What all groups of a shard share.
struct GroupContext {
  Scheduler& scheduler;
  catalog::Catalog& catalog;
  Random& random;
  const GroupSettings& settings;
  Gate& background;           // what a group does that nobody waits for
  std::uint64_t& rebalances;  // counts those that begin
};

class Group : public std::enable_shared_from_this<Group> {
 public:
  // An empty one.
  Group(GroupContext context, std::string id);
  // As an earlier life left it: its members have a session's time to show up.
  Group(GroupContext context, std::string id, GroupRecord record);
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // Returns when the generation that this member joins has begun, or it cannot.
  Task<JoinAnswer> join(JoinRequest request);
  // Returns when the leader's assignment is there.
  Task<SyncAnswer> sync(SyncRequest request);
  kafka::KafkaError heartbeat(const MemberIdentity& member, std::int32_t generation);
  kafka::KafkaError leave(const LeavingMember& member);
  // Whether a commit of offsets is this member's to make; from a member it counts as a heartbeat.
  kafka::KafkaError check_commit(const MemberIdentity& member, std::int32_t generation);

  // Whether the catalog may hold anything of it, and whether it is being written to.
  bool is_kept() const { return is_kept_ || !offsets_.empty() || commits_under_way_ > 0; }
  // While a commit of offsets is on its way to the catalog.
  void begin_commit() { ++commits_under_way_; }
  void end_commit() { --commits_under_way_; }
  bool has_commits_under_way() const { return commits_under_way_ > 0; }
  // Whether nobody has to do with it: no members, none on their way, no commit on its way.
  bool is_idle() const {
    return state_ == GroupState::kEmpty && pending_.empty() && commits_under_way_ == 0;
  }

  // Nothing waits here from now on: for a server that stops, and a group that is deleted. Every request
  // that waits, and every later one, is answered with `error`.
  void end(kafka::KafkaError error);

  const std::string& id() const { return id_; }
  GroupState state() const { return state_; }
  std::int32_t generation() const { return generation_; }
  const std::optional<std::string>& protocol_type() const { return protocol_type_; }
  const std::optional<std::string>& protocol() const { return protocol_; }
  const std::map<std::string, Member>& members() const { return members_; }
  // When it became what it is, milliseconds since 1970; -1 for one that never had members.
  std::int64_t changed_ms() const { return changed_ms_; }
  // The topics that its members consume; nothing when it is not known: there are no members, they are
  // no consumers, or what they say cannot be read.
  std::optional<std::set<std::string>> subscribed_topics() const;

  // What a restart would need of it; not its offsets.
  GroupRecord to_record() const;

  std::map<TopicPartition, OffsetRecord>& offsets() { return offsets_; }
  const std::map<TopicPartition, OffsetRecord>& offsets() const { return offsets_; }

 private:
  using Members = std::map<std::string, Member>;

  class Deadline final : public Scheduler::Timer {
   public:
    explicit Deadline(Group& group) : Timer(group.context_.scheduler), group_(group) {}
    void start_by(Instant when);

   private:
    void fire() override { group_.on_time(); }

    Group& group_;
    Instant when_ = Instant::kNever;
  };

  Instant now() const { return context_.scheduler.now(); }
  Duration rebalance_timeout() const;

  // Who may speak.
  kafka::KafkaError check_member(const MemberIdentity& member) const;
  bool has_room_for(const std::string& member_id) const;
  bool can_all_speak_with(const JoinRequest& request) const;

  // Joining. Each parks the request, or answers it.
  Task<JoinAnswer> join_new(JoinRequest request);
  Task<JoinAnswer> join_known(JoinRequest request);
  Task<JoinAnswer> join_in_place_of(std::string old_id, JoinRequest request);
  Task<JoinAnswer> add_member(std::string member_id, JoinRequest request);
  Task<JoinAnswer> update_member(Member& member, JoinRequest request);
  Member& replace_static_member(const std::string& old_id, std::string new_id);
  std::string make_member_id(const JoinRequest& request);
  JoinAnswer current_generation(const Member& member) const;
  std::vector<JoinedMember> joined_members() const;

  // Rebalancing.
  void prepare_rebalance();
  void try_to_complete_join();
  void complete_join();
  bool elect_joined_leader();
  std::string choose_protocol() const;
  void become_empty();
  Task<void> settle_assignment(std::vector<MemberAssignment> assignments);
  SyncAnswer assignment_of(const Member& member) const;
  void answer_syncs(kafka::KafkaError error);

  // Counts what a member can speak, or, with -1, no longer can.
  void count_protocols(const Member& member, int change);
  void set_protocols(Member& member, std::vector<Protocol> protocols);
  bool all_speak(const std::string& protocol) const;
  void touch(Member& member);
  void remove(Members::iterator member);
  // After somebody has gone.
  void go_on_without();

  // Time.
  void on_time();
  void expire_members();
  void on_join_deadline();
  void on_sync_deadline();
  void start_timer();

  Task<void> keep(std::shared_ptr<Group> self, GroupRecord record, Gate::Hold hold);

  GroupContext context_;
  std::string id_;
  GroupState state_ = GroupState::kEmpty;
  std::int32_t generation_ = 0;
  std::optional<std::string> protocol_type_;
  std::optional<std::string> protocol_;
  std::string leader_;
  std::int64_t changed_ms_ = -1;
  Members members_;
  std::map<std::string, std::string> static_members_;  // instance id -> member id
  std::map<std::string, Instant> pending_;             // ids that were given out, until when they hold
  std::map<std::string, std::size_t> speakers_;        // of each protocol, how many members
  bool is_kept_ = false;                               // the catalog has a record of it
  std::size_t commits_under_way_ = 0;
  std::int32_t settling_ = -1;  // the generation whose assignment is being written
  std::optional<kafka::KafkaError> ended_;

  bool is_first_join_ = false;  // from Empty: wait for others, even when all are there
  bool has_newcomer_ = false;   // since the wait was last extended
  Instant first_join_ends_;     // not extended beyond
  Instant join_deadline_ = Instant::kNever;
  Instant sync_deadline_ = Instant::kNever;
  Deadline deadline_{*this};

  std::map<TopicPartition, OffsetRecord> offsets_;
};

}  // namespace penstock::group
