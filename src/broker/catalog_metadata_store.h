// CatalogMetadataStore: topics as records of the catalog.
//
// A topic exists if and only if its record does. Its files lie in <data>/topics/<topic>, one directory
// per partition, named by its number: they are made before the record and removed after it, and until
// they are gone a second record says that the topic is deleted. So what a crash leaves of either is
// swept away by load(), and segments that no record tells of are never taken for that.
//
// Earlier versions described each topic by a file of its own; load() takes those into the catalog.
//
// Ownership: the catalog and the disk must outlive it. Threading: its home's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/metadata_store.h"
#include "catalog/catalog.h"
#include "disk/disk.h"

namespace penstock::broker {

class CatalogMetadataStore final : public MetadataStore {
 public:
  // `directory` (<data>/topics) exists.
  CatalogMetadataStore(Scheduler& home, Disk& disk, catalog::Catalog& catalog, std::string directory)
      : home_(home), disk_(disk), catalog_(catalog), directory_(std::move(directory)) {}

  Task<Result<std::vector<Topic>>> load() override;
  Task<Result<void>> create(Topic topic) override;
  Task<Result<void>> change(Topic from, Topic to) override;
  Task<Result<void>> remove(Topic topic) override;
  Task<Result<void>> sweep(Topic topic) override;
  std::string partition_directory(const Topic& topic, std::int32_t partition) const override;

 private:
  using Topics = std::map<std::string, Topic>;

  Task<Result<Topics>> read_records();
  Task<Result<void>> check_exists(const Topic& topic);
  Task<Result<std::vector<Topic>>> find_described(const Topics& known);
  Task<Result<void>> look_at(std::string name, const Topics& known, std::vector<Topic>& described);
  Task<Result<void>> import(const Topics& known, const std::vector<Topic>& described);
  Task<Result<void>> sweep_remains(std::string name);
  Task<void> forget_deleted();
  Task<Result<void>> prepare_directory(const Topic& topic);
  Task<Result<void>> make_partition_directories(const Topic& topic, std::int32_t first);
  Task<Result<void>> make_unused_directory(std::string path);
  std::string topic_directory(std::string_view name) const;

  Scheduler& home_;
  Disk& disk_;
  catalog::Catalog& catalog_;
  std::string directory_;
  std::set<std::string> deleted_;  // whose files may not all be gone
};

}  // namespace penstock::broker
