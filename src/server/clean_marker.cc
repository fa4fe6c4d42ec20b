#include "server/clean_marker.h"

#include <fmt/chrono.h>

#include <chrono>

#include "base/bytes.h"
#include "file/small_file.h"

namespace penstock::server {

namespace {

constexpr const char* kFileName = "CLEAN_SHUTDOWN";

std::string format_time(std::int64_t wall_ms) {
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds(wall_ms)};
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", std::chrono::floor<std::chrono::seconds>(time));
}

}  // namespace

Task<Result<void>> write_clean_marker(Disk& disk, std::string data_directory, std::int64_t wall_ms) {
  const std::string text = format_time(wall_ms) + "\n";
  const ByteView bytes = as_bytes(text);
  std::vector<std::byte> contents(bytes.begin(), bytes.end());
  co_return co_await file::replace_small_file(disk, std::move(data_directory), kFileName,
                                              std::move(contents));
}

Task<Result<std::optional<CleanMarker>>> take_clean_marker(Disk& disk, std::string data_directory) {
  const std::string path = data_directory + "/" + kFileName;
  const Result<std::vector<std::byte>> contents = co_await file::read_small_file(disk, path);
  if (!contents && contents.error().code() == ErrorCode::kNotFound) co_return std::nullopt;
  if (!contents) co_return Unexpected(contents.error());
  if (const Result<void> removed = co_await disk.remove(path); !removed)
    co_return Unexpected(removed.error());
  const Result<void> synced = co_await disk.sync_directory(std::move(data_directory));
  if (!synced) co_return Unexpected(synced.error());
  const std::string_view text = as_text(*contents);
  co_return CleanMarker{.stopped_at = std::string(text.substr(0, text.find('\n')))};
}

}  // namespace penstock::server
