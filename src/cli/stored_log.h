// StoredLog: which topics, partitions and segments lie under a path, found by names alone.
//
// The path may be a data directory, one topic's, one partition's, or a segment file:
//   <data>/topics/<topic>/<partition>/<20 digits>.seg and .idx
// What the topics are, the catalog says, or a topic.json beside the partitions.
//
// Threading: one thread. Reads directories, topic.json and the catalog, and changes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/offline_disk.h"
#include "log/format.h"

namespace penstock::cli {

struct StoredPartition {
  std::string topic;
  std::int32_t index = 0;
  std::string directory;
  // From the topic's description; without one the segments' headers are believed.
  std::optional<log::TopicId> topic_id;

  std::vector<std::uint64_t> segments;  // the numbers to be read, in order
  std::uint64_t newest_segment = 0;     // of all that are in the directory
  // The directory's name is a partition number, so that headers can be held against it.
  bool index_is_known = false;
  // Segments that a recovery could not read, and set aside: "<20 digits>.seg.damaged".
  std::vector<std::string> set_aside;

  std::string name() const { return fmt::format("{}/{}", topic, index); }
};

// Something that is wrong with a topic as a whole, or, without a name, with what describes them.
struct TopicProblem {
  std::string topic;
  std::string file;
  std::string what;
};

struct StoredLog {
  std::vector<StoredPartition> partitions;  // by topic, then by number
  std::vector<TopicProblem> problems;
  std::size_t topic_count = 0;
  // Who has the data directory open, for a person: "process 4711". Nothing when nobody has.
  std::optional<std::string> in_use_by;
};

// Errors: kNotFound, kPermission, kIo; kInvalidArgument when there is no log under `path`.
Result<StoredLog> find_stored_log(OfflineDisk& disk, const std::string& path);

// The data directory that `path` is or lies in; nothing when it lies in none, as a copy does. Errors:
// those of opening `path`.
Result<std::optional<std::string>> find_data_directory(const std::string& path);

}  // namespace penstock::cli
