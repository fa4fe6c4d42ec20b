#include "rocksdb/log_view.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <array>

#include "base/random.h"
#include "file/append_file.h"
#include "rocksdb/database_names.h"
#include "rocksdb/inline_run.h"
#include "rocksdb/log_format.h"

namespace penstock::rocksdb {

namespace {

constexpr std::uint64_t kWalkBytes = kMiB;

std::int64_t as_record_position(FilePosition position) {
  return static_cast<std::int64_t>(position.value);
}
FilePosition as_position(std::int64_t record_position) {
  return {static_cast<std::uint64_t>(record_position)};
}

// A newer one means that the database was opened since, by somebody who did not see the side file.
bool is_newest_log(Disk& disk, const std::string& path) {
  const auto number = number_of(path);
  auto names = run_inline(disk.list(directory_of(path)));
  if (!number || !names) return false;
  return std::ranges::none_of(*names,
                              [&](const std::string& name) { return number_of(name) > number; });
}

}  // namespace

// Through RocksDB's own file system, which tells it from device, inode and generation.
std::optional<file::ArenaIdentity> inode_of(const std::string& path) {
  std::unique_ptr<::rocksdb::FSRandomAccessFile> file;
  const auto& system = ::rocksdb::FileSystem::Default();
  if (!system->NewRandomAccessFile(path, {}, &file, nullptr).ok()) return std::nullopt;
  std::array<char, 32> id{};
  const std::size_t id_bytes = file->GetUniqueId(id.data(), id.size());
  if (id_bytes == 0) return std::nullopt;
  std::uint64_t low = id_bytes;
  std::uint64_t high = ~id_bytes;
  for (std::size_t i = 0; i < id_bytes; ++i) {
    low = mix64(low ^ static_cast<unsigned char>(id[i]));
    high = mix64(high + static_cast<unsigned char>(id[i]));
  }
  file::ArenaIdentity identity;
  store_le<std::uint64_t>(identity.id, 0, low);
  store_le<std::uint64_t>(identity.id, 8, high);
  return identity;
}

file::ArenaIdentity identity_of(const std::string& path) {
  return inode_of(path).value_or(file::ArenaIdentity());
}

Result<LogView> LogView::open(Places& places, const std::string& path, FilePosition from) {
  const Result<Disk*> disk = places.disk_for(path);
  if (!disk) return Unexpected(disk.error());
  Result<file::ReadFile> file = run_inline(file::ReadFile::open(**disk, path));
  if (!file) return Unexpected(file.error());
  LogView view(std::move(*file));
  // Of a log that is being written, the side file first: what is not there any more is in the file.
  Result<std::vector<file::ArenaRecord>> records = std::vector<file::ArenaRecord>();
  const bool may_have_unsynced = kind_of(path) == FileKind::kWriteAheadLog;
  if (may_have_unsynced) {
    records = run_inline(
        file::read_arena(places.side_disk(), side_path(path), identity_of(path), kMaxSideFileBytes));
  }
  const Result<std::uint64_t> size_bytes = run_inline(view.file_.size());
  if (!size_bytes) return Unexpected(size_bytes.error());
  view.file_bytes_ = *size_bytes;
  if (auto found = view.find_end(from); !found) return Unexpected(found.error());
  if (!may_have_unsynced) return view;
  if (!records) {
    view.refusal_ = records.error().message();
    return view;
  }
  if (records->empty() || as_position(records->back().last) <= view.end_) return view;
  if (!is_newest_log(places.side_disk(), path)) {
    view.refusal_ = "it is stale: there is a newer log, so the database went on without it";
    return view;
  }
  // The newest records, back to the first one that does not lead to the next.
  std::size_t first = records->size() - 1;
  while (first > 0 && (*records)[first - 1].last == (*records)[first].first) --first;
  const Result<bool> continues = view.continues(*records, first);
  if (!continues) return Unexpected(continues.error());
  if (!*continues) {
    view.refusal_ = "what it holds does not continue the log";
    return view;
  }
  if (auto taken = view.take(*records, first); !taken) return Unexpected(taken.error());
  if (auto found = view.find_end(view.file_end_); !found) return Unexpected(found.error());
  return view;
}

Result<std::size_t> LogView::read(FilePosition from, MutableBytes into) const {
  if (from >= end_) return std::size_t{0};
  into = into.first(std::min<std::uint64_t>(into.size(), end_ - from));
  std::size_t filled = 0;
  if (from < file_end_) {
    const MutableBytes stored = into.first(std::min<std::uint64_t>(into.size(), file_end_ - from));
    const Result<std::size_t> read = run_inline(file_.read(from, stored));
    if (!read || *read < stored.size()) return read;
    filled = *read;
  }
  const MutableBytes rest = into.subspan(filled);
  if (!rest.empty()) {
    const std::size_t at = from + filled - file_end_;
    std::memcpy(rest.data(), unsynced_.data() + at, rest.size());
  }
  return into.size();
}

// Sets end_, and without bytes from the side file file_end_ too.
Result<void> LogView::find_end(FilePosition from) {
  const FilePosition start{align_down(from.value, LogWalk::kLogBlockBytes)};
  const bool in_file_only = unsynced_.empty();
  if (in_file_only) file_end_ = {file_bytes_};
  end_ = file_end_ + unsynced_.size();
  LogWalk walk(start, std::min(from, end_));
  std::vector<std::byte> piece(kWalkBytes);
  bool goes_on = true;
  for (FilePosition at = start; goes_on && at < end_;) {
    const Result<std::size_t> read = this->read(at, piece);
    if (!read) return Unexpected(read.error());
    for (std::size_t place = 0; goes_on && place < *read; place += LogWalk::kLogBlockBytes) {
      const std::size_t length = std::min<std::size_t>(*read - place, LogWalk::kLogBlockBytes);
      goes_on = walk.add(ByteView(piece).subspan(place, length));
    }
    if (*read == 0) break;
    at = at + *read;
  }
  end_ = walk.end();
  if (in_file_only) file_end_ = end_;
  return {};
}

// Whether the records begin within the file, and say the same where its data is known. Between that and
// the first one the file may have the beginning of a record, whose checksum will tell.
Result<bool> LogView::continues(const std::vector<file::ArenaRecord>& records,
                                std::size_t first) const {
  const FilePosition begin = as_position(records[first].first);
  if (begin.value > file_bytes_ || begin > file_end_ + kMaxSideFileBytes) return false;
  for (std::size_t i = first; i < records.size(); ++i) {
    const file::ArenaRecord& record = records[i];
    const FilePosition at = as_position(record.first);
    if (record.last - record.first != static_cast<std::int64_t>(record.payload.size())) return false;
    if (at >= file_end_) continue;
    std::vector<std::byte> stored(std::min<std::uint64_t>(record.payload.size(), file_end_ - at));
    const Result<std::size_t> read = run_inline(file_.read(at, stored));
    if (!read) return Unexpected(read.error());
    if (!std::ranges::equal(ByteView(stored).first(*read), record.payload.view().first(*read)))
      return false;
  }
  return true;
}

Result<void> LogView::take(const std::vector<file::ArenaRecord>& records, std::size_t first) {
  const FilePosition begin = as_position(records[first].first);
  if (begin > file_end_) {
    unsynced_.resize(begin - file_end_);
    const Result<std::size_t> read = run_inline(file_.read(file_end_, unsynced_));
    if (!read) return Unexpected(read.error());
    unsynced_.resize(*read);
  }
  for (std::size_t i = first; i < records.size(); ++i) {
    const file::ArenaRecord& record = records[i];
    if (record.last <= as_record_position(file_end_)) continue;
    const FilePosition have = file_end_ + unsynced_.size();
    const std::size_t known = have - as_position(record.first);
    const ByteView fresh = record.payload.view().subspan(known);
    unsynced_.insert(unsynced_.end(), fresh.begin(), fresh.end());
  }
  return {};
}

Result<void> LogView::settle(Places& places) const {
  const std::string& path = file_.path();
  const Result<Disk*> disk = places.disk_for(path);
  if (!disk) return Unexpected(disk.error());
  file::AppendOpen how;
  how.end = std::min(file_end_, end_).value;
  how.options.preparation = Preparation::kNone;
  Result<file::AppendFile> log =
      run_inline(file::AppendFile::open(places.scheduler(), **disk, path, how));
  if (!log) return Unexpected(log.error());
  const ByteView unsynced = ByteView(unsynced_).first(unsynced_bytes());
  if (auto added = run_inline(log->append(unsynced)); !added) return Unexpected(added.error());
  return run_inline(log->seal());
}

Result<void> settle_log(Places& places, const std::string& path) {
  if (!is_log(kind_of(path))) return {};
  Disk& side_disk = places.side_disk();
  const auto side = run_inline(side_disk.info(side_path(path)));
  if (!side && side.error().code() == ErrorCode::kNotFound) return {};
  if (!side) return Unexpected(side.error());
  const std::string directory = directory_of(path);
  const auto log = run_inline(side_disk.info(path));
  if (!log && log.error().code() != ErrorCode::kNotFound) return Unexpected(log.error());
  if (log) {
    const Result<LogView> view = LogView::open(places, path);
    if (!view) return Unexpected(view.error());
    if (auto settled = view->settle(places); !settled) return settled;
    if (!view->refusal().empty())
      places.reports().say(directory, fmt::format("ignored {}: {}", side_path(path), view->refusal()));
    places.reports().say(directory,
                         fmt::format("{} was not closed: its data ends at {}, {} bytes of it from "
                                     "memory that outlived its process; the file had {}",
                                     path, view->end(), view->unsynced_bytes(), view->file_bytes()));
  } else {
    places.reports().say(directory, fmt::format("removed {}: its log is gone", side_path(path)));
  }
  return run_inline(side_disk.remove(side_path(path)));
}

Result<void> settle_directory(Places& places, const OpenFiles& table, const std::string& directory) {
  Disk& side_disk = places.side_disk();
  const auto names = run_inline(side_disk.list(directory));
  if (!names) return Unexpected(names.error());
  bool has_changed = false;
  for (const std::string& name : *names) {
    if (!is_side_file(name)) continue;
    const std::string path = fmt::format("{}/{}", directory, owner_of(name));
    if (table.find(path) != nullptr) continue;
    if (auto settled = settle_log(places, path); !settled) return settled;
    has_changed = true;
  }
  if (!has_changed) return {};
  return run_inline(side_disk.sync_directory(directory));
}

}  // namespace penstock::rocksdb
