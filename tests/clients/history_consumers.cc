#include "history_consumers.h"

#include <memory>
#include <set>
#include <utility>

#include "ack_ledger.h"
#include "history_producers.h"

namespace penstock::tests {
namespace {

constexpr int kCallTimeoutMs = 3000;
constexpr int kTransactionTimeoutMs = 10'000;
constexpr std::uint32_t kMaxResultBytes = 1024;

history::Entry entry_of(const rd_kafka_message_t& message) {
  history::Entry entry{.offset = message.offset};
  const auto id = identify_message({static_cast<const char*>(message.payload), message.len});
  if (id) entry.message = history::Name{id->producer, id->sequence};
  return entry;
}

const char* word_for(history::Isolation isolation) {
  return isolation == history::Isolation::kAll ? "read_uncommitted" : "read_committed";
}

void set_consumer(Settings& settings, const Workload& workload, const std::string& group,
                  history::Isolation isolation) {
  workload.apply_to(settings);
  settings.set("group.id", group);
  settings.set("isolation.level", word_for(isolation));
  settings.set("enable.auto.commit", "false");
  settings.set("auto.offset.reset", "earliest");
  settings.set("check.crcs", "true");
  settings.set("fetch.wait.max.ms", "50");
  settings.set("fetch.error.backoff.ms", "50");
}

void destroy_error(rd_kafka_error_t* error) {
  if (error != nullptr) rd_kafka_error_destroy(error);
}

}  // namespace

HistoryMember::HistoryMember(Workload& workload, const GroupOptions& group, const std::string& name)
    : workload_(workload), group_(group), name_(name) {
  Settings settings;
  set_consumer(settings, workload, group.name, group.isolation);
  settings.set("partition.assignment.strategy", group.assignor);
  settings.set("session.timeout.ms", "2000");
  settings.set("heartbeat.interval.ms", "200");
  rd_kafka_conf_set_opaque(settings.get(), this);
  rd_kafka_conf_set_rebalance_cb(settings.get(), on_rebalance);
  client_ = settings.make_client(RD_KAFKA_CONSUMER);
  rd_kafka_poll_set_consumer(client());
  const PartitionList topics(rd_kafka_topic_partition_list_new(2));
  for (const std::uint32_t topic : group.topics)
    rd_kafka_topic_partition_list_add(topics.get(), workload.topics.at(topic).c_str(),
                                      RD_KAFKA_PARTITION_UA);
  if (const auto error = rd_kafka_subscribe(client(), topics.get());
      error != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error(fmt::format("subscribe: {}", rd_kafka_err2str(error)));
}

HistoryMember::~HistoryMember() {
  if (client_) rd_kafka_consumer_close(client());
}

void HistoryMember::die() {
  rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

std::optional<history::Place> HistoryMember::poll(int timeout_ms) {
  rd_kafka_message_t* const message = rd_kafka_consumer_poll(client(), timeout_ms);
  if (message == nullptr) return std::nullopt;
  std::optional<history::Place> place;
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    place = history::Place{{workload_.number_of(rd_kafka_topic_name(message->rkt)), message->partition},
                           message->offset};
    if (!readings_.contains(place->partition))
      readings_[place->partition] =
          workload_.recorder.begin_reading(name_, group_.name, group_.isolation, place->partition);
    workload_.recorder.note_read(readings_.at(place->partition), entry_of(*message));
    positions_[place->partition] = message->offset + 1;
  } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
             message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    workload_.recorder.complain(fmt::format("{}: {}", name_, rd_kafka_message_errstr(message)));
  }
  rd_kafka_message_destroy(message);
  return place;
}

void HistoryMember::on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t event,
                                 rd_kafka_topic_partition_list_t* partitions, void* self) {
  auto& member = *static_cast<HistoryMember*>(self);
  ++member.rebalances_;
  member.forget(*partitions);
  rd_kafka_assign(client, event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? partitions : nullptr);
}

void HistoryMember::forget(const rd_kafka_topic_partition_list_t& partitions) {
  for (int i = 0; i < partitions.cnt; ++i) {
    readings_.erase(partition_of(partitions.elems[i]));
    positions_.erase(partition_of(partitions.elems[i]));
  }
}

void HistoryMember::commit() {
  if (positions_.empty()) return;
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(positions_.size())));
  std::vector<history::OffsetCommit> commits;
  for (const auto& [partition, offset] : positions_) {
    rd_kafka_topic_partition_list_add(list.get(), workload_.topics.at(partition.topic).c_str(),
                                      partition.index)
        ->offset = offset;
    commits.push_back({.group = group_.name,
                       .partition = partition,
                       .offset = offset,
                       .began = workload_.recorder.tick()});
  }
  const rd_kafka_resp_err_t error = rd_kafka_commit(client(), list.get(), /*async=*/0);
  const std::uint64_t ended = workload_.recorder.tick();
  for (int i = 0; i < list->cnt; ++i) {
    history::OffsetCommit& commit = commits[static_cast<std::size_t>(i)];
    commit.ended = ended;
    commit.is_answered =
        error == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    workload_.recorder.note_commit(commit);
  }
}

bool HistoryMember::rewind() {
  rd_kafka_topic_partition_list_t* assigned = nullptr;
  if (rd_kafka_assignment(client(), &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  const PartitionList list(assigned);
  if (list->cnt == 0) return true;
  if (rd_kafka_committed(client(), list.get(), kCallTimeoutMs) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return false;
  for (int i = 0; i < list->cnt; ++i) {
    rd_kafka_topic_partition_t& element = list->elems[i];
    if (element.err != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    if (element.offset < 0) element.offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  forget(*list);
  rd_kafka_error_t* const error = rd_kafka_seek_partitions(client(), list.get(), kCallTimeoutMs);
  const bool is_done = error == nullptr;
  destroy_error(error);
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  }
  return is_done;
}

void run_members(Workload& workload, const GroupOptions& group, const std::string& name,
                 Random random) {
  while (!workload.must_end) {
    HistoryMember member(workload, group, name);
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(random.between(500, 8000));
    while (!workload.must_end && std::chrono::steady_clock::now() < deadline) {
      member.poll(50);
      if (random.one_in(200)) member.commit();
    }
    if (random.coin()) member.commit();
    if (!workload.must_end && random.one_in(3)) member.die();
  }
}

namespace {

// One client of the pipeline and its producer.
class Pipeline {
 public:
  Pipeline(Workload& workload, const GroupOptions& group, const std::string& name, Random& random)
      : workload_(workload),
        random_(random),
        group_(group),
        name_(name),
        member_(workload, group, name) {}

  // Works until something went wrong, a death is drawn, or the work is to end.
  void run() {
    while (!workload_.must_end) {
      TransactionalSender sender(workload_, name_, kTransactionTimeoutMs);
      if (!sender.init() || !member_.rewind()) return;
      while (!workload_.must_end) {
        if (read().empty()) continue;
        const std::uint64_t drawn = random_.below(100);
        if (drawn < 3) return member_.die();
        if (!work_on(sender, drawn) || !sender.is_over()) break;
      }
    }
  }

 private:
  const std::vector<history::Place>& read() {
    places_.clear();
    const std::uint64_t most = random_.between(1, 40);
    int rebalances = member_.rebalances();
    while (places_.size() < most) {
      const auto place = member_.poll(places_.empty() ? 100 : 10);
      // Whoever has the partitions now begins where the group is.
      if (member_.rebalances() != rebalances) places_.clear();
      rebalances = member_.rebalances();
      if (!place) break;
      places_.push_back(*place);
    }
    return places_;
  }

  // One transaction. False when the sender cannot go on.
  bool work_on(TransactionalSender& sender, std::uint64_t drawn) {
    if (!sender.begin()) return false;
    bool is_good = true;
    std::map<history::Partition, std::int64_t> offsets;
    for (const history::Place& place : places_) {
      is_good =
          is_good && sender.send(workload_.any_partition(kResults, random_), kMaxResultBytes, place);
      offsets[place.partition] = place.offset + 1;
    }
    is_good = is_good && sender.send_offsets(member_.client(), group_.name, offsets);
    if (drawn < 6) return false;  // silent, until the next life of the id
    if (is_good && drawn >= 15) {
      if (sender.commit()) return true;
      if (!sender.is_over()) return false;
    } else if (!sender.abort()) {
      return false;
    }
    return member_.rewind();
  }

  Workload& workload_;
  Random& random_;
  const GroupOptions& group_;
  const std::string& name_;
  HistoryMember member_;
  std::vector<history::Place> places_;
};

}  // namespace

void run_pipeline(Workload& workload, const GroupOptions& group, const std::string& name,
                  Random random) {
  while (!workload.must_end) Pipeline(workload, group, name, random).run();
  while (!TransactionalSender(workload, name, kTransactionTimeoutMs).init()) {
  }
}

void run_offset_watch(Workload& workload, const std::vector<GroupOptions>& groups, bool is_last) {
  std::vector<Kafka> clients;
  for (const GroupOptions& group : groups) {
    Settings settings;
    // An offset that a transaction has just committed is waited for.
    set_consumer(settings, workload, group.name, history::Isolation::kCommitted);
    clients.push_back(settings.make_client(RD_KAFKA_CONSUMER));
  }
  std::set<std::size_t> unanswered;
  for (std::size_t i = 0; i < groups.size(); ++i) unanswered.insert(i);
  while (is_last ? !unanswered.empty() : !workload.must_end) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const PartitionList list(rd_kafka_topic_partition_list_new(1));
      for (const std::uint32_t topic : groups[i].topics) {
        rd_kafka_topic_partition_list_add_range(list.get(), workload.topics.at(topic).c_str(), 0,
                                                workload.partitions - 1);
      }
      const std::uint64_t began = workload.recorder.tick();
      if (rd_kafka_committed(clients[i].get(), list.get(), kCallTimeoutMs) !=
          RD_KAFKA_RESP_ERR_NO_ERROR)
        continue;
      unanswered.erase(i);
      const std::uint64_t ended = workload.recorder.tick();
      for (int at = 0; at < list->cnt; ++at) {
        const rd_kafka_topic_partition_t& element = list->elems[at];
        if (element.err != RD_KAFKA_RESP_ERR_NO_ERROR || element.offset < 0) continue;
        workload.recorder.note_sight({groups[i].name,
                                      {workload.number_of(element.topic), element.partition},
                                      element.offset,
                                      began,
                                      ended});
      }
    }
    if (!is_last) workload.sleep(std::chrono::milliseconds(100));
  }
}

namespace {

// A consumer of no group that reads all partitions of both topics to their ends.
class LogReader {
 public:
  LogReader(Workload& workload, history::Isolation isolation) : workload_(workload) {
    Settings settings;
    set_consumer(settings, workload, "not-joined", isolation);
    settings.set("enable.partition.eof", "true");
    client_ = settings.make_client(RD_KAFKA_CONSUMER);
    rd_kafka_poll_set_consumer(client_.get());
  }
  ~LogReader() { rd_kafka_consumer_close(client_.get()); }

  // Where each partition ends for this isolation.
  std::map<history::Partition, std::int64_t> ends() {
    std::map<history::Partition, std::int64_t> found;
    for_each_partition([&](history::Partition partition, const std::string& topic) {
      std::int64_t begin = 0;
      const auto error = rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), partition.index,
                                                          &begin, &found[partition], kFinalTimeoutMs);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw std::runtime_error(fmt::format("the end of {}: {}", topic, rd_kafka_err2str(error)));
    });
    return found;
  }

  std::map<history::Partition, std::vector<history::Entry>> read() {
    const PartitionList list(rd_kafka_topic_partition_list_new(1));
    std::set<history::Partition> unread;
    for_each_partition([&](history::Partition partition, const std::string& topic) {
      unread.insert(partition);
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition.index)->offset =
          RD_KAFKA_OFFSET_BEGINNING;
    });
    rd_kafka_assign(client_.get(), list.get());
    std::map<history::Partition, std::vector<history::Entry>> found;
    while (!unread.empty()) {
      rd_kafka_message_t* const message = rd_kafka_consumer_poll(client_.get(), kFinalTimeoutMs);
      if (message == nullptr) throw std::runtime_error("a partition is not read to its end");
      if (message->rkt != nullptr) {
        const history::Partition partition{
            .topic = workload_.number_of(rd_kafka_topic_name(message->rkt)),
            .index = message->partition};
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) found[partition].push_back(entry_of(*message));
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) unread.erase(partition);
      }
      rd_kafka_message_destroy(message);
    }
    return found;
  }

 private:
  static constexpr int kFinalTimeoutMs = 20'000;

  template <typename Visit>
  void for_each_partition(Visit visit) const {
    for (std::uint32_t topic = 0; topic < workload_.topics.size(); ++topic) {
      for (std::int32_t index = 0; index < workload_.partitions; ++index)
        visit(history::Partition{.topic = topic, .index = index}, workload_.topics[topic]);
    }
  }

  Workload& workload_;
  Kafka client_;
};

}  // namespace

void read_logs(Workload& workload) {
  LogReader all(workload, history::Isolation::kAll);
  LogReader committed(workload, history::Isolation::kCommitted);
  // The last transactions' ends may be on their way to some partitions; longer is a finding.
  for (int tries = 0; tries < 100 && committed.ends() != all.ends(); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  auto all_entries = all.read();
  auto committed_entries = committed.read();
  const auto stable_ends = committed.ends();
  for (const auto& [partition, end] : all.ends()) {
    workload.recorder.note_log(partition, {.all = std::move(all_entries[partition]),
                                           .committed = std::move(committed_entries[partition]),
                                           .stable_end = stable_ends.at(partition),
                                           .end = end});
  }
}

}  // namespace penstock::tests
