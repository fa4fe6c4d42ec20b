#include "cli/stored_log.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "broker/topic_file.h"
#include "cli/stored_topics.h"
#include "disk/data_lock.h"
#include "disk/descriptor.h"
#include "log/segment.h"

namespace penstock::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTopicsDirectory = "topics";
using broker::kDeletedTopicFile;
using broker::kTopicFile;

constexpr std::string_view kSetAsideSuffix = ".seg.damaged";
// A segment file lies four names below the directory with the lock: topics, topic, partition, file.
constexpr int kLockSearchLevels = 5;

std::optional<std::int32_t> partition_number(std::string_view name) {
  std::int32_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
  return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

// Upwards from `path`.
std::optional<fs::path> find_lock(fs::path path) {
  for (int level = 0; level < kLockSearchLevels; ++level, path = path.parent_path()) {
    fs::path lock = path / DirectoryLock::kFileName;
    std::error_code failed;
    if (fs::exists(lock, failed)) return lock;
  }
  return std::nullopt;
}

// That `path` is or lies in.
std::optional<fs::path> data_directory_of(const fs::path& path) {
  if (const auto lock = find_lock(path)) return lock->parent_path();
  std::error_code failed;
  if (fs::is_directory(path / kTopicsDirectory, failed)) return path;
  return std::nullopt;
}

Result<fs::path> absolute_path(const std::string& path) {
  std::error_code failed;
  fs::path absolute = fs::canonical(path, failed);
  if (failed) return Unexpected(Error::from_errno(failed.value(), fmt::format("open {}", path)));
  return absolute;
}

class Finder {
 public:
  explicit Finder(OfflineDisk& disk) : disk_(disk) {}

  Result<StoredLog> find(const fs::path& path) {
    log_.in_use_by = find_owner(path);
    if (const auto data = data_directory_of(path)) topics_ = StoredTopics::read(data->string());
    if (topics_.problem()) log_.problems.push_back({"", topics_.directory(), *topics_.problem()});
    if (Result<void> found = take_in(path); !found) return Unexpected(found.error());
    std::ranges::sort(log_.partitions, {},
                      [](const StoredPartition& p) { return std::pair(p.topic, p.index); });
    return std::move(log_);
  }

 private:
  Result<void> take_in(const fs::path& path) {
    if (const auto info = disk_.info(path); !info) return Unexpected(info.error());
    if (disk_.is_file(path)) return take_in_segment(path);
    if (disk_.is_directory(path / kTopicsDirectory)) return take_in_topics(path / kTopicsDirectory);
    if (path.filename() == kTopicsDirectory) return take_in_topics(path);
    if (is_topic_directory(path)) return take_in_topic(path);
    const auto names = disk_.list(path);
    if (!names) return Unexpected(names.error());
    const auto is_segment = [](const std::string& name) {
      return log::segment_number_of(name).has_value() || name.ends_with(kSetAsideSuffix);
    };
    if (std::ranges::any_of(*names, is_segment)) return take_in_lone_partition(path);
    const auto is_partition = [&](const std::string& name) {
      return partition_number(name).has_value() && disk_.is_directory(path / name);
    };
    if (std::ranges::any_of(*names, is_partition)) return take_in_topic(path);
    const bool is_empty_partition = partition_number(path.filename().string()).has_value() &&
                                    is_topic_directory(path.parent_path());
    if (is_empty_partition) return take_in_lone_partition(path);
    return fail(ErrorCode::kInvalidArgument,
                "{} is not a data directory (it has no '{}' in it), nor a topic's or a partition's",
                path.string(), kTopicsDirectory);
  }

  bool is_topic_directory(const fs::path& path) const {
    return disk_.is_file(path / kTopicFile) || path.parent_path().filename() == kTopicsDirectory;
  }

  Result<void> take_in_topics(const fs::path& topics) {
    const auto names = disk_.list(topics);
    if (!names) return Unexpected(names.error());
    for (const std::string& name : *names) {
      if (!disk_.is_directory(topics / name)) continue;
      if (auto taken = take_in_topic(topics / name); !taken) return taken;
    }
    return {};
  }

  Result<void> take_in_topic(const fs::path& directory) {
    const auto names = disk_.list(directory);
    if (!names) return Unexpected(names.error());
    log_.topic_count += 1;
    const Description description = describe_topic(directory);
    std::int32_t partition_count = 0;
    bool has_segments = false;
    for (const std::string& name : *names) {
      const auto number = partition_number(name);
      if (!number || !disk_.is_directory(directory / name)) continue;
      StoredPartition partition = description.pattern;
      partition.index = *number;
      if (auto taken = take_in_partition(directory / name, std::move(partition)); !taken) return taken;
      partition_count += 1;
      has_segments = has_segments || !log_.partitions.back().segments.empty();
    }
    report_problem(description, directory, partition_count, has_segments);
    return {};
  }

  // What the catalog says, or topic.json where there is one.
  struct Description {
    StoredPartition
        pattern;  // what all partitions share; from the directory's name where nothing is said
    std::optional<std::int32_t> partition_count;
    bool is_missing = false;
    std::string problem;  // why it cannot be used; empty when it can
    std::string file;     // who says so

    void take(const broker::Topic& topic) {
      pattern.topic = topic.name;
      pattern.topic_id = topic.id.bytes;
      partition_count = topic.partition_count;
    }
  };

  Description describe_topic(const fs::path& directory) {
    Description description;
    description.pattern.topic = directory.filename().string();
    description.pattern.index_is_known = true;
    description.file = directory / kTopicFile;
    const auto contents = disk_.read_small_file(description.file);
    if (!contents && contents.error().code() == ErrorCode::kNotFound) {
      description.file = topics_.directory();
      const broker::Topic* topic = topics_.find(description.pattern.topic);
      if (topic != nullptr) description.take(*topic);
      description.is_missing = topic == nullptr;
      return description;
    }
    const auto topic = contents ? broker::decode_topic_file(as_text(*contents))
                                : Result<broker::Topic>(Unexpected(contents.error()));
    if (topic) {
      description.take(*topic);
    } else {
      description.problem = topic.error().message();
    }
    return description;
  }

  void report_problem(const Description& description, const fs::path& directory,
                      std::int32_t partition_count, bool has_segments) {
    const std::string& name = description.pattern.topic;
    std::string what;
    if (description.is_missing) {
      // A copy has no catalog, and one that cannot be read is a problem of its own.
      if (topics_.directory().empty() || topics_.problem()) return;
      // A topic that is being deleted says so in another record, or did in another file.
      const bool is_deleted = topics_.is_deleted(name) || fs::exists(directory / kDeletedTopicFile);
      if (!has_segments || log_.in_use_by || is_deleted) return;
      what = fmt::format("has no topic {}, of which {} holds segments; a server refuses to start so",
                         name, directory.string());
    } else if (!description.problem.empty()) {
      what = "cannot be used: " + description.problem;
    } else if (description.partition_count != partition_count && !log_.in_use_by) {
      what = fmt::format("says that the topic has {} partitions, but {} of them have a directory",
                         *description.partition_count, partition_count);
    } else {
      return;
    }
    log_.problems.push_back({name, description.file, std::move(what)});
  }

  Result<void> take_in_lone_partition(const fs::path& directory) {
    return take_in_partition(directory, describe_partition(directory));
  }

  // A partition that was named by itself: its topic's description lies beside it, or it is a copy
  // somewhere.
  StoredPartition describe_partition(const fs::path& directory) {
    log_.topic_count = 1;
    const auto number = partition_number(directory.filename().string());
    StoredPartition partition = describe_topic(directory.parent_path()).pattern;
    partition.index = number.value_or(0);
    partition.index_is_known = number.has_value();
    return partition;
  }

  Result<void> take_in_partition(const fs::path& directory, StoredPartition partition) {
    partition.directory = directory;
    const auto names = disk_.list(directory);
    if (!names) return Unexpected(names.error());
    for (const std::string& name : *names) {
      if (const auto number = log::segment_number_of(name)) partition.segments.push_back(*number);
      if (name.ends_with(kSetAsideSuffix)) partition.set_aside.push_back(name);
    }
    std::ranges::sort(partition.segments);
    if (!partition.segments.empty()) partition.newest_segment = partition.segments.back();
    log_.partitions.push_back(std::move(partition));
    return {};
  }

  Result<void> take_in_segment(const fs::path& file) {
    const auto number = log::segment_number_of(file.filename().string());
    if (!number) {
      return fail(ErrorCode::kInvalidArgument,
                  "{} is not a segment file: those are named <20 digits>.seg", file.string());
    }
    if (auto taken = take_in_lone_partition(file.parent_path()); !taken) return taken;
    log_.partitions.back().segments = {*number};
    return {};
  }

  // Tries the data directory's lock: a shared one that is dropped at once.
  static std::optional<std::string> find_owner(const fs::path& path) {
    if (const auto lock = find_lock(path)) {
      const Descriptor file(::open(lock->c_str(), O_RDONLY | O_CLOEXEC));
      if (!file.is_open()) return std::nullopt;
      if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return std::nullopt;
      std::array<char, 16> text{};
      const ssize_t size = ::read(file.get(), text.data(), text.size());
      const std::string_view line(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
      const std::string_view pid = line.substr(0, line.find_first_not_of("0123456789"));
      return pid.empty() ? "another process" : fmt::format("process {}", pid);
    }
    return std::nullopt;
  }

  OfflineDisk& disk_;
  StoredTopics topics_;
  StoredLog log_;
};

}  // namespace

Result<StoredLog> find_stored_log(OfflineDisk& disk, const std::string& path) {
  const Result<fs::path> absolute = absolute_path(path);
  if (!absolute) return Unexpected(absolute.error());
  return Finder(disk).find(*absolute);
}

Result<std::optional<std::string>> find_data_directory(const std::string& path) {
  const Result<fs::path> absolute = absolute_path(path);
  if (!absolute) return Unexpected(absolute.error());
  const auto directory = data_directory_of(*absolute);
  return directory ? std::optional(directory->string()) : std::nullopt;
}

}  // namespace penstock::cli
