#include "server/data_directory.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include "disk/descriptor.h"

namespace penstock::server {

namespace fs = std::filesystem;

namespace {

// For this user and its group: messages are nobody else's business.
constexpr mode_t kDirectoryMode = 0750;

// The same error, with what to do about it.
Unexpected refused(int errno_value, const std::string& doing) {
  const Error error = Error::from_errno(errno_value, doing);
  const bool is_permission = error.code() == ErrorCode::kPermission;
  return fail(error.code(), "{}; {}choose another data directory with --data", error.message(),
              is_permission ? "make it writable for this user, or " : "");
}

Result<void> sync_directory(const fs::path& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0) {
    return refused(errno, fmt::format("sync the directory {}", path.string()));
  }
  return {};
}

// Makes `path` and what is missing above it; each new name is durable.
Result<void> make_directories(const fs::path& path) {
  int error = ::mkdir(path.c_str(), kDirectoryMode) == 0 ? 0 : errno;
  if (error == ENOENT && path != path.parent_path()) {
    if (const Result<void> made = make_directories(path.parent_path()); !made) return made;
    error = ::mkdir(path.c_str(), kDirectoryMode) == 0 ? 0 : errno;
  }
  if (error == 0) return sync_directory(path.parent_path());
  std::error_code ignored;
  if (error == EEXIST && fs::is_directory(path, ignored)) return {};
  if (error == EEXIST) {
    return fail(ErrorCode::kExists, "{} is there, and is no directory; choose another with --data",
                path.string());
  }
  return refused(error, fmt::format("make the directory {}", path.string()));
}

bool is_unused_pool(const fs::path& path, std::size_t shard_count) {
  const std::string name = path.filename().string();
  std::size_t shard = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), shard);
  return parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() && shard >= shard_count;
}

// There were more shards once; what their pools hold would only take space.
Result<void> empty_unused_pools(const fs::path& pools, std::size_t shard_count) {
  std::error_code error;
  for (const fs::directory_entry& pool : fs::directory_iterator(pools, error)) {
    if (!is_unused_pool(pool.path(), shard_count)) continue;
    fs::remove_all(pool.path(), error);
    if (error) break;
    spdlog::info("removed the segment pool {} of a shard that is no more", pool.path().string());
  }
  if (error) return refused(error.value(), fmt::format("empty the unused pools in {}", pools.string()));
  return {};
}

}  // namespace

std::string catalog_directory(const std::string& data_directory) { return data_directory + "/catalog"; }

std::string pool_directory(const std::string& data_directory, std::size_t shard) {
  return fmt::format("{}/pool/{}", data_directory, shard);
}

Result<DirectoryLock> prepare_data_directory(const std::string& data_directory,
                                             std::size_t shard_count) {
  fs::path root = fs::absolute(data_directory).lexically_normal();
  if (!root.has_filename()) root = root.parent_path();  // "data/"
  if (const Result<void> made = make_directories(root); !made) return Unexpected(made.error());
  if (::access(root.c_str(), R_OK | W_OK | X_OK) != 0) {
    return refused(errno, fmt::format("use the data directory {}", root.string()));
  }
  Result<DirectoryLock> lock = DirectoryLock::acquire(data_directory);
  if (!lock) return lock;
  Result<void> done = make_directories(root / "topics");
  if (done) done = make_directories(root / "catalog");
  for (std::size_t shard = 0; done && shard < shard_count; ++shard) {
    done = make_directories(pool_directory(root.string(), shard));
  }
  if (done) done = empty_unused_pools(root / "pool", shard_count);
  if (!done) return Unexpected(done.error());
  return lock;
}

}  // namespace penstock::server
