#include "history_record.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace penstock::tests {
namespace {

using history::History;

// Values that are absent.
constexpr std::int64_t kNone = -1;

std::int64_t or_none(const std::optional<std::uint64_t>& value) {
  return value ? static_cast<std::int64_t>(*value) : kNone;
}
std::optional<std::uint64_t> unless_none(std::int64_t value) {
  return value == kNone ? std::nullopt : std::optional(static_cast<std::uint64_t>(value));
}

// A name is two numbers, and "- 0" where nobody has sent the bytes.
std::string text_of(const std::optional<history::Name>& name) {
  return name ? fmt::format("{} {}", name->producer, name->number) : std::string("- 0");
}
std::string text_of(history::Partition partition) {
  return fmt::format("{} {}", partition.topic, partition.index);
}

// The words of one line, each of which has to be there.
class Words {
 public:
  explicit Words(const std::string& line) : line_(line), words_(line) {}

  template <typename Value>
  Value next() {
    Value value{};
    if (!(words_ >> value)) fail();
    return value;
  }
  history::Partition partition() {
    const auto topic = next<std::uint32_t>();
    return {.topic = topic, .index = next<std::int32_t>()};
  }
  std::optional<history::Name> name() {
    const auto producer = next<std::string>();
    const auto number = next<std::uint64_t>();
    if (producer == "-") return std::nullopt;
    return history::Name{static_cast<std::uint32_t>(std::stoul(producer)), number};
  }
  std::string rest() {
    std::string text;
    std::getline(words_ >> std::ws, text);
    return text;
  }
  [[noreturn]] void fail() const {
    throw std::runtime_error(fmt::format("no line of a history: \"{}\"", line_));
  }

 private:
  const std::string& line_;
  std::istringstream words_;
};

void add_sent(History& found, Words& words) {
  const auto name = words.name();
  history::Write write{.partition = words.partition()};
  write.transaction = unless_none(words.next<std::int64_t>());
  const history::Place source{words.partition(), words.next<std::int64_t>()};
  if (source.offset != kNone) write.source = source;
  if (!name || !found.writes.emplace(*name, write).second) words.fail();
}

void add_fate(History& found, Words& words) {
  history::Transaction& transaction = found.transactions[words.next<std::uint64_t>()];
  const auto fate = static_cast<history::Fate>(words.next<int>());
  const auto at = words.next<std::uint64_t>();
  // What was aborted remains so, whatever its producer asks for later.
  if (transaction.fate == history::Fate::kAborted) {
    transaction.is_contradictory |= fate == history::Fate::kCommitted;
    return;
  }
  transaction.fate = fate;
  transaction.ended = at;
}

void add_reading(History& found, Words& words) {
  if (words.next<std::size_t>() != found.readings.size()) words.fail();
  history::Reading& reading = found.readings.emplace_back();
  reading.isolation = static_cast<history::Isolation>(words.next<int>());
  reading.partition = words.partition();
  reading.reader = words.next<std::string>();
  reading.group = words.rest();
}

void add_commit(History& found, Words& words) {
  history::OffsetCommit& commit = found.commits.emplace_back();
  commit.group = words.next<std::string>();
  commit.partition = words.partition();
  commit.offset = words.next<std::int64_t>();
  commit.began = words.next<std::uint64_t>();
  commit.ended = words.next<std::uint64_t>();
  commit.is_answered = words.next<bool>();
  commit.transaction = unless_none(words.next<std::int64_t>());
}

void add_sight(History& found, Words& words) {
  history::OffsetSight& sight = found.sights.emplace_back();
  sight.group = words.next<std::string>();
  sight.partition = words.partition();
  sight.offset = words.next<std::int64_t>();
  sight.began = words.next<std::uint64_t>();
  sight.ended = words.next<std::uint64_t>();
}

void add_line(History& found, const std::string& line) {
  Words words(line);
  const auto kind = words.next<std::string>();
  if (kind == "sent") return add_sent(found, words);
  if (kind == "fate") return add_fate(found, words);
  if (kind == "reading") return add_reading(found, words);
  if (kind == "commit") return add_commit(found, words);
  if (kind == "sight") return add_sight(found, words);
  if (kind == "ack") {
    const auto write = found.writes.find(words.name().value_or(history::Name{}));
    if (write == found.writes.end()) words.fail();
    write->second.offset = words.next<std::int64_t>();
  } else if (kind == "read") {
    const auto reading = words.next<std::size_t>();
    if (reading >= found.readings.size()) words.fail();
    const auto offset = words.next<std::int64_t>();
    found.readings[reading].entries.push_back({offset, words.name()});
  } else if (kind == "all" || kind == "committed") {
    history::Log& log = found.logs[words.partition()];
    const auto offset = words.next<std::int64_t>();
    (kind == "all" ? log.all : log.committed).push_back({offset, words.name()});
  } else if (kind == "ends") {
    history::Log& log = found.logs[words.partition()];
    log.stable_end = words.next<std::int64_t>();
    log.end = words.next<std::int64_t>();
  } else if (kind == "pipeline") {
    found.pipeline = words.rest();
  } else if (kind == "complaint") {
    found.complaints.push_back(words.rest());
  } else {
    words.fail();
  }
}

}  // namespace

HistoryRecorder::HistoryRecorder(const std::string& path) : file_(std::fopen(path.c_str(), "w")) {
  if (file_ == nullptr) throw std::runtime_error(fmt::format("cannot write {}", path));
  std::setvbuf(file_.get(), nullptr, _IOLBF, BUFSIZ);
}

void HistoryRecorder::write_line(std::string line) {
  line += '\n';
  const std::lock_guard lock(mutex_);
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size())
    throw std::runtime_error("cannot write the history");
}

void HistoryRecorder::note_sent(history::Name name, const history::Write& write) {
  const history::Place source = write.source.value_or(history::Place{{}, kNone});
  add("sent {} {} {} {} {}", text_of(name), text_of(write.partition), or_none(write.transaction),
      text_of(source.partition), source.offset);
}

void HistoryRecorder::note_acknowledged(history::Name name, std::int64_t offset) {
  add("ack {} {}", text_of(name), offset);
}

std::uint64_t HistoryRecorder::begin_transaction() {
  const std::uint64_t number = next_transaction_++;
  note_fate(number, history::Fate::kOpen);
  return number;
}

void HistoryRecorder::note_fate(std::uint64_t transaction, history::Fate fate) {
  add("fate {} {} {}", transaction, static_cast<int>(fate), tick());
}

std::uint64_t HistoryRecorder::begin_reading(const std::string& reader, const std::string& group,
                                             history::Isolation isolation,
                                             history::Partition partition) {
  // Numbers stand in the file in their order.
  const std::lock_guard lock(readings_mutex_);
  const std::uint64_t number = next_reading_++;
  add("reading {} {} {} {} {}", number, static_cast<int>(isolation), text_of(partition), reader, group);
  return number;
}

void HistoryRecorder::note_read(std::uint64_t reading, const history::Entry& entry) {
  add("read {} {} {}", reading, entry.offset, text_of(entry.message));
}

void HistoryRecorder::note_commit(const history::OffsetCommit& commit) {
  add("commit {} {} {} {} {} {} {}", commit.group, text_of(commit.partition), commit.offset,
      commit.began, commit.ended, commit.is_answered ? 1 : 0, or_none(commit.transaction));
}

void HistoryRecorder::note_sight(const history::OffsetSight& sight) {
  add("sight {} {} {} {} {}", sight.group, text_of(sight.partition), sight.offset, sight.began,
      sight.ended);
}

void HistoryRecorder::note_log(history::Partition partition, const history::Log& log) {
  for (const history::Entry& entry : log.all)
    add("all {} {} {}", text_of(partition), entry.offset, text_of(entry.message));
  for (const history::Entry& entry : log.committed)
    add("committed {} {} {}", text_of(partition), entry.offset, text_of(entry.message));
  add("ends {} {} {}", text_of(partition), log.stable_end, log.end);
}

history::History read_history(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(fmt::format("cannot read {}", path));
  History found;
  std::string line;
  while (std::getline(file, line)) add_line(found, line);
  return found;
}

}  // namespace penstock::tests
