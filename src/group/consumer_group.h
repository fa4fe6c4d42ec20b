// ConsumerGroup: a consumer group of the new protocol (KIP-848).
//
// The broker decides who gets what. Members say what they want and what they have, in heartbeats, and
// are told what they may use. Each change of members, subscriptions or topics makes a new group epoch;
// for the newest one every member has a target. Members go there one by one, in their own heartbeats:
// first a member lets go of what its target does not have, and says so; then it has the group's epoch,
// and gets what its target has and nobody else owns.
//
//     Empty; Assigning (the targets are of an older epoch); Reconciling (somebody is not where its
//     target is); Stable; Dead is a group that was deleted while somebody still held it.
//
// Ownership and threading: as GroupBase says. Durability: an answer leaves when everything that it is
// based on is in the catalog, so a restart goes on with the same members, epochs and assignments.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "group/assignor.h"
#include "group/consumer_member.h"
#include "group/consumer_records.h"
#include "group/deadline.h"
#include "group/group_base.h"

namespace penstock::group {

class ConsumerGroup final : public GroupBase, public std::enable_shared_from_this<ConsumerGroup> {
 public:
  using Members = std::map<std::string, ConsumerMember>;
  using MemberRecords = std::map<std::string, ConsumerMemberRecord>;

  // An empty one.
  ConsumerGroup(GroupContext context, std::string id);
  // As an earlier life left it: its members have a session's time to show up. Errors: kCorrupt (two
  // members own the same partition).
  static Result<std::shared_ptr<ConsumerGroup>> from_records(GroupContext context, std::string id,
                                                             const ConsumerGroupRecord& record,
                                                             const MemberRecords& members);

  // Joins, lives, leaves.
  Task<ConsumerHeartbeatAnswer> heartbeat(ConsumerHeartbeat request);

  kafka::KafkaError check_commit(const OffsetsCaller& caller) override;
  kafka::KafkaError check_fetch(const OffsetsCaller& caller) override;
  void end(kafka::KafkaError error) override;
  std::shared_ptr<GroupBase> again() const override;

  GroupType type() const override { return GroupType::kConsumer; }
  std::string_view state_name() const override;
  std::string protocol_type_name() const override { return "consumer"; }
  std::size_t member_count() const override { return members_.size(); }
  bool is_empty() const override { return members_.empty(); }
  std::int64_t changed_ms() const override { return changed_ms_; }
  std::optional<std::set<std::string>> subscribed_topics() const override;
  std::uint64_t said_bytes(const MemberIdentity& member) const override;

  std::int32_t epoch() const { return epoch_; }
  std::int32_t assignment_epoch() const { return assignment_epoch_; }
  // The one that most members ask for, or the broker's.
  Assignor assignor() const;
  const Members& members() const { return members_; }

  // What a restart would need of it; not its offsets.
  ConsumerGroupRecord to_record() const;

 private:
  using Admitted = std::expected<ConsumerMember*, ConsumerHeartbeatAnswer>;
  // One write to the catalog, and who waits for it.
  struct Saving {
    explicit Saving(Scheduler& scheduler) : done(scheduler) {}
    Event done;
    bool has_succeeded = false;
  };

  std::uint64_t members_bytes() const override;
  bool is_deserted() const override { return members_.empty(); }

  // Who may speak.
  Admitted find_member(const ConsumerHeartbeat& request);
  Admitted find_static_member(const MemberIdentity& member);
  Admitted admit(const ConsumerHeartbeat& request);
  Admitted admit_static(const ConsumerHeartbeat& request);
  ConsumerMember& add_member(const ConsumerHeartbeat& request);
  ConsumerMember& replace_member(const std::string& old_id, const ConsumerHeartbeat& request);
  // What a member says of itself.
  void update(ConsumerMember& member, const ConsumerHeartbeat& request);
  void subscribe(ConsumerMember& member, Subscription subscription);
  void unsubscribe(ConsumerMember& member);

  Task<ConsumerHeartbeatAnswer> leave(ConsumerHeartbeat request);
  Task<ConsumerHeartbeatAnswer> when_saved(ConsumerHeartbeatAnswer answer, bool is_new);
  void remove(Members::iterator member);

  // Who is to have what.
  void notice_topics();
  void learn_topics();
  void forget_deleted_topics(ConsumerMember& member);
  void begin_epoch();
  void assign_targets();
  void settle_absent(ConsumerMember& member);
  void come_back(ConsumerMember& member);

  // From what a member has to what it is to have.
  void reconcile(ConsumerMember& member, const Assignment* owned);
  bool finish_revoking(ConsumerMember& member, const Assignment* owned);
  bool begin_revoking(ConsumerMember& member, const Assignment* owned);
  void take_what_is_free(ConsumerMember& member);
  void wait_for(ConsumerMember& member);
  void release(const Assignment& partitions);

  // What the catalog does not have yet.
  void mark(const ConsumerMember& member);
  void mark_group();
  Task<bool> save(std::shared_ptr<ConsumerGroup> self);
  Task<void> save_beside(std::shared_ptr<ConsumerGroup> self, Gate::Hold hold);
  void save_in_background();

  // Time.
  void touch(ConsumerMember& member);
  void on_time();
  void start_timer();

  std::int32_t epoch_ = 0;
  std::int32_t assignment_epoch_ = 0;
  std::int64_t changed_ms_ = -1;
  Members members_;
  std::map<std::string, std::string> static_members_;    // instance id -> member id
  std::map<Subscription, std::size_t> subscriptions_;    // and how many members have it
  std::map<kafka::Uuid, std::set<std::int32_t>> owned_;  // by whomever
  bool needs_epoch_ = false;

  // The topics that exist and somebody subscribes to.
  std::map<std::string, Topics::Topic> topics_;
  std::int64_t topics_digest_ = 0;
  std::uint64_t topics_version_ = 0;  // 0: not looked yet
  bool has_new_subscriptions_ = true;

  std::uint64_t changes_ = 0;  // that were made
  std::uint64_t saved_ = 0;    // that are in the catalog
  std::set<std::string> unsaved_members_;
  bool is_group_unsaved_ = false;
  std::shared_ptr<Saving> saving_;

  Deadline deadline_{context_.scheduler, [this] { on_time(); }};
};

}  // namespace penstock::group
