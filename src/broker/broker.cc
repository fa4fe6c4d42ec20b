#include "broker/broker.h"

#include <algorithm>
#include <filesystem>
#include <ranges>

#include "base/crc32c.h"
#include "broker/catalog_metadata_store.h"
#include "broker/handlers.h"
#include "broker/upkeep.h"
#include "kafka/message.h"
#include "task/join.h"
#include "task/remote.h"

namespace penstock::broker {

namespace {

// Partitions of one shard that are recovered at the same time: enough to keep a device busy.
constexpr std::size_t kOpenAtOnce = 16;

// Partitions that are counted before others get their turn: some 50 us of work.
constexpr std::size_t kCountAtOnce = 256;

// Not at once, when everybody connects again; nor after a whole interval, which a server that is
// restarted often would never see.
constexpr Duration kFirstScrubAfter = std::chrono::minutes(10);

using Response = std::optional<kafka::ByteChain>;

// Whether, and with what, the client is to be answered.
template <typename Request>
Result<Response> reply(const Request&, const typename Request::Response& response,
                       const kafka::RequestHeader& header) {
  return kafka::encode_response_frame(response, header.api_version, header.correlation_id);
}

// With acks=0 the client does not listen; closing the connection is how it hears of an error.
Result<Response> reply(const kafka::ProduceRequest& request, const kafka::ProduceResponse& response,
                       const kafka::RequestHeader& header) {
  if (request.acks != 0) {
    return kafka::encode_response_frame(response, header.api_version, header.correlation_id);
  }
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partition_responses) {
      if (partition.error_code == kafka::KafkaError::kNone) continue;
      return fail(ErrorCode::kInvalidArgument, "produce with acks=0 to {}/{} failed: {}", topic.name,
                  partition.index, kafka::to_string(partition.error_code));
    }
  }
  return Response();
}

// Some requests are answered by who asks, too.
template <typename Request>
Task<typename Request::Response> answer_to(Broker& broker, const Request& request, std::int16_t version,
                                           const Caller& caller) {
  if constexpr (requires { answer(broker, request, version, caller); }) {
    return answer(broker, request, version, caller);
  } else {
    return answer(broker, request, version);
  }
}

template <typename Request>
Task<Result<Response>> serve(Broker& broker, const kafka::RequestFrame& frame, ApiStats& stats,
                             const Caller& caller) {
  const std::int16_t version = frame.header.api_version;
  const auto request = kafka::decode<Request>(frame.body, version);
  if (!request) co_return Unexpected(request.error());
  const typename Request::Response response = co_await answer_to(broker, *request, version, caller);
  auto note = [&stats](kafka::KafkaError error) {
    ++stats.errors[static_cast<std::size_t>(class_of(error))];
  };
  for_each_error(response, note);
  co_return reply(*request, response, frame.header);
}

}  // namespace

Broker::Broker(log::LogContext context, catalog::Catalog& catalog, const Settings& settings,
               const std::string& data_directory, std::size_t shard)
    : context_(context),
      settings_(settings),
      data_directory_(std::filesystem::absolute(data_directory).lexically_normal()),
      shard_(shard),
      groups_(context_.scheduler, catalog, context_.random, group_topics_, settings_.groups),
      producer_id_blocks_(context_.scheduler, catalog),
      producer_ids_(context_.scheduler, [this] { return take_producer_ids(); }),
      markers_(*this),
      transactions_(
          context_.scheduler, catalog, markers_, [this] { return next_producer_id(); },
          settings_.transactions),
      fetch_sessions_(context_.scheduler, context_.random, settings_, stats_.fetch_sessions, shard),
      retention_(*this, delete_what_is_not_kept),
      scrubbing_(*this, scrub),
      compaction_(*this, compact),
      waiting_(settings_.waiting, stats_),
      answers_(context_.scheduler, settings_.answer_bytes) {
  if (shard != 0) return;
  auto store = std::make_unique<CatalogMetadataStore>(context_.scheduler, context_.disk, catalog,
                                                      data_directory + "/topics");
  controller_ = std::make_unique<Controller>(*this, std::move(store));
}

Broker::~Broker() = default;

void Broker::connect(std::vector<Peer> peers) { peers_ = std::move(peers); }

Task<Result<StartReport>> Broker::start() { return controller_->start(); }

Task<Result<void>> Broker::stop() { return controller_->stop(); }

void Broker::release_waiting() {
  groups_.release_waiting();
  released_.abort();
}

// --- Consumer groups and transactions of this shard ----------------------------------------------

std::size_t Broker::coordinating_shard(const std::string& name) const {
  return crc32c(as_bytes(name)) % peers_.size();
}

Peer& Broker::coordinator_of(const std::string& name) { return peers_[coordinating_shard(name)]; }

Task<Result<void>> Broker::start_groups() {
  auto is_own = [this](const std::string& group) { return coordinating_shard(group) == shard_; };
  return groups_.start(is_own);
}

Task<Result<void>> Broker::start_transactions() {
  auto is_own = [this](const std::string& id) { return coordinating_shard(id) == shard_; };
  return transactions_.start(is_own);
}

Task<Result<std::int64_t>> Broker::take_producer_ids() {
  Peer& first = peers_.front();
  auto take = [&first] { return first.broker->producer_id_blocks_.take(); };
  co_return co_await call_on(context_.scheduler, *first.scheduler, take);
}

// --- Partitions of this shard --------------------------------------------------------------------

PartitionRef Broker::find_partition(const PartitionKey& key) const {
  const auto place = partitions_.find(key);
  return place == partitions_.end() ? nullptr : place->second;
}

std::vector<PartitionRef> Broker::partitions() const {
  const auto values = std::views::values(partitions_);
  return {values.begin(), values.end()};
}

Task<log::RecoveryReport> Broker::open_partitions(std::vector<PartitionPlace> places) {
  retention_.start(settings_.retention_check_interval, settings_.retention_check_interval);
  if (settings_.scrub_interval > Duration::zero())
    scrubbing_.start(kFirstScrubAfter, settings_.scrub_interval);
  if (settings_.compaction_enabled) {
    compaction_.start(settings_.compaction_check_interval, settings_.compaction_check_interval);
  }
  log::RecoveryReport report;
  stats_.partitions_to_open += places.size();
  for (std::size_t first = 0; first < places.size(); first += kOpenAtOnce) {
    std::vector<Task<void>> openings;
    const std::size_t end = std::min(places.size(), first + kOpenAtOnce);
    for (std::size_t i = first; i < end; ++i)
      openings.push_back(open_partition(std::move(places[i]), report));
    co_await join(context_.scheduler, std::move(openings));
  }
  co_return report;
}

Task<void> Broker::open_partition(PartitionPlace place, log::RecoveryReport& report) {
  const std::string name = place.id.to_string();
  const PartitionKey key = place.key();
  auto recovered = co_await open_now(std::move(place));
  ++stats_.partitions_opened;
  if (recovered) {
    stats_.scanned_bytes += recovered->scanned_bytes;
    if (const PartitionRef opened = find_partition(key)) stats_.opened_bytes += opened->size_bytes();
    report.add(*recovered);
  } else {
    report.findings.push_back(fmt::format("{}: not served: {}", name, recovered.error().message()));
  }
}

Task<Result<log::RecoveryReport>> Broker::open_now(PartitionPlace place) {
  const PartitionKey key = place.key();
  auto partition =
      co_await log::Partition::open(context_, std::move(place.directory), place.id, place.options);
  if (!partition) {
    failed_.insert(key);
    co_return Unexpected(partition.error());
  }
  failed_.erase(key);
  log::RecoveryReport report = (*partition)->recovery_report();
  partitions_.emplace(key, std::move(*partition));
  co_return report;
}

// An error says that what is acknowledged from memory could not be written now: the partition or its
// disk have told of that themselves, and the options hold all the same.
Task<bool> Broker::change_partitions(std::vector<PartitionPlace> places) {
  const auto change_one = [](PartitionRef partition, log::PartitionOptions options) -> Task<void> {
    (void)co_await partition->change(options);
  };
  for (std::size_t first = 0; first < places.size(); first += kOpenAtOnce) {
    std::vector<Task<void>> changes;
    const std::size_t end = std::min(places.size(), first + kOpenAtOnce);
    for (std::size_t i = first; i < end; ++i) {
      if (PartitionRef partition = find_partition(places[i].key()))
        changes.push_back(change_one(std::move(partition), places[i].options));
    }
    co_await join(context_.scheduler, std::move(changes));
  }
  co_return true;
}

// Who holds the old one meanwhile finds it closed, and it goes with the last of them. A closed
// partition has nothing in flight, so the new one may cut off what a failed write left.
Task<Result<Reopened>> Broker::reopen_partition(PartitionPlace place) {
  const PartitionKey key = place.key();
  if (const PartitionRef old = find_partition(key)) {
    if (!old->fence()) {
      co_return fail(ErrorCode::kBusy, "{} takes appends: there is nothing to reopen",
                     place.id.to_string());
    }
    partitions_.erase(key);
    failed_.insert(key);
    if (auto closed = co_await old->close(); !closed) co_return Unexpected(closed.error());
  } else if (!failed_.contains(key)) {
    co_return fail(ErrorCode::kNotFound, "{} is not on this shard", place.id.to_string());
  }
  auto recovered = co_await open_now(std::move(place));
  if (!recovered) co_return Unexpected(recovered.error());
  const log::Partition& partition = *find_partition(key);
  if (partition.fence()) co_return Unexpected(*partition.fence());
  ++stats_.reopened_partitions;
  co_return Reopened{std::move(*recovered), partition.marks().append_end};
}

Task<PartitionCounts> Broker::count_partitions() {
  PartitionCounts counts;
  std::size_t looked_at = 0;
  for (const PartitionRef& partition : partitions()) {
    if (++looked_at % kCountAtOnce == 0) co_await context_.scheduler.yield();
    ++(partition->fence() ? counts.fenced : counts.open);
    counts.bytes += partition->size_bytes();
  }
  counts.failed = failed_.size();
  co_return counts;
}

Task<Result<void>> Broker::destroy_partition(PartitionKey key) {
  const PartitionRef partition = find_partition(key);
  failed_.erase(key);
  if (!partition) co_return Result<void>();
  partitions_.erase(key);
  co_return co_await partition->destroy();
}

Task<Result<void>> Broker::close_partitions() {
  co_await retention_.stop();
  co_await scrubbing_.stop();
  co_await compaction_.stop();
  Result<void> result;
  const auto close_one = [](PartitionRef partition, Result<void>& first_error) -> Task<void> {
    auto closed = co_await partition->close();
    if (!closed && first_error) first_error = closed;
  };
  while (!partitions_.empty()) {
    std::vector<Task<void>> closings;
    while (!partitions_.empty() && closings.size() < kOpenAtOnce) {
      closings.push_back(close_one(std::move(partitions_.begin()->second), result));
      partitions_.erase(partitions_.begin());
    }
    co_await join(context_.scheduler, std::move(closings));
  }
  co_return result;
}

// --- Dispatch ------------------------------------------------------------------------------------

Task<Result<Response>> Broker::handle(SharedSlice frame, Client& client, AnswerMemory::Share& memory) {
  auto answered = co_await dispatch(std::move(frame), client, memory);
  if (!answered) ++stats_.refused_requests;
  co_return answered;
}

Task<Result<Response>> Broker::dispatch(SharedSlice frame, Client& client,
                                        AnswerMemory::Share& memory) {
  auto request = kafka::parse_request(frame.view());
  if (!request) co_return Unexpected(request.error());
  const kafka::RequestHeader& header = request->header;
  const std::int16_t version = header.api_version;

  const kafka::ApiInfo* api = kafka::find_api(header.api_key);
  if (api == nullptr || !api->is_served()) {
    co_return fail(ErrorCode::kNotSupported, "request with API key {}, which is not served",
                   static_cast<int>(header.api_key));
  }
  if (!api->implemented.contains(version)) {
    if (header.api_key == kafka::ApiKey::kApiVersions) {
      co_return kafka::encode_response_frame(refuse_api_versions(), 0, header.correlation_id);
    }
    co_return fail(ErrorCode::kNotSupported, "{} request in version {}, which is not served", api->name,
                   version);
  }

  const Caller caller{.client_id = header.client_id.value_or(""),
                      .client = client,
                      .request_bytes = frame.size(),
                      .answer_memory = memory};
  ApiStats& stats = stats_.of(header.api_key);
  ++stats.requests;
  switch (header.api_key) {
    case kafka::ApiKey::kApiVersions:
      co_return co_await serve<kafka::ApiVersionsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kMetadata:
      co_return co_await serve<kafka::MetadataRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kCreateTopics:
      co_return co_await serve<kafka::CreateTopicsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDeleteTopics:
      co_return co_await serve<kafka::DeleteTopicsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kCreatePartitions:
      co_return co_await serve<kafka::CreatePartitionsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDescribeConfigs:
      co_return co_await serve<kafka::DescribeConfigsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kAlterConfigs:
      co_return co_await serve<kafka::AlterConfigsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kIncrementalAlterConfigs:
      co_return co_await serve<kafka::IncrementalAlterConfigsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDeleteRecords:
      co_return co_await serve<kafka::DeleteRecordsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kProduce:
      co_return co_await serve<kafka::ProduceRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kFetch:
      co_return co_await serve<kafka::FetchRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kListOffsets:
      co_return co_await serve<kafka::ListOffsetsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kFindCoordinator:
      co_return co_await serve<kafka::FindCoordinatorRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kJoinGroup:
      co_return co_await serve<kafka::JoinGroupRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kSyncGroup:
      co_return co_await serve<kafka::SyncGroupRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kHeartbeat:
      co_return co_await serve<kafka::HeartbeatRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kLeaveGroup:
      co_return co_await serve<kafka::LeaveGroupRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kOffsetCommit:
      co_return co_await serve<kafka::OffsetCommitRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kOffsetFetch:
      co_return co_await serve<kafka::OffsetFetchRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kOffsetDelete:
      co_return co_await serve<kafka::OffsetDeleteRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDescribeGroups:
      co_return co_await serve<kafka::DescribeGroupsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kListGroups:
      co_return co_await serve<kafka::ListGroupsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDeleteGroups:
      co_return co_await serve<kafka::DeleteGroupsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kConsumerGroupHeartbeat:
      co_return co_await serve<kafka::ConsumerGroupHeartbeatRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kConsumerGroupDescribe:
      co_return co_await serve<kafka::ConsumerGroupDescribeRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kInitProducerId:
      co_return co_await serve<kafka::InitProducerIdRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kAddPartitionsToTxn:
      co_return co_await serve<kafka::AddPartitionsToTxnRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kAddOffsetsToTxn:
      co_return co_await serve<kafka::AddOffsetsToTxnRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kEndTxn:
      co_return co_await serve<kafka::EndTxnRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDescribeProducers:
      co_return co_await serve<kafka::DescribeProducersRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDescribeTransactions:
      co_return co_await serve<kafka::DescribeTransactionsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kListTransactions:
      co_return co_await serve<kafka::ListTransactionsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kTxnOffsetCommit:
      co_return co_await serve<kafka::TxnOffsetCommitRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kOffsetForLeaderEpoch:
      co_return co_await serve<kafka::OffsetForLeaderEpochRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDescribeCluster:
      co_return co_await serve<kafka::DescribeClusterRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDescribeLogDirs:
      co_return co_await serve<kafka::DescribeLogDirsRequest>(*this, *request, stats, caller);
    case kafka::ApiKey::kDescribeTopicPartitions:
      co_return co_await serve<kafka::DescribeTopicPartitionsRequest>(*this, *request, stats, caller);
  }
  co_return fail(ErrorCode::kNotSupported, "{} is in the table of APIs but has no handler", api->name);
}

}  // namespace penstock::broker
