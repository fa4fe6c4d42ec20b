// TransactionCoordinator: the transactions of one shard's transactional ids (KIP-98, KIP-360).
//
// A transactional id names a producer over its lives; each life has a later epoch, which fences off the
// ones before. A transaction gathers partitions and groups, is decided by one record in the catalog,
// and is complete when its markers are in all of them. What is decided is carried out, over restarts
// too.
//
//     Empty -> Ongoing -> PrepareCommit -> CompleteCommit -> Ongoing ...
//                      -> PrepareAbort  -> CompleteAbort  -> Ongoing ...
//
// Which shard a transactional id belongs to is the caller's to know.
//
// Ownership: what it is made with must outlive it; stop() must have returned before it is destroyed.
// Threading: the scheduler's. Durability: what is answered is in the catalog.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "kafka/errors.h"
#include "task/sync.h"
#include "transaction/records.h"
#include "transaction/settings.h"

namespace penstock::transaction {

enum class Outcome { kAbort, kCommit };

// What has been decided, and where it is to be said.
struct Decision {
  ProducerIdentity producer;
  Outcome outcome = Outcome::kAbort;
  std::vector<TransactionPartition> partitions;
  std::vector<std::string> groups;

  bool is_said() const { return partitions.empty() && groups.empty(); }
};

// Who writes markers.
class Markers {
 public:
  virtual ~Markers() = default;

  // Ends the transaction everywhere; durable on return. A partition that does not exist any more has no
  // transactions. Returns what is left to be tried again. Saying a decision twice does no harm.
  virtual Task<Decision> write(Decision decision) = 0;
};

struct InitAnswer {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  ProducerIdentity producer{};
};

// A transactional id, for an operator.
struct TransactionDescription {
  std::string id;
  TransactionRecord record;
};

struct TransactionStats {
  std::uint64_t ids = 0;
  std::uint64_t ongoing = 0;    // those that are being completed included
  std::uint64_t committed = 0;  // since the start
  std::uint64_t aborted = 0;
  std::uint64_t timed_out = 0;        // of those that were aborted
  std::uint64_t marker_failures = 0;  // tries
};

class TransactionCoordinator {
 public:
  using NextProducerId = std::function<Task<Result<std::int64_t>>()>;

  TransactionCoordinator(Scheduler& scheduler, catalog::Catalog& catalog, Markers& markers,
                         NextProducerId next_producer_id, const TransactionSettings& settings);
  TransactionCoordinator(const TransactionCoordinator&) = delete;
  TransactionCoordinator& operator=(const TransactionCoordinator&) = delete;
  ~TransactionCoordinator();

  // Loads the transactional ids for which `is_own` is true; once, before anything else. Errors: the
  // catalog's; kCorrupt names the record.
  Task<Result<void>> start(std::function<bool(const std::string& id)> is_own);
  // Ends what runs in the background; what is decided and not carried out is for the next start.
  Task<void> stop();

  // Begins a producer's life: a later epoch, and what an earlier life left open is aborted. `known` is
  // what the producer believes to be (KIP-360), ids of -1 if it is new.
  Task<InitAnswer> init_producer(std::string id, std::int32_t timeout_ms, ProducerIdentity known);
  // Announces where the transaction writes; the first announcement begins it.
  Task<kafka::KafkaError> add_partitions(std::string id, ProducerIdentity producer,
                                         std::vector<TransactionPartition> partitions);
  Task<kafka::KafkaError> add_group(std::string id, ProducerIdentity producer, std::string group);
  // Decides; durable on return, and as a rule carried out.
  Task<kafka::KafkaError> end(std::string id, ProducerIdentity producer, Outcome outcome);

  // Whether the producer has a transaction open that was announced for the partition, or the group.
  kafka::KafkaError verify(const std::string& id, ProducerIdentity producer,
                           const TransactionPartition& partition) const;
  kafka::KafkaError verify(const std::string& id, ProducerIdentity producer,
                           const std::string& group) const;

  // Null when it is not known.
  const TransactionRecord* find(const std::string& id) const;
  std::vector<TransactionDescription> list() const;
  TransactionStats stats() const;

  // Aborts what took too long. Runs by itself now and then.
  Task<void> abort_overdue();
  // Forgets ids that had no transaction for long. Runs by itself now and then.
  Task<Result<void>> expire();

 private:
  // A transactional id. One change at a time: who comes meanwhile is told to come again.
  struct Entry {
    Entry(Scheduler& scheduler, std::string its_id) : id(std::move(its_id)), completed(scheduler) {}
    std::string id;
    TransactionRecord record;
    bool is_changing = false;
    Event completed;  // pulsed when a decision was carried out, or a try has failed
  };
  using EntryRef = std::shared_ptr<Entry>;
  class Change;

  using Enlargement = std::function<void(TransactionRecord& record)>;
  // Whether a decision also fences its producer off.
  enum class Fencing { kNone, kNextEpoch };

  EntryRef find_entry(const std::string& id) const;
  EntryRef find_or_make(const std::string& id);
  Task<kafka::KafkaError> save(EntryRef entry, TransactionRecord record);

  Task<InitAnswer> init_now(EntryRef entry, std::int32_t timeout_ms, ProducerIdentity known);
  Task<InitAnswer> begin_life(EntryRef entry, std::int32_t timeout_ms, ProducerIdentity known);
  static kafka::KafkaError check_producer(const Entry* entry, ProducerIdentity producer);
  static kafka::KafkaError check_open(const Entry* entry, ProducerIdentity producer);

  Task<kafka::KafkaError> enlarge(std::string id, ProducerIdentity producer, const Enlargement& add);
  Task<kafka::KafkaError> decide(EntryRef entry, Outcome outcome, Fencing fencing);
  void start_completing(const EntryRef& entry);
  Task<void> complete(EntryRef entry, Gate::Hold hold);
  Task<bool> try_to_complete(EntryRef entry, Decision& left);
  Task<void> wait_for_completion(EntryRef entry);

  Task<void> look_after(Gate::Hold hold);
  std::int64_t now_ms() const { return scheduler_.clock().wall_ms(); }

  Scheduler& scheduler_;
  catalog::Catalog& catalog_;
  Markers& markers_;
  NextProducerId next_producer_id_;
  const TransactionSettings& settings_;
  Gate background_;
  Event stopping_;
  std::map<std::string, EntryRef> entries_;
  std::set<std::string> open_;  // ids with a transaction that is not decided
  TransactionStats stats_;
};

}  // namespace penstock::transaction
