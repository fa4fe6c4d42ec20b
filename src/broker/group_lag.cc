#include "broker/group_lag.h"

#include <algorithm>

#include "broker/owner_call.h"

namespace penstock::broker {

namespace {

struct Question {
  Peer* owner = nullptr;  // null: there is no such partition any more
  PartitionKey key;
  const group::GroupOffset* committed = nullptr;
  std::optional<Offset> end;
};

Task<void> find_ends(Broker& owner, std::vector<Question*>& questions) {
  for (Question* question : questions) {
    const PartitionRef partition = owner.find_partition(question->key);
    if (partition) question->end = partition->marks().high_watermark;
  }
  co_return;
}

}  // namespace

Task<GroupLags> lags_of_groups(Broker& broker, std::size_t limit) {
  const std::uint64_t all_count = broker.groups().stats().offsets;
  const std::vector<group::GroupOffset> offsets = broker.groups().first_offsets(limit);
  const TopicTableRef table = broker.topics();
  std::vector<Question> questions;
  for (const group::GroupOffset& committed : offsets) {
    Question& question = questions.emplace_back();
    question.committed = &committed;
    const Topic* topic = table->find(committed.partition.topic);
    if (topic == nullptr || !topic->has_partition(committed.partition.partition)) continue;
    question.owner = &broker.owner_of(*topic, committed.partition.partition);
    question.key = PartitionKey{topic->id, committed.partition.partition};
  }
  auto find = [](Broker& owner, std::vector<Question*>& here) { return find_ends(owner, here); };
  co_await on_owners(broker, questions, find);

  GroupLags found;
  for (const Question& question : questions) {
    if (!question.end) continue;
    const std::int64_t behind = question.end->value - question.committed->offset.value;
    found.lags.push_back({question.committed->group, question.committed->partition.topic,
                          question.committed->partition.partition,
                          static_cast<std::uint64_t>(std::max<std::int64_t>(0, behind))});
  }
  found.left_out = all_count - found.lags.size();
  co_return found;
}

}  // namespace penstock::broker
