#include "broker/transaction_markers.h"

#include "broker/group_call.h"
#include "broker/owner_call.h"

namespace penstock::broker {

namespace {

using transaction::Decision;
using transaction::Outcome;

// One partition's marker, on its way to the shard of the partition and back.
struct Marker {
  Peer* owner = nullptr;
  transaction::TransactionPartition partition;
  std::int32_t leader_epoch = 0;
  bool is_written = false;
};

Task<void> write_one(Broker& owner, Marker& marker, log::TransactionMarker content) {
  const PartitionKey key{marker.partition.topic_id, marker.partition.partition};
  const PartitionRef partition = owner.find_partition(key);
  if (!partition) co_return;
  auto ticket = co_await partition->end_transaction(content, marker.leader_epoch);
  if (!ticket) co_return;
  // A later life of the producer was there already: it began when this was over.
  if (ticket->verdict == log::ProducerCheck::kStaleEpoch) marker.is_written = true;
  if (ticket->verdict != log::ProducerCheck::kNext) co_return;
  const auto durable = co_await partition->wait_acknowledged(std::move(*ticket));
  marker.is_written = durable.has_value();
}

Task<void> write_here(Broker& owner, std::vector<Marker*>& markers, log::TransactionMarker content) {
  std::vector<Task<void>> writes;
  for (Marker* marker : markers) writes.push_back(write_one(owner, *marker, content));
  co_await join(owner.scheduler(), std::move(writes));
}

// Those whose partitions exist.
std::vector<Marker> markers_for(Broker& broker, const Decision& decision) {
  std::vector<Marker> markers;
  const TopicTableRef table = broker.topics();
  for (const transaction::TransactionPartition& partition : decision.partitions) {
    const Topic* topic = table->find(partition.topic_id);
    if (topic == nullptr || !topic->has_partition(partition.partition)) continue;
    Peer& owner = broker.owner_of(*topic, partition.partition);
    markers.push_back({&owner, partition, topic->leader_epoch, false});
  }
  return markers;
}

Task<bool> end_in_group(Broker& broker, const std::string& group, const Decision& decision) {
  using End = group::GroupCoordinator::TransactionEnd;
  const End how = decision.outcome == Outcome::kCommit ? End::kCommit : End::kAbort;
  auto end = [&](group::GroupCoordinator& groups) {
    return groups.end_transaction(group, decision.producer.id, how);
  };
  const auto ended = co_await on_coordinator(broker, group, end);
  co_return ended.has_value();
}

}  // namespace

Task<Decision> TransactionMarkers::write(Decision decision) {
  log::TransactionMarker content;
  content.producer_id = decision.producer.id;
  content.producer_epoch = decision.producer.epoch;
  content.outcome = decision.outcome == Outcome::kCommit ? log::TransactionOutcome::kCommit
                                                         : log::TransactionOutcome::kAbort;
  content.timestamp_ms = broker_.scheduler().clock().wall_ms();
  std::vector<Marker> markers = markers_for(broker_, decision);
  auto work = [&content](Broker& owner, std::vector<Marker*>& here) {
    return write_here(owner, here, content);
  };
  co_await on_owners(broker_, markers, work);
  decision.partitions.clear();
  for (const Marker& marker : markers) {
    if (!marker.is_written) decision.partitions.push_back(marker.partition);
  }
  std::vector<std::string> left;
  for (const std::string& group : decision.groups) {
    if (!co_await end_in_group(broker_, group, decision)) left.push_back(group);
  }
  decision.groups = std::move(left);
  co_return decision;
}

}  // namespace penstock::broker
