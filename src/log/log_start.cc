#include "log/log_start.h"

#include <algorithm>

#include "base/crc32c.h"
#include "file/small_file.h"

namespace penstock::log {

namespace {

constexpr std::string_view kMagic = "PENSTRT2";
constexpr std::size_t kOffsetAt = 8;
constexpr std::size_t kPartitionAt = 16;
constexpr std::size_t kTopicIdAt = 24;
constexpr std::size_t kChecksumAt = 40;
constexpr std::size_t kFileBytes = 44;

}  // namespace

std::vector<std::byte> encode_log_start(const PartitionId& id, Offset start) {
  std::vector<std::byte> file(kFileBytes);
  std::ranges::copy(as_bytes(kMagic), file.begin());
  store_le<std::int64_t>(file, kOffsetAt, start.value);
  store_le<std::int32_t>(file, kPartitionAt, id.index);
  std::ranges::copy(id.topic_id, file.begin() + kTopicIdAt);
  store_le<std::uint32_t>(file, kChecksumAt, crc32c(ByteView(file).first(kChecksumAt)));
  return file;
}

Result<Offset> decode_log_start(const PartitionId& id, ByteView file) {
  if (file.size() != kFileBytes || !std::ranges::equal(file.first(kMagic.size()), as_bytes(kMagic))) {
    return fail(ErrorCode::kCorrupt, "not a log start");
  }
  if (load_le<std::uint32_t>(file, kChecksumAt) != crc32c(file.first(kChecksumAt))) {
    return fail(ErrorCode::kCorrupt, "the checksum is wrong");
  }
  const bool is_own = load_le<std::int32_t>(file, kPartitionAt) == id.index &&
                      std::ranges::equal(file.subspan(kTopicIdAt, id.topic_id.size()), id.topic_id);
  if (!is_own) return fail(ErrorCode::kCorrupt, "it is of another partition");
  const Offset start{load_le<std::int64_t>(file, kOffsetAt)};
  if (start < Offset{0}) return fail(ErrorCode::kCorrupt, "the offset is negative");
  return start;
}

Task<Result<Offset>> read_log_start(Disk& disk, std::string directory, PartitionId id) {
  std::string path = fmt::format("{}/{}", directory, kLogStartFile);
  auto contents = co_await file::read_small_file(disk, path);
  if (!contents && contents.error().code() == ErrorCode::kNotFound) co_return Offset{0};
  if (!contents) co_return Unexpected(contents.error());
  auto start = decode_log_start(id, *contents);
  if (!start) co_return Unexpected(start.error().context(path));
  co_return start;
}

Task<Result<void>> replace_log_start(Disk& disk, std::string directory, PartitionId id, Offset start) {
  co_return co_await file::replace_small_file(disk, std::move(directory), std::string(kLogStartFile),
                                              encode_log_start(id, start));
}

}  // namespace penstock::log
