// The producers of a history: idempotent ones, transactional ones, and what they share with the
// pipeline.
//
// Threading: each producer is its thread's. Ownership: the workload outlives them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "history_workload.h"

namespace penstock::tests {

// One producer client from its beginning to its end: everything that it sends and is told is recorded.
class HistorySender {
 public:
  using SettingsMap = std::map<std::string, std::string>;

  HistorySender(Workload& workload, const SettingsMap& more);
  HistorySender(const HistorySender&) = delete;
  HistorySender& operator=(const HistorySender&) = delete;

  // False when the client cannot take it. The client's queue being full is waited for.
  bool send(history::Partition partition, std::uint32_t max_bytes,
            std::optional<std::uint64_t> transaction = std::nullopt,
            std::optional<history::Place> source = std::nullopt);
  // Takes acknowledgements for so long.
  void poll(int timeout_ms) { rd_kafka_poll(client(), timeout_ms); }
  void flush(int timeout_ms) { rd_kafka_flush(client(), timeout_ms); }
  int unanswered() const { return rd_kafka_outq_len(client()); }
  // An error that it cannot go on with; what it was told has been recorded.
  bool is_broken() const { return is_broken_; }

 protected:
  rd_kafka_t* client() const { return client_.get(); }
  Workload& workload() const { return workload_; }
  HistoryRecorder& recorder() const { return workload_.recorder; }
  void note_new_transaction() { has_stored_ = false; }

 private:
  void on_delivery(const rd_kafka_message_t& message);
  void on_error(int error);

  Workload& workload_;
  const std::uint32_t number_;
  std::uint64_t next_ = 0;
  bool is_transactional_ = false;
  bool has_lost_connection_ = false;
  bool has_stored_ = false;  // something of the newest transaction
  bool is_broken_ = false;
  Kafka client_;
  std::vector<KafkaTopic> topics_;
};

// One life of a transactional id. What a function could not do while the broker was away it tries
// again; where it returns false, the transaction is over, or the client is (is_broken).
class TransactionalSender : public HistorySender {
 public:
  TransactionalSender(Workload& workload, const std::string& id, int timeout_ms);

  // Ends what earlier lives of the id have begun.
  bool init();
  bool begin();
  std::uint64_t transaction() const { return transaction_; }
  bool send(history::Partition partition, std::uint32_t max_bytes,
            std::optional<history::Place> source = std::nullopt) {
    return HistorySender::send(partition, max_bytes, transaction_, source);
  }
  bool send_offsets(rd_kafka_t* consumer, const std::string& group,
                    const std::map<history::Partition, std::int64_t>& offsets);
  bool commit();
  bool abort();
  // Asks once for the commit, and leaves it at that.
  void commit_impatiently(int timeout_ms);
  // Another client has taken over the id: nothing of the transaction may be seen, whatever comes.
  void note_fenced() { recorder().note_fate(transaction_, history::Fate::kAborted); }
  bool is_over() const { return is_over_; }

 private:
  enum class Outcome { kDone, kAgain, kMustAbort, kBroken };
  Outcome take(rd_kafka_error_t* error);

  bool is_over_ = false;
  std::uint64_t transaction_ = 0;
};

// Writes to all partitions, in bursts, from one life to the next, until the work is to end.
void run_plain_producer(Workload& workload, Random random);
// Commits, aborts, falls silent, is fenced.
void run_transactional_producer(Workload& workload, const std::string& id, Random random);

}  // namespace penstock::tests
