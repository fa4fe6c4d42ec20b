// KafkaCluster: the brokers of a Kafka cluster, for a client that outlives the loss of some of them.
//
// Connections are opened when they are needed, kept, and opened again after they were dropped. Every
// request here is answered before the next one; who has requests under way takes connections of its
// own. The addresses come from the command line at first and from the cluster's metadata later.
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
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"

namespace penstock::cli {

// What a reader sees of transactions; the numbers are the protocol's.
enum class Isolation : std::int8_t { kReadUncommitted = 0, kReadCommitted = 1 };

// Who a producer is to brokers that drop what it sends twice (KIP-98). An id of -1: nobody.
struct ProducerIdentity {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
};

class KafkaCluster {
 public:
  using Topic = kafka::MetadataResponse::Topic;

  // Nothing is connected yet. At least one broker.
  explicit KafkaCluster(std::vector<server::Address> brokers) : bootstrap_(std::move(brokers)) {}

  // To whichever broker can be reached: those that are connected first.
  Result<KafkaConnection*> any(const Deadline& deadline);
  // To a broker that the metadata, or a coordinator's address, have named.
  Result<KafkaConnection*> connection_to(std::int32_t node_id, const Deadline& deadline);
  // One more to such a broker, which is the caller's.
  Result<KafkaConnection> own_connection_to(std::int32_t node_id, const Deadline& deadline);
  // Closes a connection of this cluster: after an error it is of no more use.
  void drop(const KafkaConnection* connection);

  // Learns the brokers' addresses as well.
  Result<kafka::MetadataResponse> metadata(const kafka::MetadataRequest& request,
                                           const Deadline& deadline);

  enum class Missing : std::uint8_t { kRefused, kCreated };
  // A topic with its partitions by number; some may have no leader. With kCreated the broker is asked
  // to create one that does not exist, which it may refuse.
  Result<Topic> topic(const std::string& name, Missing missing, const Deadline& deadline);

  // For each partition of `topic` (which may be a part of it) the offset that ListOffsets tells for
  // `timestamp`; -1 where there is none. Follows leaders that move, until the deadline.
  Result<std::map<std::int32_t, Offset>> list_offsets(Topic topic, std::int64_t timestamp,
                                                      Isolation isolation, const Deadline& deadline);

  // An identity for a new producer, or nobody's where brokers give none out; asks again while they are
  // not ready, until the deadline.
  Result<ProducerIdentity> new_producer(const Deadline& deadline);

  // The broker that looks after a group; asks again while that moves, until the deadline.
  Result<std::int32_t> coordinator_of(const std::string& group, const Deadline& deadline);

 private:
  Result<server::Address> address_of(std::int32_t node_id) const;
  Result<KafkaConnection*> connect(const server::Address& address, const Deadline& deadline);
  // Every broker that is known, those that are connected first.
  std::vector<server::Address> candidates() const;
  // Asks any broker, and the next one if that fails.
  template <typename Request>
  Result<typename Request::Response> ask_any(const Request& request, const Deadline& deadline);
  Result<Topic> look_up(const std::string& name, Missing missing, const Deadline& deadline);
  // Adds what a leader tells. Returns the last error that may pass, of a partition that is not added.
  Result<kafka::KafkaError> list_offsets_at(std::int32_t leader,
                                            const kafka::ListOffsetsRequest& request,
                                            std::map<std::int32_t, Offset>& offsets,
                                            const Deadline& deadline);

  std::vector<server::Address> bootstrap_;
  std::map<std::int32_t, server::Address> brokers_;                      // by node id
  std::map<std::string, std::unique_ptr<KafkaConnection>> connections_;  // by address
};

// OwnConnections: one user's own connections, one to each broker, for requests that stay under way.
//
// Ownership: owns its connections; the cluster must outlive it. Threading: one thread at a time.
class OwnConnections {
 public:
  explicit OwnConnections(KafkaCluster& cluster) : cluster_(&cluster) {}

  Result<KafkaConnection*> to(std::int32_t node_id, const Deadline& deadline);
  // Closes it: after an error, or when what is under way is not wanted.
  void drop(const KafkaConnection* connection);

 private:
  KafkaCluster* cluster_;
  std::map<std::int32_t, std::unique_ptr<KafkaConnection>> connections_;
};

// Sleeps for `pause`, or until the deadline if that is sooner; false when it has passed.
bool sleep_before_retry(std::chrono::milliseconds pause, const Deadline& deadline);

}  // namespace penstock::cli
