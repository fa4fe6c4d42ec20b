#include "benchmark/memory_cgroup.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

namespace penstock::benchmark {

namespace {

// Where memory is controlled, and what the file with the limit is called there.
struct Hierarchy {
  std::string root;
  const char* limit_file;
};

std::optional<Hierarchy> find_hierarchy() {
  const std::string v1 = "/sys/fs/cgroup/memory";
  if (std::filesystem::exists(v1 + "/memory.limit_in_bytes"))
    return Hierarchy{v1, "memory.limit_in_bytes"};
  const std::string v2 = "/sys/fs/cgroup";
  std::ifstream controllers(v2 + "/cgroup.controllers");
  for (std::string name; controllers >> name;) {
    if (name != "memory") continue;
    std::ofstream(v2 + "/cgroup.subtree_control") << "+memory";
    return Hierarchy{v2, "memory.max"};
  }
  return std::nullopt;
}

bool write_number(const std::string& path, std::uint64_t number) {
  std::ofstream file(path);
  file << number;
  file.flush();
  return file.good();
}

}  // namespace

Result<MemoryCgroup> MemoryCgroup::create(const std::string& name, std::uint64_t limit_bytes) {
  const std::optional<Hierarchy> hierarchy = find_hierarchy();
  if (!hierarchy) {
    return fail(ErrorCode::kNotSupported,
                "no cgroup hierarchy here controls memory; mount one at /sys/fs/cgroup");
  }
  const std::string directory = hierarchy->root + "/" + name;
  std::error_code error;
  std::filesystem::create_directory(directory, error);
  if (error) {
    return fail(ErrorCode::kNotSupported, "make control group {}: {}; run as root", directory,
                error.message());
  }
  MemoryCgroup group(directory);
  if (!write_number(directory + "/" + hierarchy->limit_file, limit_bytes)) {
    return fail(ErrorCode::kNotSupported, "{} takes no memory limit", directory);
  }
  return group;
}

MemoryCgroup::~MemoryCgroup() {
  if (!directory_.empty()) ::rmdir(directory_.c_str());
}

Result<void> MemoryCgroup::join(const std::string& directory) {
  if (!write_number(directory + "/cgroup.procs", static_cast<std::uint64_t>(::getpid()))) {
    return fail(ErrorCode::kNotSupported, "cannot join {}", directory);
  }
  return {};
}

}  // namespace penstock::benchmark
