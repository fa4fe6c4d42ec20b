#include "cli/consumer.h"

#include <poll.h>

#include <algorithm>

#include "cli/kafka_advice.h"

namespace penstock::cli {

namespace {

using kafka::KafkaError;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// How long a broker may wait for something to send.
constexpr std::int32_t kMaxWaitMs = 500;
// A fetch asks for little at first, for who wants only a few messages, and for more and more.
constexpr std::int32_t kFirstFetchBytes = 64 * kKiB;
constexpr std::int32_t kLargestFetchBytes = 8 * kMiB;
constexpr milliseconds kLongestLookUp{10'000};

// A partition of a request, with what its answer says, in the order of the request.
const kafka::FetchResponse::Partition* find_answer(const kafka::FetchResponse& response,
                                                   std::int32_t partition) {
  for (const auto& topic : response.responses) {
    const auto found = std::ranges::find(topic.partitions, partition,
                                         &kafka::FetchResponse::Partition::partition_index);
    if (found != topic.partitions.end()) return &*found;
  }
  return nullptr;
}

}  // namespace

Deadline Consumer::deadline(milliseconds from_now) const {
  return interrupt_ == nullptr ? Deadline(from_now) : Deadline(from_now, *interrupt_, 1);
}

std::string Consumer::name_of(std::int32_t partition) const {
  return fmt::format("partition {} of '{}'", partition, options_.topic);
}

Result<void> Consumer::assign(const KafkaCluster::Topic& topic, const PartitionPositions& positions) {
  // The answers to what is under way are not wanted.
  for (const auto& [leader, request] : requests_) connections_.drop(request.connection);
  requests_.clear();
  partitions_.clear();
  fetch_bytes_ = kFirstFetchBytes;
  KafkaCluster::Topic assigned = topic;
  std::erase_if(assigned.partitions,
                [&](const auto& partition) { return !positions.contains(partition.partition_index); });
  if (assigned.partitions.size() != positions.size()) {
    return fail(ErrorCode::kNotFound, "topic '{}' has {} partitions, fewer than were asked for",
                options_.topic, topic.partitions.size());
  }
  PartitionPositions ends;
  if (options_.ends_at_end) {
    auto listed = cluster_->list_offsets(assigned, kafka::kLatestTimestamp, options_.isolation,
                                         deadline(options_.timeout));
    if (!listed) return Unexpected(listed.error());
    ends = std::move(*listed);
  }
  for (const auto& [index, position] : positions) {
    Partition& partition = partitions_[index];
    partition.position = position;
    if (options_.ends_at_end) partition.end = ends.at(index);
  }
  take_leaders(topic);
  return {};
}

void Consumer::take_leaders(const KafkaCluster::Topic& topic) {
  topic_id_ = topic.topic_id;
  for (const auto& found : topic.partitions) {
    const auto partition = partitions_.find(found.partition_index);
    if (partition != partitions_.end()) partition->second.leader = found.leader_id;
  }
  leaders_are_stale_ = false;
}

PartitionPositions Consumer::positions() const {
  PartitionPositions positions;
  for (const auto& [index, partition] : partitions_) positions[index] = partition.position;
  return positions;
}

bool Consumer::is_at_end() const {
  return options_.ends_at_end &&
         std::ranges::all_of(partitions_, [](const auto& entry) { return entry.second.is_done(); });
}

Result<void> Consumer::refresh_leaders() {
  if (!leaders_are_stale_ || SteadyClock::now() < no_sooner_than_) return {};
  const auto topic = cluster_->topic(options_.topic, KafkaCluster::Missing::kRefused,
                                     deadline(std::min(options_.timeout, kLongestLookUp)));
  if (topic) {
    take_leaders(*topic);
    return {};
  }
  for (auto& [index, partition] : partitions_) {
    if (partition.is_done()) continue;
    if (auto again = retry(partition, topic.error()); !again) return again;
  }
  return {};
}

Result<void> Consumer::send_fetches() {
  if (leaders_are_stale_ && SteadyClock::now() < no_sooner_than_) return {};
  std::map<std::int32_t, std::vector<std::int32_t>> by_leader;
  const auto add = [&](auto first, auto last) {
    for (; first != last; ++first) {
      if (!first->second.is_done() && !requests_.contains(first->second.leader))
        by_leader[first->second.leader].push_back(first->first);
    }
  };
  // Brokers fill an answer in the order of the request, so each partition is first in its turn.
  const auto middle = partitions_.lower_bound(next_first_);
  add(middle, partitions_.end());
  add(partitions_.begin(), middle);
  if (by_leader.empty()) return {};
  next_first_ = middle == partitions_.end() ? 0 : middle->first + 1;
  for (const auto& [leader, partitions] : by_leader) {
    if (auto sent = send_fetch(leader, partitions); !sent) return sent;
  }
  return {};
}

Result<void> Consumer::send_fetch(std::int32_t leader, const std::vector<std::int32_t>& partitions) {
  const auto retry_all = [&](const Error& why) {
    Result<void> all;
    for (const std::int32_t index : partitions) {
      if (auto again = retry(partitions_.at(index), why); !again) all = again;
    }
    return all;
  };
  if (leader < 0)
    return retry_all(to_error(KafkaError::kLeaderNotAvailable, "read " + name_of(partitions.front())));
  const Deadline give_up = deadline(options_.timeout);
  const Result<KafkaConnection*> connection = connections_.to(leader, give_up.at_most(kLongestLookUp));
  if (!connection) return retry_all(connection.error());
  kafka::FetchRequest request{.max_wait_ms = kMaxWaitMs,
                              .min_bytes = 1,
                              .max_bytes = fetch_bytes_,
                              .isolation_level = static_cast<std::int8_t>(options_.isolation)};
  auto& topic = request.topics.emplace_back();
  topic.topic = options_.topic;
  topic.topic_id = topic_id_;
  for (const std::int32_t index : partitions) {
    topic.partitions.push_back({.partition = index,
                                .fetch_offset = partitions_.at(index).position,
                                .partition_max_bytes = fetch_bytes_});
  }
  if (auto started = (*connection)->start(request, give_up); !started) {
    connections_.drop(*connection);
    return retry_all(started.error());
  }
  requests_.emplace(leader, Request{*connection, partitions, give_up});
  return {};
}

std::vector<std::int32_t> Consumer::wait(milliseconds patience) {
  std::vector<pollfd> poll_set;
  std::vector<std::int32_t> leaders;
  if (leaders_are_stale_) {
    const auto pause = std::chrono::ceil<milliseconds>(no_sooner_than_ - SteadyClock::now());
    patience = std::clamp(pause, milliseconds(0), patience);
  }
  for (const auto& [leader, request] : requests_) {
    leaders.push_back(leader);
    poll_set.push_back({.fd = request.connection->descriptor(), .events = POLLIN, .revents = 0});
    patience = std::min(patience, request.deadline.remaining());
  }
  poll_set.push_back(
      {.fd = interrupt_ == nullptr ? -1 : interrupt_->descriptor(), .events = POLLIN, .revents = 0});
  ::poll(poll_set.data(), poll_set.size(), static_cast<int>(patience.count()));
  if (poll_set.back().revents != 0) interrupt_->drain();
  std::vector<std::int32_t> answered;
  for (std::size_t i = 0; i < leaders.size(); ++i) {
    if (poll_set[i].revents != 0 || requests_.at(leaders[i]).deadline.has_passed())
      answered.push_back(leaders[i]);
  }
  return answered;
}

Result<bool> Consumer::poll(milliseconds patience, const Visit& visit) {
  if (auto refreshed = refresh_leaders(); !refreshed) return Unexpected(refreshed.error());
  if (auto sent = send_fetches(); !sent) return Unexpected(sent.error());
  for (const std::int32_t leader : wait(patience)) {
    if (interrupt_ != nullptr && interrupt_->is_requested())
      return fail(ErrorCode::kClosed, "interrupted");
    Result<bool> goes_on = take_answer(leader, visit);
    if (!goes_on || !*goes_on) return goes_on;
  }
  return true;
}

Result<bool> Consumer::take_answer(std::int32_t leader, const Visit& visit) {
  const Request request = std::move(requests_.extract(leader).mapped());
  std::vector<std::byte> frame;
  const auto response = request.connection->finish<kafka::FetchRequest>(frame, request.deadline);
  if (!response) connections_.drop(request.connection);
  for (const std::int32_t index : request.partitions) {
    Partition& partition = partitions_.at(index);
    if (!response) {
      if (auto again = retry(partition, response.error()); !again) return Unexpected(again.error());
      continue;
    }
    const Answer* answer = find_answer(*response, index);
    Answer missing{.partition_index = index, .error_code = response->error_code};
    if (missing.error_code == KafkaError::kNone) missing.error_code = KafkaError::kUnknownServerError;
    const Answer& taken = answer == nullptr ? missing : *answer;
    if (taken.error_code != KafkaError::kNone) {
      if (auto passed = take_error(partition, taken); !passed) return Unexpected(passed.error());
      continue;
    }
    partition.give_up.reset();
    backoff_.reset();
    const bool is_first = index == request.partitions.front();
    Result<bool> goes_on = take_partition(partition, taken, is_first, visit);
    if (!goes_on || !*goes_on) return goes_on;
  }
  return true;
}

Result<bool> Consumer::take_partition(Partition& partition, const Answer& answer, bool is_first,
                                      const Visit& visit) {
  const Offset from = partition.position;
  FetchedRecords records(answer, from, options_.isolation);
  while (true) {
    const auto record = records.next();
    if (!record) {
      return Unexpected(record.error().context(fmt::format(
          "read {}; to go on behind it, begin there with --offset", name_of(answer.partition_index))));
    }
    if (!*record) break;
    if (partition.end && (*record)->offset >= *partition.end) {
      partition.position = *partition.end;
      return true;
    }
    Result<bool> goes_on = visit(answer.partition_index, **record);
    if (!goes_on) return goes_on;
    partition.position = (*record)->offset + 1;
    if (!*goes_on) return false;
  }
  partition.position = records.position();
  if (answer.records.size() > 0) {
    // Only the first partition of a request is promised a whole batch.
    if (is_first && partition.position == from) {
      return fail(ErrorCode::kCorrupt, "read {}: the broker sends less than a whole batch at offset {}",
                  name_of(answer.partition_index), from);
    }
    fetch_bytes_ = std::min(fetch_bytes_ * 2, kLargestFetchBytes);
  } else if (partition.end) {
    // Nothing is left up to the end, whatever it was: the log may have lost its last messages since.
    const bool is_committed = options_.isolation == Isolation::kReadCommitted;
    const Offset end = is_committed && answer.last_stable_offset >= Offset{0}
                           ? answer.last_stable_offset
                           : answer.high_watermark;
    if (partition.position >= end) partition.end = std::min(*partition.end, partition.position);
  }
  return true;
}

Result<void> Consumer::take_error(Partition& partition, const Answer& answer) {
  if (answer.error_code == KafkaError::kOffsetOutOfRange)
    return go_where_it_begins(answer.partition_index, partition);
  const Error why = to_error(
      answer.error_code,
      fmt::format("read {} from offset {} on", name_of(answer.partition_index), partition.position));
  // A broker that finds its own log damaged finds it so again.
  if (!may_pass(answer.error_code) || answer.error_code == KafkaError::kCorruptMessage)
    return Unexpected(why);
  return retry(partition, why);
}

Result<void> Consumer::go_where_it_begins(std::int32_t index, Partition& partition) {
  const auto topic =
      cluster_->topic(options_.topic, KafkaCluster::Missing::kRefused, deadline(options_.timeout));
  if (!topic) return Unexpected(topic.error());
  KafkaCluster::Topic one = *topic;
  std::erase_if(one.partitions, [index](const auto& other) { return other.partition_index != index; });
  const auto begins = cluster_->list_offsets(one, kafka::kEarliestTimestamp, options_.isolation,
                                             deadline(options_.timeout));
  if (!begins) return Unexpected(begins.error());
  const auto begin = begins->find(index);
  if (begin == begins->end() || begin->second <= partition.position) {
    return fail(
        ErrorCode::kOutOfRange,
        "{} has no offset {} (was the topic deleted and created again?); --offset says where to begin",
        name_of(index), partition.position);
  }
  options_.warn(fmt::format("{}: offsets {} to {} are no longer there; going on at {}", name_of(index),
                            partition.position, begin->second + -1, begin->second));
  partition.position = begin->second;
  return {};
}

Result<void> Consumer::retry(Partition& partition, const Error& why) {
  if (interrupt_ != nullptr && interrupt_->is_requested())
    return fail(ErrorCode::kClosed, "interrupted");
  if (!partition.give_up) partition.give_up = deadline(options_.timeout);
  if (why.code() == ErrorCode::kNotSupported || partition.give_up->has_passed()) return Unexpected(why);
  if (!leaders_are_stale_ || SteadyClock::now() >= no_sooner_than_)
    no_sooner_than_ = SteadyClock::now() + backoff_.next();
  leaders_are_stale_ = true;
  return {};
}

}  // namespace penstock::cli
