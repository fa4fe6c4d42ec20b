// MetadataStore: where it is written down which topics exist.
//
// Nobody above assumes to be its only writer for ever: a change names what it changes, and is refused
// when that is no longer so. Today there is one make of it, CatalogMetadataStore.
//
// Threading: shard 0's scheduler. Durability: a call that returned success survives a power cut. What
// failed with another error than kNoSpace may have been done all the same: the next load() tells.
#pragma once

#include <string>
#include <vector>

#include "broker/topic_table.h"
#include "task/task.h"

namespace penstock::broker {

class MetadataStore {
 public:
  virtual ~MetadataStore() = default;

  // kCorrupt, with what to do, when a description is damaged, or missing where there are segments.
  virtual Task<Result<std::vector<Topic>>> load() = 0;
  // Makes the topic exist, with a directory for each partition. kExists; kNoSpace, kIo.
  virtual Task<Result<void>> create(Topic topic) = 0;
  // Makes `to`, which has the same id and name and at least as many partitions, of `from`. kNotFound.
  virtual Task<Result<void>> change(Topic from, Topic to) = 0;
  // Makes it not exist. The partitions' files are still there; kNotFound.
  virtual Task<Result<void>> remove(Topic topic) = 0;
  // Clears away what is left of a removed topic once its partitions are gone.
  virtual Task<Result<void>> sweep(Topic topic) = 0;

  virtual std::string partition_directory(const Topic& topic, std::int32_t partition) const = 0;
};

}  // namespace penstock::broker
