// GroupMember: one member of a consumer group, by the classic protocol: joins, takes its share of a
// topic's partitions, says that it is alive, commits offsets, leaves.
//
// Whichever member the coordinator makes the leader shares the partitions out, so this can
// (range_assignor.h). A coordinator that moves or cannot be reached is found again, until the timeout.
//
// Ownership: the cluster must outlive this, and the interrupt, if there is one; owns a connection to
// the coordinator. Threading: one thread at a time. Errors: those of KafkaCluster; kClosed when the
// interrupt came.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/kafka_cluster.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/sync_group.h"

namespace penstock::cli {

struct GroupMemberOptions {
  std::string group;
  std::string topic;
  // A member that is silent for so long is taken for dead.
  std::chrono::milliseconds session_timeout{45'000};
  // What members have to join again when the group rebalances.
  std::chrono::milliseconds rebalance_timeout{60'000};
  // For how long trouble may last.
  std::chrono::milliseconds timeout{30'000};
};

class GroupMember {
 public:
  GroupMember(KafkaCluster& cluster, GroupMemberOptions options, const Interrupt* interrupt = nullptr)
      : cluster_(&cluster), options_(std::move(options)), interrupt_(interrupt) {}

  // Joins, or joins again, and waits for the other members. Returns this member's partitions.
  Result<std::vector<std::int32_t>> join();

  // What the group has committed for these partitions; those without are left out.
  Result<std::map<std::int32_t, Offset>> committed(const std::vector<std::int32_t>& partitions);

  // Says that it is alive, if that is due. False: the group rebalances, or knows this member no more:
  // commit() what was read, and join() again.
  Result<bool> keep_alive();
  std::chrono::milliseconds keep_alive_in() const;

  // False when that is no longer this member's to say: its partitions are somebody else's.
  Result<bool> commit(const std::map<std::int32_t, Offset>& offsets);

  // Nothing to do if it never joined. Does not wait for long, and not for the interrupt.
  Result<void> leave();

 private:
  using SteadyClock = std::chrono::steady_clock;
  // What an answer's error means for a member.
  enum class Verdict : std::uint8_t { kFine, kAgain, kRejoin, kFatal };

  Deadline deadline(std::chrono::milliseconds from_now) const;
  // Asks the coordinator, and once more at a new connection if that one is lost.
  template <typename Request>
  Result<typename Request::Response> ask(const Request& request, const Deadline& deadline);
  Result<void> connect(const Deadline& deadline);
  Verdict judge(kafka::KafkaError error);
  std::string doing(std::string_view what) const;

  Result<kafka::JoinGroupResponse> enter(const Deadline& deadline);
  Result<kafka::SyncGroupResponse> sync(const kafka::JoinGroupResponse& joined);
  Result<std::vector<kafka::SyncGroupRequest::Assignment>> share_out(
      const std::vector<kafka::JoinGroupResponse::Member>& members);
  Result<std::vector<std::int32_t>> take(const kafka::SyncGroupResponse& synced) const;

  KafkaCluster* cluster_;
  GroupMemberOptions options_;
  const Interrupt* interrupt_;
  std::optional<KafkaConnection> coordinator_;
  std::string member_id_;
  std::int32_t generation_ = -1;
  SteadyClock::time_point next_heartbeat_{};
};

}  // namespace penstock::cli
