#include "history_producers.h"

#include <memory>

#include "ack_ledger.h"

namespace penstock::tests {
namespace {

constexpr int kCallTimeoutMs = 3000;
// Then its server is away for longer than any start takes.
constexpr int kTriesMax = 20;
constexpr std::uint32_t kMaxBytes = 4096;
constexpr int kMaxUnanswered = 500;
constexpr int kLongTimeoutMs = 30'000;
constexpr int kShortTimeoutMs = 2000;

}  // namespace

HistorySender::HistorySender(Workload& workload, const SettingsMap& more)
    : workload_(workload), number_(++workload.next_producer) {
  Settings settings;
  workload.apply_to(settings);
  settings.set("enable.idempotence", "true");
  for (const auto& [key, value] : more) settings.set(key.c_str(), value);
  is_transactional_ = more.contains("transactional.id");
  rd_kafka_conf_set_opaque(settings.get(), this);
  rd_kafka_conf_set_dr_msg_cb(settings.get(),
                              [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
                                static_cast<HistorySender*>(self)->on_delivery(*message);
                              });
  rd_kafka_conf_set_error_cb(settings.get(), [](rd_kafka_t*, int error, const char*, void* self) {
    static_cast<HistorySender*>(self)->on_error(error);
  });
  client_ = settings.make_client(RD_KAFKA_PRODUCER);
  for (const std::string& topic : workload.topics)
    topics_.emplace_back(rd_kafka_topic_new(client(), topic.c_str(), nullptr));
}

bool HistorySender::send(history::Partition partition, std::uint32_t max_bytes,
                         std::optional<std::uint64_t> transaction,
                         std::optional<history::Place> source) {
  const MessageId id{.producer = number_,
                     .sequence = next_++,
                     .size_bytes = message_size(number_, next_, kMessageHeadBytes, max_bytes)};
  std::vector<char> bytes = make_message(id);
  recorder().note_sent({id.producer, id.sequence},
                       {.partition = partition, .transaction = transaction, .source = source});
  while (true) {
    // The opaque pointer carries the number; it is never dereferenced.
    void* const opaque = reinterpret_cast<void*>(static_cast<std::uintptr_t>(id.sequence));
    if (rd_kafka_produce(topics_.at(partition.topic).get(), partition.index, RD_KAFKA_MSG_F_COPY,
                         bytes.data(), bytes.size(), nullptr, 0, opaque) == 0)
      return true;
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
    poll(10);
  }
}

void HistorySender::on_delivery(const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  has_stored_ = true;
  const auto sequence = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(message._private));
  recorder().note_acknowledged({number_, sequence},
                               message.offset >= 0 ? message.offset : history::kSomewhere);
}

void HistorySender::on_error(int error) {
  if (error != RD_KAFKA_RESP_ERR__FATAL) {
    has_lost_connection_ |=
        error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    return;
  }
  char text[512];
  const rd_kafka_resp_err_t reason = rd_kafka_fatal_error(client(), text, sizeof(text));
  is_broken_ = true;
  // A transaction that took too long, or another client of the same id.
  const bool is_fenced = reason == RD_KAFKA_RESP_ERR__FENCED ||
                         reason == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
                         reason == RD_KAFKA_RESP_ERR_PRODUCER_FENCED;
  if (is_transactional_ && is_fenced) return;
  // Before 2.3.0 librdkafka leaves out what may have been stored when a connection was lost, and then
  // takes the gap in its sequence for the broker's fault (its issue 4438).
  constexpr int kMended = 0x02030000;
  if (reason == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER && has_lost_connection_ &&
      rd_kafka_version() < kMended)
    return;
  // It also aborts a transaction of which the coordinator has never heard, when the connection was lost
  // with the request that announced its first partition; Kafka refuses that in the same way.
  if (reason == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE && has_lost_connection_ && !has_stored_) return;
  recorder().complain(fmt::format("producer {}: {}: {}", number_, rd_kafka_err2name(reason), text));
}

TransactionalSender::TransactionalSender(Workload& workload, const std::string& id, int timeout_ms)
    : HistorySender(workload, {{"transactional.id", id},
                               {"transaction.timeout.ms", std::to_string(timeout_ms)},
                               {"linger.ms", "2"}}) {}

TransactionalSender::Outcome TransactionalSender::take(rd_kafka_error_t* error) {
  if (error == nullptr) return Outcome::kDone;
  const bool is_fatal = rd_kafka_error_is_fatal(error) != 0;
  const bool must_abort = rd_kafka_error_txn_requires_abort(error) != 0;
  const bool is_retriable = rd_kafka_error_is_retriable(error) != 0;
  rd_kafka_error_destroy(error);
  poll(0);
  if (is_fatal || is_broken()) return Outcome::kBroken;
  if (must_abort) return Outcome::kMustAbort;
  return is_retriable ? Outcome::kAgain : Outcome::kBroken;
}

bool TransactionalSender::init() {
  Outcome outcome = Outcome::kAgain;
  for (int tries = 0; outcome == Outcome::kAgain && tries < kTriesMax; ++tries)
    outcome = take(rd_kafka_init_transactions(client(), kCallTimeoutMs));
  is_over_ = true;
  return outcome == Outcome::kDone;
}

bool TransactionalSender::begin() {
  if (take(rd_kafka_begin_transaction(client())) != Outcome::kDone) return false;
  note_new_transaction();
  transaction_ = recorder().begin_transaction();
  is_over_ = false;
  return true;
}

bool TransactionalSender::send_offsets(rd_kafka_t* consumer, const std::string& group,
                                       const std::map<history::Partition, std::int64_t>& offsets) {
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  std::vector<history::OffsetCommit> commits;
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), workload().topics.at(partition.topic).c_str(),
                                      partition.index)
        ->offset = offset;
    commits.push_back({.group = group,
                       .partition = partition,
                       .offset = offset,
                       .began = recorder().tick(),
                       .transaction = transaction_});
  }
  rd_kafka_consumer_group_metadata_t* const member = rd_kafka_consumer_group_metadata(consumer);
  Outcome outcome = Outcome::kAgain;
  for (int tries = 0; outcome == Outcome::kAgain && tries < kTriesMax; ++tries)
    outcome = take(rd_kafka_send_offsets_to_transaction(client(), list.get(), member, kCallTimeoutMs));
  rd_kafka_consumer_group_metadata_destroy(member);
  for (history::OffsetCommit& commit : commits) {
    commit.ended = recorder().tick();
    commit.is_answered = outcome == Outcome::kDone;
    recorder().note_commit(commit);
  }
  return outcome == Outcome::kDone;
}

bool TransactionalSender::commit() {
  recorder().note_fate(transaction_, history::Fate::kUnknown);
  Outcome outcome = Outcome::kAgain;
  for (int tries = 0; outcome == Outcome::kAgain && tries < kTriesMax; ++tries)
    outcome = take(rd_kafka_commit_transaction(client(), kCallTimeoutMs));
  if (outcome == Outcome::kMustAbort) {
    abort();
    return false;
  }
  is_over_ = outcome == Outcome::kDone;
  if (is_over_) recorder().note_fate(transaction_, history::Fate::kCommitted);
  return is_over_;
}

bool TransactionalSender::abort() {
  Outcome outcome = Outcome::kAgain;
  for (int tries = 0; outcome == Outcome::kAgain && tries < kTriesMax; ++tries)
    outcome = take(rd_kafka_abort_transaction(client(), kCallTimeoutMs));
  is_over_ = outcome == Outcome::kDone;
  if (is_over_) recorder().note_fate(transaction_, history::Fate::kAborted);
  return is_over_;
}

void TransactionalSender::commit_impatiently(int timeout_ms) {
  recorder().note_fate(transaction_, history::Fate::kUnknown);
  if (take(rd_kafka_commit_transaction(client(), timeout_ms)) != Outcome::kDone) return;
  is_over_ = true;
  recorder().note_fate(transaction_, history::Fate::kCommitted);
}

namespace {

void send_burst(Workload& workload, HistorySender& sender, Random& random) {
  const std::uint64_t count = random.between(1, 40);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t topic = random.coin() ? kOrders : kResults;
    if (!sender.send(workload.any_partition(topic, random), kMaxBytes)) return;
  }
}

// One client of a plain producer: it ends as one that is told to, or as a process that dies.
void live_plainly(Workload& workload, Random& random) {
  static constexpr std::array kCodecs = {"none", "lz4", "zstd", "gzip"};
  static constexpr std::array kLingerMs = {"0", "1", "20"};
  // Longer than any absence. A client that gives up on a message begins a new epoch, and sends what was
  // on its way behind it again: no broker could know that from something new.
  HistorySender sender(workload, {{"compression.codec", kCodecs[random.below(kCodecs.size())]},
                                  {"linger.ms", kLingerMs[random.below(kLingerMs.size())]},
                                  {"message.timeout.ms", "120000"}});
  do {
    send_burst(workload, sender, random);
    sender.poll(static_cast<int>(random.below(60)));
    while (sender.unanswered() > kMaxUnanswered && !workload.must_end) sender.poll(20);
  } while (!workload.must_end && !sender.is_broken() && !random.one_in(60));
  if (workload.must_end || random.coin()) sender.flush(kLongTimeoutMs);
}

// A transaction's messages, over some time. False when the client refuses them.
bool send_transaction(Workload& workload, TransactionalSender& sender, Random& random) {
  const std::uint64_t count = random.between(1, 30);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t topic = random.coin() ? kOrders : kResults;
    if (!sender.send(workload.any_partition(topic, random), kMaxBytes)) return false;
    if (random.one_in(4)) sender.poll(static_cast<int>(random.below(20)));
  }
  return true;
}

// One life of a transactional producer; returns when the id needs a new one.
void live_in_transactions(Workload& workload, const std::string& id, Random& random) {
  const int timeout_ms = random.coin() ? kShortTimeoutMs : kLongTimeoutMs;
  TransactionalSender sender(workload, id, timeout_ms);
  if (!sender.init()) return;
  while (!workload.must_end) {
    if (!sender.begin()) return;
    const bool has_sent = send_transaction(workload, sender, random);
    const std::uint64_t drawn = random.below(100);
    if (!has_sent || drawn < 20) {
      if (!sender.abort()) return;
    } else if (drawn < 26) {
      return;  // as a process that dies in its transaction
    } else if (drawn < 32) {
      return sender.commit_impatiently(static_cast<int>(random.below(30)));  // or in its commit
    } else if (drawn < 38) {
      TransactionalSender successor(workload, id, kLongTimeoutMs);
      if (successor.init()) sender.note_fenced();
      sender.commit();
      return;
    } else {
      // Now and then so late that the broker has ended it.
      if (timeout_ms == kShortTimeoutMs && random.one_in(10))
        workload.sleep(std::chrono::milliseconds(2 * kShortTimeoutMs));
      if (!sender.commit() && !sender.is_over()) return;
    }
    sender.poll(static_cast<int>(random.below(30)));
  }
}

}  // namespace

void run_plain_producer(Workload& workload, Random random) {
  while (!workload.must_end) live_plainly(workload, random);
}

void run_transactional_producer(Workload& workload, const std::string& id, Random random) {
  while (!workload.must_end) live_in_transactions(workload, id, random);
  // Its last transaction is not to wait for its timeout.
  while (!TransactionalSender(workload, id, kLongTimeoutMs).init()) {
  }
}

}  // namespace penstock::tests
