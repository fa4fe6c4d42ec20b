#include "rocksdb/file_view.h"

#include <algorithm>

#include "rocksdb/database_names.h"
#include "rocksdb/inline_run.h"

namespace penstock::rocksdb {

namespace {

bool was_not_closed(Places& places, const std::string& path) {
  return is_log(kind_of(path)) && run_inline(places.side_disk().info(side_path(path))).has_value();
}

}  // namespace

Result<std::unique_ptr<FileView>> FileView::open(Places& places, const OpenFiles& table,
                                                 const std::string& path) {
  std::unique_ptr<FileView> view(new FileView(places, path));
  view->writer_ = table.find(path);
  if (view->writer_ == nullptr && was_not_closed(places, path)) {
    Result<LogView> log = LogView::open(places, path);
    if (!log) return Unexpected(log.error());
    view->log_ = std::move(*log);
    return view;
  }
  const Result<Disk*> disk = places.disk_for(path);
  if (!disk) return Unexpected(disk.error());
  Result<file::ReadFile> file = run_inline(file::ReadFile::open(**disk, path));
  if (!file) return Unexpected(file.error());
  view->file_ = std::move(*file);
  return view;
}

Result<std::size_t> FileView::read(FilePosition from, MutableBytes into) {
  if (writer_ != nullptr) return read_behind_writer(from, into);
  if (log_) return read_log(from, into);
  return run_inline(file_->read(from, into));
}

Result<std::size_t> FileView::read_behind_writer(FilePosition from, MutableBytes into) {
  std::uint64_t readable = readable_bytes_.load(std::memory_order_acquire);
  if (from.value + into.size() > readable) {
    const Result<std::uint64_t> flushed = writer_->make_readable();
    if (!flushed) return Unexpected(flushed.error());
    readable = *flushed;
    readable_bytes_.store(readable, std::memory_order_release);
  }
  if (from.value >= readable) return std::size_t{0};
  return run_inline(
      file_->read(from, into.first(std::min<std::uint64_t>(into.size(), readable - from.value))));
}

// At the end of what is known it looks again: another process may have written more.
Result<std::size_t> FileView::read_log(FilePosition from, MutableBytes into) {
  const std::lock_guard lock(mutex_);
  if (from + into.size() > log_->end()) {
    Result<LogView> now = LogView::open(places_, path_, log_->end());
    if (!now && now.error().code() != ErrorCode::kNotFound) return Unexpected(now.error());
    if (now && now->end() > log_->end()) log_ = std::move(*now);
  }
  return log_->read(from, into);
}

Result<std::uint64_t> FileView::size_bytes() {
  if (writer_ != nullptr) return writer_->size_bytes();
  if (!log_) return run_inline(file_->size());
  const std::lock_guard lock(mutex_);
  return log_->end().value;
}

Result<std::uint64_t> size_of(Places& places, const OpenFiles& table, const std::string& path) {
  if (const auto writer = table.find(path)) return writer->size_bytes();
  if (was_not_closed(places, path)) {
    const Result<LogView> log = LogView::open(places, path);
    if (!log) return Unexpected(log.error());
    return log->end().value;
  }
  const auto info = run_inline(places.side_disk().info(path));
  if (!info) return Unexpected(info.error());
  return info->size_bytes;
}

}  // namespace penstock::rocksdb
