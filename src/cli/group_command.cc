#include "cli/group_command.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/broker_options.h"
#include "cli/exit_code.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr auto kRight = Table::Align::kRight;
constexpr auto kLeft = Table::Align::kLeft;

struct GroupOptions {
  BrokerOptions broker;
  std::string name;
  bool json = false;
};

// What a group has committed for a partition, beside where that ends.
struct Progress {
  GroupOffset committed;
  std::optional<Offset> end;  // nothing: the partition does not say, or is no more

  std::string lag() const {
    if (!end) return "?";
    return with_commas(
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, end->value - committed.offset.value)));
  }
};

using Ends = std::map<std::pair<std::string, std::int32_t>, Offset>;

// Where the partitions of a topic end; a topic that was deleted meanwhile has none.
Result<void> add_ends(KafkaClient& client, const std::string& name, Ends& ends) {
  const auto topic = client.topic(name);
  if (!topic) return {};
  const auto offsets = client.offsets(*topic);
  if (!offsets) return Unexpected(offsets.error());
  for (const PartitionOffsets& partition : *offsets) {
    if (!partition.error) ends[{name, partition.partition}] = partition.latest;
  }
  return {};
}

Result<std::vector<Progress>> progress_of(KafkaClient& client, const std::string& group) {
  const auto committed = client.committed_offsets(group);
  if (!committed) return Unexpected(committed.error());
  std::set<std::string> topics;
  for (const GroupOffset& offset : *committed) topics.insert(offset.topic);
  Ends ends;
  for (const std::string& topic : topics) {
    if (auto added = add_ends(client, topic, ends); !added) return Unexpected(added.error());
  }
  std::vector<Progress> progress;
  for (const GroupOffset& offset : *committed) {
    const auto end = ends.find({offset.topic, offset.partition});
    progress.push_back({offset, end == ends.end() ? std::nullopt : std::optional(end->second)});
  }
  return progress;
}

Result<void> list(const GroupOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  const auto groups = client->list_groups();
  if (!groups) return Unexpected(groups.error());
  if (options.json) {
    Json json = Json::array();
    for (const auto& group : *groups) {
      json.push_back({{"group", group.group_id},
                      {"state", group.group_state},
                      {"protocol_type", group.protocol_type},
                      {"type", group.group_type}});
    }
    console.print("{}\n", json.dump(2));
    return {};
  }
  if (groups->empty()) {
    console.print("no groups; a consumer with a group id makes one\n");
    return {};
  }
  Table table({{"GROUP", kLeft}, {"STATE", kLeft}, {"TYPE", kLeft}, {"PROTOCOL", kLeft}});
  for (const auto& group : *groups) {
    table.add({group.group_id, group.group_state, group.protocol_type,
               group.group_type.empty() ? "classic" : group.group_type});
  }
  console.write(table.to_string());
  return {};
}

Json describe_as_json(const KafkaClient::GroupDetails& group, const std::vector<Progress>& progress) {
  Json json = {{"group", group.group_id},
               {"state", group.group_state},
               {"protocol_type", group.protocol_type},
               {"protocol", group.protocol_data}};
  Json& members = json["members"] = Json::array();
  for (const auto& member : group.members) {
    members.push_back({{"id", member.member_id},
                       {"client_id", member.client_id},
                       {"client_host", member.client_host}});
    if (member.group_instance_id) members.back()["instance_id"] = *member.group_instance_id;
  }
  Json& offsets = json["offsets"] = Json::array();
  for (const Progress& of : progress) {
    offsets.push_back({{"topic", of.committed.topic},
                       {"partition", of.committed.partition},
                       {"committed", of.committed.offset.value}});
    if (of.end) offsets.back()["end"] = of.end->value;
  }
  return json;
}

void describe_as_text(const KafkaClient::GroupDetails& group, const std::vector<Progress>& progress,
                      Console& console) {
  console.print("group     {}\nstate     {}\n", group.group_id, group.group_state);
  if (!group.protocol_data.empty())
    console.print("protocol  {} by {}\n", group.protocol_type, group.protocol_data);
  console.print("members   {}\n", group.members.size());
  if (!group.members.empty()) {
    Table table({{"MEMBER", kLeft}, {"INSTANCE", kLeft}, {"CLIENT", kLeft}, {"HOST", kLeft}});
    for (const auto& member : group.members) {
      table.add({member.member_id, member.group_instance_id.value_or("-"), member.client_id,
                 member.client_host});
    }
    console.print("\n{}", table.to_string());
  }
  if (progress.empty()) return;
  Table table({{"TOPIC", kLeft},
               {"PARTITION", kRight},
               {"COMMITTED", kRight},
               {"END", kRight},
               {"LAG", kRight}});
  for (const Progress& of : progress) {
    table.add({of.committed.topic, std::to_string(of.committed.partition),
               fmt::format("{}", of.committed.offset), of.end ? fmt::format("{}", *of.end) : "?",
               of.lag()});
  }
  console.print("\n{}", table.to_string());
}

Result<void> describe(const GroupOptions& options, Console& console) {
  constexpr std::string_view kNoSuchGroup = "Dead";  // as brokers tell it
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  const auto group = client->describe_group(options.name);
  if (!group) return Unexpected(group.error());
  if (group->group_state == kNoSuchGroup)
    return fail(ErrorCode::kNotFound, "there is no group '{}'; `penstock group list` names all",
                options.name);
  const auto progress = progress_of(*client, options.name);
  if (!progress) return Unexpected(progress.error());
  if (options.json) {
    console.print("{}\n", describe_as_json(*group, *progress).dump(2));
  } else {
    describe_as_text(*group, *progress, console);
  }
  return {};
}

Result<void> remove(const GroupOptions& options, Console& console) {
  auto client = options.broker.connect();
  if (!client) return Unexpected(client.error());
  if (auto deleted = client->delete_group(options.name); !deleted) return deleted;
  console.print("deleted group '{}' and what it had committed\n", options.name);
  return {};
}

using Action = Result<void> (*)(const GroupOptions&, Console&);

std::shared_ptr<GroupOptions> add_action(CLI::App& command, const char* example, Action action,
                                         Console& console, int& exit_code) {
  auto options = std::make_shared<GroupOptions>();
  command.footer(fmt::format("Example:\n  penstock group {}", example));
  options->broker.add_brokers_to(command);
  options->broker.add_timeout_to(command);
  command.callback([action, options, &console, &exit_code] {
    const Result<void> done = action(*options, console);
    if (done) return;
    console.complain(done.error());
    exit_code = kFailed;
  });
  return options;
}

void add_name(CLI::App& command, GroupOptions& options) {
  command.add_option("NAME", options.name, "The group")->type_name("")->required();
}

void add_json(CLI::App& command, GroupOptions& options) {
  command.add_flag("--json", options.json, "Print JSON");
}

}  // namespace

void add_group_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& group =
      *app.add_subcommand("group", "List, describe and delete consumer groups, at any Kafka broker");
  group.require_subcommand(1);
  group.footer("Example:\n  penstock group describe billing --brokers 127.0.0.1:9092");

  CLI::App& list_all = *group.add_subcommand("list", "List all groups");
  add_json(list_all, *add_action(list_all, "list --json", list, console, exit_code));

  CLI::App& describe_one = *group.add_subcommand(
      "describe", "Show a group's members, what it has committed, and how far it is behind");
  const auto described = add_action(describe_one, "describe billing", describe, console, exit_code);
  add_name(describe_one, *described);
  add_json(describe_one, *described);

  CLI::App& delete_one = *group.add_subcommand(
      "delete", "Delete a group without members, and what it has committed; nobody is asked again");
  add_name(delete_one, *add_action(delete_one, "delete billing", remove, console, exit_code));
}

}  // namespace penstock::cli
