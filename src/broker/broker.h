// Broker: one shard's part of the broker. Decides what every request means; knows nothing of sockets.
//
// Each shard has one. A request is handled where its connection lives; what belongs to a partition or a
// consumer group of another shard crosses by message (call_on). Topics are created and deleted by the
// controller, on shard 0.
//
// Ownership: the context's members and the settings must outlive the broker; so must its peers, from
// connect() until stop() has returned.
// Threading: its shard's scheduler, except where said.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/answer_memory.h"
#include "broker/broker_stats.h"
#include "broker/client.h"
#include "broker/controller.h"
#include "broker/fetch_sessions.h"
#include "broker/group_topics.h"
#include "broker/partition_rounds.h"
#include "broker/settings.h"
#include "broker/topic_table.h"
#include "broker/transaction_markers.h"
#include "broker/waiting_requests.h"
#include "group/coordinator.h"
#include "kafka/byte_chain.h"
#include "kafka/frame.h"
#include "log/partition.h"
#include "transaction/coordinator.h"
#include "transaction/producer_ids.h"

namespace penstock::broker {

class Broker;

// A shard, as the others see it.
struct Peer {
  Scheduler* scheduler = nullptr;
  Broker* broker = nullptr;
};

// A partition, by identity.
struct PartitionKey {
  kafka::Uuid topic_id;
  std::int32_t index = 0;
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

// A partition to open, and where it lies.
struct PartitionPlace {
  log::PartitionId id;
  std::string directory;
  log::PartitionOptions options;

  PartitionKey key() const { return {kafka::Uuid{id.topic_id}, id.index}; }
};

using PartitionRef = std::shared_ptr<log::Partition>;

// What opening a partition again has found.
struct Reopened {
  log::RecoveryReport recovery;
  Offset end;  // the next offset to be given
};

// What start() found, over all shards.
struct StartReport {
  std::uint32_t topic_count = 0;
  std::uint32_t partition_count = 0;
  log::RecoveryReport recovery;
};

class Broker {
 public:
  // `shard` is this broker's index among its peers. The catalog and `data_directory` are shared by all
  // of them.
  Broker(log::LogContext context, catalog::Catalog& catalog, const Settings& settings,
         const std::string& data_directory, std::size_t shard);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();

  // Tells it of all shards, in order, itself included. Before any other call; any thread, as long as
  // the shard's scheduler does not run broker code yet.
  void connect(std::vector<Peer> peers);

  // Shard 0 only, once, before any request: loads the topics, and opens their partitions on all shards.
  Task<Result<StartReport>> start();

  // Handles one request frame (without its size). Requests of one connection are to be started in the
  // order in which they came, each before the one that came first has ended if the caller likes; their
  // answers go out in the same order. Nothing is answered to a Produce with acks=0. Errors: the
  // connection cannot go on and is to be closed; the message is for the log. `client` outlives the
  // call; when it has gone, its requests do not wait any longer, and are answered as they stand.
  // `memory` is the answer's part of answers(), for the caller to settle and to keep.
  Task<Result<std::optional<kafka::ByteChain>>> handle(SharedSlice frame, Client& client,
                                                       AnswerMemory::Share& memory);

  // Lets every waiting request (Fetch, JoinGroup, SyncGroup) be answered at once, now and from here on,
  // so that connections can end.
  void release_waiting();

  // Shard 0 only, last, when no request is being handled any more: closes all partitions on all shards,
  // so that the next start scans nothing.
  Task<Result<void>> stop();

  // --- For request handlers and the controller ---

  const Settings& settings() const { return settings_; }
  // With all directories from the root on.
  const std::string& data_directory() const { return data_directory_; }
  Scheduler& scheduler() { return context_.scheduler; }
  log::LogContext& context() { return context_; }
  const std::vector<Peer>& peers() const { return peers_; }
  Peer& peer(std::size_t shard) { return peers_[shard]; }
  Peer& owner_of(const Topic& topic, std::int32_t partition) {
    return peers_[topic.shard_of(partition, peers_.size())];
  }
  // Whose a consumer group is, or a transactional id.
  Peer& coordinator_of(const std::string& name);
  // The groups of this shard.
  group::GroupCoordinator& groups() { return groups_; }
  // Loads them; once.
  Task<Result<void>> start_groups();
  // The transactions of this shard's transactional ids.
  transaction::TransactionCoordinator& transactions() { return transactions_; }
  // Loads them, and carries out what is decided: when partitions are open, groups are loaded and topics
  // are known on all shards. Once.
  Task<Result<void>> start_transactions();
  // One that was never given before.
  Task<Result<std::int64_t>> next_producer_id() { return producer_ids_.next(); }
  // The controller and the scheduler to ask it on.
  Controller& controller() { return *peers_.front().broker->controller_; }
  Scheduler& controller_scheduler() { return *peers_.front().scheduler; }

  TopicTableRef topics() const { return topics_; }
  // Another one after each change of them.
  std::uint64_t topics_version() const { return topics_version_; }
  void install(TopicTableRef topics) {
    topics_ = std::move(topics);
    ++topics_version_;
  }

  // A partition of this shard; null when it is not open here.
  PartitionRef find_partition(const PartitionKey& key) const;
  // All partitions of this shard, as they are now.
  std::vector<PartitionRef> partitions() const;
  // Opens partitions of this shard, several at a time; one that cannot be opened is a finding, not an
  // error.
  Task<log::RecoveryReport> open_partitions(std::vector<PartitionPlace> places);
  // Opens a partition of this shard again that refuses appends or could not be opened: what is on the
  // device is read as after a crash. Until this returns, whoever asks for the partition is told to come
  // again. Not beside another change of the same partition. Errors: kBusy when nothing is wrong with
  // the partition; kFenced when it still refuses appends; the device's, and then it is not served until
  // it is opened again.
  Task<Result<Reopened>> reopen_partition(PartitionPlace place);
  // Gives partitions of this shard other options, several at a time. One that is not served gets them
  // when it is opened again.
  Task<bool> change_partitions(std::vector<PartitionPlace> places);
  // Removes a partition of this shard and its files.
  Task<Result<void>> destroy_partition(PartitionKey key);
  const BrokerStats& stats() const { return stats_; }
  void note_fetched(std::uint64_t batches, std::uint64_t bytes) {
    stats_.fetched_batches += batches;
    stats_.fetched_bytes += bytes;
  }
  // Lets others run now and then, if there are many partitions.
  Task<PartitionCounts> count_partitions();

  // Closes all partitions of this shard; the first error, when all have been tried.
  Task<Result<void>> close_partitions();

  FetchSessions& fetch_sessions() { return fetch_sessions_; }
  WaitingRequests& waiting() { return waiting_; }
  AnswerMemory& answers() { return answers_; }
  // Aborted by release_waiting().
  AbortSource& released() { return released_; }

 private:
  Task<Result<std::optional<kafka::ByteChain>>> dispatch(SharedSlice frame, Client& client,
                                                         AnswerMemory::Share& memory);
  std::size_t coordinating_shard(const std::string& name) const;
  Task<Result<std::int64_t>> take_producer_ids();
  Task<void> open_partition(PartitionPlace place, log::RecoveryReport& report);
  Task<Result<log::RecoveryReport>> open_now(PartitionPlace place);

  log::LogContext context_;
  const Settings& settings_;
  std::string data_directory_;
  std::size_t shard_;
  std::vector<Peer> peers_;
  GroupTopics group_topics_{*this};
  group::GroupCoordinator groups_;
  transaction::ProducerIdBlocks producer_id_blocks_;  // shard 0's are used
  transaction::ProducerIds producer_ids_;
  TransactionMarkers markers_;
  transaction::TransactionCoordinator transactions_;
  std::unique_ptr<Controller> controller_;  // shard 0's only
  TopicTableRef topics_ = std::make_shared<const TopicTable>();
  std::uint64_t topics_version_ = 1;
  std::map<PartitionKey, PartitionRef> partitions_;
  std::set<PartitionKey> failed_;  // could not be opened
  BrokerStats stats_;
  FetchSessions fetch_sessions_;
  PartitionRounds retention_;
  PartitionRounds scrubbing_;
  PartitionRounds compaction_;
  WaitingRequests waiting_;
  AnswerMemory answers_;
  AbortSource released_;
};

}  // namespace penstock::broker
