#include "broker/handlers.h"
#include "broker/owner_call.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;
using kafka::OffsetForLeaderEpochRequest;
using kafka::OffsetForLeaderEpochResponse;

struct Question {
  Peer* owner = nullptr;  // null: answered already
  PartitionKey key;
  OffsetForLeaderEpochResponse::Partition result;
};

Task<void> answer_here(Broker& owner, std::vector<Question*>& questions) {
  for (Question* question : questions) {
    const PartitionRef partition = owner.find_partition(question->key);
    if (partition) {
      // No consumer has read beyond.
      question->result.end_offset = partition->marks().high_watermark;
    } else {
      question->result.error_code = KafkaError::kKafkaStorageError;
      question->result.leader_epoch = -1;
    }
  }
  co_return;
}

Question prepare(Broker& broker, const std::string& topic_name,
                 const OffsetForLeaderEpochRequest::Partition& asked) {
  Question question;
  question.result.partition = asked.partition;
  const TopicTableRef table = broker.topics();
  const Topic* topic = table->find(topic_name);
  if (topic == nullptr || !topic->has_partition(asked.partition)) {
    question.result.error_code = KafkaError::kUnknownTopicOrPartition;
    return question;
  }
  question.result.error_code = check_leader_epoch(*topic, asked.current_leader_epoch);
  if (question.result.error_code != KafkaError::kNone) return question;
  // Where an epoch before the current one ended is not kept, and a later one has not begun: the epoch
  // and the offset stay -1, which to a client means that nothing is known of it.
  if (asked.leader_epoch != topic->leader_epoch) return question;
  question.result.leader_epoch = topic->leader_epoch;
  question.owner = &broker.owner_of(*topic, asked.partition);
  question.key = PartitionKey{topic->id, asked.partition};
  return question;
}

}  // namespace

Task<OffsetForLeaderEpochResponse> answer(Broker& broker, const OffsetForLeaderEpochRequest& request,
                                          std::int16_t) {
  std::vector<Question> questions;
  for (const OffsetForLeaderEpochRequest::Topic& topic : request.topics) {
    for (const OffsetForLeaderEpochRequest::Partition& partition : topic.partitions) {
      questions.push_back(prepare(broker, topic.topic, partition));
    }
  }
  auto work = [](Broker& owner, std::vector<Question*>& here) { return answer_here(owner, here); };
  co_await on_owners(broker, questions, work);

  OffsetForLeaderEpochResponse response;
  auto next = questions.begin();
  for (const OffsetForLeaderEpochRequest::Topic& topic : request.topics) {
    OffsetForLeaderEpochResponse::Topic& results = response.topics.emplace_back();
    results.topic = topic.topic;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
      results.partitions.push_back((next++)->result);
    }
  }
  co_return response;
}

}  // namespace penstock::broker
