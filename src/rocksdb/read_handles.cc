#include "rocksdb/read_handles.h"

#include <cstring>

#include "rocksdb/error_status.h"
#include "rocksdb/inline_run.h"

namespace penstock::rocksdb {

using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;
using ::rocksdb::Slice;

namespace {

MutableBytes memory_of(char* scratch, std::size_t n) {
  return {reinterpret_cast<std::byte*>(scratch), n};
}

IOStatus answer(const Result<std::size_t>& read, Slice* result, const char* scratch) {
  *result = Slice(scratch, read ? *read : 0);
  return to_status(read);
}

}  // namespace

DirectSequentialFile::DirectSequentialFile(Places& places, std::unique_ptr<FileView> view,
                                           std::uint64_t window_bytes)
    : view_(std::move(view)) {
  const file::ReadFile* const plain = view_->plain();
  if (plain == nullptr) return;
  const file::ReadAheadOptions options{.window_bytes_min = std::min(64 * kKiB, window_bytes),
                                       .window_bytes_max = window_bytes,
                                       .windows_in_flight = 0};
  ahead_.emplace(places.scheduler(), plain->blocks(), options);
}

Result<std::size_t> DirectSequentialFile::read(MutableBytes into) {
  if (!ahead_ || into.size() > file::ReadAhead::kMaxReadBytes) return view_->read(at_, into);
  const Result<SharedSlice> bytes = run_inline(ahead_->read(at_, into.size()));
  if (!bytes) return Unexpected(bytes.error());
  if (!bytes->empty()) std::memcpy(into.data(), bytes->data(), bytes->size());
  return bytes->size();
}

IOStatus DirectSequentialFile::Read(std::size_t n, const IOOptions& /*options*/, Slice* result,
                                    char* scratch, IODebugContext* /*dbg*/) {
  const Result<std::size_t> got = read(memory_of(scratch, n));
  if (got) at_ = at_ + *got;
  return answer(got, result, scratch);
}

IOStatus DirectSequentialFile::Skip(std::uint64_t n) {
  at_ = at_ + n;
  return IOStatus::OK();
}

IOStatus DirectSequentialFile::InvalidateCache(std::size_t /*offset*/, std::size_t /*length*/) {
  return IOStatus::OK();
}

DirectRandomAccessFile::DirectRandomAccessFile(Places& places, ReadAheadBudget& budget, TableEnds& ends,
                                               std::unique_ptr<FileView> view,
                                               const ReadSettings& settings)
    : ends_(ends), view_(std::move(view)) {
  const file::ReadFile* const plain = view_->plain();
  if (plain == nullptr) return;
  if (const auto size_bytes = view_->size_bytes()) size_bytes_ = *size_bytes;
  user_streams_.emplace(places.scheduler(), budget, plain->blocks(), settings.user_window_bytes);
  compaction_streams_.emplace(places.scheduler(), budget, plain->blocks(),
                              settings.compaction_window_bytes);
}

Result<std::size_t> DirectRandomAccessFile::read(FilePosition from, MutableBytes into,
                                                 bool is_compaction) const {
  if (end_.is_set()) {
    if (const auto got = ends_.read(end_, from, into)) return *got;
  }
  if (auto& streams = is_compaction ? compaction_streams_ : user_streams_) {
    if (const auto got = streams->read(from, into)) return *got;
  }
  return view_->read(from, into);
}

IOStatus DirectRandomAccessFile::Read(std::uint64_t offset, std::size_t n, const IOOptions& options,
                                      Slice* result, char* scratch, IODebugContext* /*dbg*/) const {
  // Compaction reads on behalf of the rate limiter's low or user priority; nobody else has one.
  const bool is_compaction = options.rate_limiter_priority != ::rocksdb::Env::IO_TOTAL;
  return answer(read(FilePosition{offset}, memory_of(scratch, n), is_compaction), result, scratch);
}

IOStatus DirectRandomAccessFile::Prefetch(std::uint64_t offset, std::size_t n,
                                          const IOOptions& /*options*/, IODebugContext* /*dbg*/) {
  const bool is_end = size_bytes_ > 0 && offset < size_bytes_ && n >= size_bytes_ - offset;
  const std::uint64_t length = is_end ? size_bytes_ - offset : 0;
  if (length == 0 || length > TableEnds::kMaxEndBytes) return IOStatus::NotSupported("Prefetch");
  std::vector<std::byte> bytes(length);
  const Result<std::size_t> got = view_->read(FilePosition{offset}, bytes);
  if (!got) return to_status(got);
  bytes.resize(*got);
  ends_.keep(end_, FilePosition{offset}, std::move(bytes));
  return IOStatus::OK();
}

IOStatus DirectRandomAccessFile::InvalidateCache(std::size_t /*offset*/, std::size_t /*length*/) {
  return IOStatus::OK();
}

}  // namespace penstock::rocksdb
