// Group: a consumer group of the classic protocol (KIP-62, KIP-345, KIP-394, KIP-559).
//
// Members join, one of them (the leader) says who gets what, all fetch their part by a sync, and prove
// by heartbeats that they live. The broker decides only who belongs to a generation and when the next
// one begins; what members tell each other is bytes to it, but for the topics of a subscription.
//
//     Empty -> PreparingRebalance -> CompletingRebalance -> Stable, and from each back to Preparing;
//     Dead is a group that was deleted while somebody still held it.
//
// Ownership and threading: as GroupBase says. Durability: a sync is answered when the assignment is in
// the catalog, so a restart goes on with the same generation.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "group/deadline.h"
#include "group/group_base.h"
#include "group/member.h"

namespace penstock::group {

enum class GroupState { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };

// Kafka's name, for example "PreparingRebalance".
std::string_view to_string(GroupState state);

class Group final : public GroupBase, public std::enable_shared_from_this<Group> {
 public:
  // An empty one.
  Group(GroupContext context, std::string id);
  // As an earlier life left it: its members have a session's time to show up.
  Group(GroupContext context, std::string id, GroupRecord record);

  // Returns when the generation that this member joins has begun, or it cannot.
  Task<JoinAnswer> join(JoinRequest request);
  // Returns when the leader's assignment is there.
  Task<SyncAnswer> sync(SyncRequest request);
  kafka::KafkaError heartbeat(const MemberIdentity& member, std::int32_t generation);
  kafka::KafkaError leave(const LeavingMember& member);
  // From a member it counts as a heartbeat.
  kafka::KafkaError check_commit(const OffsetsCaller& caller) override;
  kafka::KafkaError check_fetch(const OffsetsCaller&) override {
    return ended_.value_or(kafka::KafkaError::kNone);
  }
  void end(kafka::KafkaError error) override;
  std::shared_ptr<GroupBase> again() const override;

  GroupType type() const override { return GroupType::kClassic; }
  std::string_view state_name() const override { return to_string(state_); }
  std::string protocol_type_name() const override { return protocol_type_.value_or(""); }
  std::size_t member_count() const override { return members_.size(); }
  bool is_empty() const override { return state_ == GroupState::kEmpty; }
  std::int64_t changed_ms() const override { return changed_ms_; }
  std::optional<std::set<std::string>> subscribed_topics() const override;
  GroupState state() const { return state_; }
  std::int32_t generation() const { return generation_; }
  const std::optional<std::string>& protocol_type() const { return protocol_type_; }
  const std::optional<std::string>& protocol() const { return protocol_; }
  const std::map<std::string, Member>& members() const { return members_; }
  // What a restart would need of it; not its offsets.
  GroupRecord to_record() const;
  std::uint64_t said_bytes(const MemberIdentity& member) const override;
  // What all members were given takes in memory, about.
  std::uint64_t assignments_bytes() const;

 private:
  using Members = std::map<std::string, Member>;

  bool is_deserted() const override { return state_ == GroupState::kEmpty && pending_.empty(); }
  std::uint64_t members_bytes() const override;
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
  std::int32_t settling_ = -1;  // the generation whose assignment is being written

  bool is_first_join_ = false;  // from Empty: wait for others, even when all are there
  bool has_newcomer_ = false;   // since the wait was last extended
  Instant first_join_ends_;     // not extended beyond
  Instant join_deadline_ = Instant::kNever;
  Instant sync_deadline_ = Instant::kNever;
  Deadline deadline_{context_.scheduler, [this] { on_time(); }};
};

}  // namespace penstock::group
