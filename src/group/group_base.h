// GroupBase: what all groups have, whatever protocol their members speak: a name, committed offsets, an
// end.
//
// Ownership: whoever calls holds it until the call has returned; what the context refers to must
// outlive it. Threading: the scheduler's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "catalog/catalog.h"
#include "group/group_memory.h"
#include "group/records.h"
#include "group/requests.h"
#include "group/settings.h"
#include "group/topics.h"
#include "task/scheduler.h"
#include "task/sync.h"

namespace penstock::group {

enum class GroupType { kClassic, kConsumer };

// Kafka's name, for example "consumer".
std::string_view to_string(GroupType type);

// What all groups of a shard share.
struct GroupContext {
  Scheduler& scheduler;
  catalog::Catalog& catalog;
  Random& random;
  const GroupSettings& settings;
  const Topics& topics;
  Gate& background;           // what a group does that nobody waits for
  std::uint64_t& rebalances;  // counts those that begin
};

// Takes what the catalog holds of a group, whatever its type; not its offsets.
void erase_records(catalog::Change& change, const std::string& group);

class GroupBase {
 public:
  using Offsets = std::map<TopicPartition, OffsetRecord>;

  GroupBase(GroupContext context, std::string id) : context_(context), id_(std::move(id)) {}
  GroupBase(const GroupBase&) = delete;
  GroupBase& operator=(const GroupBase&) = delete;
  virtual ~GroupBase() = default;

  const std::string& id() const { return id_; }
  virtual GroupType type() const = 0;
  // Kafka's name of the state that it is in.
  virtual std::string_view state_name() const = 0;
  // What its members call themselves, "consumer" for example; empty when nobody has said.
  virtual std::string protocol_type_name() const = 0;
  virtual std::size_t member_count() const = 0;
  // No members, whoever may be on the way.
  virtual bool is_empty() const = 0;
  // What a member has said takes in memory, about; 0 when it is none. A static one may have lost its
  // id.
  virtual std::uint64_t said_bytes(const MemberIdentity& member) const = 0;
  // What all of the group takes, about. Takes longer the more that is.
  std::uint64_t held_bytes() const { return members_bytes() + group::held_bytes(offsets_); }
  bool is_dead() const { return ended_.has_value(); }
  // Whether nobody has to do with it: no members, none on their way, no commit on its way.
  bool is_idle() const { return !is_dead() && is_deserted() && commits_under_way_ == 0; }
  // When it became what it is, milliseconds since 1970; -1 for one that never had members.
  virtual std::int64_t changed_ms() const = 0;
  // The topics that its members consume; nothing when it is not known: there are no members, they are
  // no consumers, or what they say cannot be read.
  virtual std::optional<std::set<std::string>> subscribed_topics() const = 0;

  // Whether a commit of offsets, or reading them, is who asks' to do.
  virtual kafka::KafkaError check_commit(const OffsetsCaller& caller) = 0;
  virtual kafka::KafkaError check_fetch(const OffsetsCaller& caller) = 0;

  // Nothing waits here from now on: for a server that stops, and a group that is deleted. Every request
  // that waits, and every later one, is answered with `error`.
  virtual void end(kafka::KafkaError error) = 0;
  // The same, alive again, and nothing of it in the catalog; without its offsets.
  virtual std::shared_ptr<GroupBase> again() const = 0;

  // Whether the catalog may hold anything of it, or is being written to.
  bool is_kept() const { return has_record_ || !offsets_.empty() || commits_under_way_ > 0; }
  // While a commit of offsets is on its way to the catalog.
  void begin_commit() { ++commits_under_way_; }
  void end_commit() { --commits_under_way_; }
  bool has_commits_under_way() const { return commits_under_way_ > 0; }

  Offsets& offsets() { return offsets_; }
  const Offsets& offsets() const { return offsets_; }

  // Takes the place of `other`, which was idle and has ended.
  void replace(GroupBase& other) {
    offsets_ = std::move(other.offsets_);
    has_record_ = other.has_record_;
    replaces_records_ = other.has_record_;
  }

 protected:
  // No members, and none on their way.
  virtual bool is_deserted() const = 0;
  virtual std::uint64_t members_bytes() const = 0;
  // A change to put records in. Until end_change() it takes away what the catalog holds of a group
  // whose place this one has taken, so all that this one has must be put.
  catalog::Change begin_change() {
    catalog::Change change;
    if (replaces_records_) erase_records(change, id_);
    has_record_ = true;
    return change;
  }
  // What was put is in the catalog.
  void end_change() { replaces_records_ = false; }
  Instant now() const { return context_.scheduler.now(); }

  GroupContext context_;
  std::string id_;
  std::optional<kafka::KafkaError> ended_;
  bool has_record_ = false;  // the catalog may have one of it

 private:
  bool replaces_records_ = false;  // of a group whose place it has taken
  std::size_t commits_under_way_ = 0;
  Offsets offsets_;
};

}  // namespace penstock::group
