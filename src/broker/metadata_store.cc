#include "broker/metadata_store.h"

#include <nlohmann/json.hpp>

#include "file/small_file.h"
#include "log/segment.h"

namespace penstock::broker {

namespace {

constexpr std::string_view kTopicFile = "topic.json";
constexpr std::string_view kDeletedFile = "topic.json.deleted";
constexpr int kTopicFormat = 1;

std::string to_hex(const kafka::Uuid& id) {
  std::string hex;
  for (const std::byte byte : id.bytes) hex += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return hex;
}

bool from_hex(const std::string& hex, kafka::Uuid& id) {
  if (hex.size() != 2 * id.bytes.size() ||
      hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return false;
  }
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    id.bytes[i] = static_cast<std::byte>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  }
  return true;
}

// Removes a directory and the files and directories in it; topics nest two deep.
Task<Result<void>> remove_tree(Disk& disk, std::string path) {
  auto names = co_await disk.list(path);
  if (!names) co_return Unexpected(names.error());
  for (const std::string& name : *names) {
    const std::string inner = path + "/" + name;
    auto info = co_await disk.info(inner);
    if (!info) co_return Unexpected(info.error());
    auto removed = info->is_directory ? co_await remove_tree(disk, inner) : co_await disk.remove(inner);
    if (!removed) co_return removed;
  }
  co_return co_await disk.remove_directory(path);
}

}  // namespace

std::string encode_topic(const Topic& topic) {
  nlohmann::ordered_json json = {{"format", kTopicFormat},
                                 {"name", topic.name},
                                 {"id", to_hex(topic.id)},
                                 {"partitions", topic.partition_count},
                                 {"leader_epoch", topic.leader_epoch},
                                 {"created_ms", topic.created_ms}};
  for (const auto& [name, value] : topic.settings.entries()) json["settings"][name] = value;
  return json.dump(2) + "\n";
}

Result<Topic> decode_topic(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto is_int = [&json](const char* key) {
    return json.contains(key) && json[key].is_number_integer();
  };
  const auto is_text = [&json](const char* key) { return json.contains(key) && json[key].is_string(); };
  if (!json.is_object() || !is_int("format") || !is_text("name") || !is_text("id") ||
      !is_int("partitions") || !is_int("leader_epoch") || !is_int("created_ms")) {
    return fail(ErrorCode::kCorrupt, "not a topic description");
  }
  if (json["format"] != kTopicFormat) {
    return fail(ErrorCode::kNotSupported, "topic description format {}; this build reads {}",
                json["format"].get<int>(), kTopicFormat);
  }
  Topic topic;
  topic.name = json["name"].get<std::string>();
  topic.partition_count = json["partitions"].get<std::int32_t>();
  topic.leader_epoch = json["leader_epoch"].get<std::int32_t>();
  topic.created_ms = json["created_ms"].get<std::int64_t>();
  if (!is_valid_topic_name(topic.name) || topic.partition_count < 1 ||
      !from_hex(json["id"].get<std::string>(), topic.id)) {
    return fail(ErrorCode::kCorrupt,
                "a topic description with an impossible name, id or partition count");
  }
  if (json.contains("settings")) {
    const auto& settings = json["settings"];
    if (!settings.is_object()) return fail(ErrorCode::kCorrupt, "topic settings that are no object");
    for (const auto& [name, value] : settings.items()) {
      if (!value.is_string()) return fail(ErrorCode::kCorrupt, "topic setting {} is no text", name);
      if (auto set = topic.settings.set(name, value.get<std::string>()); !set)
        return Unexpected(set.error());
    }
  }
  return topic;
}

Task<Result<std::vector<Topic>>> FileMetadataStore::load() {
  auto names = co_await disk_.list(directory_);
  if (!names) co_return Unexpected(names.error());
  std::vector<Topic> topics;
  for (const std::string& name : *names) {
    const std::string path = fmt::format("{}/{}", topic_directory(name), kTopicFile);
    auto contents = co_await file::read_small_file(disk_, path);
    if (!contents && contents.error().code() == ErrorCode::kNotFound) {
      if (auto swept = co_await sweep_remains(name); !swept) co_return Unexpected(swept.error());
      continue;
    }
    if (!contents) co_return Unexpected(contents.error());
    auto topic = decode_topic(as_text(*contents));
    if (!topic) co_return Unexpected(topic.error().context(path));
    if (topic->name != name) {
      co_return fail(ErrorCode::kCorrupt,
                     "{} describes the topic {}; move the directory back to its name", path,
                     topic->name);
    }
    topics.push_back(std::move(*topic));
  }
  co_return topics;
}

// What a death in the middle of creating or deleting a topic left. Segments without a description,
// which nobody has deleted, are no such thing.
Task<Result<void>> FileMetadataStore::sweep_remains(std::string name) {
  const std::string directory = topic_directory(name);
  if (!co_await is_deleted(directory)) {
    auto holds = co_await holds_segments(directory);
    if (!holds) co_return Unexpected(holds.error());
    if (*holds) {
      co_return fail(
          ErrorCode::kCorrupt,
          "{} holds segments, but its {} is missing: restore the file, or move the directory "
          "out of the data directory",
          directory, kTopicFile);
    }
  }
  co_return co_await remove_tree(disk_, directory);
}

Task<bool> FileMetadataStore::is_deleted(std::string directory) {
  auto marker = co_await disk_.info(fmt::format("{}/{}", directory, kDeletedFile));
  co_return marker.has_value();
}

Task<Result<bool>> FileMetadataStore::holds_segments(std::string directory) {
  auto names = co_await disk_.list(directory);
  if (!names) co_return Unexpected(names.error());
  for (const std::string& name : *names) {
    const std::string inner = directory + "/" + name;
    auto info = co_await disk_.info(inner);
    if (!info) co_return Unexpected(info.error());
    if (!info->is_directory) continue;
    auto files = co_await disk_.list(inner);
    if (!files) co_return Unexpected(files.error());
    for (const std::string& file : *files) {
      if (log::segment_number_of(file)) co_return true;
    }
  }
  co_return false;
}

Task<Result<void>> FileMetadataStore::create(Topic topic) {
  const std::string directory = topic_directory(topic.name);
  Result<void> done = co_await disk_.make_directory(directory);
  if (!done && done.error().code() == ErrorCode::kExists && co_await is_deleted(directory)) {
    // Its files could not be removed when it was deleted; perhaps now.
    done = co_await remove_tree(disk_, directory);
    if (done) done = co_await disk_.make_directory(directory);
  }
  if (!done) co_return done;
  for (std::int32_t i = 0; i < topic.partition_count && done; ++i) {
    done = co_await disk_.make_directory(partition_directory(topic, i));
  }
  if (done) done = co_await disk_.sync_directory(directory_);
  if (done) {
    const std::string text = encode_topic(topic);
    std::vector<std::byte> contents(as_bytes(text).begin(), as_bytes(text).end());
    done = co_await file::replace_small_file(disk_, directory, std::string(kTopicFile),
                                             std::move(contents));
  }
  if (done) co_return done;
  // Best effort: load() sweeps what is left. The error to report is the first one.
  (void)co_await remove_tree(disk_, directory);
  co_return done;
}

Task<Result<void>> FileMetadataStore::remove(Topic topic) {
  const std::string directory = topic_directory(topic.name);
  std::string from = fmt::format("{}/{}", directory, kTopicFile);
  std::string to = fmt::format("{}/{}", directory, kDeletedFile);
  auto renamed = co_await disk_.rename(std::move(from), std::move(to));
  if (!renamed) co_return renamed;
  co_return co_await disk_.sync_directory(directory);
}

Task<Result<void>> FileMetadataStore::sweep(Topic topic) {
  if (auto removed = co_await remove_tree(disk_, topic_directory(topic.name)); !removed)
    co_return removed;
  co_return co_await disk_.sync_directory(directory_);
}

std::string FileMetadataStore::partition_directory(const Topic& topic, std::int32_t partition) const {
  return fmt::format("{}/{}", topic_directory(topic.name), partition);
}

std::string FileMetadataStore::topic_directory(std::string_view name) const {
  return fmt::format("{}/{}", directory_, name);
}

}  // namespace penstock::broker
