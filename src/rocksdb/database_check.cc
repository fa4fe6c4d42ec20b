#include "rocksdb/database_check.h"

#include <rocksdb/file_system.h>

#include "rocksdb/database_names.h"
#include "rocksdb/inline_run.h"
#include "rocksdb/log_view.h"

namespace penstock::rocksdb {

namespace {

// Asks without making the file: a check leaves nothing behind.
bool is_locked(Disk& disk, const std::string& directory) {
  const std::string path = directory + "/LOCK";
  if (!run_inline(disk.info(path))) return false;
  const auto& system = ::rocksdb::FileSystem::Default();
  ::rocksdb::FileLock* lock = nullptr;
  if (!system->LockFile(path, {}, &lock, nullptr).ok()) return true;
  (void)system->UnlockFile(lock, {}, nullptr);
  return false;
}

Result<void> look_at(Places& places, const std::string& path, DatabaseReport& report) {
  Disk& disk = places.side_disk();
  if (is_side_file(path)) {
    const std::string log(owner_of(path));
    if (!run_inline(disk.info(log))) {
      report.without_log.push_back(path);
      return {};
    }
    const Result<LogView> view = LogView::open(places, log);
    if (!view) return Unexpected(view.error());
    report.not_closed.push_back({.path = log,
                                 .file_bytes = view->file_bytes(),
                                 .data_bytes = view->end().value,
                                 .unsynced_bytes = view->unsynced_bytes(),
                                 .refusal = view->refusal()});
    return {};
  }
  const FileKind kind = kind_of(path);
  if (is_log(kind)) ++report.log_count;
  if (kind != FileKind::kTable) return {};
  const auto info = run_inline(disk.info(path));
  if (!info) return Unexpected(info.error());
  ++report.table_count;
  report.table_bytes += info->size_bytes;
  return {};
}

}  // namespace

Result<DatabaseReport> check_database(const std::string& directory, RequestedIoMode requested) {
  Reports nobody;
  Places places(requested, nobody);
  Disk& disk = places.side_disk();
  const std::string path = normal_path(directory);
  const auto names = run_inline(disk.list(path));
  if (!names) return Unexpected(names.error());
  if (!run_inline(disk.info(path + "/CURRENT"))) {
    return fail(ErrorCode::kNotFound, "{} holds no RocksDB database: it has no file CURRENT", path);
  }
  const Result<ChosenMode> mode = places.find_mode(path);
  if (!mode) return Unexpected(mode.error());
  DatabaseReport report;
  report.is_in_use = is_locked(disk, path);
  report.mode = mode->mode;
  report.mode_reason = mode->reason;
  for (const std::string& name : *names) {
    if (auto looked = look_at(places, fmt::format("{}/{}", path, name), report); !looked)
      return Unexpected(looked.error());
  }
  return report;
}

}  // namespace penstock::rocksdb
