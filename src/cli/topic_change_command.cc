#include "cli/topic_change_command.h"

#include <nlohmann/json.hpp>

#include "cli/broker_options.h"
#include "cli/exit_code.h"
#include "cli/name_value.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxPartitions = 100'000;

struct ChangeOptions {
  BrokerOptions broker;
  std::string name;
  std::vector<std::string> set;    // NAME=VALUE
  std::vector<std::string> unset;  // NAME
  std::int32_t partitions = 0;
  bool json = false;
};

// For CLI11: an empty string when the text is right.
std::string check_name(const std::string& text) {
  return text.empty() || text.contains('=') ? fmt::format("'{}' is not a setting's name", text) : "";
}

Result<KafkaClient::TopicEdits> read_edits(const ChangeOptions& options) {
  KafkaClient::TopicEdits edits;
  const auto add = [&edits](const std::string& name, std::optional<std::string> value) -> Result<void> {
    if (!edits.emplace(name, std::move(value)).second)
      return fail(ErrorCode::kInvalidArgument, "{} is to be changed twice: name it once", name);
    return {};
  };
  for (const std::string& setting : options.set) {
    const auto [name, value] = split_name_value(setting);
    if (auto added = add(std::string(name), std::string(value)); !added)
      return Unexpected(added.error());
  }
  for (const std::string& name : options.unset)
    if (auto added = add(name, std::nullopt); !added) return Unexpected(added.error());
  return edits;
}

void show_as_json(const std::vector<TopicSetting>& settings, Console& console) {
  Json json = Json::array();
  for (const TopicSetting& setting : settings) {
    json.push_back({{"name", setting.name},
                    {"value", setting.value ? Json(*setting.value) : Json()},
                    {"source", setting.is_topics_own ? "topic" : "broker"},
                    {"documentation", setting.documentation}});
  }
  console.print("{}\n", json.dump(2));
}

void show_as_table(const std::vector<TopicSetting>& settings, Console& console) {
  constexpr auto kLeft = Table::Align::kLeft;
  Table table({{"SETTING", kLeft}, {"VALUE", kLeft}, {"FROM", kLeft}});
  for (const TopicSetting& setting : settings) {
    table.add(
        {setting.name, setting.value.value_or("(hidden)"), setting.is_topics_own ? "topic" : "broker"});
  }
  console.write(table.to_string());
}

Result<void> config(const ChangeOptions& options, Console& console) {
  const auto edits = read_edits(options);
  if (!edits) return Unexpected(edits.error());
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  if (!edits->empty()) {
    if (auto changed = client->change_topic_settings(options.name, *edits); !changed) return changed;
  }
  auto settings = client->topic_settings(options.name);
  if (!settings) return Unexpected(settings.error());
  if (options.json) {
    show_as_json(*settings, console);
  } else if (edits->empty()) {
    show_as_table(*settings, console);
  } else {
    // What is the topic's own now, and what was changed.
    std::erase_if(*settings, [&edits](const TopicSetting& setting) {
      return !setting.is_topics_own && !edits->contains(setting.name);
    });
    console.print("changed topic '{}':\n", options.name);
    show_as_table(*settings, console);
  }
  return {};
}

Result<void> add_partitions(const ChangeOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  const auto topic = client->topic(options.name);
  if (!topic) return Unexpected(topic.error());
  const auto before = static_cast<std::int32_t>(topic->partitions.size());
  if (options.partitions <= before) {
    return fail(ErrorCode::kInvalidArgument,
                "topic '{}' has {} already, and partitions can only be added: ask for more than that "
                "with --partitions",
                options.name, count_of(static_cast<std::uint64_t>(before), "partition"));
  }
  if (auto added = client->set_partition_count(options.name, options.partitions); !added) return added;
  console.print(
      "topic '{}' has {} now, {} more; messages with a key may go to another one than before\n",
      options.name, count_of(static_cast<std::uint64_t>(options.partitions), "partition"),
      options.partitions - before);
  return {};
}

using Action = Result<void> (*)(const ChangeOptions&, Console&);

struct Described {
  const char* name;
  const char* description;
  const char* footer;
  Action action;
};

CLI::App& add_command(CLI::App& topic, const Described& described,
                      const std::shared_ptr<ChangeOptions>& options, Console& console, int& exit_code) {
  CLI::App& command = *topic.add_subcommand(described.name, described.description);
  command.footer(described.footer);
  options->broker.add_brokers_to(command);
  options->broker.add_timeout_to(command);
  command.add_option("NAME", options->name, "The topic")->type_name("")->required();
  command.callback([options, action = described.action, &console, &exit_code] {
    const Result<void> done = action(*options, console);
    if (done) return;
    console.complain(done.error());
    exit_code = kFailed;
  });
  return command;
}

}  // namespace

void add_topic_change_commands(CLI::App& topic, Console& console, int& exit_code) {
  const auto config_options = std::make_shared<ChangeOptions>();
  const Described config_command{
      .name = "config",
      .description = "Show a topic's settings, or change them",
      .footer =
          "Changes hold at once, on partitions that are being written, too; all of them or none. "
          "docs/topic_settings.md tells what a Penstock server knows.\n\nExamples:\n"
          "  penstock topic config orders\n"
          "  penstock topic config orders --set retention.ms=86400000 --unset retention.bytes",
      .action = config};
  CLI::App& settings = add_command(topic, config_command, config_options, console, exit_code);
  settings.add_option("--set", config_options->set, "A setting's new value; again for more")
      ->type_name("NAME=VALUE")
      ->check(check_name_value);
  settings
      .add_option("--unset", config_options->unset,
                  "A setting that is to follow the broker's again; again for more")
      ->type_name("NAME")
      ->check(check_name);
  settings.add_flag("--json", config_options->json, "Print JSON");

  const auto partition_options = std::make_shared<ChangeOptions>();
  const Described partition_command{
      .name = "add-partitions",
      .description = "Give a topic more partitions",
      .footer =
          "Partitions cannot be taken away again. Producers spread keys over all partitions, so "
          "messages of one key may go to another partition from then on.\n\nExample:\n"
          "  penstock topic add-partitions orders --partitions 8",
      .action = add_partitions};
  add_command(topic, partition_command, partition_options, console, exit_code)
      .add_option("--partitions", partition_options->partitions, "How many it is to have then")
      ->type_name("N")
      ->required()
      ->check(CLI::Range(1, kMaxPartitions).description(""));
}

}  // namespace penstock::cli
