// StoredTopics: what the catalog of a data directory says of its topics, for tools that read logs
// without a server.
//
// Threading: one thread. Changes nothing, and may run beside a server.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "broker/topic_table.h"

namespace penstock::cli {

class StoredTopics {
 public:
  // Nothing is known.
  StoredTopics() = default;
  // A catalog that is missing holds no topics; of one that cannot be read, problem() says why.
  static StoredTopics read(const std::string& data_directory);

  const broker::Topic* find(const std::string& name) const;
  // Deleted, and its files are not all gone.
  bool is_deleted(const std::string& name) const { return deleted_.contains(name); }

  // Where the catalog is; empty when nothing is known.
  const std::string& directory() const { return directory_; }
  const std::optional<std::string>& problem() const { return problem_; }

 private:
  Result<void> read_records();

  std::string directory_;
  std::map<std::string, broker::Topic> topics_;
  std::set<std::string> deleted_;
  std::optional<std::string> problem_;
};

}  // namespace penstock::cli
