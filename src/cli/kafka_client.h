// KafkaClient: what the command line asks of a Kafka cluster, through the Kafka protocol.
//
// Works with any broker that speaks the protocol. Finds the controller and the leaders in the metadata,
// and connects to the addresses that the brokers advertise.
//
// Ownership: owns its connections. Threading: one thread at a time.
// Errors: those of KafkaConnection, and what a broker answered, as to_error() (kafka_advice.h) puts it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/kafka_connection.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/metadata.h"

namespace penstock::cli {

// A partition's ends, as its leader told them, or why it did not.
struct PartitionOffsets {
  std::int32_t partition = 0;
  Offset earliest;
  Offset latest;
  std::optional<Error> error;
};

// What became of a partition of which the beginning was to be deleted.
struct PartitionStart {
  std::int32_t partition = 0;
  Offset start;  // the first offset that is left
  std::optional<Error> error;
};

// What a consumer group has committed for a partition: the next offset to be read.
struct GroupOffset {
  std::string topic;
  std::int32_t partition = 0;
  Offset offset;
  friend auto operator<=>(const GroupOffset&, const GroupOffset&) = default;
};

// A topic's setting, as a broker describes it.
struct TopicSetting {
  std::string name;
  std::optional<std::string> value;  // nothing: the broker hides it
  bool is_topics_own = false;        // set for this topic; else it follows the broker's
  std::string documentation;         // empty where the broker tells nothing
};

class KafkaClient {
 public:
  using Metadata = kafka::MetadataResponse;
  using GroupListing = kafka::ListGroupsResponse::Group;
  using GroupDetails = kafka::DescribeGroupsResponse::Group;

  // Connects to the first of `brokers` that answers. All calls together end by the deadline.
  static Result<KafkaClient> connect(const std::vector<server::Address>& brokers, Deadline deadline);

  // All topics, with their partitions and the brokers.
  Result<Metadata> all_topics();
  // One topic; never creates it.
  Result<Metadata::Topic> topic(const std::string& name);
  // The ends of all partitions, in the order of `topic`. The topic is one that topic() returned.
  Result<std::vector<PartitionOffsets>> offsets(const Metadata::Topic& topic);

  // `partitions` may be kBrokersDefault. Returns how many partitions it has, or kBrokersDefault when an
  // old broker does not tell.
  static constexpr std::int32_t kBrokersDefault = -1;
  // `settings` are Kafka's names and values of topic settings.
  using TopicSettings = std::map<std::string, std::string>;
  Result<std::int32_t> create_topic(const std::string& name, std::int32_t partitions,
                                    const TopicSettings& settings = {});
  Result<void> delete_topic(const std::string& name);

  // Deletes all records below `below`, or, with kDeleteUpToHighWatermark, all there are, of all
  // partitions in `topic`, which may be a part of what topic() returned.
  Result<std::vector<PartitionStart>> delete_records(const Metadata::Topic& topic, Offset below);

  Result<std::vector<TopicSetting>> topic_settings(const std::string& name);
  // By name; nothing lets a setting follow the broker's again. All of them are changed or none.
  using TopicEdits = std::map<std::string, std::optional<std::string>>;
  Result<void> change_topic_settings(const std::string& name, const TopicEdits& edits);
  // `count` is how many partitions the topic is to have.
  Result<void> set_partition_count(const std::string& name, std::int32_t count);

  // The groups of all brokers, by name.
  Result<std::vector<GroupListing>> list_groups();
  // One that does not exist is told as one in state "Dead".
  Result<GroupDetails> describe_group(const std::string& group);
  Result<std::vector<GroupOffset>> committed_offsets(const std::string& group);
  Result<void> delete_group(const std::string& group);

 private:
  KafkaClient(std::unique_ptr<KafkaConnection> first, Deadline deadline)
      : first_(std::move(first)), deadline_(deadline) {}

  Result<Metadata> fetch_metadata(const kafka::MetadataRequest& request);
  // The connection to a broker that the last metadata named.
  Result<KafkaConnection*> connection_to(std::int32_t node_id);
  Result<KafkaConnection*> controller();
  Result<KafkaConnection*> coordinator_of(const std::string& group);
  Result<GroupDetails> describe_consumer_group(KafkaConnection& coordinator, const std::string& group);
  // Asks the controller, and the new one when it has just changed. `outcome_of` finds the topic's error
  // code in the response.
  template <typename Request, typename OutcomeOf>
  Result<typename Request::Response> ask_controller(const Request& request, OutcomeOf outcome_of);
  Result<void> list_offsets(const std::string& topic, std::int32_t leader, std::int64_t timestamp,
                            std::vector<PartitionOffsets*>& partitions);
  Result<void> delete_records_at(std::int32_t leader, const kafka::DeleteRecordsRequest& request,
                                 std::vector<PartitionStart>& starts);
  std::int32_t server_timeout_ms() const;

  std::unique_ptr<KafkaConnection> first_;
  Deadline deadline_;
  std::map<std::string, std::unique_ptr<KafkaConnection>> connections_;  // by address
  std::map<std::int32_t, server::Address> brokers_;
  std::int32_t controller_id_ = -1;
};

}  // namespace penstock::cli
