#include "rocksdb/exact_writer.h"

#include "rocksdb/inline_run.h"

namespace penstock::rocksdb {

Result<file::AppendFile> open_to_append(Places& places, Disk& disk, const std::string& path, bool keeps,
                                        const file::AppendOptions& options) {
  if (keeps) {
    const file::AppendOpen how{.end = {}, .options = options};
    auto there = run_inline(file::AppendFile::open(places.scheduler(), disk, path, how));
    if (there || there.error().code() != ErrorCode::kNotFound) return there;
  }
  auto fresh = run_inline(file::AppendFile::create(places.scheduler(), disk, path, options));
  if (fresh || fresh.error().code() != ErrorCode::kExists) return fresh;
  if (auto removed = run_inline(disk.remove(path)); !removed) return Unexpected(removed.error());
  return run_inline(file::AppendFile::create(places.scheduler(), disk, path, options));
}

Result<void> reopen_at(Places& places, Disk& disk, file::AppendFile& file, const std::string& path,
                       std::uint64_t size_bytes, const file::AppendOptions& options) {
  if (size_bytes > file.size_bytes()) {
    return fail(ErrorCode::kInvalidArgument, "truncate {} to {} bytes: it has {}", path, size_bytes,
                file.size_bytes());
  }
  if (auto sealed = run_inline(file.seal()); !sealed) return sealed;
  const file::AppendOpen how{.end = size_bytes, .options = options};
  auto cut = run_inline(file::AppendFile::open(places.scheduler(), disk, path, how));
  if (!cut) return Unexpected(cut.error());
  file = std::move(*cut);
  return {};
}

Result<std::shared_ptr<ExactWriter>> ExactWriter::open(Places& places, WarmOutput& warm_output,
                                                       const std::string& path, bool keeps,
                                                       std::uint64_t buffer_bytes) {
  const Result<Disk*> disk = places.disk_for(path);
  if (!disk) return Unexpected(disk.error());
  file::AppendOptions options;
  options.buffer_bytes = buffer_bytes;
  options.write_behind_max = 1;  // the disk blocks
  options.write_depth = 1;
  options.preparation = Preparation::kNone;
  options.is_exact = true;
  auto file = open_to_append(places, **disk, path, keeps, options);
  if (!file) return Unexpected(file.error());
  std::shared_ptr<ExactWriter> writer(
      new ExactWriter(places, warm_output, **disk, std::move(*file), options));
  if (kind_of(path) == FileKind::kTable && writer->size_bytes() == 0)
    writer->warm_ = warm_output.begin(path);
  return writer;
}

ExactWriter::ExactWriter(Places& places, WarmOutput& warm_output, Disk& disk, file::AppendFile file,
                         file::AppendOptions options)
    : places_(places),
      warm_output_(warm_output),
      disk_(disk),
      options_(options),
      file_(std::move(file)),
      path_(file_.path()) {}

// RocksDB drops some files without closing them.
ExactWriter::~ExactWriter() { (void)close(); }

Result<void> ExactWriter::append(ByteView bytes) {
  const std::lock_guard lock(mutex_);
  const auto at = run_inline(file_.append(bytes));
  if (!at) return fail_with(at.error());
  warm_output_.keep(warm_, bytes);
  return {};
}

Result<void> ExactWriter::flush() {
  const std::lock_guard lock(mutex_);
  if (kind_of(path_) == FileKind::kTable) return {};
  return hand_over();
}

Result<void> ExactWriter::sync() {
  const std::lock_guard lock(mutex_);
  if (auto synced = run_inline(file_.sync()); !synced) return fail_with(synced.error());
  return {};
}

Result<void> ExactWriter::close() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(is_closed_, true)) return {};
  // What was synced is durable and exact already; a file that was not needs no more than that here.
  if (file_.durable_bytes() == file_.size_bytes()) return {};
  return hand_over();
}

Result<void> ExactWriter::hand_over() {
  Result<void> done =
      kind_of(path_) == FileKind::kInfoLog ? run_inline(file_.sync()) : run_inline(file_.flush());
  if (!done) return fail_with(done.error());
  return done;
}

Result<void> ExactWriter::truncate(std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  if (size_bytes == file_.size_bytes()) return run_inline(file_.flush());
  warm_output_.forget(warm_);
  return reopen_at(places_, disk_, file_, path_, size_bytes, options_);
}

std::uint64_t ExactWriter::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return file_.size_bytes();
}

Result<std::uint64_t> ExactWriter::make_readable() {
  const std::lock_guard lock(mutex_);
  if (!is_closed_) {
    if (auto flushed = run_inline(file_.flush()); !flushed) return Unexpected(flushed.error());
  }
  return file_.size_bytes();
}

Result<void> ExactWriter::make_exact() {
  const Result<std::uint64_t> size_bytes = make_readable();
  if (!size_bytes) return Unexpected(size_bytes.error());
  return {};
}

Result<void> ExactWriter::fail_with(const Error& error) {
  warm_output_.forget(warm_);
  if (kind_of(path_) != FileKind::kInfoLog) return Unexpected(error);
  if (!is_closed_) go_on_behind_failure();
  return {};
}

// Nothing of the old one is in flight: the disk blocks. If it cannot be opened, the old one goes on
// failing, and this is tried with each line.
void ExactWriter::go_on_behind_failure() {
  auto again = open_to_append(places_, disk_, path_, /*keeps=*/true, options_);
  if (again) file_ = std::move(*again);
}

void ExactWriter::renamed(const std::string& path) {
  const std::lock_guard lock(mutex_);
  path_ = path;
}

}  // namespace penstock::rocksdb
