#include "file/small_file.h"

#include <algorithm>
#include <cstring>

namespace penstock::file {

namespace {

Task<Result<void>> write_durably(Disk& disk, std::string path, ByteView contents) {
  OpenOptions options;
  options.write = true;
  options.create = true;
  auto file = co_await disk.open(std::move(path), options);
  if (!file) co_return Unexpected(file.error());

  if (!contents.empty()) {
    AlignedBuffer buffer(contents.size());
    std::memcpy(buffer.data(), contents.data(), contents.size());
    std::memset(buffer.data() + contents.size(), 0, buffer.capacity() - contents.size());
    const std::size_t padded_bytes = buffer.capacity();
    SharedSlice padded = std::move(buffer).freeze(padded_bytes);
    if (auto written = co_await (*file)->write(FilePosition{0}, padded, Durability::kNone); !written) {
      co_return written;
    }
  }
  if (auto cut = co_await (*file)->truncate(contents.size()); !cut) co_return cut;
  co_return co_await (*file)->sync(SyncScope::kAll);
}

}  // namespace

Task<Result<void>> replace_small_file(Disk& disk, std::string directory, std::string name,
                                      std::vector<std::byte> contents) {
  const std::string path = directory + "/" + name;
  const std::string temporary = path + ".tmp";
  if (auto written = co_await write_durably(disk, temporary, contents); !written) {
    // Whether or not it can be removed, the error to report is the first one.
    (void)co_await disk.remove(temporary);
    co_return written;
  }
  if (auto renamed = co_await disk.rename(temporary, path); !renamed) co_return renamed;
  co_return co_await disk.sync_directory(directory);
}

Task<Result<std::vector<std::byte>>> read_small_file(Disk& disk, std::string path) {
  OpenOptions options;
  auto file = co_await disk.open(path, options);
  if (!file) co_return Unexpected(file.error());
  auto size = co_await (*file)->size();
  if (!size) co_return Unexpected(size.error());
  if (*size > kMaxSmallFileBytes) {
    co_return fail(ErrorCode::kTooLarge, "{} has {} bytes; at most {} are expected", path, *size,
                   kMaxSmallFileBytes);
  }
  std::vector<std::byte> contents;
  if (*size == 0) co_return contents;
  AlignedBuffer buffer(*size);
  const std::size_t length = buffer.capacity();
  auto read = co_await (*file)->read(FilePosition{0}, std::move(buffer), length);
  if (!read) co_return Unexpected(read.error());
  contents.assign(read->buffer.data(),
                  read->buffer.data() + std::min<std::uint64_t>(*size, read->size_bytes));
  co_return contents;
}

}  // namespace penstock::file
