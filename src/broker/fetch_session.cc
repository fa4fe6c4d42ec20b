#include "broker/fetch_session.h"

#include <iterator>
#include <utility>

namespace penstock::broker {

using kafka::FetchRequest;
using kafka::FetchResponse;

void FetchSession::apply(const FetchRequest& request) {
  for (const FetchRequest::Topic& topic : request.topics) {
    for (const FetchRequest::Partition& partition : topic.partitions) remember(topic, partition);
  }
  for (const FetchRequest::ForgottenTopic& topic : request.forgotten_topics_data) {
    for (const std::int32_t index : topic.partitions) forget({topic.topic, topic.topic_id, index});
  }
}

void FetchSession::remember(const FetchRequest::Topic& topic, const FetchRequest::Partition& wanted) {
  const auto known = index_.find({topic.topic, topic.topic_id, wanted.partition});
  if (known != index_.end()) {
    known->second->wanted = wanted;
    return;
  }
  Entry entry;
  entry.topic = topic.topic;
  entry.topic_id = topic.topic_id;
  entry.wanted = wanted;
  entries_.push_back(std::move(entry));
  const auto place = std::prev(entries_.end());
  index_.emplace(Key{place->topic, place->topic_id, wanted.partition}, place);
}

void FetchSession::forget(const Key& key) {
  const auto known = index_.find(key);
  if (known == index_.end()) return;
  const Entries::iterator entry = known->second;
  index_.erase(known);
  entries_.erase(entry);
}

std::vector<FetchRequest::Topic> FetchSession::wanted() const {
  std::vector<FetchRequest::Topic> topics;
  for (const Entry& entry : entries_) {
    const bool is_next_topic = topics.empty() || topics.back().topic_id != entry.topic_id ||
                               topics.back().topic != entry.topic;
    if (is_next_topic) {
      FetchRequest::Topic& topic = topics.emplace_back();
      topic.topic = entry.topic;
      topic.topic_id = entry.topic_id;
    }
    topics.back().partitions.push_back(entry.wanted);
  }
  return topics;
}

bool FetchSession::is_news(const FetchResponse::Topic& topic, const FetchResponse::Partition& told) {
  // Known no more: another request has forgotten it meanwhile.
  const auto known = index_.find({topic.topic, topic.topic_id, told.partition_index});
  if (known == index_.end()) return true;
  Entry& entry = *known->second;
  const bool has_records = told.records.size() > 0;
  const bool has_error = told.error_code != kafka::KafkaError::kNone;
  const bool moved = entry.high_watermark != told.high_watermark ||
                     entry.last_stable_offset != told.last_stable_offset ||
                     entry.log_start != told.log_start_offset;
  // An answer with an error says nothing of the marks, so the next one without is news.
  entry.high_watermark = told.high_watermark;
  entry.last_stable_offset = told.last_stable_offset;
  entry.log_start = told.log_start_offset;
  if (has_records) entries_.splice(entries_.end(), entries_, known->second);
  return has_records || has_error || moved;
}

void FetchSession::note(const FetchResponse& response) {
  for (const FetchResponse::Topic& topic : response.responses) {
    for (const FetchResponse::Partition& told : topic.partitions) is_news(topic, told);
  }
}

void FetchSession::reduce(FetchResponse& response) {
  for (FetchResponse::Topic& topic : response.responses) {
    auto is_known = [this, &topic](const FetchResponse::Partition& told) {
      return !is_news(topic, told);
    };
    std::erase_if(topic.partitions, is_known);
  }
  std::erase_if(response.responses, [](const auto& topic) { return topic.partitions.empty(); });
}

}  // namespace penstock::broker
