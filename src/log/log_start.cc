#include "log/log_start.h"

#include <algorithm>

#include "base/crc32c.h"
#include "file/small_file.h"

namespace penstock::log {

namespace {

constexpr std::string_view kMagic = "PENSTRT1";
constexpr std::size_t kOffsetAt = 8;
constexpr std::size_t kChecksumAt = 16;
constexpr std::size_t kFileBytes = 20;

}  // namespace

std::vector<std::byte> encode_log_start(Offset start) {
  std::vector<std::byte> file(kFileBytes);
  std::ranges::copy(as_bytes(kMagic), file.begin());
  store_le<std::int64_t>(file, kOffsetAt, start.value);
  store_le<std::uint32_t>(file, kChecksumAt, crc32c(ByteView(file).first(kChecksumAt)));
  return file;
}

Result<Offset> decode_log_start(ByteView file) {
  if (file.size() != kFileBytes || !std::ranges::equal(file.first(kMagic.size()), as_bytes(kMagic))) {
    return fail(ErrorCode::kCorrupt, "not a log start");
  }
  if (load_le<std::uint32_t>(file, kChecksumAt) != crc32c(file.first(kChecksumAt))) {
    return fail(ErrorCode::kCorrupt, "the checksum is wrong");
  }
  const Offset start{load_le<std::int64_t>(file, kOffsetAt)};
  if (start < Offset{0}) return fail(ErrorCode::kCorrupt, "the offset is negative");
  return start;
}

Task<Result<Offset>> read_log_start(Disk& disk, std::string directory) {
  std::string path = fmt::format("{}/{}", directory, kLogStartFile);
  auto contents = co_await file::read_small_file(disk, path);
  if (!contents && contents.error().code() == ErrorCode::kNotFound) co_return Offset{0};
  if (!contents) co_return Unexpected(contents.error());
  auto start = decode_log_start(*contents);
  if (!start) co_return Unexpected(start.error().context(path));
  co_return start;
}

Task<Result<void>> replace_log_start(Disk& disk, std::string directory, Offset start) {
  co_return co_await file::replace_small_file(disk, std::move(directory), std::string(kLogStartFile),
                                              encode_log_start(start));
}

}  // namespace penstock::log
