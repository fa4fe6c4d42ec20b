#include "cli/consume_command.h"

#include <algorithm>

#include "cli/broker_options.h"
#include "cli/consumer.h"
#include "cli/exit_code.h"
#include "cli/group_member.h"
#include "cli/message_format.h"
#include "cli/offset_choice.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

using std::chrono::milliseconds;

constexpr int kConsumeTimeoutSeconds = 30;
constexpr milliseconds kCommitInterval{5000};
// Between two looks at what else there is to do.
constexpr milliseconds kLongestWait{500};
// Output is written when so much has collected, and when there is nothing more to read at once.
constexpr std::size_t kOutputBytes = 64 * kKiB;

struct ConsumeOptions {
  BrokerOptions broker{.timeout_seconds = kConsumeTimeoutSeconds};
  std::string topic;
  std::string offset = "beginning";
  std::optional<std::int32_t> partition;
  std::optional<std::int64_t> count;
  bool follow = false;
  bool exit_at_end = false;
  std::string group;
  std::string format = "%s\\n";
  std::string isolation = "read-committed";

  // Without a word: a group and the end of a log are for waiting, anything else for looking.
  bool follows() const {
    if (follow || exit_at_end) return follow;
    return !group.empty() || offset == "end";
  }
};

Result<Isolation> parse_isolation(const std::string& text) {
  if (text == "read-committed") return Isolation::kReadCommitted;
  if (text == "read-uncommitted") return Isolation::kReadUncommitted;
  return fail(ErrorCode::kInvalidArgument, "'{}' is neither read-committed nor read-uncommitted", text);
}

// For CLI11: an empty string when the text is right.
template <typename T>
std::string check(const Result<T>& parsed) {
  return parsed ? "" : parsed.error().message();
}
std::string check_offset(const std::string& text) { return check(OffsetChoice::parse(text)); }
std::string check_format(const std::string& text) { return check(MessageFormat::parse(text)); }
std::string check_isolation(const std::string& text) { return check(parse_isolation(text)); }

// The whole life of one command.
class ConsumeRun {
 public:
  ConsumeRun(const ConsumeOptions& options, std::vector<server::Address> brokers, Console& console)
      : options_(options),
        console_(console),
        cluster_(std::move(brokers)),
        format_(MessageFormat::parse(options.format).value()),
        choice_(OffsetChoice::parse(options.offset).value()),
        isolation_(parse_isolation(options.isolation).value()),
        consumer_(cluster_, consumer_options(), &interrupt_) {}

  // Returns the exit code.
  int run() {
    begun_ = SteadyClock::now();
    Result<void> done = options_.group.empty() ? read_alone() : read_as_member();
    if (auto flushed = flush(); !flushed && done) done = flushed;
    if (member_) {
      if (auto left = leave(); !left && done) done = left;
    }
    if (is_output_gone_) return kFailed;  // quietly, as with every other command
    if (!done && !interrupt_.is_requested()) {
      console_.complain(done.error());
      return kFailed;
    }
    console_.note(rate());
    return interrupt_.is_urgent() ? interrupt_.exit_code() : static_cast<int>(kSuccess);
  }

 private:
  using SteadyClock = std::chrono::steady_clock;

  milliseconds timeout() const { return std::chrono::seconds(options_.broker.timeout_seconds); }
  Deadline deadline() const { return {timeout(), interrupt_, 1}; }

  ConsumerOptions consumer_options() {
    return {.topic = options_.topic,
            .isolation = isolation_,
            .timeout = timeout(),
            .ends_at_end = !options_.follows(),
            .warn = [this](const std::string& text) { console_.complain(text); }};
  }

  Result<void> read_alone() {
    auto topic = cluster_.topic(options_.topic, KafkaCluster::Missing::kRefused, deadline());
    if (!topic) return Unexpected(topic.error());
    KafkaCluster::Topic read = *topic;
    if (options_.partition) {
      std::erase_if(read.partitions, [this](const auto& partition) {
        return partition.partition_index != *options_.partition;
      });
    }
    if (read.partitions.empty()) {
      return fail(ErrorCode::kOutOfRange, "topic '{}' has no partition {}: it has {}, from 0 on",
                  options_.topic, *options_.partition, topic->partitions.size());
    }
    const auto positions = choose_offsets(cluster_, read, choice_, isolation_, deadline());
    if (!positions) return Unexpected(positions.error());
    if (auto assigned = consumer_.assign(*topic, *positions); !assigned) return assigned;
    while (true) {
      const Result<bool> goes_on = read_some();
      if (!goes_on) return Unexpected(goes_on.error());
      if (!*goes_on) return {};
    }
  }

  Result<void> read_as_member() {
    member_.emplace(
        cluster_,
        GroupMemberOptions{.group = options_.group, .topic = options_.topic, .timeout = timeout()},
        &interrupt_);
    // A topic that does not exist is found out before anybody else is disturbed.
    const auto topic = cluster_.topic(options_.topic, KafkaCluster::Missing::kRefused, deadline());
    if (!topic) return Unexpected(topic.error());
    is_member_ = false;
    while (true) {
      if (!is_member_) {
        if (auto joined = join(); !joined) return joined;
      }
      const Result<bool> goes_on = read_some();
      if (!goes_on) return Unexpected(goes_on.error());
      if (!*goes_on) return {};
      if (auto alive = keep_alive(); !alive) return alive;
      if (!is_member_ || SteadyClock::now() >= next_commit_) {
        if (auto committed = commit(); !committed) return committed;
      }
    }
  }

  Result<void> join() {
    console_.progress(fmt::format("waiting for the other members of group '{}'", options_.group));
    const auto partitions = member_->join();
    if (!partitions) return Unexpected(partitions.error());
    is_member_ = true;
    auto topic = cluster_.topic(options_.topic, KafkaCluster::Missing::kRefused, deadline());
    if (!topic) return Unexpected(topic.error());
    auto positions = member_->committed(*partitions);
    if (!positions) return Unexpected(positions.error());
    KafkaCluster::Topic fresh = *topic;
    std::erase_if(fresh.partitions, [&](const auto& partition) {
      return positions->contains(partition.partition_index) ||
             std::ranges::find(*partitions, partition.partition_index) == partitions->end();
    });
    if (!fresh.partitions.empty()) {
      const auto chosen = choose_offsets(cluster_, fresh, choice_, isolation_, deadline());
      if (!chosen) return Unexpected(chosen.error());
      positions->insert(chosen->begin(), chosen->end());
    }
    if (auto assigned = consumer_.assign(*topic, *positions); !assigned) return assigned;
    written_ = *positions;
    committed_ = *positions;
    next_commit_ = SteadyClock::now() + kCommitInterval;
    console_.note(
        partitions->empty()
            ? fmt::format("member of group '{}'; there are no partitions left for it", options_.group)
            : fmt::format("member of group '{}', with partitions {}", options_.group,
                          fmt::join(*partitions, ", ")));
    return {};
  }

  // False at the end of what there is to do.
  Result<bool> read_some() {
    if (options_.count == 0) return false;
    const auto patience = member_ ? std::min(kLongestWait, member_->keep_alive_in()) : kLongestWait;
    Result<bool> goes_on =
        consumer_.poll(patience, [this](std::int32_t partition, const kafka::RecordView& record) {
          return show(partition, record);
        });
    if (!goes_on) return goes_on;
    if (auto flushed = flush(); !flushed) return Unexpected(flushed.error());
    if (!console_.writes_to_terminal()) console_.progress(rate());
    return *goes_on && !consumer_.is_at_end();
  }

  Result<bool> show(std::int32_t partition, const kafka::RecordView& record) {
    if (output_.size() >= kOutputBytes) {
      if (auto flushed = flush(); !flushed) return Unexpected(flushed.error());
    }
    const std::size_t before = output_.size();
    format_.append(output_, options_.topic, partition, record);
    ++shown_;
    shown_bytes_ += output_.size() - before;
    return !options_.count || std::cmp_less(shown_, *options_.count);
  }

  // Writes what has collected. While nobody takes it, signals and the group are not forgotten.
  Result<void> flush() {
    std::string_view left = output_;
    while (!left.empty()) {
      const auto patience = member_ ? std::min(kLongestWait, member_->keep_alive_in()) : kLongestWait;
      const auto written = console_.write_some(left, patience);
      if (!written) {
        is_output_gone_ = written.error().code() == ErrorCode::kClosed;
        output_.clear();  // not to be tried again
        return Unexpected(written.error());
      }
      left.remove_prefix(*written);
      if (auto alive = keep_alive(); !alive) {
        output_.erase(0, output_.size() - left.size());
        return alive;
      }
      if (*written == 0 && interrupt_.is_requested()) {
        output_.clear();
        return fail(ErrorCode::kClosed, "interrupted while nobody took the output");
      }
    }
    output_.clear();
    written_ = consumer_.positions();
    return {};
  }

  Result<void> keep_alive() {
    if (!member_ || !is_member_) return {};
    const Result<bool> alive = member_->keep_alive();
    is_member_ = alive && *alive;
    if (!alive) return Unexpected(alive.error());
    return {};
  }

  // What has been written, and not what has only been read.
  Result<void> commit() {
    PartitionPositions news;
    for (const auto& [partition, offset] : written_) {
      if (committed_[partition] != offset) news[partition] = offset;
    }
    next_commit_ = SteadyClock::now() + kCommitInterval;
    const Result<bool> committed = member_->commit(news);
    if (!committed) return Unexpected(committed.error());
    if (*committed) {
      committed_ = written_;
    } else {
      is_member_ = false;
    }
    return {};
  }

  Result<void> leave() {
    Result<void> committed = commit();
    const Result<void> left = member_->leave();
    return committed ? left : committed;
  }

  std::string rate() const {
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begun_).count();
    return fmt::format("{} ({}) in {:.1f} s", count_of(shown_, "message"), human_bytes(shown_bytes_),
                       seconds);
  }

  const ConsumeOptions& options_;
  Console& console_;
  Interrupt interrupt_;
  KafkaCluster cluster_;
  MessageFormat format_;
  OffsetChoice choice_;
  Isolation isolation_;
  Consumer consumer_;
  std::optional<GroupMember> member_;
  bool is_member_ = false;        // of the generation in which it has its partitions
  PartitionPositions written_;    // behind what has reached the output
  PartitionPositions committed_;  // what the group knows of that
  SteadyClock::time_point begun_{};
  SteadyClock::time_point next_commit_{};
  std::string output_;
  bool is_output_gone_ = false;
  std::uint64_t shown_ = 0;
  std::uint64_t shown_bytes_ = 0;
};

int consume(const ConsumeOptions& options, Console& console) {
  auto brokers = options.broker.addresses();
  if (brokers) return ConsumeRun(options, std::move(*brokers), console).run();
  console.complain(brokers.error());
  return kFailed;
}

void add_range_options(CLI::App& command, ConsumeOptions& options) {
  command
      .add_option("--offset", options.offset,
                  "Where to begin: an offset, -N for the last N of each partition, a time in UTC. With "
                  "--group: where "
                  "nothing is committed")
      ->type_name("beginning|end|N|-N|2026-11-29T08:00:00Z|@MILLISECONDS")
      ->check(check_offset)
      ->capture_default_str();
  CLI::Option* partition =
      command.add_option("--partition", options.partition, "Only this one")
          ->type_name("N")
          ->check(CLI::Range(0, std::numeric_limits<std::int32_t>::max()).description(""));
  command.add_option("--count", options.count, "End after so many messages")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()).description(""));
  CLI::Option* follow =
      command.add_flag("--follow", options.follow,
                       "Wait for more at the end; the default with --group and with --offset end");
  command
      .add_flag("--exit-at-end", options.exit_at_end,
                "End when what is there now has been read; the default else")
      ->excludes(follow);
  command
      .add_option("--group", options.group,
                  "As a member of this consumer group: shares the partitions with the other members, "
                  "and commits what "
                  "was written")
      ->type_name("NAME")
      ->check([](const std::string& name) { return name.empty() ? "the group's name is empty" : ""; })
      ->excludes(partition);
}

void add_output_options(CLI::App& command, ConsumeOptions& options) {
  command
      .add_option(
          "--format", options.format,
          "'json' for JSON lines, or text with %s value, %k key, %S and %K their sizes, %t topic, %p "
          "partition, %o offset, %T timestamp in ms, %h headers, \\n, \\t, \\xHH")
      ->type_name("TEXT")
      ->check(check_format)
      ->capture_default_str();
  command
      .add_option("--isolation", options.isolation,
                  "Whether messages of transactions that are open or aborted are shown")
      ->type_name("read-committed|read-uncommitted")
      ->check(check_isolation)
      ->capture_default_str();
}

}  // namespace

void add_consume_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& command =
      *app.add_subcommand("consume", "Print the messages of a topic, of any Kafka broker");
  auto options = std::make_shared<ConsumeOptions>();
  command.footer(
      "Ctrl-C ends it; a member of a group commits what was written, and leaves.\n\n"
      "Examples:\n"
      "  penstock consume orders\n"
      "  penstock consume orders --offset -10 --follow --format '%p/%o %k: %s\\n'\n"
      "  penstock consume orders --group billing --format json | ./bill");
  command.add_option("TOPIC", options->topic, "The topic")->type_name("")->required();
  options->broker.add_brokers_to(command);
  options->broker.add_timeout_to(command, "When to give up brokers that do not answer");
  add_range_options(command, *options);
  add_output_options(command, *options);
  command.callback([options, &console, &exit_code] { exit_code = consume(*options, console); });
}

}  // namespace penstock::cli
