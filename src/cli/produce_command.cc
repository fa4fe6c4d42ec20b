#include "cli/produce_command.h"

#include <fcntl.h>

#include <cerrno>

#include "base/unit_text.h"
#include "cli/broker_options.h"
#include "cli/exit_code.h"
#include "cli/message_input.h"
#include "cli/name_value.h"
#include "cli/producer.h"
#include "cli/text.h"
#include "kafka/compression.h"
#include "server/config_values.h"

namespace penstock::cli {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kStandardInput = "-";
constexpr int kProduceTimeoutSeconds = 30;
constexpr std::uint64_t kLargestBatchBytes = 16 * kMiB;
// While messages are under way, so that the progress line moves.
constexpr milliseconds kLongestWait{500};

struct ProduceOptions {
  BrokerOptions broker{.timeout_seconds = kProduceTimeoutSeconds};
  std::string topic;
  std::string file{kStandardInput};
  std::string delimiter = "\\n";
  std::optional<std::string> key_delimiter;
  std::optional<std::string> null_value;
  std::vector<std::string> headers;  // NAME=VALUE
  std::optional<std::int32_t> partition;
  std::string acks = "all";
  std::string compression = "none";
  std::string batch_bytes = "256KiB";
  std::string linger = "5ms";
  bool is_idempotent = true;
};

Result<Acks> parse_acks(const std::string& text) {
  if (text == "all" || text == "-1") return Acks::kAll;
  if (text == "1") return Acks::kLeader;
  if (text == "0") return Acks::kNone;
  return fail(ErrorCode::kInvalidArgument, "'{}' is not one of all, 1, 0", text);
}

Result<std::uint64_t> parse_batch_bytes(const std::string& text) {
  auto size_bytes = parse_size(text);
  if (!size_bytes) return size_bytes;
  if (*size_bytes == 0 || *size_bytes > kLargestBatchBytes)
    return fail(ErrorCode::kInvalidArgument, "'{}' is not between 1 byte and 16MiB", text);
  return size_bytes;
}

Result<std::string> parse_delimiter(const std::string& text) {
  auto plain = unescape(text);
  if (plain && plain->empty())
    return fail(ErrorCode::kInvalidArgument, "a delimiter has at least one byte");
  return plain;
}

// For CLI11: an empty string when the text is right.
template <typename T>
std::function<std::string(const std::string&)> checked_by(Result<T> (*parse)(const std::string&)) {
  return [parse](const std::string& text) {
    const auto parsed = parse(text);
    return parsed ? "" : parsed.error().message();
  };
}
Result<Duration> parse_linger(const std::string& text) { return server::parse_duration(text); }
Result<kafka::Compression> parse_codec(const std::string& text) {
  return kafka::parse_compression(text);
}

std::vector<kafka::RecordHeaderView> to_headers(const std::vector<std::string>& texts) {
  std::vector<kafka::RecordHeaderView> headers;
  for (const std::string& text : texts) {
    const auto [name, value] = split_name_value(text);
    headers.push_back({as_bytes(name), as_bytes(value)});
  }
  return headers;
}

std::int64_t wall_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

// The whole life of one command.
class ProduceRun {
 public:
  ProduceRun(const ProduceOptions& options, Console& console)
      : options_(options), console_(console), headers_(to_headers(options.headers)) {}

  // Returns the exit code.
  int run() {
    if (auto done = produce(); !done) {
      console_.complain(done.error());
      return kFailed;
    }
    return exit_code_;
  }

 private:
  Result<void> produce() {
    const auto addresses = options_.broker.addresses();
    if (!addresses) return Unexpected(addresses.error());
    if (auto opened = open_input(); !opened) return opened;
    MessageInput input(input_options());
    KafkaCluster cluster(*addresses);
    auto producer = Producer::open(cluster, options_.topic, producer_options(), &interrupt_);
    if (!producer) return Unexpected(producer.error());
    if (options_.is_idempotent && options_.acks == "all" && !producer->is_idempotent())
      console_.note("the broker gives out no producer ids, so a message may arrive twice");
    if (::isatty(input_fd()) == 1) console_.note("one message per line; Ctrl-D ends");
    begun_ = SteadyClock::now();
    while (true) {
      if (auto taken = take_messages(input, *producer); !taken) input_error_ = taken.error();
      if (input.is_exhausted() || input_error_ || interrupt_.is_requested()) producer->finish();
      producer->step();
      const bool has_ended = input.is_exhausted() || input_error_ || interrupt_.is_requested();
      if ((has_ended || producer->failure()) && producer->is_idle()) break;
      if (auto waited = wait(input, *producer, has_ended); !waited) input_error_ = waited.error();
      show_progress(*producer);
    }
    return report(*producer);
  }

  Result<void> open_input() {
    if (options_.file == kStandardInput) return {};
    file_ = Descriptor(::open(options_.file.c_str(), O_RDONLY | O_CLOEXEC));
    if (file_.is_open()) return {};
    return Unexpected(Error::from_errno(errno, fmt::format("open {}", options_.file)));
  }
  int input_fd() const { return file_.is_open() ? file_.get() : STDIN_FILENO; }

  MessageInputOptions input_options() const {
    MessageInputOptions input{.delimiter = parse_delimiter(options_.delimiter).value(),
                              .null_value = options_.null_value};
    if (options_.key_delimiter) input.key_delimiter = parse_delimiter(*options_.key_delimiter).value();
    return input;
  }

  ProducerOptions producer_options() const {
    const Duration linger = server::parse_duration(options_.linger).value();
    const auto seed = SteadyClock::now().time_since_epoch().count();
    return {.acks = parse_acks(options_.acks).value(),
            .compression = kafka::parse_compression(options_.compression).value(),
            .batch_bytes = parse_batch_bytes(options_.batch_bytes).value(),
            .linger = std::chrono::duration_cast<milliseconds>(linger),
            .timeout = std::chrono::seconds(options_.broker.timeout_seconds),
            .partition = options_.partition,
            .is_idempotent = options_.is_idempotent,
            .seed = static_cast<std::uint64_t>(seed)};
  }

  // Gives the producer what has been read, as far as it has room.
  Result<void> take_messages(MessageInput& input, Producer& producer) {
    has_more_ = true;
    while (producer.has_room()) {
      const auto message = input.next();
      if (!message) return Unexpected(message.error());
      has_more_ = message->has_value();
      if (!has_more_) break;
      producer.add({.timestamp_ms = wall_clock_ms(),
                    .key = (*message)->key,
                    .value = (*message)->value,
                    .headers = headers_,
                    .line = (*message)->line});
    }
    return {};
  }

  // Until there is something to read, an answer, a signal, or something to be sent.
  Result<void> wait(MessageInput& input, const Producer& producer, bool has_ended) {
    const bool reads = !has_ended && !has_more_ && producer.has_room();
    std::vector<pollfd> poll_set = {{.fd = interrupt_.descriptor(), .events = POLLIN, .revents = 0},
                                    {.fd = reads ? input_fd() : -1, .events = POLLIN, .revents = 0}};
    producer.add_to(poll_set);
    auto patience = std::min(producer.next_step_in(), kLongestWait);
    if (!has_ended && has_more_ && producer.has_room()) patience = milliseconds(0);
    if (::poll(poll_set.data(), poll_set.size(), static_cast<int>(patience.count())) <= 0) return {};
    if (poll_set[0].revents != 0) {
      interrupt_.drain();
      say_what_is_left(producer);
    }
    if (poll_set[1].revents == 0) return {};
    const MutableBytes room = input.room();
    const ssize_t got = ::read(input_fd(), room.data(), room.size());
    if (got > 0) input.took(static_cast<std::size_t>(got));
    if (got == 0) input.end();
    if (got < 0 && errno != EINTR && errno != EAGAIN)
      return Unexpected(Error::from_errno(errno, fmt::format("read {}", input_name())));
    return {};
  }
  std::string input_name() const { return file_.is_open() ? options_.file : "standard input"; }

  void say_what_is_left(const Producer& producer) {
    const std::uint64_t left = producer.stats().added - producer.stats().acknowledged;
    if (left > 0 && !interrupt_.is_urgent())
      console_.complain(
          fmt::format("sending the last {}; Ctrl-C again drops them", count_of(left, "message")));
  }

  void show_progress(const Producer& producer) {
    const ProducerStats& stats = producer.stats();
    const std::uint64_t waiting = stats.added - stats.acknowledged;
    console_.progress(fmt::format("{}, {} under way", rate(stats), with_commas(waiting)));
  }

  // "1,234 messages (5.6 MiB) in 1.2 s: 1,028 messages/s, 4.7 MiB/s".
  std::string rate(const ProducerStats& stats) const {
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begun_).count();
    const auto per_second = [seconds](std::uint64_t count) {
      return static_cast<std::uint64_t>(static_cast<double>(count) / std::max(seconds, 0.001));
    };
    return fmt::format("{} ({}) in {:.2f} s: {} messages/s, {}/s",
                       count_of(stats.acknowledged, "message"), human_bytes(stats.bytes), seconds,
                       with_commas(per_second(stats.acknowledged)),
                       human_bytes(per_second(stats.bytes)));
  }

  Result<void> report(const Producer& producer) {
    const ProducerStats& stats = producer.stats();
    const bool is_dropped = stats.acknowledged < stats.added;
    if (producer.failure() || is_dropped || input_error_) {
      exit_code_ = interrupt_.is_urgent() ? interrupt_.exit_code() : kFailed;
      if (producer.failure()) console_.complain(*producer.failure());
      if (input_error_) console_.complain(*input_error_);
      console_.complain(what_is_certain(producer));
      return {};
    }
    if (stats.added == 0) {
      console_.print("no messages: there was no input\n");
      return {};
    }
    console_.print(
        "{} {}\n",
        options_.acks == "0" ? "sent, and nobody was asked whether they arrived:" : "acknowledged",
        rate(stats));
    return {};
  }

  static std::string what_is_certain(const Producer& producer) {
    const ProducerStats& stats = producer.stats();
    const std::string certain =
        fmt::format("{} of {} that were read were acknowledged", with_commas(stats.acknowledged),
                    count_of(stats.added, "message"));
    const auto first = producer.first_unacknowledged();
    return first ? fmt::format("{}; message {} is the first that was not", certain, *first) : certain;
  }

  using SteadyClock = std::chrono::steady_clock;

  const ProduceOptions& options_;
  Console& console_;
  Interrupt interrupt_;
  std::vector<kafka::RecordHeaderView> headers_;
  Descriptor file_;
  SteadyClock::time_point begun_{};
  bool has_more_ = false;  // messages were read that the producer had no room for
  std::optional<Error> input_error_;
  int exit_code_ = kSuccess;
};

void add_message_options(CLI::App& command, ProduceOptions& options) {
  command.add_option("--file", options.file, "Read this file; '-' is standard input")
      ->type_name("FILE")
      ->capture_default_str();
  command
      .add_option("--delimiter", options.delimiter,
                  "What ends a message; \\n, \\t, \\0, \\xHH are one byte each")
      ->type_name("TEXT")
      ->check(checked_by(parse_delimiter))
      ->capture_default_str();
  command
      .add_option("--key-delimiter", options.key_delimiter,
                  "What is in front of this is the message's key")
      ->type_name("TEXT")
      ->check(checked_by(parse_delimiter));
  command
      .add_option("--null-value", options.null_value,
                  "A value that is exactly this is sent as null (a tombstone)")
      ->type_name("TEXT");
  command
      .add_option("--header,-H", options.headers,
                  "A header of every message; may be given several times")
      ->type_name("NAME=VALUE")
      ->check(check_name_value);
  command
      .add_option("--partition", options.partition,
                  "For all messages; else keys decide, as with the Java client (murmur2)")
      ->type_name("N")
      ->check(CLI::Range(0, std::numeric_limits<std::int32_t>::max()).description(""));
}

void add_sending_options(CLI::App& command, ProduceOptions& options) {
  command
      .add_option("--acks", options.acks,
                  "Who has to have a message: all in-sync replicas, 1 (the leader), 0 (nobody)")
      ->type_name("all|1|0")
      ->check(checked_by(parse_acks))
      ->capture_default_str();
  command.add_option("--compression", options.compression, "How batches are compressed")
      ->type_name("none|gzip|snappy|lz4|zstd")
      ->check(checked_by(parse_codec))
      ->capture_default_str();
  command.add_option("--batch-bytes", options.batch_bytes, "A batch of so many bytes is sent")
      ->type_name("SIZE")
      ->check(checked_by(parse_batch_bytes))
      ->capture_default_str();
  command.add_option("--linger", options.linger, "How long a message waits for company in its batch")
      ->type_name("DURATION")
      ->check(checked_by(parse_linger))
      ->capture_default_str();
  command.add_flag_callback(
      "--no-idempotence", [&options] { options.is_idempotent = false; },
      "Do not number batches: for brokers that do not let this client");
}

}  // namespace

void add_produce_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& command =
      *app.add_subcommand("produce", "Send lines of standard input as messages, to any Kafka broker");
  auto options = std::make_shared<ProduceOptions>();
  command.footer(
      "Messages of a partition keep their order. What is sent again, because an acknowledgement was "
      "lost,\n"
      "is there once; but with --no-idempotence, or --acks 1, it may be there twice.\n\n"
      "Examples:\n"
      "  printf 'one\\ntwo\\n' | penstock produce orders\n"
      "  penstock produce orders --file orders.csv --key-delimiter , --compression zstd");
  command.add_option("TOPIC", options->topic, "The topic; the broker may create it")
      ->type_name("")
      ->required();
  options->broker.add_brokers_to(command);
  options->broker.add_timeout_to(command, "When a message that is not acknowledged is given up");
  add_message_options(command, *options);
  add_sending_options(command, *options);
  command.callback(
      [options, &console, &exit_code] { exit_code = ProduceRun(*options, console).run(); });
}

}  // namespace penstock::cli
