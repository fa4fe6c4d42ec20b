#include "catalog/space_reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/units.h"
#include "disk/descriptor.h"

namespace penstock::catalog {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = 32 * kMiB;
// Of a small disk, not more than this share.
constexpr std::uint64_t kDiskShare = 32;
// What must be free in front of each write: several times what RocksDB writes at once
// (rocks_catalog.cc).
constexpr std::uint64_t kRoomShare = 4;
// And on any disk: a table, the next log's first space and its side file, and the MANIFEST's.
constexpr std::uint64_t kLeastRoomBytes = 2 * kMiB;
// While the disk has so many times its size left, nobody is near the end, and it is filled up.
constexpr std::uint64_t kPlenty = 4;

// What is written goes to the log, to a table, and to another one when tables are merged.
constexpr std::uint64_t kWriteTimes = 4;

constexpr mode_t kFileMode = 0640;

}  // namespace

SpaceReserve::SpaceReserve(std::string directory)
    : directory_(std::move(directory)), path_(directory_ + "/RESERVE") {
  std::error_code none;
  const fs::space_info space = fs::space(directory_, none);
  if (!none) wanted_bytes_ = align_down(std::min(kMostBytes, space.capacity / kDiskShare), kMiB);
  const auto size = fs::file_size(path_, none);
  if (!none) held_bytes_ = size;
}

Result<void> SpaceReserve::make_room(std::uint64_t bytes) {
  std::error_code failed;
  const std::uint64_t free_bytes = fs::space(directory_, failed).free;
  if (failed) return {};  // then RocksDB shall say what is wrong with the place
  const std::uint64_t room_bytes =
      align_up(std::max({wanted_bytes_ / kRoomShare, kLeastRoomBytes, kWriteTimes * bytes}), kMiB);
  if (free_bytes / kPlenty >= std::max(wanted_bytes_, room_bytes)) {
    fill_up();
    return {};
  }
  if (can_take(room_bytes)) return {};
  const std::uint64_t cut_bytes = std::min(held_bytes_, room_bytes);
  fs::resize_file(path_, held_bytes_ - cut_bytes, failed);
  if (!failed) held_bytes_ -= cut_bytes;
  if (can_take(room_bytes)) return {};
  return fail(ErrorCode::kNoSpace, "{} MiB must be free for the catalog in {}; make room on its disk",
              room_bytes / kMiB, directory_);
}

// What a file system calls free is not all to be had: ext4 keeps some for root, and some for itself. So
// near the end it is tried.
bool SpaceReserve::can_take(std::uint64_t bytes) const {
  const std::string trial = path_ + ".trial";
  const Descriptor file(::open(trial.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
  if (!file.is_open()) return false;
  const bool is_there = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)) == 0;
  ::unlink(trial.c_str());
  return is_there;
}

// Best effort: without it, only a full disk is worse.
void SpaceReserve::fill_up() {
  if (held_bytes_ >= wanted_bytes_) return;
  const Descriptor file(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!file.is_open()) return;
  if (::posix_fallocate(file.get(), 0, static_cast<off_t>(wanted_bytes_)) == 0)
    held_bytes_ = wanted_bytes_;
}

}  // namespace penstock::catalog
