#include <algorithm>

#include "base/batch_layout.h"
#include "broker/handlers.h"
#include "broker/owner_call.h"

namespace penstock::broker {

namespace {

using kafka::FetchRequest;
using kafka::FetchResponse;
using kafka::KafkaError;

// One partition's part of a fetch, on its way to the shard of its partition and back.
struct Part {
  Peer* owner = nullptr;  // null: refused before it got that far
  PartitionKey key;
  Offset from;
  std::uint64_t max_bytes = 0;
  bool only_committed = false;  // what open transactions have written is not for this consumer
  KafkaError error = KafkaError::kNone;
  log::Marks marks{Offset{-1}, Offset{-1}, Offset{-1}, Offset{-1}, Offset{-1}};
  Offset last_stable{-1};
  log::Batches found;
  std::vector<log::AbortedTransaction> aborted;
};

std::uint64_t as_bytes_limit(std::int32_t asked) {
  return static_cast<std::uint64_t>(std::max(0, asked));
}

// --- On the shard of the partitions --------------------------------------------------------------

// Whether what the consumer asks for is there and not decided.
bool waits_for_transaction(const Part& part) {
  return part.only_committed && part.from >= part.last_stable &&
         part.from <= part.marks.high_watermark && part.from >= part.marks.log_start;
}

Offset base_offset_of(const SharedSlice& batch) {
  return Offset{load_be<std::int64_t>(batch.view(), batch_layout::kBaseOffset)};
}

// Keeps what is decided, and says which of it is not to be shown.
void leave_out_open(Part& part, const log::Partition& partition) {
  log::Batches& found = part.found;
  while (!found.batches.empty() && base_offset_of(found.batches.back()) >= part.last_stable) {
    found.size_bytes -= found.batches.back().size();
    found.batches.pop_back();
  }
  if (found.batches.empty()) return;
  const auto last = log::BatchHeader::parse(found.batches.back().view());
  if (last) part.aborted = partition.producers().aborted_within(part.from, last->next_offset());
}

// Reads the parts in their order until `budget_bytes` is used up. The first batch of the first part
// that has any is read whole, whatever its size, so that a consumer always gets on (KIP-74).
Task<void> read_here(Broker& owner, std::vector<Part*>& parts, std::uint64_t budget_bytes) {
  bool found_any = false;
  for (Part* part : parts) {
    const PartitionRef partition = owner.find_partition(part->key);
    if (!partition) {
      part->error = KafkaError::kKafkaStorageError;
      continue;
    }
    part->marks = partition->marks();
    part->last_stable = partition->last_stable_offset();
    if (waits_for_transaction(*part)) continue;
    log::ReadLimits limits;
    limits.max_bytes = std::min(part->max_bytes, budget_bytes);
    limits.at_least_one = !found_any;
    auto found = co_await partition->read(part->from, limits);
    if (!found) {
      part->error = to_kafka_error(found.error());
      continue;
    }
    part->found = std::move(*found);
    if (part->only_committed) leave_out_open(*part, *partition);
    found_any = found_any || !part->found.batches.empty();
    budget_bytes -= std::min(budget_bytes, part->found.size_bytes);
  }
}

// Tells a waiting fetch that one of the partitions of a shard has moved. It stands in the fetch's own
// frame; the shard that owns the partitions holds it between watch_here and unwatch_here, whose answers
// come after any mail it has sent.
class Watch final : public log::Partition::Observer, public Mail {
 public:
  Watch(Scheduler& home, Scheduler& owner, Event& moved) : home_(home), owner_(owner), moved_(moved) {}

  // These four on the owner's thread.
  void add(PartitionRef partition) {
    partition->add_observer(*this);
    partitions_.push_back(std::move(partition));
  }
  void remove_all() {
    for (const PartitionRef& partition : partitions_) partition->remove_observer(*this);
    partitions_.clear();
  }
  void on_high_watermark() override { tell(); }
  void tell() {
    if (told_) return;
    told_ = true;
    // Nothing waits for mail to the own shard: the fetch could end before it is delivered.
    if (&home_ == &owner_) {
      moved_.set();
    } else {
      home_.post(*this);
    }
  }

  // On the fetch's.
  void deliver() override { moved_.set(); }

 private:
  Scheduler& home_;
  Scheduler& owner_;
  Event& moved_;
  // Held: a partition that is deleted meanwhile is no longer the broker's, and must still forget this.
  std::vector<PartitionRef> partitions_;
  bool told_ = false;
};

void watch_here(Broker& owner, const std::vector<Part*>& parts, Watch& watch) {
  for (const Part* part : parts) {
    const PartitionRef partition = owner.find_partition(part->key);
    // Gone, or moved since it was read: there is nothing to wait for.
    if (!partition || partition->marks().high_watermark != part->marks.high_watermark) {
      watch.tell();
      continue;
    }
    watch.add(partition);
  }
}

void unwatch_here(Broker&, const std::vector<Part*>&, Watch& watch) { watch.remove_all(); }

// --- On the shard of the connection --------------------------------------------------------------

Part prepare(Broker& broker, const FetchRequest::Topic& asked_topic,
             const FetchRequest::Partition& asked, std::int8_t isolation_level, std::int16_t version) {
  const bool by_id = version >= kafka::kFirstFetchWithIds;
  Part part;
  const TopicTableRef table = broker.topics();
  const Topic* topic = by_id ? table->find(asked_topic.topic_id) : table->find(asked_topic.topic);
  if (topic == nullptr || !topic->has_partition(asked.partition)) {
    const bool unknown_id = by_id && topic == nullptr;
    part.error = unknown_id ? KafkaError::kUnknownTopicId : KafkaError::kUnknownTopicOrPartition;
    return part;
  }
  part.error = check_leader_epoch(*topic, asked.current_leader_epoch);
  if (part.error != KafkaError::kNone) return part;
  part.owner = &broker.owner_of(*topic, asked.partition);
  part.key = PartitionKey{topic->id, asked.partition};
  part.from = asked.fetch_offset;
  part.max_bytes = as_bytes_limit(asked.partition_max_bytes);
  part.only_committed = isolation_level == kafka::kReadCommitted;
  return part;
}

// The parts of one shard, and what watches them there.
struct Watched {
  Peer* owner;
  std::vector<Part*> parts;
  std::unique_ptr<Watch> watch;
};

template <void (*kAction)(Broker&, const std::vector<Part*>&, Watch&)>
Task<bool> act_there(Watched& watched) {
  kAction(*watched.owner->broker, watched.parts, *watched.watch);
  co_return true;
}

template <void (*kAction)(Broker&, const std::vector<Part*>&, Watch&)>
Task<void> act_on(Broker& home, Watched& watched) {
  auto act = [&watched] { return act_there<kAction>(watched); };
  co_await call_on(home.scheduler(), *watched.owner->scheduler, act);
}

// Waits until any of the partitions has moved, the deadline has passed, the client has gone, or waiting
// requests are released.
Task<void> wait_for_more(Broker& broker, Client& client, std::vector<Part>& parts, Instant deadline) {
  Event moved(broker.scheduler());
  std::map<Peer*, std::vector<Part*>> by_owner;
  for (Part& part : parts) by_owner[part.owner].push_back(&part);
  std::vector<Watched> watched;
  for (auto& [owner, group] : by_owner) {
    auto watch = std::make_unique<Watch>(broker.scheduler(), *owner->scheduler, moved);
    watched.push_back({owner, std::move(group), std::move(watch)});
  }

  const AbortSource::Wake when_gone(&client.gone, moved);
  const AbortSource::Wake when_released(&broker.released(), moved);
  for (Watched& one : watched) co_await act_on<watch_here>(broker, one);
  co_await moved.wait_until(deadline);
  for (Watched& one : watched) co_await act_on<unwatch_here>(broker, one);
}

// Cuts what was found down to the response's limit, in request order; each shard had the whole budget.
void cut(std::vector<Part>& parts, std::uint64_t budget_bytes) {
  bool found_any = false;
  for (Part& part : parts) {
    log::Batches kept;
    for (SharedSlice& batch : part.found.batches) {
      const bool fits = batch.size() <= budget_bytes;
      if (!fits && found_any) break;
      budget_bytes -= std::min<std::uint64_t>(budget_bytes, batch.size());
      found_any = true;
      kept.size_bytes += batch.size();
      kept.batches.push_back(std::move(batch));
    }
    part.found = std::move(kept);
  }
}

FetchResponse::Partition respond(std::int32_t index, Part& part) {
  FetchResponse::Partition response;
  response.partition_index = index;
  response.error_code = part.error;
  const bool known = part.error == KafkaError::kNone;
  response.high_watermark = known ? part.marks.high_watermark : Offset{-1};
  response.last_stable_offset = known ? part.last_stable : Offset{-1};
  response.log_start_offset = known ? part.marks.log_start : Offset{-1};
  // A client that does not ask gets null.
  if (!part.only_committed) {
    response.aborted_transactions = std::nullopt;
  } else {
    for (const log::AbortedTransaction& aborted : part.aborted)
      response.aborted_transactions->push_back({aborted.producer_id, aborted.first});
  }
  response.records = kafka::Records(std::move(part.found.batches));
  return response;
}

// What the answer may carry at most, if there is memory for it.
std::uint64_t most_to_answer(const std::vector<Part>& parts, const FetchRequest& request,
                             const Settings& settings) {
  std::uint64_t asked_bytes = 0;
  for (const Part& part : parts) asked_bytes += part.max_bytes;
  return std::min({asked_bytes, as_bytes_limit(request.max_bytes), settings.max_fetch_bytes});
}

// Of the batch that is there whatever its size.
std::uint64_t first_batch_bytes(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (!part.found.batches.empty()) return part.found.batches.front().size();
  }
  return 0;
}

void forget(std::vector<Part>& parts, AnswerMemory::Share& memory) {
  for (Part& part : parts) part.found = {};
  memory.shrink(0);
}

// Reads `topics`, as `request` says otherwise.
Task<FetchResponse> fetch(Broker& broker, const FetchRequest& request,
                          const std::vector<FetchRequest::Topic>& topics, std::int16_t version,
                          const Caller& caller) {
  std::vector<Part> parts;
  for (const FetchRequest::Topic& topic : topics) {
    for (const FetchRequest::Partition& partition : topic.partitions) {
      parts.push_back(prepare(broker, topic, partition, request.isolation_level, version));
    }
  }
  const std::uint64_t most_bytes = most_to_answer(parts, request, broker.settings());
  const Instant deadline =
      broker.scheduler().now() + std::chrono::milliseconds(std::max(0, request.max_wait_ms));
  AnswerMemory::Share& memory = caller.answer_memory;
  std::uint64_t least_bytes = std::min(most_bytes, AnswerMemory::kLeastBytes);
  auto read = [&memory](Broker& owner, std::vector<Part*>& here) {
    return read_here(owner, here, memory.bytes());
  };
  std::optional<WaitingRequests::Place> place;
  while (true) {
    memory = co_await broker.answers().reserve(most_bytes, least_bytes, caller.client.gone);
    if (memory.bytes() < least_bytes) break;  // the client has gone
    co_await on_owners(broker, parts, read);
    if (const std::uint64_t first_bytes = first_batch_bytes(parts); !memory.try_grow(first_bytes)) {
      least_bytes = first_bytes;
      forget(parts, memory);
      continue;
    }
    std::uint64_t found_bytes = 0;
    bool has_error = false;
    for (const Part& part : parts) {
      found_bytes += part.found.size_bytes;
      has_error = has_error || part.error != KafkaError::kNone;
    }
    const std::uint64_t enough_bytes =
        std::min(as_bytes_limit(request.min_bytes), std::max<std::uint64_t>(memory.bytes(), 1));
    const bool is_cut_short = found_bytes > 0 && memory.bytes() < most_bytes;
    const bool done = parts.empty() || has_error || found_bytes >= enough_bytes || is_cut_short ||
                      broker.released().is_aborted() || caller.client.gone.is_aborted() ||
                      broker.scheduler().now() >= deadline;
    if (!done && !place) place = broker.waiting().enter(caller.client, caller.request_bytes);
    if (done || !place) break;
    forget(parts, memory);
    co_await wait_for_more(broker, caller.client, parts, deadline);
  }
  cut(parts, memory.bytes());
  for (const Part& part : parts) broker.note_fetched(part.found.batches.size(), part.found.size_bytes);

  FetchResponse response;
  auto next = parts.begin();
  for (const FetchRequest::Topic& topic : topics) {
    FetchResponse::Topic& results = response.responses.emplace_back();
    results.topic = topic.topic;
    results.topic_id = topic.topic_id;
    for (const FetchRequest::Partition& partition : topic.partitions) {
      results.partitions.push_back(respond(partition.partition, *next++));
    }
  }
  co_return response;
}

}  // namespace

KafkaError check_leader_epoch(const Topic& topic, std::int32_t client_epoch) {
  constexpr std::int32_t kNotChecked = -1;
  if (client_epoch == kNotChecked || client_epoch == topic.leader_epoch) return KafkaError::kNone;
  return client_epoch < topic.leader_epoch ? KafkaError::kFencedLeaderEpoch
                                           : KafkaError::kUnknownLeaderEpoch;
}

Task<FetchResponse> answer(Broker& broker, const FetchRequest& request, std::int16_t version,
                           const Caller& caller) {
  const FetchTurn turn = broker.fetch_sessions().begin(request, version);
  FetchResponse response;
  response.error_code = turn.error;
  if (turn.error != KafkaError::kNone) co_return response;
  if (turn.is_incremental) {
    const std::vector<FetchRequest::Topic> wanted = turn.session->wanted();
    response = co_await fetch(broker, request, wanted, version, caller);
  } else {
    response = co_await fetch(broker, request, request.topics, version, caller);
  }
  broker.fetch_sessions().finish(turn, response);
  co_return response;
}

}  // namespace penstock::broker
