#include "broker/topic_file.h"

#include <nlohmann/json.hpp>

namespace penstock::broker {

namespace {

constexpr int kTopicFormat = 1;

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

}  // namespace

Result<Topic> decode_topic_file(std::string_view text) {
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

}  // namespace penstock::broker
