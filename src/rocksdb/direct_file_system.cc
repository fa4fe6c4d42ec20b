#include "rocksdb/direct_file_system.h"

#include "rocksdb/exact_writer.h"
#include "rocksdb/inline_run.h"
#include "rocksdb/uri_options.h"
#include "rocksdb/writable_file.h"

namespace penstock::rocksdb {

using ::rocksdb::FileOptions;
using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;

namespace {

constexpr std::string_view kLockName = "LOCK";
// Drain logs.
constexpr std::size_t kWorkerThreads = 2;

IOStatus refuse_mapping(std::string_view option) {
  return IOStatus::InvalidArgument(
      fmt::format("{} is set: memory mapping goes through the page cache, which is what penstock:// is "
                  "there to avoid; turn one of them off",
                  option));
}

}  // namespace

DirectFileSystem::DirectFileSystem(const DirectFileSystemOptions& options)
    : FileSystemWrapper(::rocksdb::FileSystem::Default()),
      options_(options),
      // Shared with nobody: it goes when this goes.
      env_(::rocksdb::NewCompositeEnv(
          std::shared_ptr<::rocksdb::FileSystem>(std::shared_ptr<void>(), this))),
      places_(options.mode, reports_),
      read_ahead_budget_(options.readahead_memory_bytes),
      warm_output_(options.warm_output_bytes),
      pool_(kWorkerThreads),
      read_services_{.places = places_,
                     .budget = read_ahead_budget_,
                     .ends = table_ends_,
                     .rings = rings_,
                     .compaction_window_bytes = options.readahead_bytes} {
  if (rings_.borrow() != nullptr) return;
  if (const auto refusal = rings_.refusal()) {
    places_.add_remark(fmt::format("reads that could be made together are made one after the other: {}",
                                   refusal->message()));
  }
}

IOStatus DirectFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<::rocksdb::FSSequentialFile>* result,
                                             IODebugContext* /*dbg*/) {
  result->reset();
  if (options.use_mmap_reads) return refuse_mapping("allow_mmap_reads");
  Result<std::unique_ptr<FileView>> view = FileView::open(places_, table_, normal_path(path));
  if (!view) return to_status(view.error());
  *result = std::make_unique<DirectSequentialFile>(places_, std::move(*view), options_.readahead_bytes);
  return IOStatus::OK();
}

IOStatus DirectFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                               std::unique_ptr<::rocksdb::FSRandomAccessFile>* result,
                                               IODebugContext* /*dbg*/) {
  result->reset();
  if (options.use_mmap_reads) return refuse_mapping("allow_mmap_reads");
  Result<std::unique_ptr<FileView>> view = FileView::open(places_, table_, normal_path(path));
  if (!view) return to_status(view.error());
  std::shared_ptr<const WarmOutput::Table> warm;
  if (kind_of(path) == FileKind::kTable) warm = warm_output_.find(path);
  *result = std::make_unique<DirectRandomAccessFile>(read_services_, std::move(*view), std::move(warm));
  return IOStatus::OK();
}

IOStatus DirectFileSystem::NewRandomRWFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<::rocksdb::FSRandomRWFile>* result,
                                           IODebugContext* dbg) {
  warm_output_.forget(path);
  return FileSystemWrapper::NewRandomRWFile(path, options, result, dbg);
}

IOStatus DirectFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<::rocksdb::FSWritableFile>* result,
                                           IODebugContext* /*dbg*/) {
  return open_to_write(normal_path(path), /*keeps=*/false, options, result);
}

IOStatus DirectFileSystem::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<::rocksdb::FSWritableFile>* result,
                                              IODebugContext* /*dbg*/) {
  return open_to_write(normal_path(path), /*keeps=*/true, options, result);
}

IOStatus DirectFileSystem::ReuseWritableFile(const std::string& path, const std::string& old_path,
                                             const FileOptions& options,
                                             std::unique_ptr<::rocksdb::FSWritableFile>* result,
                                             IODebugContext* dbg) {
  result->reset();
  if (IOStatus removed = DeleteFile(old_path, options.io_options, dbg); !removed.ok()) return removed;
  return NewWritableFile(path, options, result, dbg);
}

IOStatus DirectFileSystem::open_to_write(const std::string& path, bool keeps,
                                         const FileOptions& options,
                                         std::unique_ptr<::rocksdb::FSWritableFile>* result) {
  result->reset();
  if (options.use_mmap_writes) return refuse_mapping("allow_mmap_writes");
  Result<std::shared_ptr<FileWriter>> writer = open_writer(path, keeps);
  if (!writer) return to_status(writer.error());
  table_.add(path, *writer);
  *result = std::make_unique<DirectWritableFile>(table_, std::move(*writer), options);
  return IOStatus::OK();
}

Result<std::shared_ptr<FileWriter>> DirectFileSystem::open_writer(const std::string& path, bool keeps) {
  const FileKind kind = kind_of(path);
  if (!is_log(kind)) {
    auto writer = ExactWriter::open(places_, warm_output_, path, keeps, options_.write_buffer_bytes);
    if (!writer) return Unexpected(writer.error());
    return std::shared_ptr<FileWriter>(std::move(*writer));
  }
  if (kind == FileKind::kWriteAheadLog) {
    if (auto ready = begin_log(directory_of(path)); !ready) return Unexpected(ready.error());
  }
  if (keeps) {
    if (auto settled = settle_log(places_, path); !settled) return Unexpected(settled.error());
  }
  LogWriterOptions how;
  how.side_file_bytes = options_.side_file_bytes;
  how.step_bytes = options_.log_step_bytes;
  const LogWorkers workers{.drains = pool_, .steps = log_steps_};
  auto writer = LogWriter::open(places_, workers, log_habit_, path, keeps, how);
  if (!writer) return Unexpected(writer.error());
  return std::shared_ptr<FileWriter>(std::move(*writer));
}

// Only the newest log may have bytes in memory: see log_view.h.
Result<void> DirectFileSystem::begin_log(const std::string& directory) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    if (settled_.size() >= Places::kMaxDirectories) settled_.clear();
    is_first = settled_.insert(directory).second;
  }
  if (is_first) {
    if (auto settled = settle_directory(places_, table_, directory); !settled) return settled;
  }
  for (const std::shared_ptr<FileWriter>& older : table_.logs_in(directory)) {
    // For want of space there is no newer log. One whose device failed keeps what it has; RocksDB was
    // told, and is about to go on without it.
    const Result<void> exact = older->make_exact();
    if (!exact && exact.error().code() == ErrorCode::kNoSpace) return exact;
  }
  return {};
}

IOStatus DirectFileSystem::NewMemoryMappedFileBuffer(
    const std::string& /*path*/, std::unique_ptr<::rocksdb::MemoryMappedFileBuffer>* /*result*/) {
  return IOStatus::NotSupported("a memory-mapped buffer goes through the page cache");
}

IOStatus DirectFileSystem::NewLogger(const std::string& path, const IOOptions& /*options*/,
                                     std::shared_ptr<::rocksdb::Logger>* result,
                                     IODebugContext* /*dbg*/) {
  if (const ::rocksdb::Status made = ::rocksdb::NewEnvLogger(path, env_.get(), result); !made.ok())
    return ::rocksdb::status_to_io_status(::rocksdb::Status(made));
  const std::string directory = directory_of(normal_path(path));
  reports_.add_logger(directory, *result);
  places_.tell_again(directory);
  return IOStatus::OK();
}

IOStatus DirectFileSystem::GetChildren(const std::string& directory, const IOOptions& options,
                                       std::vector<std::string>* result, IODebugContext* dbg) {
  IOStatus listed = FileSystemWrapper::GetChildren(directory, options, result, dbg);
  if (listed.ok()) std::erase_if(*result, [](const std::string& name) { return is_side_file(name); });
  return listed;
}

IOStatus DirectFileSystem::GetChildrenFileAttributes(const std::string& directory,
                                                     const IOOptions& options,
                                                     std::vector<::rocksdb::FileAttributes>* result,
                                                     IODebugContext* dbg) {
  // Not the wrapper's, which asks the default file system, but the one that asks this object for names
  // and sizes.
  return FileSystem::GetChildrenFileAttributes(  // NOLINT(bugprone-parent-virtual-call)
      directory, options, result, dbg);
}

IOStatus DirectFileSystem::GetFileSize(const std::string& path, const IOOptions& /*options*/,
                                       std::uint64_t* size, IODebugContext* /*dbg*/) {
  const Result<std::uint64_t> size_bytes = size_of(places_, table_, normal_path(path));
  *size = size_bytes ? *size_bytes : 0;
  return to_status(size_bytes);
}

IOStatus DirectFileSystem::Truncate(const std::string& path, std::size_t size, const IOOptions& options,
                                    IODebugContext* dbg) {
  const std::string normal = normal_path(path);
  if (const auto writer = table_.find(normal)) return to_status(writer->truncate(size));
  if (auto settled = settle_log(places_, normal); !settled) return to_status(settled);
  if (kind_of(normal) == FileKind::kTable) warm_output_.forget(normal);
  return FileSystemWrapper::Truncate(path, size, options, dbg);
}

IOStatus DirectFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                      IODebugContext* dbg) {
  const std::string normal = normal_path(path);
  if (kind_of(normal) == FileKind::kTable) warm_output_.forget(normal);
  IOStatus removed = FileSystemWrapper::DeleteFile(path, options, dbg);
  if (!removed.ok()) return removed;
  table_.forget(normal);
  return to_status(remove_side_file(normal));
}

IOStatus DirectFileSystem::DeleteDir(const std::string& directory, const IOOptions& options,
                                     IODebugContext* dbg) {
  if (auto removed = remove_side_files(normal_path(directory)); !removed) return to_status(removed);
  return FileSystemWrapper::DeleteDir(directory, options, dbg);
}

IOStatus DirectFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* dbg) {
  const std::string normal_from = normal_path(from);
  const std::string normal_to = normal_path(to);
  if (auto exact = make_exact(normal_from); !exact) return to_status(exact);
  IOStatus renamed = FileSystemWrapper::RenameFile(from, to, options, dbg);
  if (!renamed.ok()) return renamed;
  table_.rename(normal_from, normal_to);
  return to_status(remove_side_file(normal_to));
}

IOStatus DirectFileSystem::LinkFile(const std::string& from, const std::string& to,
                                    const IOOptions& options, IODebugContext* dbg) {
  if (auto exact = make_exact(normal_path(from)); !exact) return to_status(exact);
  return FileSystemWrapper::LinkFile(from, to, options, dbg);
}

IOStatus DirectFileSystem::LockFile(const std::string& path, const IOOptions& options,
                                    ::rocksdb::FileLock** lock, IODebugContext* dbg) {
  const std::string normal = normal_path(path);
  IOStatus locked = FileSystemWrapper::LockFile(path, options, lock, dbg);
  if (!locked.ok() || name_of(normal) != kLockName) return locked;
  {
    const std::lock_guard guard(mutex_);
    settled_.clear();
  }
  const Result<void> settled = settle_directory(places_, table_, directory_of(normal));
  if (settled) return locked;
  (void)FileSystemWrapper::UnlockFile(*lock, options, dbg);
  *lock = nullptr;
  return to_status(settled);
}

FileOptions DirectFileSystem::OptimizeForLogWrite(const FileOptions& options,
                                                  const ::rocksdb::DBOptions& db_options) const {
  FileOptions optimized = FileSystemWrapper::OptimizeForLogWrite(options, db_options);
  optimized.use_mmap_writes = options.use_mmap_writes;
  return optimized;
}

FileOptions DirectFileSystem::OptimizeForManifestWrite(const FileOptions& options) const {
  FileOptions optimized = FileSystemWrapper::OptimizeForManifestWrite(options);
  optimized.use_mmap_writes = options.use_mmap_writes;
  return optimized;
}

IOStatus DirectFileSystem::Poll(std::vector<void*>& handles, std::size_t /*min_completions*/) {
  for (void* const handle : handles)
    if (handle != nullptr) static_cast<AsyncRead*>(handle)->finish();
  return IOStatus::OK();
}

IOStatus DirectFileSystem::AbortIO(std::vector<void*>& handles) {
  for (void* const handle : handles)
    if (handle != nullptr) static_cast<AsyncRead*>(handle)->abort();
  return IOStatus::OK();
}

// Before the file gets another name, under which nobody knows what is beside it.
Result<void> DirectFileSystem::make_exact(const std::string& path) {
  if (const auto writer = table_.find(path)) return writer->make_exact();
  return settle_log(places_, path);
}

Result<void> DirectFileSystem::remove_side_file(const std::string& path) {
  if (!is_log(kind_of(path))) return {};
  auto removed = run_inline(places_.side_disk().remove(side_path(path)));
  if (!removed && removed.error().code() == ErrorCode::kNotFound) return {};
  return removed;
}

// Those whose logs are gone: RocksDB does not see them, and empties a directory before it removes it.
Result<void> DirectFileSystem::remove_side_files(const std::string& directory) {
  Disk& side_disk = places_.side_disk();
  const auto names = run_inline(side_disk.list(directory));
  if (!names) return Unexpected(names.error());
  for (const std::string& name : *names) {
    if (!is_side_file(name)) continue;
    const std::string path = fmt::format("{}/{}", directory, name);
    if (run_inline(side_disk.info(std::string(owner_of(path))))) continue;
    if (auto removed = run_inline(side_disk.remove(path)); !removed) return removed;
  }
  return {};
}

Result<std::shared_ptr<::rocksdb::FileSystem>> NewDirectFileSystem(
    const DirectFileSystemOptions& options) {
  if (auto ok = check(options); !ok) return Unexpected(ok.error());
  return std::shared_ptr<::rocksdb::FileSystem>(std::make_shared<DirectFileSystem>(options));
}

}  // namespace penstock::rocksdb
