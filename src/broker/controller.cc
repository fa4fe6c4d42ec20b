#include "broker/controller.h"

#include "broker/broker.h"
#include "task/join.h"
#include "task/remote.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;

kafka::Uuid random_uuid(Random& random) {
  kafka::Uuid id;
  store_le<std::uint64_t>(id.bytes, 0, random.next());
  store_le<std::uint64_t>(id.bytes, 8, random.next());
  id.bytes[6] = (id.bytes[6] & std::byte{0x0F}) | std::byte{0x40};  // version 4 (RFC 9562)
  id.bytes[8] = (id.bytes[8] & std::byte{0x3F}) | std::byte{0x80};
  return id;
}

std::string describe(const Reopened& reopened) {
  const log::RecoveryReport& found = reopened.recovery;
  std::string text = fmt::format(
      "goes on at offset {}; read {} bytes of {} segments, cut {} bytes that were never acknowledged",
      reopened.end, found.scanned_bytes, found.scanned_segment_count, found.torn_bytes);
  for (const std::string& finding : found.findings) text += "; damage: " + finding;
  return text;
}

Task<void> open_on(Broker& home, Peer& peer, std::vector<PartitionPlace> places,
                   log::RecoveryReport& report) {
  auto open = [&peer, &places] { return peer.broker->open_partitions(std::move(places)); };
  report.add(co_await call_on(home.scheduler(), *peer.scheduler, open));
}

Task<bool> install_there(Broker& broker, TopicTableRef table) {
  broker.install(std::move(table));
  co_return true;
}

Task<void> install_on(Broker& home, Peer& peer, TopicTableRef table) {
  auto install = [&peer, &table] { return install_there(*peer.broker, table); };
  co_await call_on(home.scheduler(), *peer.scheduler, install);
}

Task<void> start_groups_on(Broker& home, Peer& peer, Result<void>& result) {
  auto start = [&peer] { return peer.broker->start_groups(); };
  auto started = co_await call_on(home.scheduler(), *peer.scheduler, start);
  if (!started && result) result = started;
}

Task<void> start_transactions_on(Broker& home, Peer& peer, Result<void>& result) {
  auto start = [&peer] { return peer.broker->start_transactions(); };
  auto started = co_await call_on(home.scheduler(), *peer.scheduler, start);
  if (!started && result) result = started;
}

Task<void> forget_topic_on(Broker& home, Peer& peer, const std::string& topic, Result<void>& result) {
  auto forget = [&peer, &topic] { return peer.broker->groups().forget_topic(topic); };
  auto forgotten = co_await call_on(home.scheduler(), *peer.scheduler, forget);
  if (!forgotten && result) result = forgotten;
}

Task<Result<void>> close_there(Broker& broker) {
  co_await broker.transactions().stop();
  co_await broker.groups().stop();
  co_return co_await broker.close_partitions();
}

Task<void> close_on(Broker& home, Peer& peer, Result<void>& result) {
  auto close = [&peer] { return close_there(*peer.broker); };
  auto closed = co_await call_on(home.scheduler(), *peer.scheduler, close);
  if (!closed && result) result = closed;
}

}  // namespace

Controller::Controller(Broker& broker, std::unique_ptr<MetadataStore> store)
    : broker_(broker), store_(std::move(store)), one_change_(broker.scheduler(), 1) {}

Task<Result<StartReport>> Controller::start() {
  auto topics = co_await store_->load();
  if (!topics) co_return Unexpected(topics.error());

  StartReport report;
  TopicTable::Topics by_name;
  const std::size_t shard_count = broker_.peers().size();
  std::vector<std::vector<PartitionPlace>> places(shard_count);
  for (const Topic& topic : *topics) {
    by_name.emplace(topic.name, topic);
    for (std::int32_t i = 0; i < topic.partition_count; ++i) {
      places[topic.shard_of(i, shard_count)].push_back(place_of(topic, i));
      ++report.partition_count;
    }
  }
  report.topic_count = static_cast<std::uint32_t>(by_name.size());

  std::vector<Task<void>> openings;
  for (std::size_t shard = 0; shard < shard_count; ++shard) {
    openings.push_back(
        open_on(broker_, broker_.peer(shard), std::move(places[shard]), report.recovery));
  }
  co_await join(broker_.scheduler(), std::move(openings));
  if (auto started = co_await start_groups(); !started) co_return Unexpected(started.error());
  co_await install_everywhere(std::make_shared<const TopicTable>(std::move(by_name)));
  if (auto started = co_await start_transactions(); !started) co_return Unexpected(started.error());
  co_return report;
}

Task<Result<void>> Controller::start_groups() {
  Result<void> result;
  std::vector<Task<void>> starts;
  for (std::size_t shard = 0; shard < broker_.peers().size(); ++shard)
    starts.push_back(start_groups_on(broker_, broker_.peer(shard), result));
  co_await join(broker_.scheduler(), std::move(starts));
  co_return result;
}

Task<Result<void>> Controller::start_transactions() {
  Result<void> result;
  std::vector<Task<void>> starts;
  for (std::size_t shard = 0; shard < broker_.peers().size(); ++shard)
    starts.push_back(start_transactions_on(broker_, broker_.peer(shard), result));
  co_await join(broker_.scheduler(), std::move(starts));
  co_return result;
}

// So that a topic that gets its name begins anew.
Task<Result<void>> Controller::forget_offsets(std::string topic) {
  Result<void> result;
  std::vector<Task<void>> forgetting;
  for (std::size_t shard = 0; shard < broker_.peers().size(); ++shard)
    forgetting.push_back(forget_topic_on(broker_, broker_.peer(shard), topic, result));
  co_await join(broker_.scheduler(), std::move(forgetting));
  co_return result;
}

PartitionPlace Controller::place_of(const Topic& topic, std::int32_t index) const {
  return {topic.partition_id(index), store_->partition_directory(topic, index),
          topic.settings.partition_options(broker_.settings())};
}

Task<TopicOutcome> Controller::create_topic(TopicSpec spec) {
  co_await one_change_.acquire(1);
  TopicOutcome outcome = check(spec);
  if (outcome.error == KafkaError::kNone && !spec.validate_only) {
    outcome = co_await create_now(std::move(spec));
  }
  one_change_.release(1);
  co_return outcome;
}

TopicOutcome Controller::check(const TopicSpec& spec) const {
  const TopicTableRef table = broker_.topics();
  if (!is_valid_topic_name(spec.name)) {
    return TopicOutcome::refused(
        KafkaError::kInvalidTopicException,
        "a topic name is 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-', and not '.' or '..'");
  }
  if (const Topic* existing = table->find(spec.name)) {
    TopicOutcome outcome = TopicOutcome::refused(KafkaError::kTopicAlreadyExists,
                                                 fmt::format("topic {} exists", spec.name));
    outcome.topic = *existing;
    return outcome;
  }
  if (spec.partition_count < 1) {
    return TopicOutcome::refused(KafkaError::kInvalidPartitions, "a topic has at least one partition");
  }
  if (table->partition_total() + spec.partition_count > broker_.settings().max_partitions) {
    return TopicOutcome::refused(
        KafkaError::kInvalidPartitions,
        fmt::format("{} more partitions would be more than broker.max_partitions = {}",
                    spec.partition_count, broker_.settings().max_partitions));
  }
  TopicOutcome outcome;
  outcome.topic.name = spec.name;
  outcome.topic.partition_count = spec.partition_count;
  outcome.topic.settings = spec.settings;
  return outcome;
}

Task<TopicOutcome> Controller::create_now(TopicSpec spec) {
  TopicOutcome outcome;
  Topic& topic = outcome.topic;
  topic.id = random_uuid(broker_.context().random);
  topic.name = std::move(spec.name);
  topic.partition_count = spec.partition_count;
  topic.settings = spec.settings;
  topic.created_ms = broker_.scheduler().clock().wall_ms();
  if (auto forgotten = co_await forget_offsets(topic.name); !forgotten)
    co_return TopicOutcome::failed(forgotten.error());
  if (auto created = co_await store_->create(topic); !created)
    co_return TopicOutcome::failed(created.error());

  co_await open_partitions(topic, 0);
  co_await install_everywhere(broker_.topics()->with(topic));
  co_return outcome;
}

Task<TopicOutcome> Controller::delete_topic(std::string name) {
  co_await one_change_.acquire(1);
  TopicOutcome outcome;
  if (const Topic* topic = broker_.topics()->find(name)) {
    outcome = co_await delete_now(*topic);
  } else {
    outcome = TopicOutcome::refused(KafkaError::kUnknownTopicOrPartition,
                                    fmt::format("there is no topic {}", name));
  }
  one_change_.release(1);
  co_return outcome;
}

Task<TopicOutcome> Controller::delete_now(Topic topic) {
  if (auto removed = co_await store_->remove(topic); !removed)
    co_return TopicOutcome::failed(removed.error());
  // From here on it is gone, whatever happens to its files: load() sweeps what is left.
  co_await install_everywhere(broker_.topics()->without(topic.name));
  TopicOutcome outcome;
  (void)co_await forget_offsets(topic.name);  // what could not go, goes before the name is used again
  for (std::int32_t i = 0; i < topic.partition_count; ++i) {
    Peer& peer = broker_.owner_of(topic, i);
    const PartitionKey key{topic.id, i};
    auto destroy = [&peer, &key] { return peer.broker->destroy_partition(key); };
    auto destroyed = co_await call_on(broker_.scheduler(), *peer.scheduler, destroy);
    if (!destroyed) outcome = TopicOutcome::failed(destroyed.error());
  }
  if (auto swept = co_await store_->sweep(topic); !swept) outcome = TopicOutcome::failed(swept.error());
  outcome.topic = std::move(topic);
  co_return outcome;
}

Task<Result<std::vector<ReopenOutcome>>> Controller::reopen(std::string name,
                                                            std::optional<std::int32_t> index) {
  using Outcomes = std::vector<ReopenOutcome>;
  co_await one_change_.acquire(1);
  Result<Outcomes> outcomes;
  const TopicTableRef table = broker_.topics();
  const Topic* topic = table->find(name);
  if (is_stopped_) {
    outcomes = fail(ErrorCode::kClosed, "the server is stopping");
  } else if (topic == nullptr || (index && !topic->has_partition(*index))) {
    outcomes = topic == nullptr
                   ? fail(ErrorCode::kNotFound, "there is no topic {}", name)
                   : fail(ErrorCode::kNotFound, "topic {} has no partition {}", name, *index);
  } else {
    outcomes = co_await reopen_now(*topic, index);
  }
  one_change_.release(1);
  co_return outcomes;
}

Task<Result<std::vector<ReopenOutcome>>> Controller::reopen_now(const Topic& topic,
                                                                std::optional<std::int32_t> index) {
  std::vector<ReopenOutcome> outcomes;
  const std::int32_t first = index.value_or(0);
  const std::int32_t end = index ? *index + 1 : topic.partition_count;
  for (std::int32_t i = first; i < end; ++i) {
    Peer& peer = broker_.owner_of(topic, i);
    PartitionPlace place = place_of(topic, i);
    auto reopen = [&peer, &place] { return peer.broker->reopen_partition(std::move(place)); };
    const auto reopened = co_await call_on(broker_.scheduler(), *peer.scheduler, reopen);
    if (reopened) {
      outcomes.push_back({i, std::nullopt, describe(*reopened)});
    } else if (reopened.error().code() != ErrorCode::kBusy) {
      outcomes.push_back({i, reopened.error(), ""});
    } else if (index) {
      co_return Unexpected(reopened.error());
    }
  }
  if (outcomes.empty()) {
    co_return fail(ErrorCode::kBusy, "all partitions of {} take appends: there is nothing to reopen",
                   topic.name);
  }
  co_return outcomes;
}

Task<void> Controller::install_everywhere(TopicTableRef table) {
  std::vector<Task<void>> installations;
  for (std::size_t shard = 0; shard < broker_.peers().size(); ++shard) {
    installations.push_back(install_on(broker_, broker_.peer(shard), table));
  }
  co_await join(broker_.scheduler(), std::move(installations));
}

Task<Result<void>> Controller::stop() {
  co_await one_change_.acquire(1);
  is_stopped_ = true;
  Result<void> result;
  std::vector<Task<void>> closings;
  for (std::size_t shard = 0; shard < broker_.peers().size(); ++shard) {
    closings.push_back(close_on(broker_, broker_.peer(shard), result));
  }
  co_await join(broker_.scheduler(), std::move(closings));
  one_change_.release(1);
  co_return result;
}

}  // namespace penstock::broker
