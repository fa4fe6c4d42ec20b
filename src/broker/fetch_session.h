// FetchSession: the partitions that one consumer fetches, remembered between its requests (KIP-227).
//
// An incremental request names only the partitions that are new, changed or no longer wanted; its
// answer carries only those that have records, an error, or marks that the consumer has not been told.
// Partitions that had records go to the end of the order in which they are read, so that one that is
// always full does not keep the others from their turn.
//
// Ownership: owns copies of what requests say. Threading: one shard's scheduler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/messages/fetch.h"

namespace penstock::broker {

class FetchSession {
 public:
  // Topics go by id in all requests of a session, or by name in all.
  FetchSession(std::int32_t id, bool by_id) : id_(id), by_id_(by_id) {}
  FetchSession(const FetchSession&) = delete;
  FetchSession& operator=(const FetchSession&) = delete;

  std::int32_t id() const { return id_; }
  bool is_by_id() const { return by_id_; }
  std::size_t partition_count() const { return entries_.size(); }

  // The epoch that the next request must have.
  std::int32_t next_epoch() const { return next_epoch_; }
  void advance_epoch() { next_epoch_ = epoch_after(next_epoch_); }
  // They go round; 0 asks for a new session.
  static constexpr std::int32_t epoch_after(std::int32_t epoch) {
    return epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
  }

  // Takes in what a request adds, changes and forgets.
  void apply(const kafka::FetchRequest& request);
  // All partitions, in the order in which they are to be read.
  std::vector<kafka::FetchRequest::Topic> wanted() const;

  // Remembers what the consumer is told by the answer to a full request.
  void note(const kafka::FetchResponse& response);
  // Leaves in an answer what is news to the consumer, and remembers that.
  void reduce(kafka::FetchResponse& response);

 private:
  struct Entry {
    std::string topic;
    kafka::Uuid topic_id;
    kafka::FetchRequest::Partition wanted;
    // What the consumer was told; below zero: nothing that holds.
    Offset high_watermark{-1};
    Offset last_stable_offset{-1};
    Offset log_start{-1};
  };
  using Entries = std::list<Entry>;
  // Views into the entries.
  struct Key {
    std::string_view topic;
    kafka::Uuid topic_id;
    std::int32_t index = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  void remember(const kafka::FetchRequest::Topic& topic, const kafka::FetchRequest::Partition& wanted);
  void forget(const Key& key);
  bool is_news(const kafka::FetchResponse::Topic& topic, const kafka::FetchResponse::Partition& told);

  std::int32_t id_;
  bool by_id_;
  std::int32_t next_epoch_ = 1;
  Entries entries_;  // in the order in which they are read
  std::map<Key, Entries::iterator> index_;
};

}  // namespace penstock::broker
