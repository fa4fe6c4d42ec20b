#include "transaction/coordinator.h"

#include <algorithm>
#include <ranges>

namespace penstock::transaction {

namespace {

using kafka::KafkaError;

// The last epoch that a producer is given; the one behind it is left for fencing it off.
constexpr std::int16_t kLastEpoch = 32'766;

// How long an answer waits for what was decided to be carried out. It would be true without.
constexpr Duration kCompletionWait = std::chrono::seconds(1);

constexpr Duration kExpirationInterval = std::chrono::minutes(10);
// Ids that are looked at before others get their turn.
constexpr std::size_t kLookAtOnce = 256;

bool is_prepared(TransactionState state) {
  return state == TransactionState::kPrepareCommit || state == TransactionState::kPrepareAbort;
}

std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// Whether a producer that believes to be `known` may go on as the next one.
bool may_follow(const TransactionRecord& record, ProducerIdentity known) {
  const bool is_new = known.id < 0 || record.producer_id < 0;
  return is_new || known == record.producer() || known == record.last_producer();
}

template <typename Item>
void add_missing(std::vector<Item>& items, const Item& item) {
  if (std::ranges::find(items, item) == items.end()) items.push_back(item);
}

}  // namespace

// While it lives, whoever wants to change the entry is told to come again.
class TransactionCoordinator::Change {
 public:
  explicit Change(EntryRef entry) : entry_(std::move(entry)) {
    PENSTOCK_ASSERT(!entry_->is_changing, "one change at a time");
    entry_->is_changing = true;
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() { entry_->is_changing = false; }

 private:
  EntryRef entry_;
};

TransactionCoordinator::TransactionCoordinator(Scheduler& scheduler, catalog::Catalog& catalog,
                                               Markers& markers, NextProducerId next_producer_id,
                                               const TransactionSettings& settings)
    : scheduler_(scheduler),
      catalog_(catalog),
      markers_(markers),
      next_producer_id_(std::move(next_producer_id)),
      settings_(settings),
      background_(scheduler),
      stopping_(scheduler) {}

TransactionCoordinator::~TransactionCoordinator() = default;

// --- Life ----------------------------------------------------------------------------------------

Task<Result<void>> TransactionCoordinator::start(std::function<bool(const std::string& id)> is_own) {
  const auto found = co_await catalog_.scan(scheduler_, std::string(kTransactionPrefix));
  if (!found) co_return Unexpected(found.error());
  for (const catalog::Entry& kept : *found) {
    auto id = decode_transaction_key(kept.key);
    if (!id) co_return Unexpected(id.error());
    if (!is_own(*id)) continue;
    auto record = decode_transaction(kept.value);
    if (!record) co_return Unexpected(record.error().context(fmt::format("transactional id {}", *id)));
    auto entry = std::make_shared<Entry>(scheduler_, *id);
    entry->record = std::move(*record);
    if (entry->record.state == TransactionState::kOngoing) open_.insert(*id);
    if (is_prepared(entry->record.state)) start_completing(entry);
    entries_.emplace(std::move(*id), std::move(entry));
  }
  auto hold = background_.enter();
  if (hold) scheduler_.spawn(look_after(std::move(*hold)));
  co_return Result<void>();
}

Task<void> TransactionCoordinator::stop() {
  stopping_.set();
  co_await background_.close();
}

TransactionCoordinator::EntryRef TransactionCoordinator::find_entry(const std::string& id) const {
  const auto place = entries_.find(id);
  return place == entries_.end() ? nullptr : place->second;
}

// Null when there are too many.
TransactionCoordinator::EntryRef TransactionCoordinator::find_or_make(const std::string& id) {
  if (EntryRef entry = find_entry(id)) return entry;
  if (entries_.size() >= settings_.max_ids) return nullptr;
  return entries_.emplace(id, std::make_shared<Entry>(scheduler_, id)).first->second;
}

// Durable on return, or as it was before: then the catalog may have it all the same, and the next
// change, which it leads to, replaces it.
Task<KafkaError> TransactionCoordinator::save(EntryRef entry, TransactionRecord record) {
  record.changed_ms = now_ms();
  catalog::Change change;
  change.put(transaction_key(entry->id), encode(record));
  const auto written = co_await catalog_.write(scheduler_, std::move(change));
  if (!written) co_return KafkaError::kCoordinatorNotAvailable;
  entry->record = std::move(record);
  if (entry->record.state == TransactionState::kOngoing) {
    open_.insert(entry->id);
  } else {
    open_.erase(entry->id);
  }
  co_return KafkaError::kNone;
}

// --- Producers -----------------------------------------------------------------------------------

Task<InitAnswer> TransactionCoordinator::init_producer(std::string id, std::int32_t timeout_ms,
                                                       ProducerIdentity known) {
  if (timeout_ms <= 0 || timeout_ms > to_ms(settings_.max_timeout))
    co_return InitAnswer{KafkaError::kInvalidTransactionTimeout, {}};
  const EntryRef entry = find_or_make(id);
  if (!entry) co_return InitAnswer{KafkaError::kCoordinatorNotAvailable, {}};
  InitAnswer answer = co_await init_now(entry, timeout_ms, known);
  const bool was_never_kept = entry->record.producer_id < 0 && !entry->is_changing;
  if (was_never_kept) entries_.erase(id);
  co_return answer;
}

// What is open is aborted first, in the name of a later epoch, so that whoever began it adds nothing to
// it meanwhile.
Task<InitAnswer> TransactionCoordinator::init_now(EntryRef entry, std::int32_t timeout_ms,
                                                  ProducerIdentity known) {
  if (!may_follow(entry->record, known)) co_return InitAnswer{KafkaError::kProducerFenced, {}};
  if (entry->is_changing) co_return InitAnswer{KafkaError::kConcurrentTransactions, {}};
  if (entry->record.state == TransactionState::kOngoing) {
    const KafkaError error = co_await decide(entry, Outcome::kAbort, Fencing::kNextEpoch);
    if (error != KafkaError::kNone) co_return InitAnswer{error, {}};
    known = entry->record.producer();
  }
  co_await wait_for_completion(entry);
  const bool may_begin = !entry->is_changing && may_follow(entry->record, known) &&
                         entry->record.state != TransactionState::kOngoing &&
                         !is_prepared(entry->record.state);
  if (!may_begin) co_return InitAnswer{KafkaError::kConcurrentTransactions, {}};
  co_return co_await begin_life(entry, timeout_ms, known);
}

Task<InitAnswer> TransactionCoordinator::begin_life(EntryRef entry, std::int32_t timeout_ms,
                                                    ProducerIdentity known) {
  const Change change(entry);
  const TransactionRecord& record = entry->record;
  // It was begun, and the answer was lost.
  if (known.id >= 0 && known == record.last_producer())
    co_return InitAnswer{KafkaError::kNone, record.producer()};
  TransactionRecord next = record;
  if (record.producer_id < 0 || record.producer_epoch >= kLastEpoch) {
    auto producer_id = co_await next_producer_id_();
    if (!producer_id) co_return InitAnswer{KafkaError::kCoordinatorNotAvailable, {}};
    next.producer_id = *producer_id;
    next.producer_epoch = 0;
  } else {
    ++next.producer_epoch;
  }
  const ProducerIdentity last = known.id >= 0 ? record.producer() : ProducerIdentity();
  next.last_producer_id = last.id;
  next.last_producer_epoch = last.epoch;
  next.timeout_ms = timeout_ms;
  next.state = TransactionState::kEmpty;
  const KafkaError error = co_await save(entry, std::move(next));
  if (error != KafkaError::kNone) co_return InitAnswer{error, {}};
  co_return InitAnswer{KafkaError::kNone, entry->record.producer()};
}

KafkaError TransactionCoordinator::check_producer(const Entry* entry, ProducerIdentity producer) {
  if (entry == nullptr || entry->record.producer_id < 0 || entry->record.producer_id != producer.id)
    return KafkaError::kInvalidProducerIdMapping;
  return entry->record.producer_epoch == producer.epoch ? KafkaError::kNone
                                                        : KafkaError::kProducerFenced;
}

KafkaError TransactionCoordinator::check_open(const Entry* entry, ProducerIdentity producer) {
  const KafkaError error = check_producer(entry, producer);
  if (error == KafkaError::kProducerFenced) return KafkaError::kInvalidProducerEpoch;
  if (error != KafkaError::kNone) return error;
  return entry->record.state == TransactionState::kOngoing ? KafkaError::kNone
                                                           : KafkaError::kInvalidTxnState;
}

// --- Transactions --------------------------------------------------------------------------------

Task<KafkaError> TransactionCoordinator::add_partitions(std::string id, ProducerIdentity producer,
                                                        std::vector<TransactionPartition> partitions) {
  const Enlargement add_all = [&partitions](TransactionRecord& record) {
    for (const TransactionPartition& partition : partitions) add_missing(record.partitions, partition);
  };
  co_return co_await enlarge(std::move(id), producer, add_all);
}

Task<KafkaError> TransactionCoordinator::add_group(std::string id, ProducerIdentity producer,
                                                   std::string group) {
  const Enlargement add = [&group](TransactionRecord& record) { add_missing(record.groups, group); };
  co_return co_await enlarge(std::move(id), producer, add);
}

Task<KafkaError> TransactionCoordinator::enlarge(std::string id, ProducerIdentity producer,
                                                 const Enlargement& add) {
  const EntryRef entry = find_entry(id);
  const KafkaError refusal = check_producer(entry.get(), producer);
  if (refusal != KafkaError::kNone) co_return refusal;
  if (entry->is_changing || is_prepared(entry->record.state))
    co_return KafkaError::kConcurrentTransactions;
  TransactionRecord next = entry->record;
  if (next.state != TransactionState::kOngoing) {
    next.state = TransactionState::kOngoing;
    next.started_ms = now_ms();
  }
  add(next);
  if (next == entry->record) co_return KafkaError::kNone;
  if (next.partitions.size() > settings_.max_partitions || next.groups.size() > settings_.max_groups)
    co_return KafkaError::kPolicyViolation;
  const Change change(entry);
  co_return co_await save(entry, std::move(next));
}

Task<KafkaError> TransactionCoordinator::end(std::string id, ProducerIdentity producer,
                                             Outcome outcome) {
  const EntryRef entry = find_entry(id);
  const KafkaError refusal = check_producer(entry.get(), producer);
  if (refusal != KafkaError::kNone) co_return refusal;
  if (entry->is_changing) co_return KafkaError::kConcurrentTransactions;
  const auto again = [outcome](Outcome decided, KafkaError answer) {
    return outcome == decided ? answer : KafkaError::kInvalidTxnState;
  };
  switch (entry->record.state) {
    case TransactionState::kOngoing: break;
    case TransactionState::kEmpty: co_return KafkaError::kInvalidTxnState;
    case TransactionState::kPrepareCommit:
      co_return again(Outcome::kCommit, KafkaError::kConcurrentTransactions);
    case TransactionState::kPrepareAbort:
      co_return again(Outcome::kAbort, KafkaError::kConcurrentTransactions);
    case TransactionState::kCompleteCommit: co_return again(Outcome::kCommit, KafkaError::kNone);
    case TransactionState::kCompleteAbort: co_return again(Outcome::kAbort, KafkaError::kNone);
  }
  const KafkaError error = co_await decide(entry, outcome, Fencing::kNone);
  if (error != KafkaError::kNone) co_return error;
  co_await wait_for_completion(entry);
  co_return KafkaError::kNone;
}

KafkaError TransactionCoordinator::verify(const std::string& id, ProducerIdentity producer,
                                          const TransactionPartition& partition) const {
  const EntryRef entry = find_entry(id);
  const KafkaError refusal = check_open(entry.get(), producer);
  if (refusal != KafkaError::kNone) return refusal;
  const auto& announced = entry->record.partitions;
  return std::ranges::find(announced, partition) == announced.end() ? KafkaError::kInvalidTxnState
                                                                    : KafkaError::kNone;
}

KafkaError TransactionCoordinator::verify(const std::string& id, ProducerIdentity producer,
                                          const std::string& group) const {
  const EntryRef entry = find_entry(id);
  const KafkaError refusal = check_open(entry.get(), producer);
  if (refusal != KafkaError::kNone) return refusal;
  const auto& announced = entry->record.groups;
  return std::ranges::find(announced, group) == announced.end() ? KafkaError::kInvalidTxnState
                                                                : KafkaError::kNone;
}

// --- Decisions -----------------------------------------------------------------------------------

// On success the entry is prepared, and on its way to be complete.
Task<KafkaError> TransactionCoordinator::decide(EntryRef entry, Outcome outcome, Fencing fencing) {
  const Change change(entry);
  TransactionRecord next = entry->record;
  next.state =
      outcome == Outcome::kCommit ? TransactionState::kPrepareCommit : TransactionState::kPrepareAbort;
  if (fencing == Fencing::kNextEpoch) ++next.producer_epoch;
  const KafkaError error = co_await save(entry, std::move(next));
  if (error == KafkaError::kNone) start_completing(entry);
  co_return error;
}

void TransactionCoordinator::start_completing(const EntryRef& entry) {
  auto hold = background_.enter();
  if (hold) scheduler_.spawn(complete(entry, std::move(*hold)));
}

Task<void> TransactionCoordinator::complete(EntryRef entry, Gate::Hold) {
  const bool is_commit = entry->record.state == TransactionState::kPrepareCommit;
  Decision left{entry->record.producer(), is_commit ? Outcome::kCommit : Outcome::kAbort,
                entry->record.partitions, entry->record.groups};
  while (!stopping_.is_set()) {
    const bool is_complete = co_await try_to_complete(entry, left);
    entry->completed.pulse();
    if (is_complete) co_return;
    ++stats_.marker_failures;
    co_await stopping_.wait_until(scheduler_.now() + settings_.check_interval);
  }
}

Task<bool> TransactionCoordinator::try_to_complete(EntryRef entry, Decision& left) {
  left = co_await markers_.write(std::move(left));
  if (!left.is_said()) co_return false;
  const bool is_commit = left.outcome == Outcome::kCommit;
  TransactionRecord next = entry->record;
  next.state = is_commit ? TransactionState::kCompleteCommit : TransactionState::kCompleteAbort;
  next.partitions.clear();
  next.groups.clear();
  const KafkaError error = co_await save(entry, std::move(next));
  if (error != KafkaError::kNone) co_return false;
  ++(is_commit ? stats_.committed : stats_.aborted);
  co_return true;
}

Task<void> TransactionCoordinator::wait_for_completion(EntryRef entry) {
  if (!is_prepared(entry->record.state)) co_return;
  co_await entry->completed.wait_until(scheduler_.now() + kCompletionWait);
}

// --- For operators -------------------------------------------------------------------------------

const TransactionRecord* TransactionCoordinator::find(const std::string& id) const {
  const EntryRef entry = find_entry(id);
  return entry && entry->record.producer_id >= 0 ? &entry->record : nullptr;
}

std::vector<TransactionDescription> TransactionCoordinator::list() const {
  std::vector<TransactionDescription> described;
  for (const auto& [id, entry] : entries_) {
    if (entry->record.producer_id >= 0) described.push_back({id, entry->record});
  }
  return described;
}

TransactionStats TransactionCoordinator::stats() const {
  TransactionStats stats = stats_;
  stats.ids = entries_.size();
  stats.ongoing = open_.size();
  return stats;
}

// --- What is over --------------------------------------------------------------------------------

Task<void> TransactionCoordinator::look_after(Gate::Hold) {
  Instant expire_at = scheduler_.now() + kExpirationInterval;
  while (!co_await stopping_.wait_until(scheduler_.now() + settings_.check_interval)) {
    co_await abort_overdue();
    if (scheduler_.now() < expire_at) continue;
    expire_at = scheduler_.now() + kExpirationInterval;
    (void)co_await expire();  // what it could not do, the next one does
  }
}

Task<void> TransactionCoordinator::abort_overdue() {
  const std::vector<std::string> open(open_.begin(), open_.end());
  for (const std::string& id : open) {
    const EntryRef entry = find_entry(id);
    const bool is_overdue = entry && entry->record.state == TransactionState::kOngoing &&
                            now_ms() - entry->record.started_ms >= entry->record.timeout_ms;
    if (!is_overdue || entry->is_changing) continue;
    const KafkaError error = co_await decide(entry, Outcome::kAbort, Fencing::kNextEpoch);
    if (error == KafkaError::kNone) ++stats_.timed_out;
  }
}

Task<Result<void>> TransactionCoordinator::expire() {
  const auto keys = entries_ | std::views::keys;
  const std::vector<std::string> ids(keys.begin(), keys.end());
  std::size_t looked_at = 0;
  for (const std::string& id : ids) {
    if (++looked_at % kLookAtOnce == 0) co_await scheduler_.yield();
    const EntryRef entry = find_entry(id);
    if (!entry || entry->is_changing) continue;
    const TransactionRecord& record = entry->record;
    const bool is_over = record.state != TransactionState::kOngoing && !is_prepared(record.state);
    if (!is_over || now_ms() - record.changed_ms < to_ms(settings_.id_expiration)) continue;
    const Change change(entry);
    catalog::Change erased;
    erased.erase(transaction_key(id));
    if (auto written = co_await catalog_.write(scheduler_, std::move(erased)); !written)
      co_return written;
    entries_.erase(id);
  }
  co_return Result<void>();
}

}  // namespace penstock::transaction
