// What the controller changes of topics that are there: settings, and how many partitions they have.

#include "broker/broker.h"
#include "broker/controller.h"
#include "task/join.h"
#include "task/remote.h"

namespace penstock::broker {

namespace {

using kafka::KafkaError;

Task<void> open_on(Broker& home, Peer& peer, std::vector<PartitionPlace> places) {
  auto open = [&peer, &places] { return peer.broker->open_partitions(std::move(places)); };
  const log::RecoveryReport report = co_await call_on(home.scheduler(), *peer.scheduler, open);
  log::Reporter* reporter = home.context().reporter;
  if (reporter == nullptr) co_return;
  for (const std::string& finding : report.findings)
    reporter->report(log::Reporter::Severity::kWarning, finding);
}

Task<void> change_on(Broker& home, Peer& peer, std::vector<PartitionPlace> places) {
  auto change = [&peer, &places] { return peer.broker->change_partitions(std::move(places)); };
  co_await call_on(home.scheduler(), *peer.scheduler, change);
}

// With what that means for the change.
std::string not_written(const Error& error) {
  if (error.code() == ErrorCode::kNoSpace) {
    return fmt::format(
        "{}; deleting records (DeleteRecords, retention) needs no room in the catalog, "
        "and makes some",
        error.message());
  }
  if (error.code() != ErrorCode::kIo) return error.message();
  return fmt::format("{}; whether it is done all the same, the next start tells", error.message());
}

}  // namespace

TopicOutcome TopicOutcome::refused(KafkaError error, std::string message) {
  TopicOutcome outcome;
  outcome.error = error;
  outcome.message = std::move(message);
  return outcome;
}

TopicOutcome TopicOutcome::failed(const Error& error) {
  return refused(KafkaError::kKafkaStorageError, not_written(error));
}

// --- Settings ------------------------------------------------------------------------------------

Task<TopicOutcome> Controller::change_settings(SettingsChange change) {
  co_await one_change_.acquire(1);
  TopicOutcome outcome;
  if (const Topic* topic = broker_.topics()->find(change.topic)) {
    outcome = co_await change_now(*topic, std::move(change));
  } else {
    outcome = TopicOutcome::refused(KafkaError::kUnknownTopicOrPartition,
                                    fmt::format("there is no topic {}", change.topic));
  }
  one_change_.release(1);
  co_return outcome;
}

Task<TopicOutcome> Controller::change_now(Topic topic, SettingsChange change) {
  TopicOutcome outcome;
  outcome.topic = topic;
  TopicSettings& settings = outcome.topic.settings;
  if (change.replaces_all) settings = {};
  for (const SettingEdit& edit : change.edits) {
    const auto done = edit.value ? settings.set(edit.name, *edit.value) : settings.unset(edit.name);
    if (!done) co_return TopicOutcome::refused(KafkaError::kInvalidConfig, done.error().message());
  }
  if (change.validate_only || settings == topic.settings) co_return outcome;
  if (auto changed = co_await store_->change(topic, outcome.topic); !changed)
    co_return TopicOutcome::failed(changed.error());
  co_await install_everywhere(broker_.topics()->with(outcome.topic));
  co_await change_partitions(outcome.topic);
  co_return outcome;
}

Task<void> Controller::change_partitions(const Topic& topic) {
  std::vector<std::vector<PartitionPlace>> places(broker_.peers().size());
  for (std::int32_t i = 0; i < topic.partition_count; ++i)
    places[topic.shard_of(i, places.size())].push_back(place_of(topic, i));
  std::vector<Task<void>> changes;
  for (std::size_t shard = 0; shard < places.size(); ++shard) {
    if (!places[shard].empty())
      changes.push_back(change_on(broker_, broker_.peer(shard), std::move(places[shard])));
  }
  co_await join(broker_.scheduler(), std::move(changes));
}

// --- Partitions ----------------------------------------------------------------------------------

Task<TopicOutcome> Controller::add_partitions(std::string name, std::int32_t count,
                                              bool validate_only) {
  co_await one_change_.acquire(1);
  const TopicTableRef table = broker_.topics();
  const Topic* topic = table->find(name);
  TopicOutcome outcome = check_partitions(topic, name, count);
  if (outcome.error == KafkaError::kNone && !validate_only) outcome = co_await add_now(*topic, count);
  one_change_.release(1);
  co_return outcome;
}

TopicOutcome Controller::check_partitions(const Topic* topic, const std::string& name,
                                          std::int32_t count) const {
  if (topic == nullptr) {
    return TopicOutcome::refused(KafkaError::kUnknownTopicOrPartition,
                                 fmt::format("there is no topic {}", name));
  }
  const std::int32_t more = count - topic->partition_count;
  if (count < 1 || more < 1) {
    return TopicOutcome::refused(
        KafkaError::kInvalidPartitions,
        fmt::format("topic {} has {} partitions, and {} is not more: partitions can only be added",
                    name, topic->partition_count, count));
  }
  if (broker_.topics()->partition_total() + more > broker_.settings().max_partitions) {
    return TopicOutcome::refused(
        KafkaError::kInvalidPartitions,
        fmt::format("{} more partitions would be more than broker.max_partitions = {}", more,
                    broker_.settings().max_partitions));
  }
  TopicOutcome outcome;
  outcome.topic = *topic;
  return outcome;
}

Task<TopicOutcome> Controller::add_now(Topic topic, std::int32_t count) {
  TopicOutcome outcome;
  outcome.topic = topic;
  outcome.topic.partition_count = count;
  if (auto changed = co_await store_->change(topic, outcome.topic); !changed)
    co_return TopicOutcome::failed(changed.error());
  co_await open_partitions(outcome.topic, topic.partition_count);
  co_await install_everywhere(broker_.topics()->with(outcome.topic));
  co_return outcome;
}

// Those from `first` on, each on its shard.
Task<void> Controller::open_partitions(const Topic& topic, std::int32_t first) {
  std::vector<std::vector<PartitionPlace>> places(broker_.peers().size());
  for (std::int32_t i = first; i < topic.partition_count; ++i)
    places[topic.shard_of(i, places.size())].push_back(place_of(topic, i));
  std::vector<Task<void>> openings;
  for (std::size_t shard = 0; shard < places.size(); ++shard) {
    if (!places[shard].empty())
      openings.push_back(open_on(broker_, broker_.peer(shard), std::move(places[shard])));
  }
  co_await join(broker_.scheduler(), std::move(openings));
}

}  // namespace penstock::broker
