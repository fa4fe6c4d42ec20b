#include "cli/producer.h"

#include <algorithm>

#include "base/assert.h"
#include "base/random.h"
#include "cli/kafka_advice.h"
#include "kafka/compression.h"
#include "kafka/partitioner.h"

namespace penstock::cli {

namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;

// What a record needs besides its key, value and headers: at most.
constexpr std::size_t kRecordOverheadBytes = 40;
// The broker's own time for a request ends before ours, so that its answer "not yet" still arrives.
constexpr int kBrokersShare = 2;
// Finding leaders again, or a connection, does not take all of a batch's time.
constexpr milliseconds kLongestLookUp{10'000};
// Of one request, unless a single batch has more: far below what brokers accept.
constexpr std::size_t kRequestBytes = 16 * kMiB;

std::size_t size_of(const ProducedMessage& message) {
  std::size_t size_bytes = kRecordOverheadBytes + message.key.value_or(ByteView()).size() +
                           message.value.value_or(ByteView()).size();
  for (const kafka::RecordHeaderView& header : message.headers)
    size_bytes += kRecordOverheadBytes + header.key.size() + header.value.value_or(ByteView()).size();
  return size_bytes;
}

// They begin again at 0 behind the largest.
std::int32_t sequence_after(std::int32_t sequence, std::size_t records) {
  constexpr std::uint64_t kCount = std::uint64_t{1} << 31;
  return static_cast<std::int32_t>((static_cast<std::uint64_t>(sequence) + records) % kCount);
}

}  // namespace

Producer::Producer(KafkaCluster& cluster, std::string topic, const ProducerOptions& options,
                   const Interrupt* interrupt)
    : cluster_(&cluster),
      topic_(std::move(topic)),
      options_(options),
      interrupt_(interrupt),
      connections_(cluster) {}

Result<Producer> Producer::open(KafkaCluster& cluster, const std::string& topic,
                                const ProducerOptions& options, const Interrupt* interrupt) {
  Producer producer(cluster, topic, options, interrupt);
  const Deadline deadline =
      interrupt == nullptr ? Deadline(options.timeout) : Deadline(options.timeout, *interrupt, 1);
  const auto found = cluster.topic(topic, KafkaCluster::Missing::kCreated, deadline);
  if (!found) return Unexpected(found.error());
  producer.take_leaders(*found);
  const auto count = static_cast<std::int32_t>(producer.partitions_.size());
  if (options.partition && !producer.partitions_.contains(*options.partition)) {
    return fail(ErrorCode::kOutOfRange, "topic '{}' has no partition {}: it has {}, from 0 on", topic,
                *options.partition, count);
  }
  if (options.is_idempotent && options.acks == Acks::kAll) {
    const auto identity = cluster.new_producer(deadline);
    if (!identity) return Unexpected(identity.error());
    producer.identity_ = *identity;
  }
  producer.unkeyed_partition_ =
      static_cast<std::int32_t>(Random(options.seed).below(static_cast<std::uint64_t>(count)));
  return producer;
}

kafka::BatchOptions Producer::batch_options(std::int32_t base_sequence) const {
  return {.producer_id = identity_.id,
          .producer_epoch = identity_.epoch,
          .base_sequence = is_idempotent() ? base_sequence : -1,
          .compression = options_.compression};
}

// A second signal drops whatever is waited for.
Deadline Producer::deadline(milliseconds from_now) const {
  return interrupt_ == nullptr ? Deadline(from_now) : Deadline(from_now, *interrupt_, 2);
}

void Producer::take_leaders(const KafkaCluster::Topic& topic) {
  for (const auto& found : topic.partitions) {
    Partition& partition = partitions_[found.partition_index];
    partition.index = found.partition_index;
    partition.leader = found.leader_id;
  }
  leaders_are_stale_ = false;
}

bool Producer::has_room() const {
  return !failure_ && !finished_ && buffered_bytes_ < options_.max_buffered_bytes;
}

Producer::Partition& Producer::partition_for(const ProducedMessage& message, std::size_t bytes) {
  if (options_.partition) return partitions_.at(*options_.partition);
  const auto count = static_cast<std::int32_t>(partitions_.size());
  if (message.key) {
    const auto found = partitions_.find(kafka::partition_of_key(*message.key, count));
    return found == partitions_.end() ? partitions_.begin()->second : found->second;
  }
  // Messages without a key stay together until their batch is full: fewer and larger batches.
  auto partition = partitions_.find(unkeyed_partition_);
  if (partition == partitions_.end()) partition = partitions_.begin();
  const bool is_full =
      partition->second.open && partition->second.open->size() + bytes > options_.batch_bytes;
  const bool is_new = !partition->second.open && !partition->second.ready.empty();
  if (is_full || is_new) {
    if (is_full) close(partition->second);
    if (++partition == partitions_.end()) partition = partitions_.begin();
    unkeyed_partition_ = partition->first;
  }
  return partition->second;
}

void Producer::add(const ProducedMessage& message) {
  const std::size_t size_bytes = size_of(message);
  Partition& partition = partition_for(message, size_bytes);
  if (partition.open && partition.open->size() + size_bytes > options_.batch_bytes) close(partition);
  if (!partition.open) {
    partition.open.emplace(batch_options(partition.next_sequence));
    partition.opened_at = SteadyClock::now();
    buffered_bytes_ += partition.open->size();
  }
  buffered_bytes_ -= partition.open->size();
  partition.open->add({.timestamp_ms = message.timestamp_ms,
                       .key = message.key,
                       .value = message.value,
                       .headers = message.headers});
  buffered_bytes_ += partition.open->size();
  partition.open_lines.push_back(message.line);
  ++stats_.added;
  stats_.bytes += message.key.value_or(ByteView()).size() + message.value.value_or(ByteView()).size();
  if (partition.open->size() >= options_.batch_bytes) close(partition);
}

void Producer::close(Partition& partition) {
  partition.next_sequence = sequence_after(partition.next_sequence, partition.open_lines.size());
  buffered_bytes_ -= partition.open->size();
  Batch batch{.bytes = std::move(*partition.open).build(), .lines = std::move(partition.open_lines)};
  buffered_bytes_ += batch.bytes.size();
  partition.ready.push_back(std::move(batch));
  partition.open.reset();
  partition.open_lines.clear();
}

void Producer::close_due_batches() {
  const auto now = SteadyClock::now();
  for (auto& [index, partition] : partitions_) {
    if (partition.open && (finished_ || now - partition.opened_at >= options_.linger)) close(partition);
  }
}

void Producer::refresh_leaders() {
  if (!leaders_are_stale_ || SteadyClock::now() < no_sooner_than_) return;
  const auto topic = cluster_->topic(topic_, KafkaCluster::Missing::kRefused,
                                     deadline(std::min(options_.timeout, kLongestLookUp)));
  if (topic) {
    take_leaders(*topic);
    return;
  }
  no_sooner_than_ = SteadyClock::now() + backoff_.next();
  for (auto& [index, partition] : partitions_) {
    if (partition.ready.empty()) continue;
    Batch& first = partition.ready.front();
    if (!first.give_up) first.give_up = deadline(options_.timeout);
    if (first.give_up->has_passed()) return fail_with(first, topic.error());
  }
}

void Producer::send_due_batches() {
  if (failure_ || SteadyClock::now() < no_sooner_than_) return;
  std::map<std::int32_t, std::vector<Partition*>> by_leader;
  for (auto& [index, partition] : partitions_) {
    if (partition.ready.empty() || requests_.contains(partition.leader)) continue;
    by_leader[partition.leader].push_back(&partition);
  }
  for (const auto& [leader, partitions] : by_leader) {
    if (!failure_) send(leader, partitions);
  }
}

void Producer::send(std::int32_t leader, const std::vector<Partition*>& partitions) {
  const Deadline give_up = deadline(options_.timeout);
  std::vector<SentBatch> batches;
  std::size_t request_bytes = 0;
  for (Partition* partition : partitions) {
    const std::size_t batch_bytes = partition->ready.front().bytes.size();
    if (!batches.empty() && request_bytes + batch_bytes > kRequestBytes) continue;
    request_bytes += batch_bytes;
    Batch batch = std::move(partition->ready.front());
    partition->ready.pop_front();
    if (!batch.give_up) batch.give_up = give_up;
    batches.push_back({partition, std::move(batch)});
  }
  if (leader < 0)
    return retry(std::move(batches), to_error(KafkaError::kLeaderNotAvailable, "find the leader"));
  const Result<KafkaConnection*> connection = connections_.to(leader, give_up.at_most(kLongestLookUp));
  if (!connection) return retry(std::move(batches), connection.error());

  kafka::ProduceRequest request{
      .acks = static_cast<std::int16_t>(options_.acks),
      .timeout_ms = static_cast<std::int32_t>(options_.timeout.count() / kBrokersShare)};
  auto& data = request.topic_data.emplace_back();
  data.name = topic_;
  for (const SentBatch& sent : batches) {
    data.partition_data.push_back(
        {.index = sent.partition->index, .records = kafka::Records::borrow(sent.batch.bytes)});
  }
  const bool is_answered = options_.acks != Acks::kNone;
  const Result<void> started =
      is_answered ? (*connection)->start(request, give_up) : (*connection)->tell(request, give_up);
  if (!started) {
    connections_.drop(*connection);
    return retry(std::move(batches), started.error());
  }
  if (!is_answered) {
    for (const SentBatch& sent : batches) acknowledge(sent.batch);
    return;
  }
  requests_.emplace(leader, Request{*connection, std::move(batches), give_up});
}

void Producer::take_answers() {
  std::vector<std::int32_t> answered;
  for (const auto& [leader, request] : requests_) {
    pollfd waiting{.fd = request.connection->descriptor(), .events = POLLIN, .revents = 0};
    const bool is_ready = ::poll(&waiting, 1, 0) > 0;
    if (is_ready || request.deadline.has_passed()) answered.push_back(leader);
  }
  for (const std::int32_t leader : answered)
    take(leader, std::move(requests_.extract(leader).mapped()));
}

void Producer::take(std::int32_t leader, Request request) {
  std::vector<std::byte> frame;
  const auto response = request.connection->finish<kafka::ProduceRequest>(frame, request.deadline);
  if (!response) {
    connections_.drop(request.connection);
    return retry(std::move(request.batches),
                 response.error().context(fmt::format("the answer of broker {}", leader)));
  }
  for (SentBatch& sent : request.batches) {
    const kafka::ProduceResponse::Partition* result = nullptr;
    for (const auto& topic : response->responses) {
      const auto found = std::ranges::find(topic.partition_responses, sent.partition->index,
                                           &kafka::ProduceResponse::Partition::index);
      if (found != topic.partition_responses.end()) result = &*found;
    }
    take_result(std::move(sent), result);
  }
}

void Producer::take_result(SentBatch sent, const kafka::ProduceResponse::Partition* result) {
  const KafkaError error = result == nullptr ? KafkaError::kUnknownServerError : result->error_code;
  if (error == KafkaError::kNone || error == KafkaError::kDuplicateSequenceNumber) {
    backoff_.reset();
    return acknowledge(sent.batch);
  }
  const bool is_too_large =
      error == KafkaError::kMessageTooLarge || error == KafkaError::kRecordListTooLarge;
  if (is_too_large && sent.batch.lines.size() > 1) return split(std::move(sent));
  const std::string where = fmt::format("write to partition {} of '{}'", sent.partition->index, topic_);
  const Error why = to_error(error, where, result == nullptr ? std::nullopt : result->error_message);
  if (may_pass(error)) {
    std::vector<SentBatch> batches;
    batches.push_back(std::move(sent));
    return retry(std::move(batches), why);
  }
  fail_with(sent.batch, why);
  sent.partition->ready.push_front(std::move(sent.batch));
}

void Producer::acknowledge(const Batch& batch) {
  stats_.acknowledged += batch.lines.size();
  buffered_bytes_ -= batch.bytes.size();
}

void Producer::retry(std::vector<SentBatch> batches, const Error& why) {
  leaders_are_stale_ = true;
  no_sooner_than_ = SteadyClock::now() + backoff_.next();
  const bool is_hopeless = why.code() == ErrorCode::kNotSupported;
  for (SentBatch& sent : batches) {
    if (is_hopeless || sent.batch.give_up->has_passed()) fail_with(sent.batch, why);
    sent.partition->ready.push_front(std::move(sent.batch));
  }
}

// Our own batch, so it can be read.
void Producer::split(SentBatch sent) {
  const auto batch = kafka::RecordBatchView::parse(sent.batch.bytes).value();
  const auto plain = kafka::decompress(batch.compression(), batch.records()).value();
  kafka::RecordReader reader(batch, plain);
  const std::size_t half = sent.batch.lines.size() / 2;
  const std::int32_t sequence = batch.base_sequence();
  std::array<kafka::RecordBatchBuilder, 2> builders{
      kafka::RecordBatchBuilder(batch_options(sequence)),
      kafka::RecordBatchBuilder(batch_options(sequence_after(sequence, half)))};
  for (std::size_t i = 0; i < sent.batch.lines.size(); ++i) {
    const auto record = reader.next().value().value();
    const std::vector<kafka::RecordHeaderView> headers = record.headers();
    builders[i < half ? 0 : 1].add({.timestamp_ms = record.timestamp_ms,
                                    .key = record.key,
                                    .value = record.value,
                                    .headers = headers});
  }
  const auto middle = sent.batch.lines.begin() + static_cast<std::ptrdiff_t>(half);
  Batch first{.bytes = std::move(builders[0]).build(), .lines = {sent.batch.lines.begin(), middle}};
  Batch second{.bytes = std::move(builders[1]).build(), .lines = {middle, sent.batch.lines.end()}};
  buffered_bytes_ += first.bytes.size() + second.bytes.size() - sent.batch.bytes.size();
  sent.partition->ready.push_front(std::move(second));
  sent.partition->ready.push_front(std::move(first));
}

void Producer::fail_with(const Batch& batch, const Error& why) {
  if (failure_) return;
  const std::string which =
      batch.lines.size() == 1
          ? fmt::format("message {} was not sent", batch.lines.front())
          : fmt::format("messages {} to {} were not sent", batch.lines.front(), batch.lines.back());
  failure_ = why.context(which);
}

void Producer::step() {
  take_answers();
  if (failure_) return;
  close_due_batches();
  refresh_leaders();
  send_due_batches();
}

bool Producer::is_idle() const {
  if (!requests_.empty()) return false;
  if (failure_) return true;
  return std::ranges::all_of(
      partitions_, [](const auto& entry) { return !entry.second.open && entry.second.ready.empty(); });
}

milliseconds Producer::next_step_in() const {
  const auto now = SteadyClock::now();
  auto next = now + std::chrono::hours(1);
  bool waits = false;  // for the pause before a retry
  for (const auto& [index, partition] : partitions_) {
    if (partition.open && !failure_) next = std::min(next, partition.opened_at + options_.linger);
    waits |= !partition.ready.empty() && !requests_.contains(partition.leader);
  }
  if (waits && !failure_) next = std::min(next, std::max(now, no_sooner_than_));
  auto left = std::max(std::chrono::ceil<milliseconds>(next - now), milliseconds(0));
  for (const auto& [leader, request] : requests_) left = std::min(left, request.deadline.remaining());
  return left;
}

void Producer::add_to(std::vector<pollfd>& poll_set) const {
  for (const auto& [leader, request] : requests_)
    poll_set.push_back({.fd = request.connection->descriptor(), .events = POLLIN, .revents = 0});
}

std::optional<std::uint64_t> Producer::first_unacknowledged() const {
  std::optional<std::uint64_t> first;
  const auto consider = [&first](const std::vector<std::uint64_t>& lines) {
    if (!lines.empty() && (!first || lines.front() < *first)) first = lines.front();
  };
  for (const auto& [index, partition] : partitions_) {
    consider(partition.open_lines);
    for (const Batch& batch : partition.ready) consider(batch.lines);
  }
  return first;
}

}  // namespace penstock::cli
