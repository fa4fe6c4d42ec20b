// Whatever a client sends as a frame: it is decoded or refused, and what was decoded can be encoded and
// decoded again to the same.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "kafka/frame.h"
#include "kafka/message.h"
#include "kafka/messages/add_offsets_to_txn.h"
#include "kafka/messages/add_partitions_to_txn.h"
#include "kafka/messages/alter_configs.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/describe_transactions.h"
#include "kafka/messages/end_txn.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_transactions.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/offset_for_leader_epoch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sync_group.h"
#include "kafka/messages/txn_offset_commit.h"

namespace penstock::kafka {
namespace {

template <typename Request>
void try_request(const RequestFrame& frame) {
  const std::int16_t version = frame.header.api_version;
  const auto message = decode<Request>(frame.body, version);
  if (!message) return;
  const auto bytes = encode(*message, version).flatten();
  const auto again = decode<Request>(bytes, version);
  PENSTOCK_ASSERT(again.has_value() && *again == *message,
                  "a decoded message changes when it is sent on");
}

void try_frame(ByteView bytes) {
  const auto frame = parse_request(bytes);
  if (!frame) return;
  switch (frame->header.api_key) {
    case ApiKey::kProduce: return try_request<ProduceRequest>(*frame);
    case ApiKey::kFetch: return try_request<FetchRequest>(*frame);
    case ApiKey::kListOffsets: return try_request<ListOffsetsRequest>(*frame);
    case ApiKey::kMetadata: return try_request<MetadataRequest>(*frame);
    case ApiKey::kOffsetCommit: return try_request<OffsetCommitRequest>(*frame);
    case ApiKey::kOffsetFetch: return try_request<OffsetFetchRequest>(*frame);
    case ApiKey::kFindCoordinator: return try_request<FindCoordinatorRequest>(*frame);
    case ApiKey::kJoinGroup: return try_request<JoinGroupRequest>(*frame);
    case ApiKey::kHeartbeat: return try_request<HeartbeatRequest>(*frame);
    case ApiKey::kLeaveGroup: return try_request<LeaveGroupRequest>(*frame);
    case ApiKey::kSyncGroup: return try_request<SyncGroupRequest>(*frame);
    case ApiKey::kDescribeGroups: return try_request<DescribeGroupsRequest>(*frame);
    case ApiKey::kListGroups: return try_request<ListGroupsRequest>(*frame);
    case ApiKey::kApiVersions: return try_request<ApiVersionsRequest>(*frame);
    case ApiKey::kCreateTopics: return try_request<CreateTopicsRequest>(*frame);
    case ApiKey::kDeleteTopics: return try_request<DeleteTopicsRequest>(*frame);
    case ApiKey::kDeleteRecords: return try_request<DeleteRecordsRequest>(*frame);
    case ApiKey::kDeleteGroups: return try_request<DeleteGroupsRequest>(*frame);
    case ApiKey::kOffsetDelete: return try_request<OffsetDeleteRequest>(*frame);
    case ApiKey::kDescribeConfigs: return try_request<DescribeConfigsRequest>(*frame);
    case ApiKey::kAlterConfigs: return try_request<AlterConfigsRequest>(*frame);
    case ApiKey::kIncrementalAlterConfigs: return try_request<IncrementalAlterConfigsRequest>(*frame);
    case ApiKey::kCreatePartitions: return try_request<CreatePartitionsRequest>(*frame);
    case ApiKey::kInitProducerId: return try_request<InitProducerIdRequest>(*frame);
    case ApiKey::kAddPartitionsToTxn: return try_request<AddPartitionsToTxnRequest>(*frame);
    case ApiKey::kAddOffsetsToTxn: return try_request<AddOffsetsToTxnRequest>(*frame);
    case ApiKey::kEndTxn: return try_request<EndTxnRequest>(*frame);
    case ApiKey::kTxnOffsetCommit: return try_request<TxnOffsetCommitRequest>(*frame);
    case ApiKey::kOffsetForLeaderEpoch: return try_request<OffsetForLeaderEpochRequest>(*frame);
    case ApiKey::kDescribeCluster: return try_request<DescribeClusterRequest>(*frame);
    case ApiKey::kDescribeLogDirs: return try_request<DescribeLogDirsRequest>(*frame);
    case ApiKey::kDescribeTopicPartitions: return try_request<DescribeTopicPartitionsRequest>(*frame);
    case ApiKey::kConsumerGroupHeartbeat: return try_request<ConsumerGroupHeartbeatRequest>(*frame);
    case ApiKey::kConsumerGroupDescribe: return try_request<ConsumerGroupDescribeRequest>(*frame);
    case ApiKey::kDescribeProducers: return try_request<DescribeProducersRequest>(*frame);
    case ApiKey::kDescribeTransactions: return try_request<DescribeTransactionsRequest>(*frame);
    case ApiKey::kListTransactions: return try_request<ListTransactionsRequest>(*frame);
  }
}

}  // namespace
}  // namespace penstock::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::kafka::try_frame(std::as_bytes(std::span(data, size)));
  return 0;
}
