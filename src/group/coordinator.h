// GroupCoordinator: the consumer groups of one shard, and what they have committed.
//
// Which shard a group belongs to is the caller's to know. Offsets and assignments that were answered
// are in the catalog, and there again after a restart; that the last member has left may not be, and
// then its session ends once more.
//
// Ownership: what it is made with must outlive it; stop() must have returned before it is destroyed.
// Threading: the scheduler's.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "group/consumer_group.h"
#include "group/group.h"
#include "group/pending_offsets.h"

namespace penstock::group {

struct CommitRequest {
  OffsetsCaller caller;
  struct Part {
    TopicPartition partition;
    OffsetRecord record;
    kafka::KafkaError error =
        kafka::KafkaError::kNone;  // set by the caller: not committed, not looked at
  };
  std::vector<Part> parts;
};

// A group, for an operator.
struct GroupDescription {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string id;
  std::string state;
  std::string protocol_type;
  std::string protocol;
  struct MemberDescription {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::vector<std::byte> metadata;  // both empty unless the group is stable
    std::vector<std::byte> assignment;
  };
  std::vector<MemberDescription> members;
};

// A group of the new protocol, for an operator.
struct ConsumerGroupDescription {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string message;  // why, when there is an error
  std::string id;
  std::string state;
  std::int32_t epoch = 0;
  std::int32_t assignment_epoch = 0;
  std::string assignor;
  struct MemberDescription {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    std::int32_t epoch = 0;
    std::string client_id;
    std::string client_host;
    std::vector<std::string> topic_names;
    Assignment assigned;
    Assignment target;
  };
  std::vector<MemberDescription> members;
};

struct GroupSummary {
  std::string id;
  std::string protocol_type;
  std::string state;
  GroupType type = GroupType::kClassic;
};

struct CommittedOffset {
  TopicPartition partition;
  std::optional<OffsetRecord> record;  // nothing: none was committed
  bool is_unstable = false;            // an open transaction may yet replace it
};

struct GroupOffset {
  std::string group;
  TopicPartition partition;
  Offset offset;
};

struct GroupStats {
  std::uint64_t groups = 0;
  std::uint64_t members = 0;
  std::uint64_t rebalances = 0;  // that began
  std::uint64_t commits = 0;     // of offsets: requests that were taken
  std::uint64_t offsets = 0;     // that are kept
  std::uint64_t refused = 0;     // requests or offsets for which there was no memory
};

class GroupCoordinator {
 public:
  GroupCoordinator(Scheduler& scheduler, catalog::Catalog& catalog, Random& random,
                   const Topics& topics, const GroupSettings& settings);
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;
  ~GroupCoordinator();

  // Loads the groups for which `is_own` is true; once, before anything else. Errors: the catalog's;
  // kCorrupt names the record.
  Task<Result<void>> start(std::function<bool(const std::string& group)> is_own);
  // Answers everybody who waits, now and from here on.
  void release_waiting();
  // Ends what runs in the background.
  Task<void> stop();

  Task<JoinAnswer> join(std::string group, JoinRequest request);
  Task<SyncAnswer> sync(std::string group, SyncRequest request);
  kafka::KafkaError heartbeat(const std::string& group, const MemberIdentity& member,
                              std::int32_t generation);
  // What became of each.
  std::vector<kafka::KafkaError> leave(const std::string& group,
                                       const std::vector<LeavingMember>& members);

  Task<ConsumerHeartbeatAnswer> consumer_heartbeat(std::string group, ConsumerHeartbeat request);

  // Sets each part's error; durable on return.
  Task<void> commit(std::string group, CommitRequest& request);
  // The same within a producer's transaction: in force once that is committed. `verify` asks whether it
  // is open.
  using Verify = std::function<Task<kafka::KafkaError>()>;
  Task<void> commit_in_transaction(std::string group, std::int64_t producer_id, CommitRequest& request,
                                   const Verify& verify);
  // Puts what the producer's transaction has committed in force, or drops it; durable on return. Again
  // it changes nothing. Errors: the catalog's; kClosed after release_waiting().
  enum class TransactionEnd { kAbort, kCommit };
  Task<Result<void>> end_transaction(std::string group, std::int64_t producer_id, TransactionEnd how);
  // Whether `caller` may read what the group has committed.
  kafka::KafkaError check_fetch(const std::string& group, const OffsetsCaller& caller) const;
  // Nothing in `wanted`: all there are.
  std::vector<CommittedOffset> committed(
      const std::string& group, const std::optional<std::vector<TopicPartition>>& wanted) const;

  // Of all groups, at most so many, in the order of groups and partitions.
  std::vector<GroupOffset> first_offsets(std::size_t limit) const;

  // A group that is not there, or of the other protocol, is dead; as Kafka says it.
  GroupDescription describe(const std::string& group) const;
  ConsumerGroupDescription describe_consumer_group(const std::string& group) const;
  std::vector<GroupSummary> list() const;
  Task<kafka::KafkaError> delete_group(std::string group);
  // An error of the group as a whole; else each partition's in `errors`, in the same order.
  Task<kafka::KafkaError> delete_offsets(std::string group, std::vector<TopicPartition> partitions,
                                         std::vector<kafka::KafkaError>& errors);
  // A topic was deleted, or is to be made, and nobody commits for it: what was committed for one of
  // that name goes, so that it begins anew. Errors: the catalog's.
  Task<Result<void>> forget_topic(std::string topic);
  // Lets go of what is not kept any more: groups without members, and their offsets. Runs by itself now
  // and then.
  Task<Result<void>> expire();

  std::size_t group_count() const { return groups_.size(); }
  // Takes longer the more groups there are.
  GroupStats stats() const;

 private:
  using GroupRef = std::shared_ptr<GroupBase>;

  Task<Result<void>> load_pending_offsets(const std::function<bool(const std::string& group)>& is_own);
  // Whether somebody's commit is on its way, or waits for a transaction.
  bool has_commits_to_come(const GroupBase& group) const {
    return group.has_commits_under_way() || pending_.has_any(group.id());
  }
  Task<kafka::KafkaError> keep_pending(GroupRef group, std::int64_t producer_id,
                                       PendingTransactionRef transaction, CommitRequest& request);
  // Whether there is memory for what a member says, in place of what it has said; and for what members
  // are given.
  bool has_memory_for(const std::string& group, const MemberIdentity& member, std::uint64_t bytes);
  bool has_memory_for(const Group& group, const std::vector<MemberAssignment>& assignments);
  // Stamps the parts that may be committed, and refuses the others.
  void prepare_parts(const GroupBase& group, CommitRequest& request);
  // What a member is told of a group that is not there.
  kafka::KafkaError without_group() const;
  // Null when there is none.
  GroupRef find(const std::string& id) const;
  // Makes it when there is none; null when there are too many.
  GroupRef find_or_make(const std::string& id);
  // Null when there is none of that type.
  template <typename Type>
  std::shared_ptr<Type> find_of_type(const std::string& id) const;
  // Makes it when there is none, or an empty one of the other type, whose place it takes.
  template <typename Type>
  std::expected<std::shared_ptr<Type>, kafka::KafkaError> find_or_make_of_type(const std::string& id,
                                                                               kafka::KafkaError other);
  Task<Result<void>> load_groups(const std::function<bool(const std::string& group)>& is_own);
  Task<Result<void>> load_consumer_groups(const std::function<bool(const std::string& group)>& is_own);
  Task<Result<void>> load_offsets(const std::function<bool(const std::string& group)>& is_own);
  std::uint64_t held_bytes() const;
  bool may_have_offsets_of(const std::string& topic) const;
  Task<void> expire_now_and_then(Gate::Hold hold);
  std::vector<TopicPartition> expired_offsets(const GroupBase& group, std::int64_t now_ms) const;
  Task<Result<void>> erase_offsets(GroupRef group, std::vector<TopicPartition> partitions);
  Task<Result<void>> erase_group(GroupRef group);

  Scheduler& scheduler_;
  catalog::Catalog& catalog_;
  const GroupSettings& settings_;
  Gate background_;
  Event stopping_;
  GroupContext context_;
  std::map<std::string, GroupRef> groups_;
  PendingOffsets pending_;
  GroupMemory memory_;
  std::uint64_t rebalances_ = 0;
  std::uint64_t commits_ = 0;
  bool is_released_ = false;
};

}  // namespace penstock::group
