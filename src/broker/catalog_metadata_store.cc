#include "broker/catalog_metadata_store.h"

#include "broker/topic_file.h"
#include "broker/topic_records.h"
#include "file/small_file.h"
#include "log/segment.h"

namespace penstock::broker {

namespace {

using catalog::Change;

// Removes a directory and the files and directories in it; topics nest two deep.
Task<Result<void>> remove_tree(Disk& disk, std::string path) {
  auto names = co_await disk.list(path);
  if (!names && names.error().code() == ErrorCode::kNotFound) co_return Result<void>();
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

Task<Result<bool>> is_there(Disk& disk, std::string path) {
  const auto info = co_await disk.info(std::move(path));
  if (info) co_return true;
  if (info.error().code() == ErrorCode::kNotFound) co_return false;
  co_return Unexpected(info.error());
}

// In the directory itself, or in one of those in it.
Task<Result<bool>> holds_segments(Disk& disk, std::string directory) {
  auto names = co_await disk.list(directory);
  if (!names) co_return Unexpected(names.error());
  for (const std::string& name : *names) {
    if (log::segment_number_of(name)) co_return true;
    std::string inner = directory + "/" + name;
    auto info = co_await disk.info(inner);
    if (!info) co_return Unexpected(info.error());
    if (!info->is_directory) continue;
    auto holds = co_await holds_segments(disk, std::move(inner));
    if (!holds || *holds) co_return holds;
  }
  co_return false;
}

void put(Change& change, const Topic& topic) {
  change.put(topic_key(topic.name), encode(topic));
  change.erase(deleted_topic_key(topic.name));
}

}  // namespace

// --- Loading -------------------------------------------------------------------------------------

// Everything is looked at before anything is changed, but for what is swept away.
Task<Result<std::vector<Topic>>> CatalogMetadataStore::load() {
  auto known = co_await read_records();
  if (!known) co_return Unexpected(known.error());
  const auto described = co_await find_described(*known);
  if (!described) co_return Unexpected(described.error());
  if (auto imported = co_await import(*known, *described); !imported)
    co_return Unexpected(imported.error());
  for (const Topic& topic : *described) known->emplace(topic.name, topic);
  co_await forget_deleted();
  std::vector<Topic> topics;
  for (auto& [name, topic] : *known) topics.push_back(std::move(topic));
  co_return topics;
}

Task<Result<CatalogMetadataStore::Topics>> CatalogMetadataStore::read_records() {
  auto topics = co_await catalog_.scan(home_, std::string(kTopicPrefix));
  if (!topics) co_return Unexpected(topics.error());
  auto deleted = co_await catalog_.scan(home_, std::string(kDeletedTopicPrefix));
  if (!deleted) co_return Unexpected(deleted.error());
  Topics known;
  for (const catalog::Entry& entry : *topics) {
    auto topic = decode_topic(entry);
    if (!topic) co_return Unexpected(topic.error().context("the catalog"));
    known.emplace(topic->name, std::move(*topic));
  }
  for (const catalog::Entry& entry : *deleted) {
    auto topic = decode_deleted_topic(entry);
    if (!topic) co_return Unexpected(topic.error().context("the catalog"));
    deleted_.insert(std::move(topic->name));
  }
  co_return known;
}

// The topics that a topic.json describes. Sweeps on the way.
Task<Result<std::vector<Topic>>> CatalogMetadataStore::find_described(const Topics& known) {
  const auto names = co_await disk_.list(directory_);
  if (!names) co_return Unexpected(names.error());
  std::vector<Topic> described;
  for (const std::string& name : *names) {
    if (auto looked = co_await look_at(name, known, described); !looked)
      co_return Unexpected(looked.error());
  }
  co_return described;
}

Task<Result<void>> CatalogMetadataStore::look_at(std::string name, const Topics& known,
                                                 std::vector<Topic>& described) {
  const std::string path = fmt::format("{}/{}", topic_directory(name), kTopicFile);
  const auto contents = co_await file::read_small_file(disk_, path);
  if (!contents && contents.error().code() == ErrorCode::kNotFound) {
    if (known.contains(name)) co_return Result<void>();
    co_return co_await sweep_remains(std::move(name));
  }
  if (!contents) co_return Unexpected(contents.error());
  auto topic = decode_topic_file(as_text(*contents));
  if (!topic) co_return Unexpected(topic.error().context(path));
  if (topic->name != name) {
    co_return fail(ErrorCode::kCorrupt,
                   "{} describes the topic {}; move the directory back to its name", path, topic->name);
  }
  const auto record = known.find(name);
  if (record != known.end() && record->second.id != topic->id) {
    co_return fail(ErrorCode::kCorrupt,
                   "{} describes another topic than the catalog does, which has one of the same name; "
                   "move the file away",
                   path);
  }
  described.push_back(std::move(*topic));
  co_return Result<void>();
}

// What a death in the middle of creating or deleting a topic left. Segments without a record, of a
// topic that nobody has deleted, are no such thing.
Task<Result<void>> CatalogMetadataStore::sweep_remains(std::string name) {
  const std::string directory = topic_directory(name);
  auto is_deleted = co_await is_there(disk_, fmt::format("{}/{}", directory, kDeletedTopicFile));
  if (!is_deleted) co_return Unexpected(is_deleted.error());
  if (!*is_deleted && !deleted_.contains(name)) {
    auto holds = co_await holds_segments(disk_, directory);
    if (!holds) co_return Unexpected(holds.error());
    if (*holds) {
      co_return fail(
          ErrorCode::kCorrupt,
          "{} holds segments, but the catalog has no such topic: restore the catalog, describe "
          "the topic in a {} there (docs/format.md), or move the directory out of the data "
          "directory",
          directory, kTopicFile);
    }
  }
  if (auto removed = co_await remove_tree(disk_, directory); !removed) co_return removed;
  co_return co_await disk_.sync_directory(directory_);
}

// Takes them into the catalog, all at once, and only then removes their files. A death in between
// leaves files of topics that are known.
Task<Result<void>> CatalogMetadataStore::import(const Topics& known,
                                                const std::vector<Topic>& described) {
  Change change;
  for (const Topic& topic : described)
    if (!known.contains(topic.name)) put(change, topic);
  if (auto written = co_await catalog_.write(home_, std::move(change)); !written)
    co_return Unexpected(written.error().context("take the topics into the catalog"));
  for (const Topic& topic : described) {
    const std::string directory = topic_directory(topic.name);
    if (auto removed = co_await disk_.remove(fmt::format("{}/{}", directory, kTopicFile)); !removed)
      co_return removed;
    if (auto synced = co_await disk_.sync_directory(directory); !synced) co_return synced;
    deleted_.erase(topic.name);
  }
  co_return Result<void>();
}

// Of those whose files are gone. Best effort: the next start will do it.
Task<void> CatalogMetadataStore::forget_deleted() {
  Change change;
  for (const std::string& name : deleted_) change.erase(deleted_topic_key(name));
  if (co_await catalog_.write(home_, std::move(change))) deleted_.clear();
}

// --- Changing ------------------------------------------------------------------------------------

Task<Result<void>> CatalogMetadataStore::check_exists(const Topic& topic) {
  const auto entries = co_await catalog_.scan(home_, topic_key(topic.name));
  if (!entries) co_return Unexpected(entries.error());
  if (!entries->empty()) {
    const auto found = decode_topic(entries->front());
    if (!found) co_return Unexpected(found.error());
    if (found->id == topic.id) co_return Result<void>();
  }
  co_return fail(ErrorCode::kNotFound, "the catalog has no topic {} with this id any more", topic.name);
}

Task<Result<void>> CatalogMetadataStore::create(Topic topic) {
  const auto entries = co_await catalog_.scan(home_, topic_key(topic.name));
  if (!entries) co_return Unexpected(entries.error());
  if (!entries->empty()) co_return fail(ErrorCode::kExists, "the catalog has a topic {}", topic.name);
  Result<void> done = co_await prepare_directory(topic);
  if (done) {
    Change change;
    put(change, topic);
    done = co_await catalog_.write(home_, std::move(change));
    // Any other failure may have left a record, which needs its directories.
    if (!done && done.error().code() != ErrorCode::kNoSpace) co_return done;
  }
  if (done) {
    deleted_.erase(topic.name);
    co_return done;
  }
  if (done.error().code() == ErrorCode::kExists) co_return done;
  // Best effort: load() sweeps what is left. The error to report is the first one.
  (void)co_await remove_tree(disk_, topic_directory(topic.name));
  co_return done;
}

// Directories, empty and durable. kExists when there are segments in them.
Task<Result<void>> CatalogMetadataStore::prepare_directory(const Topic& topic) {
  const std::string directory = topic_directory(topic.name);
  // Its files could not be removed when it was deleted; perhaps now.
  Result<void> done;
  if (deleted_.contains(topic.name)) done = co_await remove_tree(disk_, directory);
  if (done) done = co_await make_unused_directory(directory);
  if (done) done = co_await make_partition_directories(topic, 0);
  if (done) done = co_await disk_.sync_directory(directory_);
  co_return done;
}

Task<Result<void>> CatalogMetadataStore::make_partition_directories(const Topic& topic,
                                                                    std::int32_t first) {
  for (std::int32_t i = first; i < topic.partition_count; ++i) {
    if (auto made = co_await make_unused_directory(partition_directory(topic, i)); !made)
      co_return made;
  }
  co_return co_await disk_.sync_directory(topic_directory(topic.name));
}

// An attempt that failed may have left it.
Task<Result<void>> CatalogMetadataStore::make_unused_directory(std::string path) {
  auto made = co_await disk_.make_directory(path);
  if (made || made.error().code() != ErrorCode::kExists) co_return made;
  const auto holds = co_await holds_segments(disk_, path);
  if (!holds) co_return Unexpected(holds.error());
  if (!*holds) co_return Result<void>();
  co_return fail(ErrorCode::kExists,
                 "{} holds segments, and the catalog does not know of it: move the directory away",
                 path);
}

Task<Result<void>> CatalogMetadataStore::change(Topic from, Topic to) {
  PENSTOCK_ASSERT(from.id == to.id && from.name == to.name, "a topic keeps its id and name");
  PENSTOCK_ASSERT(from.partition_count <= to.partition_count, "a topic keeps its partitions");
  Result<void> done = co_await check_exists(from);
  if (done && from.partition_count < to.partition_count)
    done = co_await make_partition_directories(to, from.partition_count);
  if (!done) co_return done;
  Change change;
  put(change, to);
  co_return co_await catalog_.write(home_, std::move(change));
}

Task<Result<void>> CatalogMetadataStore::remove(Topic topic) {
  if (auto exists = co_await check_exists(topic); !exists) co_return exists;
  Change change;
  change.erase(topic_key(topic.name));
  change.put(deleted_topic_key(topic.name),
             encode(DeletedTopic{topic.name, topic.id, home_.clock().wall_ms()}));
  auto written = co_await catalog_.write(home_, std::move(change));
  if (written) deleted_.insert(topic.name);
  co_return written;
}

Task<Result<void>> CatalogMetadataStore::sweep(Topic topic) {
  Result<void> done = co_await remove_tree(disk_, topic_directory(topic.name));
  if (done) done = co_await disk_.sync_directory(directory_);
  if (!done) co_return done;
  // Best effort: the next start will do it.
  Change change;
  change.erase(deleted_topic_key(topic.name));
  if (co_await catalog_.write(home_, std::move(change))) deleted_.erase(topic.name);
  co_return Result<void>();
}

std::string CatalogMetadataStore::partition_directory(const Topic& topic,
                                                      std::int32_t partition) const {
  return fmt::format("{}/{}", topic_directory(topic.name), partition);
}

std::string CatalogMetadataStore::topic_directory(std::string_view name) const {
  return fmt::format("{}/{}", directory_, name);
}

}  // namespace penstock::broker
