// MetadataStore: where it is written down which topics exist.
//
// Today that is one small file per topic in the data directory. Nobody above assumes to be its only
// writer for ever: a change names what it changes, and is refused when that is no longer so.
//
// Layout: <data>/topics/<topic>/topic.json and one directory per partition, named by its number. A
// topic exists if and only if its topic.json does: creating one writes it last, deleting one renames it
// to topic.json.deleted first; what a crash leaves of either is swept away by load().
//
// Threading: shard 0's scheduler. Durability: a call that returned success survives a power cut.
#pragma once

#include <string>
#include <vector>

#include "broker/topic_table.h"
#include "disk/disk.h"

namespace penstock::broker {

class MetadataStore {
 public:
  virtual ~MetadataStore() = default;

  // kCorrupt, with what to do, when a description is damaged, or missing where there are segments.
  virtual Task<Result<std::vector<Topic>>> load() = 0;
  // Makes the topic exist, with a directory for each partition. kExists; kNoSpace, kIo: it does not
  // exist.
  virtual Task<Result<void>> create(Topic topic) = 0;
  // Makes it not exist. The partitions' files are still there; kNotFound.
  virtual Task<Result<void>> remove(Topic topic) = 0;
  // Clears away what is left of a removed topic once its partitions are gone.
  virtual Task<Result<void>> sweep(Topic topic) = 0;

  virtual std::string partition_directory(const Topic& topic, std::int32_t partition) const = 0;
};

class FileMetadataStore final : public MetadataStore {
 public:
  // `directory` (<data>/topics) exists.
  FileMetadataStore(Disk& disk, std::string directory)
      : disk_(disk), directory_(std::move(directory)) {}

  Task<Result<std::vector<Topic>>> load() override;
  Task<Result<void>> create(Topic topic) override;
  Task<Result<void>> remove(Topic topic) override;
  Task<Result<void>> sweep(Topic topic) override;
  std::string partition_directory(const Topic& topic, std::int32_t partition) const override;

 private:
  Task<Result<void>> sweep_remains(std::string name);
  Task<bool> is_deleted(std::string directory);
  Task<Result<bool>> holds_segments(std::string directory);
  std::string topic_directory(std::string_view name) const;

  Disk& disk_;
  std::string directory_;
};

// A topic as topic.json says it, and back. kCorrupt names what is wrong.
std::string encode_topic(const Topic& topic);
Result<Topic> decode_topic(std::string_view json);

}  // namespace penstock::broker
