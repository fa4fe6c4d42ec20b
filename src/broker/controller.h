// Controller: creates, changes and deletes topics. There is one, on shard 0.
//
// Its changes are serialised: one at a time, each durable in the metadata store before any shard acts
// on it and before it is answered.
//
// Ownership: the broker of shard 0 owns it. Threading: shard 0's scheduler; other shards ask by
// call_on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/metadata_store.h"
#include "broker/topic_table.h"
#include "kafka/errors.h"
#include "task/sync.h"

namespace penstock::broker {

class Broker;
struct PartitionPlace;
struct StartReport;

// What became of a request about one topic.
struct TopicOutcome {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string message;
  Topic topic;  // as it is now; meaningful without an error

  static TopicOutcome refused(kafka::KafkaError error, std::string message);
  // The storage's, in the words of who asked for the change.
  static TopicOutcome failed(const Error& error);
};

// What became of a partition that was to be opened again.
struct ReopenOutcome {
  std::int32_t partition = 0;
  std::optional<Error> error;
  std::string text;  // what was found, for a person; empty with an error
};

struct TopicSpec {
  std::string name;
  std::int32_t partition_count = 1;
  TopicSettings settings{};
  bool validate_only = false;
};

// A topic setting's new value; nothing: it follows the broker's again.
struct SettingEdit {
  std::string name;
  std::optional<std::string> value;
};

struct SettingsChange {
  std::string topic;
  std::vector<SettingEdit> edits;
  bool replaces_all = false;  // what is not named goes back to the broker's
  bool validate_only = false;
};

class Controller {
 public:
  Controller(Broker& broker, std::unique_ptr<MetadataStore> store);

  // Loads the topics and opens all partitions, on their shards.
  Task<Result<StartReport>> start();

  // kTopicAlreadyExists carries the topic that is there.
  Task<TopicOutcome> create_topic(TopicSpec spec);
  Task<TopicOutcome> delete_topic(std::string name);
  // Changes settings, all of them or none; in effect on all running partitions when it returns.
  // kInvalidConfig names what cannot be had.
  Task<TopicOutcome> change_settings(SettingsChange change);
  // Up to `count` partitions, which must be more than there are.
  Task<TopicOutcome> add_partitions(std::string name, std::int32_t count, bool validate_only);

  // Opens partitions of a topic again: the one that is named, or all that refuse appends or could not
  // be opened. Waits for other changes, and they wait for it. Errors: kNotFound (no such topic or
  // partition), kBusy (nothing is wrong with it), kClosed (after stop()). What became of each partition
  // is in its outcome, as Broker::reopen_partition() says.
  Task<Result<std::vector<ReopenOutcome>>> reopen(std::string name, std::optional<std::int32_t> index);

  // Closes all partitions on all shards.
  Task<Result<void>> stop();

 private:
  TopicOutcome check(const TopicSpec& spec) const;
  PartitionPlace place_of(const Topic& topic, std::int32_t index) const;
  Task<TopicOutcome> create_now(TopicSpec spec);
  Task<TopicOutcome> delete_now(Topic topic);
  Task<TopicOutcome> change_now(Topic topic, SettingsChange change);
  TopicOutcome check_partitions(const Topic* topic, const std::string& name, std::int32_t count) const;
  Task<TopicOutcome> add_now(Topic topic, std::int32_t count);
  Task<void> open_partitions(const Topic& topic, std::int32_t first);
  Task<void> change_partitions(const Topic& topic);
  Task<Result<std::vector<ReopenOutcome>>> reopen_now(const Topic& topic,
                                                      std::optional<std::int32_t> index);
  Task<void> install_everywhere(TopicTableRef table);
  Task<Result<void>> start_groups();
  Task<Result<void>> start_transactions();
  Task<Result<void>> forget_offsets(std::string topic);

  Broker& broker_;
  std::unique_ptr<MetadataStore> store_;
  Semaphore one_change_;
  bool is_stopped_ = false;
};

}  // namespace penstock::broker
