// Every message, compiled once. A message that is missing here does not link.

#include "kafka/codec.h"
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
#include "kafka/messages/headers.h"
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

#define PENSTOCK_KAFKA_MESSAGE(Message)                                    \
  template Result<Message> decode<Message>(ByteView, std::int16_t);        \
  template ByteChain encode<Message>(const Message&, std::int16_t);        \
  template void encode_to<Message>(Writer&, const Message&, std::int16_t); \
  template SizeCounter count_size<Message>(const Message&, std::int16_t)

PENSTOCK_KAFKA_MESSAGE(RequestHeader);
PENSTOCK_KAFKA_MESSAGE(ResponseHeader);

PENSTOCK_KAFKA_MESSAGE(ProduceRequest);
PENSTOCK_KAFKA_MESSAGE(ProduceResponse);
PENSTOCK_KAFKA_MESSAGE(FetchRequest);
PENSTOCK_KAFKA_MESSAGE(FetchResponse);
PENSTOCK_KAFKA_MESSAGE(ListOffsetsRequest);
PENSTOCK_KAFKA_MESSAGE(ListOffsetsResponse);
PENSTOCK_KAFKA_MESSAGE(MetadataRequest);
PENSTOCK_KAFKA_MESSAGE(MetadataResponse);
PENSTOCK_KAFKA_MESSAGE(OffsetCommitRequest);
PENSTOCK_KAFKA_MESSAGE(OffsetCommitResponse);
PENSTOCK_KAFKA_MESSAGE(OffsetFetchRequest);
PENSTOCK_KAFKA_MESSAGE(OffsetFetchResponse);
PENSTOCK_KAFKA_MESSAGE(FindCoordinatorRequest);
PENSTOCK_KAFKA_MESSAGE(FindCoordinatorResponse);
PENSTOCK_KAFKA_MESSAGE(JoinGroupRequest);
PENSTOCK_KAFKA_MESSAGE(JoinGroupResponse);
PENSTOCK_KAFKA_MESSAGE(HeartbeatRequest);
PENSTOCK_KAFKA_MESSAGE(HeartbeatResponse);
PENSTOCK_KAFKA_MESSAGE(LeaveGroupRequest);
PENSTOCK_KAFKA_MESSAGE(LeaveGroupResponse);
PENSTOCK_KAFKA_MESSAGE(SyncGroupRequest);
PENSTOCK_KAFKA_MESSAGE(SyncGroupResponse);
PENSTOCK_KAFKA_MESSAGE(DescribeGroupsRequest);
PENSTOCK_KAFKA_MESSAGE(DescribeGroupsResponse);
PENSTOCK_KAFKA_MESSAGE(ListGroupsRequest);
PENSTOCK_KAFKA_MESSAGE(ListGroupsResponse);
PENSTOCK_KAFKA_MESSAGE(ApiVersionsRequest);
PENSTOCK_KAFKA_MESSAGE(ApiVersionsResponse);
PENSTOCK_KAFKA_MESSAGE(CreateTopicsRequest);
PENSTOCK_KAFKA_MESSAGE(CreateTopicsResponse);
PENSTOCK_KAFKA_MESSAGE(DeleteTopicsRequest);
PENSTOCK_KAFKA_MESSAGE(DeleteTopicsResponse);
PENSTOCK_KAFKA_MESSAGE(DeleteRecordsRequest);
PENSTOCK_KAFKA_MESSAGE(DeleteRecordsResponse);
PENSTOCK_KAFKA_MESSAGE(DeleteGroupsRequest);
PENSTOCK_KAFKA_MESSAGE(DeleteGroupsResponse);
PENSTOCK_KAFKA_MESSAGE(OffsetDeleteRequest);
PENSTOCK_KAFKA_MESSAGE(OffsetDeleteResponse);
PENSTOCK_KAFKA_MESSAGE(DescribeConfigsRequest);
PENSTOCK_KAFKA_MESSAGE(DescribeConfigsResponse);
PENSTOCK_KAFKA_MESSAGE(AlterConfigsRequest);
PENSTOCK_KAFKA_MESSAGE(AlterConfigsResponse);
PENSTOCK_KAFKA_MESSAGE(IncrementalAlterConfigsRequest);
PENSTOCK_KAFKA_MESSAGE(IncrementalAlterConfigsResponse);
PENSTOCK_KAFKA_MESSAGE(CreatePartitionsRequest);
PENSTOCK_KAFKA_MESSAGE(CreatePartitionsResponse);
PENSTOCK_KAFKA_MESSAGE(InitProducerIdRequest);
PENSTOCK_KAFKA_MESSAGE(InitProducerIdResponse);
PENSTOCK_KAFKA_MESSAGE(AddPartitionsToTxnRequest);
PENSTOCK_KAFKA_MESSAGE(AddPartitionsToTxnResponse);
PENSTOCK_KAFKA_MESSAGE(AddOffsetsToTxnRequest);
PENSTOCK_KAFKA_MESSAGE(AddOffsetsToTxnResponse);
PENSTOCK_KAFKA_MESSAGE(EndTxnRequest);
PENSTOCK_KAFKA_MESSAGE(EndTxnResponse);
PENSTOCK_KAFKA_MESSAGE(TxnOffsetCommitRequest);
PENSTOCK_KAFKA_MESSAGE(TxnOffsetCommitResponse);
PENSTOCK_KAFKA_MESSAGE(OffsetForLeaderEpochRequest);
PENSTOCK_KAFKA_MESSAGE(OffsetForLeaderEpochResponse);
PENSTOCK_KAFKA_MESSAGE(DescribeClusterRequest);
PENSTOCK_KAFKA_MESSAGE(DescribeClusterResponse);
PENSTOCK_KAFKA_MESSAGE(DescribeLogDirsRequest);
PENSTOCK_KAFKA_MESSAGE(DescribeLogDirsResponse);
PENSTOCK_KAFKA_MESSAGE(DescribeTopicPartitionsRequest);
PENSTOCK_KAFKA_MESSAGE(DescribeTopicPartitionsResponse);
PENSTOCK_KAFKA_MESSAGE(ConsumerGroupHeartbeatRequest);
PENSTOCK_KAFKA_MESSAGE(ConsumerGroupHeartbeatResponse);
PENSTOCK_KAFKA_MESSAGE(ConsumerGroupDescribeRequest);
PENSTOCK_KAFKA_MESSAGE(ConsumerGroupDescribeResponse);
PENSTOCK_KAFKA_MESSAGE(DescribeProducersRequest);
PENSTOCK_KAFKA_MESSAGE(DescribeProducersResponse);
PENSTOCK_KAFKA_MESSAGE(DescribeTransactionsRequest);
PENSTOCK_KAFKA_MESSAGE(DescribeTransactionsResponse);
PENSTOCK_KAFKA_MESSAGE(ListTransactionsRequest);
PENSTOCK_KAFKA_MESSAGE(ListTransactionsResponse);

#undef PENSTOCK_KAFKA_MESSAGE

}  // namespace penstock::kafka
