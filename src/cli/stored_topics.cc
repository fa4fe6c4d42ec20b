#include "cli/stored_topics.h"

#include <filesystem>

#include "broker/topic_records.h"
#include "catalog/rocks_catalog.h"
#include "server/data_directory.h"

namespace penstock::cli {

StoredTopics StoredTopics::read(const std::string& data_directory) {
  StoredTopics topics;
  topics.directory_ = server::catalog_directory(data_directory);
  std::error_code failed;
  const bool is_missing = std::filesystem::is_empty(topics.directory_, failed) ||
                          failed == std::errc::no_such_file_or_directory;
  if (is_missing) return topics;
  if (const auto read = topics.read_records(); !read)
    topics.problem_ = "cannot be read: " + read.error().message();
  return topics;
}

Result<void> StoredTopics::read_records() {
  const auto catalog = catalog::RocksCatalog::open_to_read(directory_);
  if (!catalog) return Unexpected(catalog.error());
  const auto topics = (*catalog)->scan_now(std::string(broker::kTopicPrefix));
  if (!topics) return Unexpected(topics.error());
  const auto deleted = (*catalog)->scan_now(std::string(broker::kDeletedTopicPrefix));
  if (!deleted) return Unexpected(deleted.error());
  for (const catalog::Entry& entry : *topics) {
    auto topic = broker::decode_topic(entry);
    if (!topic) return Unexpected(topic.error());
    topics_.emplace(topic->name, std::move(*topic));
  }
  for (const catalog::Entry& entry : *deleted) {
    auto topic = broker::decode_deleted_topic(entry);
    if (!topic) return Unexpected(topic.error());
    deleted_.insert(std::move(topic->name));
  }
  return {};
}

const broker::Topic* StoredTopics::find(const std::string& name) const {
  const auto place = topics_.find(name);
  return place == topics_.end() ? nullptr : &place->second;
}

}  // namespace penstock::cli
