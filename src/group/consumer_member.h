// ConsumerMember: one of a group of the new protocol, and what it holds.
#pragma once

#include <compare>
#include <optional>
#include <set>
#include <string>

#include "group/assignment.h"
#include "group/consumer_records.h"
#include "group/requests.h"
#include "task/clock.h"

namespace penstock::group {

// What a member wants to consume. Members that want the same share one.
struct Subscription {
  std::set<std::string> topic_names{};
  friend auto operator<=>(const Subscription&, const Subscription&) = default;
};

// From being told to having done: what the member may use is `assigned`, and nobody else has it; what
// it was told to let go of is `revoking`, and nobody else gets it until the member says that it has.
// Both together are what it owns.
struct ConsumerMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::string client_id;
  std::string client_host;
  Duration rebalance_timeout{};
  const Subscription* subscription = nullptr;  // the group's
  std::optional<std::string> assignor;

  std::int32_t epoch = kJoinEpoch;  // kLeaveForAWhileEpoch: its instance has left, and is to come back
  std::int32_t previous_epoch = kJoinEpoch;
  Assignment target;
  Assignment assigned;
  Assignment revoking;
  // Of `assigned`: what it has not said that it has yet. It may be about to take it, so it is not asked
  // to let go of it before it has said so.
  Assignment unconfirmed;

  bool owes_news = false;                    // `assigned` is not what it was last told
  Instant expires;                           // unless it is heard of
  Instant must_settle_by = Instant::kNever;  // or others wait for what it holds in vain

  bool is_static() const { return instance_id.has_value(); }
  bool has_left_for_a_while() const { return epoch == kLeaveForAWhileEpoch; }
  bool is_settled() const { return revoking.empty() && assigned == target; }

  ConsumerMemberRecord to_record() const;
};

}  // namespace penstock::group
