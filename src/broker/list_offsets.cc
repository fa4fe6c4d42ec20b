#include <algorithm>

#include "broker/handlers.h"
#include "broker/owner_call.h"
#include "kafka/record.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;
using kafka::ListOffsetsRequest;
using kafka::ListOffsetsResponse;

struct Question {
  Peer* owner = nullptr;  // null: answered already
  PartitionKey key;
  std::int64_t timestamp_ms = 0;
  bool only_committed = false;
  ListOffsetsResponse::Partition result;
};

// The first record of `bytes` (one batch) at or after `timestamp_ms`. A compressed batch is not opened:
// its first record stands for it, which is early by at most the batch; consumers skip what is too old.
void find_record(ByteView bytes, std::int64_t timestamp_ms, ListOffsetsResponse::Partition& result) {
  const auto batch = kafka::RecordBatchView::parse(bytes);
  if (!batch) return;  // verified by the log when it was read
  result.offset = batch->base_offset();
  result.timestamp = batch->base_timestamp_ms();
  result.leader_epoch = batch->leader_epoch();
  if (batch->compression() != kafka::Compression::kNone) return;
  kafka::RecordReader records(*batch);
  while (true) {
    const auto record = records.next();
    if (!record || !*record) return;
    if ((*record)->timestamp_ms >= timestamp_ms) {
      result.offset = (*record)->offset;
      result.timestamp = (*record)->timestamp_ms;
      return;
    }
  }
}

Task<void> answer_one(log::Partition& partition, Question& question) {
  ListOffsetsResponse::Partition& result = question.result;
  // Behind which there is nothing for this consumer.
  const Offset end =
      question.only_committed ? partition.last_stable_offset() : partition.marks().high_watermark;
  if (question.timestamp_ms == kafka::kLatestTimestamp) {
    result.offset = end;
    co_return;
  }
  if (question.timestamp_ms == kafka::kEarliestTimestamp) {
    result.offset = partition.marks().log_start;
    co_return;
  }
  std::int64_t timestamp_ms = question.timestamp_ms;
  if (timestamp_ms == kafka::kMaxTimestamp) timestamp_ms = partition.max_timestamp_ms();
  if (timestamp_ms < 0) co_return;
  auto batch = co_await partition.find_time(timestamp_ms);
  if (!batch) {
    result.error_code = to_kafka_error(batch.error());
  } else if (*batch) {
    find_record((*batch)->view(), timestamp_ms, result);
    // A batch may begin with records that have been deleted.
    result.offset = std::max(result.offset, partition.marks().log_start);
    if (question.only_committed && result.offset >= end) {
      result.offset = Offset{-1};
      result.timestamp = -1;
    }
  }
}

Task<void> answer_here(Broker& owner, std::vector<Question*>& questions) {
  for (Question* question : questions) {
    const PartitionRef partition = owner.find_partition(question->key);
    if (!partition) {
      question->result.error_code = KafkaError::kKafkaStorageError;
      continue;
    }
    co_await answer_one(*partition, *question);
  }
}

Question prepare(Broker& broker, const std::string& topic_name,
                 const ListOffsetsRequest::Partition& asked, std::int8_t isolation_level) {
  Question question;
  question.only_committed = isolation_level == kafka::kReadCommitted;
  question.result.partition_index = asked.partition_index;
  question.timestamp_ms = asked.timestamp;
  const TopicTableRef table = broker.topics();
  const Topic* topic = table->find(topic_name);
  if (topic == nullptr || !topic->has_partition(asked.partition_index)) {
    question.result.error_code = KafkaError::kUnknownTopicOrPartition;
    return question;
  }
  question.result.leader_epoch = topic->leader_epoch;
  question.result.error_code = check_leader_epoch(*topic, asked.current_leader_epoch);
  if (question.result.error_code != KafkaError::kNone) return question;
  if (asked.timestamp < kafka::kMaxTimestamp) {
    question.result.error_code = KafkaError::kInvalidRequest;
    return question;
  }
  question.owner = &broker.owner_of(*topic, asked.partition_index);
  question.key = PartitionKey{topic->id, asked.partition_index};
  return question;
}

}  // namespace

Task<ListOffsetsResponse> answer(Broker& broker, const ListOffsetsRequest& request, std::int16_t) {
  std::vector<Question> questions;
  for (const ListOffsetsRequest::Topic& topic : request.topics) {
    for (const ListOffsetsRequest::Partition& partition : topic.partitions) {
      questions.push_back(prepare(broker, topic.name, partition, request.isolation_level));
    }
  }
  auto work = [](Broker& owner, std::vector<Question*>& here) { return answer_here(owner, here); };
  co_await on_owners(broker, questions, work);

  ListOffsetsResponse response;
  auto next = questions.begin();
  for (const ListOffsetsRequest::Topic& topic : request.topics) {
    ListOffsetsResponse::Topic& results = response.topics.emplace_back();
    results.name = topic.name;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
      results.partitions.push_back(std::move((next++)->result));
    }
  }
  co_return response;
}

}  // namespace penstock::broker
