#include "cli/topic_command.h"

#include <nlohmann/json.hpp>

#include "cli/admin_client.h"
#include "cli/broker_options.h"
#include "cli/exit_code.h"
#include "cli/name_value.h"
#include "cli/text.h"
#include "cli/topic_change_command.h"
#include "server/config_values.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;
using Metadata = KafkaClient::Metadata;

constexpr int kMaxPartitions = 100'000;
// Reading what a partition holds takes a while.
constexpr int kReopenTimeoutSeconds = 300;

struct TopicOptions {
  BrokerOptions broker;
  std::string admin = "127.0.0.1:9644";
  std::string name;
  std::int32_t partitions = KafkaClient::kBrokersDefault;
  std::vector<std::string> settings;  // NAME=VALUE
  std::int32_t partition = kAllPartitions;
  std::string below;  // an offset, or kEnd
  bool json = false;

  static constexpr std::int32_t kAllPartitions = -1;
  static constexpr std::string_view kEnd = "end";
};

std::string topic_id(const Metadata::Topic& topic) {
  return topic.topic_id.is_zero() ? "" : to_hex(topic.topic_id.bytes);
}

std::string joined(const std::vector<std::int32_t>& numbers) {
  return fmt::format("{}", fmt::join(numbers, ","));
}

// For CLI11: an empty string when the text is right.
std::string check_address(const std::string& text) {
  const auto address = server::parse_address(text);
  return address ? "" : address.error().message();
}

std::string check_below(const std::string& text) {
  if (text == TopicOptions::kEnd) return "";
  const auto offset = server::parse_count(text);
  return offset && *offset >= 0 ? "" : fmt::format("'{}' is neither an offset nor 'end'", text);
}

Result<void> create(const TopicOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  KafkaClient::TopicSettings settings;
  for (const std::string& setting : options.settings) {
    const auto [name, value] = split_name_value(setting);
    if (!settings.emplace(name, value).second)
      return fail(ErrorCode::kInvalidArgument, "{} is set twice: name it once", name);
  }
  const auto partitions = client->create_topic(options.name, options.partitions, settings);
  if (!partitions) return Unexpected(partitions.error());
  if (*partitions == KafkaClient::kBrokersDefault) {
    console.print("created topic '{}'\n", options.name);
  } else {
    console.print("created topic '{}' with {}\n", options.name,
                  count_of(static_cast<std::uint64_t>(*partitions), "partition"));
  }
  return {};
}

Result<void> remove(const TopicOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  if (auto deleted = client->delete_topic(options.name); !deleted) return deleted;
  console.print("deleted topic '{}'\n", options.name);
  return {};
}

Result<void> delete_records(const TopicOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  auto topic = client->topic(options.name);
  if (!topic) return Unexpected(topic.error());
  if (options.partition != TopicOptions::kAllPartitions) {
    std::erase_if(topic->partitions, [&](const Metadata::Partition& partition) {
      return partition.partition_index != options.partition;
    });
    if (topic->partitions.empty()) {
      return fail(ErrorCode::kNotFound, "topic '{}' has no partition {}", options.name,
                  options.partition);
    }
  }
  Offset below = kafka::kDeleteUpToHighWatermark;
  if (options.below != TopicOptions::kEnd) below = Offset{*server::parse_count(options.below)};
  const auto starts = client->delete_records(*topic, below);
  if (!starts) return Unexpected(starts.error());
  std::optional<Error> first_error;
  for (const PartitionStart& start : *starts) {
    if (start.error) {
      console.complain(start.error->context(fmt::format("partition {}", start.partition)));
      if (!first_error) first_error = start.error;
    } else {
      console.print("partition {} starts at offset {}\n", start.partition, start.start);
    }
  }
  if (first_error) {
    return fail(first_error->code(), "not every partition of topic '{}' did what was asked",
                options.name);
  }
  return {};
}

Result<void> purge(const TopicOptions& options, Console& console) {
  TopicOptions everything = options;
  everything.partition = TopicOptions::kAllPartitions;
  everything.below = TopicOptions::kEnd;
  return delete_records(everything, console);
}

Result<void> reopen(const TopicOptions& options, Console& console) {
  const auto admin = server::parse_address(options.admin);
  if (!admin) return Unexpected(admin.error());
  std::optional<std::int32_t> partition;
  if (options.partition != TopicOptions::kAllPartitions) partition = options.partition;
  const auto told = reopen_topic(*admin, options.name, partition,
                                 Deadline(std::chrono::seconds(options.broker.timeout_seconds)));
  if (!told) return Unexpected(told.error());
  console.write(*told);
  return {};
}

Result<void> list(const TopicOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  auto metadata = client->all_topics();
  if (!metadata) return Unexpected(metadata.error());
  auto& topics = metadata->topics;
  std::ranges::sort(topics, {}, &Metadata::Topic::name);
  if (options.json) {
    Json json = Json::array();
    for (const auto& topic : topics) {
      json.push_back({{"name", topic.name.value_or("")},
                      {"id", topic_id(topic)},
                      {"partitions", topic.partitions.size()},
                      {"internal", topic.is_internal}});
    }
    console.print("{}\n", json.dump(2));
    return {};
  }
  if (topics.empty()) {
    console.print("no topics; `penstock topic create NAME` makes one\n");
    return {};
  }
  Table table({{"TOPIC", Table::Align::kLeft}, {"PARTITIONS", Table::Align::kRight}});
  for (const auto& topic : topics) {
    table.add({topic.name.value_or(""), std::to_string(topic.partitions.size())});
  }
  console.write(table.to_string());
  return {};
}

Json describe_as_json(const Metadata::Topic& topic, const std::vector<PartitionOffsets>& offsets) {
  Json json = {
      {"name", topic.name.value_or("")}, {"id", topic_id(topic)}, {"internal", topic.is_internal}};
  Json& partitions = json["partitions"] = Json::array();
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const Metadata::Partition& partition = topic.partitions[i];
    Json row = {{"partition", partition.partition_index},
                {"leader", partition.leader_id},
                {"leader_epoch", partition.leader_epoch},
                {"replicas", partition.replica_nodes},
                {"in_sync", partition.isr_nodes}};
    if (offsets[i].error) {
      row["error"] = offsets[i].error->message();
    } else {
      row["earliest"] = offsets[i].earliest.value;
      row["latest"] = offsets[i].latest.value;
    }
    partitions.push_back(std::move(row));
  }
  return json;
}

void describe_as_table(const Metadata::Topic& topic, const std::vector<PartitionOffsets>& offsets,
                       Console& console) {
  console.print("topic       {}\n", topic.name.value_or(""));
  if (!topic.topic_id.is_zero()) console.print("id          {}\n", topic_id(topic));
  console.print("partitions  {}\n\n", topic.partitions.size());
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"PARTITION", kRight},
               {"LEADER", kRight},
               {"REPLICAS", kRight},
               {"IN SYNC", kRight},
               {"EARLIEST", kRight},
               {"LATEST", kRight}});
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const Metadata::Partition& partition = topic.partitions[i];
    const bool known = !offsets[i].error;
    table.add({std::to_string(partition.partition_index),
               partition.leader_id < 0 ? "none" : std::to_string(partition.leader_id),
               joined(partition.replica_nodes), joined(partition.isr_nodes),
               known ? fmt::format("{}", offsets[i].earliest) : "?",
               known ? fmt::format("{}", offsets[i].latest) : "?"});
  }
  console.write(table.to_string());
}

Result<void> describe(const TopicOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  const auto topic = client->topic(options.name);
  if (!topic) return Unexpected(topic.error());
  const auto offsets = client->offsets(*topic);
  if (!offsets) return Unexpected(offsets.error());
  if (options.json) {
    console.print("{}\n", describe_as_json(*topic, *offsets).dump(2));
  } else {
    describe_as_table(*topic, *offsets, console);
  }
  for (const PartitionOffsets& partition : *offsets) {
    if (!partition.error) continue;
    return Unexpected(partition.error->context(fmt::format("partition {}", partition.partition)));
  }
  return {};
}

// One of the subcommands, with what it does.
class TopicCommand {
 public:
  using Action = Result<void> (*)(const TopicOptions&, Console&);

  enum class Asks { kBrokers, kAdminPort };

  TopicCommand(CLI::App& parent, const char* name, const char* description, const char* example,
               Asks asks = Asks::kBrokers)
      : app_(*parent.add_subcommand(name, description)), options_(std::make_shared<TopicOptions>()) {
    app_.footer(fmt::format("Example:\n  penstock topic {}", example));
    if (asks == Asks::kAdminPort) {
      add_admin_option();
    } else {
      options_->broker.add_brokers_to(app_);
    }
    options_->broker.add_timeout_to(app_);
  }

 private:
  void add_admin_option() {
    options_->broker.timeout_seconds = kReopenTimeoutSeconds;
    app_.add_option("--admin", options_->admin, "The server's admin port (its setting admin.listen)")
        ->envname("PENSTOCK_ADMIN")
        ->type_name("HOST:PORT")
        ->check(check_address)
        ->capture_default_str();
  }

 public:
  TopicCommand& with_name() {
    app_.add_option("NAME", options_->name, "The topic")->type_name("")->required();
    return *this;
  }
  TopicCommand& with_partitions() {
    app_.add_option("--partitions", options_->partitions, "How many; else the broker's default")
        ->type_name("N")
        ->check(CLI::Range(1, kMaxPartitions).description(""));
    return *this;
  }
  TopicCommand& with_settings() {
    app_.add_option(
            "--config,--set", options_->settings,
            "A topic setting by Kafka's name, for example retention.ms=86400000; again for more")
        ->type_name("NAME=VALUE")
        ->check(check_name_value);
    return *this;
  }
  TopicCommand& with_partition() {
    app_.add_option("--partition", options_->partition, "Only this one; else all of them")
        ->type_name("N")
        ->check(CLI::Range(0, kMaxPartitions).description(""));
    return *this;
  }
  TopicCommand& with_partition_word() {
    app_.add_option("PARTITION", options_->partition, "Only this one; else all that need it")
        ->type_name("")
        ->check(CLI::Range(0, kMaxPartitions).description(""));
    return *this;
  }
  TopicCommand& with_below() {
    app_.add_option("--below", options_->below,
                    "The first offset to keep, or 'end' to delete all that consumers can see")
        ->type_name("OFFSET|end")
        ->required()
        ->check(check_below);
    return *this;
  }
  TopicCommand& with_json() {
    app_.add_flag("--json", options_->json, "Print JSON");
    return *this;
  }
  void does(Action action, Console& console, int& exit_code) {
    app_.callback([action, options = options_, &console, &exit_code] {
      const Result<void> done = action(*options, console);
      if (done) return;
      console.complain(done.error());
      exit_code = kFailed;
    });
  }

 private:
  CLI::App& app_;
  std::shared_ptr<TopicOptions> options_;
};

}  // namespace

void add_topic_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& topic = *app.add_subcommand(
      "topic", "Create, list, describe, change and delete topics, at any Kafka broker");
  topic.require_subcommand(1);
  topic.footer("Example:\n  penstock topic list --brokers 127.0.0.1:9092");
  TopicCommand(topic, "create", "Create a topic", "create orders --partitions 4")
      .with_name()
      .with_partitions()
      .with_settings()
      .does(create, console, exit_code);
  TopicCommand(topic, "list", "List all topics", "list --json")
      .with_json()
      .does(list, console, exit_code);
  TopicCommand(topic, "describe", "Show a topic's partitions, their leaders and offsets",
               "describe orders")
      .with_name()
      .with_json()
      .does(describe, console, exit_code);
  add_topic_change_commands(topic, console, exit_code);
  TopicCommand(topic, "delete-records",
               "Delete the oldest messages of a topic, for good; nobody is asked again",
               "delete-records orders --partition 2 --below 41000")
      .with_name()
      .with_partition()
      .with_below()
      .does(delete_records, console, exit_code);
  TopicCommand(topic, "purge",
               "Delete all messages of a topic, for good, and keep the topic; nobody is asked again",
               "purge orders")
      .with_name()
      .does(purge, console, exit_code);
  TopicCommand(topic, "reopen",
               "Verify partitions that refuse appends after a failed write, and open them again; asks "
               "a Penstock server's admin port",
               "reopen orders 2 --admin 127.0.0.1:9644", TopicCommand::Asks::kAdminPort)
      .with_name()
      .with_partition_word()
      .does(reopen, console, exit_code);
  TopicCommand(topic, "delete", "Delete a topic and all of its messages; nobody is asked again",
               "delete orders --brokers 10.0.0.7:9092")
      .with_name()
      .does(remove, console, exit_code);
}

}  // namespace penstock::cli
