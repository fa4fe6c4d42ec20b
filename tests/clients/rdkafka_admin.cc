#include "rdkafka_admin.h"

#include <algorithm>

namespace penstock::tests {

namespace {

constexpr int kTimeoutMs = 20'000;

void require_success(rd_kafka_resp_err_t error, const char* what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(fmt::format("{}: {}", what, rd_kafka_err2str(error)));
  }
}

PartitionList one_partition(const std::string& topic, std::int32_t partition, std::int64_t offset) {
  PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  return list;
}

// Of an answer on one group.
const rd_kafka_group_result_t* only_group(const rd_kafka_group_result_t** groups, std::size_t count) {
  if (count != 1) throw std::runtime_error(fmt::format("an answer on {} groups", count));
  return groups[0];
}

// The error of a group, or else of its only partition.
rd_kafka_resp_err_t code_of(const rd_kafka_group_result_t* group) {
  if (const rd_kafka_error_t* const error = rd_kafka_group_result_error(group)) {
    return rd_kafka_error_code(error);
  }
  const rd_kafka_topic_partition_list_t* const partitions = rd_kafka_group_result_partitions(group);
  return partitions == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : partitions->elems[0].err;
}

rd_kafka_resp_err_t code_of(const rd_kafka_topic_result_t** topics, std::size_t count) {
  if (count != 1) throw std::runtime_error(fmt::format("an answer on {} topics", count));
  return rd_kafka_topic_result_error(topics[0]);
}

}  // namespace

RdkafkaAdmin::RdkafkaAdmin(const std::string& broker) {
  Settings settings;
  settings.set("bootstrap.servers", broker);
  settings.set("socket.timeout.ms", std::to_string(kTimeoutMs));
  client_ = settings.make_client(RD_KAFKA_PRODUCER);
  queue_.reset(rd_kafka_queue_new(client_.get()));
}

RdkafkaAdmin::Event RdkafkaAdmin::await_answer() {
  Event event(rd_kafka_queue_poll(queue_.get(), kTimeoutMs));
  if (event == nullptr) throw std::runtime_error("an admin call is not answered");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(
        fmt::format("an admin call failed: {}", rd_kafka_event_error_string(event.get())));
  }
  return event;
}

RdkafkaAdmin::Code RdkafkaAdmin::create_topic(const std::string& topic, int partitions,
                                              const std::map<std::string, std::string>& settings) {
  char error[512];
  rd_kafka_NewTopic_t* request =
      rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, error, sizeof(error));
  if (request == nullptr) throw std::runtime_error(error);
  for (const auto& [name, value] : settings) {
    rd_kafka_NewTopic_set_config(request, name.c_str(), value.c_str());
  }
  rd_kafka_CreateTopics(client_.get(), &request, 1, nullptr, queue_.get());
  rd_kafka_NewTopic_destroy(request);
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const topics =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  return code_of(topics, count);
}

RdkafkaAdmin::Code RdkafkaAdmin::delete_topic(const std::string& topic) {
  rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic.c_str());
  rd_kafka_DeleteTopics(client_.get(), &request, 1, nullptr, queue_.get());
  rd_kafka_DeleteTopic_destroy(request);
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const topics =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  return code_of(topics, count);
}

std::map<std::string, int> RdkafkaAdmin::list_topics() {
  const rd_kafka_metadata_t* metadata = nullptr;
  require_success(rd_kafka_metadata(client_.get(), 1, nullptr, &metadata, kTimeoutMs), "metadata");
  std::map<std::string, int> topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    topics[metadata->topics[i].topic] = metadata->topics[i].partition_cnt;
  }
  rd_kafka_metadata_destroy(metadata);
  return topics;
}

RdkafkaAdmin::Code RdkafkaAdmin::delete_records(const std::string& topic, std::int32_t partition,
                                                std::int64_t before) {
  const PartitionList list = one_partition(topic, partition, before);
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
  rd_kafka_DeleteRecords(client_.get(), &request, 1, nullptr, queue_.get());
  rd_kafka_DeleteRecords_destroy(request);
  const Event event = await_answer();
  return rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()))
      ->elems[0]
      .err;
}

std::vector<std::string> RdkafkaAdmin::list_groups() {
  rd_kafka_ListConsumerGroups(client_.get(), nullptr, queue_.get());
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const groups = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(event.get()), &count);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < count; ++i) {
    ids.emplace_back(rd_kafka_ConsumerGroupListing_group_id(groups[i]));
  }
  return ids;
}

GroupDescription RdkafkaAdmin::describe_group(const std::string& group) {
  const char* id = group.c_str();
  rd_kafka_DescribeConsumerGroups(client_.get(), &id, 1, nullptr, queue_.get());
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  if (count != 1) throw std::runtime_error(fmt::format("an answer on {} groups", count));
  GroupDescription described;
  described.state =
      rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[0]));
  for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); ++i) {
    const auto* const member = rd_kafka_ConsumerGroupDescription_member(groups[0], i);
    described.client_ids.emplace_back(rd_kafka_MemberDescription_client_id(member));
    described.assigned_partitions += static_cast<std::size_t>(
        rd_kafka_MemberAssignment_partitions(rd_kafka_MemberDescription_assignment(member))->cnt);
  }
  return described;
}

RdkafkaAdmin::Code RdkafkaAdmin::delete_group(const std::string& group) {
  rd_kafka_DeleteGroup_t* request = rd_kafka_DeleteGroup_new(group.c_str());
  rd_kafka_DeleteGroups(client_.get(), &request, 1, nullptr, queue_.get());
  rd_kafka_DeleteGroup_destroy(request);
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const groups =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &count);
  return code_of(only_group(groups, count));
}

RdkafkaAdmin::Code RdkafkaAdmin::set_offset(const std::string& group, const std::string& topic,
                                            std::int32_t partition, std::int64_t offset) {
  const PartitionList list = one_partition(topic, partition, offset);
  auto* request = rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get());
  rd_kafka_AlterConsumerGroupOffsets(client_.get(), &request, 1, nullptr, queue_.get());
  rd_kafka_AlterConsumerGroupOffsets_destroy(request);
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &count);
  return code_of(only_group(groups, count));
}

RdkafkaAdmin::Code RdkafkaAdmin::delete_offset(const std::string& group, const std::string& topic,
                                               std::int32_t partition) {
  const PartitionList list = one_partition(topic, partition, RD_KAFKA_OFFSET_INVALID);
  auto* request = rd_kafka_DeleteConsumerGroupOffsets_new(group.c_str(), list.get());
  rd_kafka_DeleteConsumerGroupOffsets(client_.get(), &request, 1, nullptr, queue_.get());
  rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
      rd_kafka_event_DeleteConsumerGroupOffsets_result(event.get()), &count);
  return code_of(only_group(groups, count));
}

RdkafkaAdmin::Offsets RdkafkaAdmin::offsets_of_group(const std::string& group,
                                                     const std::string& topic) {
  auto* request = rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr);
  rd_kafka_ListConsumerGroupOffsets(client_.get(), &request, 1, nullptr, queue_.get());
  rd_kafka_ListConsumerGroupOffsets_destroy(request);
  const Event event = await_answer();
  std::size_t count = 0;
  auto* const groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  const auto* const partitions = rd_kafka_group_result_partitions(only_group(groups, count));
  Offsets offsets;
  for (int i = 0; i < partitions->cnt; ++i) {
    const auto& one = partitions->elems[i];
    if (one.topic == topic && one.offset >= 0) offsets[one.partition] = one.offset;
  }
  return offsets;
}

std::pair<std::int64_t, std::int64_t> RdkafkaAdmin::ends(const std::string& topic,
                                                         std::int32_t partition) {
  std::int64_t low = 0;
  std::int64_t high = 0;
  require_success(rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), partition, &low, &high,
                                                   kTimeoutMs),
                  "watermarks");
  return {low, high};
}

std::int64_t RdkafkaAdmin::offset_at(const std::string& topic, std::int32_t partition,
                                     std::int64_t time_ms) {
  const PartitionList list = one_partition(topic, partition, time_ms);
  require_success(rd_kafka_offsets_for_times(client_.get(), list.get(), kTimeoutMs),
                  "offsets for times");
  require_success(list->elems[0].err, "offsets for times");
  return list->elems[0].offset;
}

}  // namespace penstock::tests
