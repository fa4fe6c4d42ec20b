#include "cli/catalog_command.h"

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "broker/topic_records.h"
#include "catalog/rocks_catalog.h"
#include "cli/exit_code.h"
#include "cli/text.h"
#include "group/records.h"
#include "server/data_directory.h"
#include "transaction/records.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownBytes = 200;

struct CatalogOptions {
  std::string data_directory;
  bool json = false;
};

std::string shown(std::string_view text) { return printable(as_bytes(text), kShownBytes); }

void print_group(const std::string& id, const group::GroupRecord& group, Console& console) {
  console.print("group {}: generation {}, {}, since {}", shown(id), group.generation,
                count_of(group.members.size(), "member"), utc_time(group.changed_ms));
  if (group.protocol_type) console.print(", {}", shown(*group.protocol_type));
  if (group.protocol) console.print(" by {}", shown(*group.protocol));
  console.print("\n");
  for (const group::MemberRecord& member : group.members) {
    console.print("  {}{}{}: client {} at {}, session {} ms, rebalance {} ms, {} assigned\n",
                  shown(member.member_id), member.member_id == group.leader ? " (leads)" : "",
                  member.instance_id ? " instance " + shown(*member.instance_id) : "",
                  shown(member.client_id), shown(member.client_host), member.session_timeout_ms,
                  member.rebalance_timeout_ms, human_bytes(member.assignment.size()));
  }
}

void print_offset(const group::OffsetKey& key, const group::OffsetRecord& record, Console& console) {
  console.print("offset of {}: {}/{} at {}, committed {}", shown(key.group), shown(key.partition.topic),
                key.partition.partition, record.offset, utc_time(record.committed_ms));
  if (!record.metadata.empty()) console.print(", \"{}\"", shown(record.metadata));
  console.print("\n");
}

void write_json(const Json& json, Console& console) {
  console.print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void print_group_json(const std::string& id, const group::GroupRecord& group, Console& console) {
  Json members = Json::array();
  for (const group::MemberRecord& member : group.members) {
    members.push_back({{"id", member.member_id},
                       {"client_id", member.client_id},
                       {"client_host", member.client_host},
                       {"session_timeout_ms", member.session_timeout_ms},
                       {"rebalance_timeout_ms", member.rebalance_timeout_ms},
                       {"assignment", to_hex(member.assignment)}});
    if (member.instance_id) members.back()["instance_id"] = *member.instance_id;
  }
  Json json = {{"type", "group"},
               {"group", id},
               {"generation", group.generation},
               {"leader", group.leader},
               {"changed_ms", group.changed_ms},
               {"members", std::move(members)}};
  if (group.protocol_type) json["protocol_type"] = *group.protocol_type;
  if (group.protocol) json["protocol"] = *group.protocol;
  write_json(json, console);
}

void print_offset_json(const group::OffsetKey& key, const group::OffsetRecord& record,
                       Console& console) {
  write_json({{"type", "offset"},
              {"group", key.group},
              {"topic", key.partition.topic},
              {"partition", key.partition.partition},
              {"offset", record.offset.value},
              {"leader_epoch", record.leader_epoch},
              {"metadata", record.metadata},
              {"committed_ms", record.committed_ms}},
             console);
}

void print_pending_offset(const group::PendingOffsetKey& key, const group::OffsetRecord& record,
                          Console& console) {
  console.print("offset of {}: {}/{} at {}, once the transaction of producer {} is committed\n",
                shown(key.group), shown(key.partition.topic), key.partition.partition, record.offset,
                key.producer_id);
}

void print_pending_offset_json(const group::PendingOffsetKey& key, const group::OffsetRecord& record,
                               Console& console) {
  write_json({{"type", "pending_offset"},
              {"group", key.group},
              {"producer_id", key.producer_id},
              {"topic", key.partition.topic},
              {"partition", key.partition.partition},
              {"offset", record.offset.value}},
             console);
}

void print_transaction(const std::string& id, const transaction::TransactionRecord& record,
                       Console& console) {
  console.print("transactional id {}: {} since {}, producer {} epoch {}, timeout {} ms, {}, {}\n",
                shown(id), transaction::to_string(record.state), utc_time(record.changed_ms),
                record.producer_id, record.producer_epoch, record.timeout_ms,
                count_of(record.partitions.size(), "partition"),
                count_of(record.groups.size(), "group"));
}

void print_transaction_json(const std::string& id, const transaction::TransactionRecord& record,
                            Console& console) {
  Json partitions = Json::array();
  for (const transaction::TransactionPartition& partition : record.partitions) {
    partitions.push_back(
        {{"topic_id", to_hex(partition.topic_id.bytes)}, {"partition", partition.partition}});
  }
  write_json({{"type", "transaction"},
              {"transactional_id", id},
              {"state", transaction::to_string(record.state)},
              {"producer_id", record.producer_id},
              {"producer_epoch", record.producer_epoch},
              {"timeout_ms", record.timeout_ms},
              {"started_ms", record.started_ms},
              {"changed_ms", record.changed_ms},
              {"partitions", std::move(partitions)},
              {"groups", record.groups}},
             console);
}

void print_producer_ids(const std::string&, const transaction::ProducerIdsRecord& record,
                        Console& console) {
  console.print("producer ids: the next block begins at {}\n", record.next_id);
}

void print_producer_ids_json(const std::string&, const transaction::ProducerIdsRecord& record,
                             Console& console) {
  write_json({{"type", "producer_ids"}, {"next_id", record.next_id}}, console);
}

std::string settings_text(const broker::TopicSettings& settings) {
  std::string text;
  for (const auto& [name, value] : settings.entries()) text += fmt::format(", {}={}", name, value);
  return text;
}

void print_topic(const broker::Topic& topic, Console& console) {
  console.print("topic {}: id {}, {}, leader epoch {}, created {}{}\n", topic.name,
                to_hex(topic.id.bytes),
                count_of(static_cast<std::uint64_t>(topic.partition_count), "partition"),
                topic.leader_epoch, utc_time(topic.created_ms), settings_text(topic.settings));
}

void print_topic_json(const broker::Topic& topic, Console& console) {
  Json settings = Json::object();
  for (const auto& [name, value] : topic.settings.entries()) settings[name] = value;
  write_json({{"type", "topic"},
              {"topic", topic.name},
              {"id", to_hex(topic.id.bytes)},
              {"partitions", topic.partition_count},
              {"leader_epoch", topic.leader_epoch},
              {"created_ms", topic.created_ms},
              {"settings", std::move(settings)}},
             console);
}

void print_deleted_topic(const broker::DeletedTopic& topic, Console& console) {
  console.print("deleted topic {}: id {}, deleted {}, its files are not all gone\n", topic.name,
                to_hex(topic.id.bytes), utc_time(topic.deleted_ms));
}

void print_deleted_topic_json(const broker::DeletedTopic& topic, Console& console) {
  write_json({{"type", "deleted_topic"},
              {"topic", topic.name},
              {"id", to_hex(topic.id.bytes)},
              {"deleted_ms", topic.deleted_ms}},
             console);
}

Result<void> print_topic_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  const auto topic = broker::decode_topic(entry);
  if (!topic) return Unexpected(topic.error());
  (as_json ? print_topic_json : print_topic)(*topic, console);
  return {};
}

Result<void> print_deleted_topic_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  const auto topic = broker::decode_deleted_topic(entry);
  if (!topic) return Unexpected(topic.error());
  (as_json ? print_deleted_topic_json : print_deleted_topic)(*topic, console);
  return {};
}

// Prints by one of two functions of key and record, or says what is wrong.
template <typename Key, typename Record>
Result<void> print_record(const Result<Key>& key, const Result<Record>& record,
                          void (*print)(const Key&, const Record&, Console&), Console& console) {
  if (!key) return Unexpected(key.error());
  if (!record) return Unexpected(record.error());
  print(*key, *record, console);
  return {};
}

Result<void> print_group_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  return print_record(group::decode_group_key(entry.key), group::decode_group(entry.value),
                      as_json ? print_group_json : print_group, console);
}

Result<void> print_offset_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  return print_record(group::decode_offset_key(entry.key), group::decode_offset(entry.value),
                      as_json ? print_offset_json : print_offset, console);
}

Result<void> print_pending_offset_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  return print_record(group::decode_pending_offset_key(entry.key), group::decode_offset(entry.value),
                      as_json ? print_pending_offset_json : print_pending_offset, console);
}

Result<void> print_transaction_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  return print_record(transaction::decode_transaction_key(entry.key),
                      transaction::decode_transaction(entry.value),
                      as_json ? print_transaction_json : print_transaction, console);
}

Result<void> print_producer_ids_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  return print_record(Result<std::string>(entry.key), transaction::decode_producer_ids(entry.value),
                      as_json ? print_producer_ids_json : print_producer_ids, console);
}

// What is known of a kind of records.
struct RecordKind {
  std::string_view prefix;
  Result<void> (*print)(const catalog::Entry&, bool as_json, Console&);
};
constexpr std::array kRecordKinds{
    RecordKind{broker::kTopicPrefix, print_topic_entry},
    RecordKind{broker::kDeletedTopicPrefix, print_deleted_topic_entry},
    RecordKind{group::kGroupPrefix, print_group_entry},
    RecordKind{group::kOffsetPrefix, print_offset_entry},
    RecordKind{group::kPendingOffsetPrefix, print_pending_offset_entry},
    RecordKind{transaction::kTransactionPrefix, print_transaction_entry},
    RecordKind{transaction::kProducerIdsKey, print_producer_ids_entry},
};

// One record; kCorrupt and kNotSupported name its key.
Result<void> print_entry(const catalog::Entry& entry, bool as_json, Console& console) {
  const auto* kind = std::ranges::find_if(
      kRecordKinds, [&](const RecordKind& known) { return entry.key.starts_with(known.prefix); });
  const auto printed =
      kind == kRecordKinds.end()
          ? Result<void>(fail(ErrorCode::kNotSupported, "no kind of record that is known here"))
          : kind->print(entry, as_json, console);
  if (printed) return {};
  return Unexpected(printed.error().context(fmt::format("the record of {}", shown(entry.key))));
}

int run_dump(const CatalogOptions& options, Console& console) {
  const auto catalog =
      catalog::RocksCatalog::open_to_read(server::catalog_directory(options.data_directory));
  if (!catalog) {
    console.complain(catalog.error());
    return kFailed;
  }
  const auto entries = (*catalog)->scan_now("");
  if (!entries) {
    console.complain(entries.error());
    return kFailed;
  }
  int exit_code = kSuccess;
  for (const catalog::Entry& entry : *entries) {
    const auto printed = print_entry(entry, options.json, console);
    if (printed) continue;
    console.complain(printed.error());
    exit_code = kDamage;
  }
  return exit_code;
}

}  // namespace

void add_catalog_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& catalog = *app.add_subcommand(
      "catalog", "Look at what a server keeps besides messages: topics, consumer groups, transactions");
  catalog.require_subcommand(1);
  catalog.footer("Example:\n  penstock catalog dump ./data");

  const auto options = std::make_shared<CatalogOptions>();
  CLI::App& dump = *catalog.add_subcommand("dump", "Print every record");
  dump.add_option("PATH", options->data_directory, "A data directory")->type_name("")->required();
  dump.add_flag("--json", options->json, "Print one JSON object per line");
  dump.footer(
      fmt::format("Changes nothing, and may run beside the server; then it shows what was durable when "
                  "it began.\n\nExample:\n  penstock catalog dump ./data\n\n{}",
                  kExitCodesHelp));
  dump.callback([options, &console, &exit_code] { exit_code = run_dump(*options, console); });
}

}  // namespace penstock::cli
