// The request handlers: one overload of answer() per API, from a decoded request to its response.
//
// Each runs on the shard of the connection. `version` is one that the codec implements.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/broker.h"
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

namespace penstock::broker {

// Who asks, for the answers that depend on it or wait.
struct Caller {
  std::string client_id;
  Client& client;
  std::size_t request_bytes;
  AnswerMemory::Share& answer_memory;
};

// What a client is told when the log could not do something.
kafka::KafkaError to_kafka_error(const Error& error);

// Whether a client's idea of who leads a partition is out of date, or ahead of ours (KIP-320).
kafka::KafkaError check_leader_epoch(const Topic& topic, std::int32_t client_epoch);

// The answer to ApiVersions in a version that is not served, in the layout of version 0.
kafka::ApiVersionsResponse refuse_api_versions();

Task<kafka::ApiVersionsResponse> answer(Broker& broker, const kafka::ApiVersionsRequest& request,
                                        std::int16_t version);
Task<kafka::MetadataResponse> answer(Broker& broker, const kafka::MetadataRequest& request,
                                     std::int16_t version);
Task<kafka::CreateTopicsResponse> answer(Broker& broker, const kafka::CreateTopicsRequest& request,
                                         std::int16_t version);
Task<kafka::DeleteTopicsResponse> answer(Broker& broker, const kafka::DeleteTopicsRequest& request,
                                         std::int16_t version);
Task<kafka::CreatePartitionsResponse> answer(Broker& broker,
                                             const kafka::CreatePartitionsRequest& request,
                                             std::int16_t version);
Task<kafka::DescribeConfigsResponse> answer(Broker& broker,
                                            const kafka::DescribeConfigsRequest& request,
                                            std::int16_t version);
Task<kafka::AlterConfigsResponse> answer(Broker& broker, const kafka::AlterConfigsRequest& request,
                                         std::int16_t version);
Task<kafka::IncrementalAlterConfigsResponse> answer(
    Broker& broker, const kafka::IncrementalAlterConfigsRequest& request, std::int16_t version);
Task<kafka::DeleteRecordsResponse> answer(Broker& broker, const kafka::DeleteRecordsRequest& request,
                                          std::int16_t version);
// The records are views into the request's frame, which must stay until this has ended.
Task<kafka::ProduceResponse> answer(Broker& broker, const kafka::ProduceRequest& request,
                                    std::int16_t version);
Task<kafka::FetchResponse> answer(Broker& broker, const kafka::FetchRequest& request,
                                  std::int16_t version, const Caller& caller);
Task<kafka::ListOffsetsResponse> answer(Broker& broker, const kafka::ListOffsetsRequest& request,
                                        std::int16_t version);
Task<kafka::FindCoordinatorResponse> answer(Broker& broker,
                                            const kafka::FindCoordinatorRequest& request,
                                            std::int16_t version);
Task<kafka::JoinGroupResponse> answer(Broker& broker, const kafka::JoinGroupRequest& request,
                                      std::int16_t version, const Caller& caller);
Task<kafka::SyncGroupResponse> answer(Broker& broker, const kafka::SyncGroupRequest& request,
                                      std::int16_t version, const Caller& caller);
Task<kafka::HeartbeatResponse> answer(Broker& broker, const kafka::HeartbeatRequest& request,
                                      std::int16_t version);
Task<kafka::LeaveGroupResponse> answer(Broker& broker, const kafka::LeaveGroupRequest& request,
                                       std::int16_t version);
Task<kafka::OffsetCommitResponse> answer(Broker& broker, const kafka::OffsetCommitRequest& request,
                                         std::int16_t version);
Task<kafka::OffsetFetchResponse> answer(Broker& broker, const kafka::OffsetFetchRequest& request,
                                        std::int16_t version);
Task<kafka::OffsetDeleteResponse> answer(Broker& broker, const kafka::OffsetDeleteRequest& request,
                                         std::int16_t version);
Task<kafka::DescribeGroupsResponse> answer(Broker& broker, const kafka::DescribeGroupsRequest& request,
                                           std::int16_t version);
Task<kafka::ListGroupsResponse> answer(Broker& broker, const kafka::ListGroupsRequest& request,
                                       std::int16_t version);
Task<kafka::DeleteGroupsResponse> answer(Broker& broker, const kafka::DeleteGroupsRequest& request,
                                         std::int16_t version);
Task<kafka::ConsumerGroupHeartbeatResponse> answer(Broker& broker,
                                                   const kafka::ConsumerGroupHeartbeatRequest& request,
                                                   std::int16_t version, const Caller& caller);
Task<kafka::ConsumerGroupDescribeResponse> answer(Broker& broker,
                                                  const kafka::ConsumerGroupDescribeRequest& request,
                                                  std::int16_t version);

Task<kafka::InitProducerIdResponse> answer(Broker& broker, const kafka::InitProducerIdRequest& request,
                                           std::int16_t version);
Task<kafka::AddPartitionsToTxnResponse> answer(Broker& broker,
                                               const kafka::AddPartitionsToTxnRequest& request,
                                               std::int16_t version);
Task<kafka::AddOffsetsToTxnResponse> answer(Broker& broker,
                                            const kafka::AddOffsetsToTxnRequest& request,
                                            std::int16_t version);
Task<kafka::EndTxnResponse> answer(Broker& broker, const kafka::EndTxnRequest& request,
                                   std::int16_t version);
Task<kafka::DescribeProducersResponse> answer(Broker& broker,
                                              const kafka::DescribeProducersRequest& request,
                                              std::int16_t version);
Task<kafka::DescribeTransactionsResponse> answer(Broker& broker,
                                                 const kafka::DescribeTransactionsRequest& request,
                                                 std::int16_t version);
Task<kafka::ListTransactionsResponse> answer(Broker& broker,
                                             const kafka::ListTransactionsRequest& request,
                                             std::int16_t version);
Task<kafka::TxnOffsetCommitResponse> answer(Broker& broker,
                                            const kafka::TxnOffsetCommitRequest& request,
                                            std::int16_t version);
Task<kafka::OffsetForLeaderEpochResponse> answer(Broker& broker,
                                                 const kafka::OffsetForLeaderEpochRequest& request,
                                                 std::int16_t version);
Task<kafka::DescribeClusterResponse> answer(Broker& broker,
                                            const kafka::DescribeClusterRequest& request,
                                            std::int16_t version);
Task<kafka::DescribeLogDirsResponse> answer(Broker& broker,
                                            const kafka::DescribeLogDirsRequest& request,
                                            std::int16_t version);
Task<kafka::DescribeTopicPartitionsResponse> answer(
    Broker& broker, const kafka::DescribeTopicPartitionsRequest& request, std::int16_t version);

}  // namespace penstock::broker
