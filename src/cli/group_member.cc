#include "cli/group_member.h"

#include <algorithm>
#include <set>

#include "cli/kafka_advice.h"
#include "cli/kafka_retry.h"
#include "cli/range_assignor.h"
#include "kafka/consumer_protocol.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"

namespace penstock::cli {

namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;

// Several heartbeats fit into a session, as Kafka's own clients have it.
constexpr int kHeartbeatsPerSession = 15;
// The others may have longer to join again than we would: Kafka's clients have 5 minutes.
constexpr milliseconds kLongestRebalance = std::chrono::minutes(6);
constexpr milliseconds kLongestGoodbye = std::chrono::seconds(3);
// A group that does not come to rest.
constexpr int kMaxJoins = 100;
// From here on several members are in one request.
constexpr std::int16_t kFirstLeaveOfMany = 3;

}  // namespace

Deadline GroupMember::deadline(milliseconds from_now) const {
  return interrupt_ == nullptr ? Deadline(from_now) : Deadline(from_now, *interrupt_, 1);
}

std::string GroupMember::doing(std::string_view what) const {
  return fmt::format("{} group '{}'", what, options_.group);
}

Result<void> GroupMember::connect(const Deadline& deadline) {
  if (coordinator_) return {};
  const auto node = cluster_->coordinator_of(options_.group, deadline);
  if (!node) return Unexpected(node.error());
  auto connection = cluster_->own_connection_to(*node, deadline);
  if (!connection) return Unexpected(connection.error());
  coordinator_ = std::move(*connection);
  return {};
}

template <typename Request>
Result<typename Request::Response> GroupMember::ask(const Request& request, const Deadline& deadline) {
  constexpr int kAttempts = 2;
  for (int attempt = 1;; ++attempt) {
    if (auto connected = connect(deadline); !connected) return Unexpected(connected.error());
    auto response = coordinator_->call(request, deadline);
    if (response) return response;
    coordinator_.reset();
    if (attempt == kAttempts || deadline.has_passed() || !is_lost_connection(response.error()))
      return response;
  }
}

GroupMember::Verdict GroupMember::judge(KafkaError error) {
  switch (error) {
    case KafkaError::kNone: return Verdict::kFine;
    case KafkaError::kUnknownMemberId:
      member_id_.clear();
      generation_ = -1;
      return Verdict::kRejoin;
    case KafkaError::kIllegalGeneration:
    case KafkaError::kRebalanceInProgress: return Verdict::kRejoin;
    case KafkaError::kNotCoordinator:
    case KafkaError::kCoordinatorNotAvailable: coordinator_.reset(); return Verdict::kAgain;
    default: return may_pass(error) ? Verdict::kAgain : Verdict::kFatal;
  }
}

Result<kafka::JoinGroupResponse> GroupMember::enter(const Deadline& deadline) {
  kafka::JoinGroupRequest request{
      .group_id = options_.group,
      .session_timeout_ms = static_cast<std::int32_t>(options_.session_timeout.count()),
      .rebalance_timeout_ms = static_cast<std::int32_t>(options_.rebalance_timeout.count()),
      .member_id = member_id_,
      .protocol_type = std::string(kafka::kConsumerProtocolType)};
  request.protocols.push_back(
      {.name = std::string(kafka::kRangeAssignor),
       .metadata = kafka::encode(kafka::ConsumerSubscription{.topics = {options_.topic}})});
  return ask(request, deadline);
}

Result<std::vector<std::int32_t>> GroupMember::join() {
  Backoff backoff;
  Deadline give_up = deadline(options_.timeout);
  for (int attempt = 0; attempt < kMaxJoins; ++attempt) {
    const auto joined = enter(deadline(kLongestRebalance));
    if (!joined) {
      if (!is_lost_connection(joined.error()) || !sleep_before_retry(backoff.next(), give_up))
        return Unexpected(joined.error());
      continue;
    }
    if (joined->error_code == KafkaError::kMemberIdRequired) {
      member_id_ = joined->member_id;
      continue;
    }
    KafkaError error = joined->error_code;
    if (error == KafkaError::kNone) {
      member_id_ = joined->member_id;
      generation_ = joined->generation_id;
      const auto synced = sync(*joined);
      if (!synced && !is_lost_connection(synced.error())) return Unexpected(synced.error());
      error = synced ? synced->error_code : KafkaError::kNetworkException;
      if (error == KafkaError::kNone) {
        next_heartbeat_ = SteadyClock::now() + options_.session_timeout / kHeartbeatsPerSession;
        return take(*synced);
      }
    }
    const Verdict verdict = judge(error);
    if (verdict == Verdict::kFatal) return Unexpected(to_error(error, doing("join")));
    if (verdict == Verdict::kRejoin) give_up = deadline(options_.timeout);
    if (!sleep_before_retry(backoff.next(), give_up)) return Unexpected(to_error(error, doing("join")));
  }
  return fail(ErrorCode::kBusy, "{}: its members have not come to an agreement in {} attempts",
              doing("join"), kMaxJoins);
}

Result<kafka::SyncGroupResponse> GroupMember::sync(const kafka::JoinGroupResponse& joined) {
  kafka::SyncGroupRequest request{.group_id = options_.group,
                                  .generation_id = generation_,
                                  .member_id = member_id_,
                                  .protocol_type = std::string(kafka::kConsumerProtocolType),
                                  .protocol_name = joined.protocol_name};
  if (joined.leader == member_id_ && !joined.skip_assignment) {
    auto assignments = share_out(joined.members);
    if (!assignments) return Unexpected(assignments.error());
    request.assignments = std::move(*assignments);
  }
  return ask(request, deadline(kLongestRebalance));
}

Result<std::vector<kafka::SyncGroupRequest::Assignment>> GroupMember::share_out(
    const std::vector<kafka::JoinGroupResponse::Member>& members) {
  std::vector<GroupSubscriber> subscribers;
  std::set<std::string> topics;
  for (const auto& member : members) {
    auto subscription = kafka::decode_subscription(member.metadata);
    if (!subscription) return Unexpected(subscription.error().context(doing("lead")));
    topics.insert(subscription->topics.begin(), subscription->topics.end());
    subscribers.push_back({.member_id = member.member_id,
                           .instance_id = member.group_instance_id.value_or(""),
                           .topics = std::move(subscription->topics)});
  }
  std::map<std::string, std::int32_t> partition_counts;
  for (const std::string& name : topics) {
    const auto topic =
        cluster_->topic(name, KafkaCluster::Missing::kRefused, deadline(options_.timeout));
    if (topic) {
      partition_counts[name] = static_cast<std::int32_t>(topic->partitions.size());
    } else if (topic.error().code() != ErrorCode::kNotFound) {
      return Unexpected(topic.error());
    }
  }
  std::vector<kafka::SyncGroupRequest::Assignment> assignments;
  for (const auto& [member_id, assignment] : assign_ranges(subscribers, partition_counts))
    assignments.push_back({.member_id = member_id, .assignment = kafka::encode(assignment)});
  return assignments;
}

Result<std::vector<std::int32_t>> GroupMember::take(const kafka::SyncGroupResponse& synced) const {
  const auto assignment = kafka::decode_assignment(synced.assignment);
  if (!assignment) return Unexpected(assignment.error().context(doing("join")));
  std::vector<std::int32_t> partitions;
  for (const auto& topic : assignment->topics) {
    if (topic.name == options_.topic)
      partitions.insert(partitions.end(), topic.partitions.begin(), topic.partitions.end());
  }
  std::ranges::sort(partitions);
  return partitions;
}

Result<std::map<std::int32_t, Offset>> GroupMember::committed(
    const std::vector<std::int32_t>& partitions) {
  std::map<std::int32_t, Offset> offsets;
  if (partitions.empty()) return offsets;
  kafka::OffsetFetchRequest request{.group_id = options_.group, .require_stable = true};
  request.topics->push_back({.name = options_.topic, .partition_indexes = partitions});
  request.groups.push_back({.group_id = options_.group});
  request.groups.front().topics->push_back({.name = options_.topic, .partition_indexes = partitions});
  const Deadline give_up = deadline(options_.timeout);
  Backoff backoff;
  while (true) {
    const auto response = ask(request, give_up);
    if (!response) return Unexpected(response.error());
    KafkaError error = response->error_code;
    const auto add = [&](const auto& topics) {
      for (const auto& topic : topics) {
        for (const auto& partition : topic.partitions) {
          if (partition.error_code != KafkaError::kNone) error = partition.error_code;
          if (partition.committed_offset >= Offset{0})
            offsets[partition.partition_index] = partition.committed_offset;
        }
      }
    };
    add(response->topics);
    for (const auto& group : response->groups) {
      if (group.error_code != KafkaError::kNone) error = group.error_code;
      add(group.topics);
    }
    if (error == KafkaError::kNone) return offsets;
    if (judge(error) != Verdict::kAgain || !sleep_before_retry(backoff.next(), give_up))
      return Unexpected(to_error(error, doing("read the offsets of")));
  }
}

milliseconds GroupMember::keep_alive_in() const {
  const auto left = std::chrono::ceil<milliseconds>(next_heartbeat_ - SteadyClock::now());
  return std::max(left, milliseconds(0));
}

Result<bool> GroupMember::keep_alive() {
  if (member_id_.empty()) return false;
  if (SteadyClock::now() < next_heartbeat_) return true;
  const kafka::HeartbeatRequest request{
      .group_id = options_.group, .generation_id = generation_, .member_id = member_id_};
  const auto response = ask(request, deadline(options_.timeout));
  if (!response) return Unexpected(response.error());
  next_heartbeat_ = SteadyClock::now() + options_.session_timeout / kHeartbeatsPerSession;
  switch (judge(response->error_code)) {
    case Verdict::kFine: return true;
    case Verdict::kAgain: next_heartbeat_ = SteadyClock::now() + Backoff().next(); return true;
    case Verdict::kRejoin: return false;
    case Verdict::kFatal: break;
  }
  return Unexpected(to_error(response->error_code, doing("stay in")));
}

Result<bool> GroupMember::commit(const std::map<std::int32_t, Offset>& offsets) {
  if (offsets.empty()) return true;
  if (member_id_.empty()) return false;
  kafka::OffsetCommitRequest request{.group_id = options_.group,
                                     .generation_id_or_member_epoch = generation_,
                                     .member_id = member_id_};
  auto& topic = request.topics.emplace_back();
  topic.name = options_.topic;
  for (const auto& [partition, offset] : offsets)
    topic.partitions.push_back({.partition_index = partition, .committed_offset = offset});
  // A commit is finished also when the command is asked to end.
  const Deadline give_up =
      interrupt_ == nullptr ? Deadline(options_.timeout) : Deadline(options_.timeout, *interrupt_, 2);
  Backoff backoff;
  while (true) {
    const auto response = ask(request, give_up);
    if (!response) return Unexpected(response.error());
    KafkaError error = KafkaError::kNone;
    for (const auto& answered : response->topics) {
      for (const auto& partition : answered.partitions) {
        if (partition.error_code != KafkaError::kNone) error = partition.error_code;
      }
    }
    const Verdict verdict = judge(error);
    if (verdict == Verdict::kFine) return true;
    if (verdict == Verdict::kRejoin) return false;
    if (verdict == Verdict::kFatal || !sleep_before_retry(backoff.next(), give_up))
      return Unexpected(to_error(error, doing("commit the offsets of")));
  }
}

Result<void> GroupMember::leave() {
  if (member_id_.empty()) return {};
  const Deadline give_up =
      interrupt_ == nullptr ? Deadline(kLongestGoodbye) : Deadline(kLongestGoodbye, *interrupt_, 2);
  if (auto connected = connect(give_up); !connected) return connected;
  const auto version = coordinator_->version_of(kafka::ApiKey::kLeaveGroup);
  if (!version) return Unexpected(version.error());
  kafka::LeaveGroupRequest request{.group_id = options_.group, .member_id = member_id_};
  if (*version >= kFirstLeaveOfMany)
    request.members.push_back({.member_id = member_id_, .reason = "penstock consume has ended"});
  const auto response = ask(request, give_up);
  if (!response) return Unexpected(response.error());
  member_id_.clear();
  const KafkaError error = response->error_code;
  if (error == KafkaError::kNone || error == KafkaError::kUnknownMemberId) return {};
  return Unexpected(to_error(error, doing("leave")));
}

}  // namespace penstock::cli
