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

// Names of IODebugContext's counters.
constexpr const char* kFromMemory = "penstock.memory";
constexpr const char* kFromReadAhead = "penstock.readahead";
constexpr const char* kFromDevice = "penstock.device";

// Compaction reads on behalf of the rate limiter's low or user priority; nobody else has one.
bool is_compaction(const IOOptions& options) {
  return options.rate_limiter_priority != ::rocksdb::Env::IO_TOTAL;
}

void count(IODebugContext* dbg, const char* where_from, std::size_t size_bytes) {
  if (dbg != nullptr) dbg->counters[where_from] += size_bytes;
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

DirectRandomAccessFile::DirectRandomAccessFile(ReadServices& services, std::unique_ptr<FileView> view,
                                               std::shared_ptr<const WarmOutput::Table> warm)
    : services_(services), view_(std::move(view)), warm_(std::move(warm)) {
  const file::ReadFile* const plain = view_->plain();
  if (plain == nullptr) return;
  descriptor_ = dynamic_cast<const DescriptorFile*>(plain->blocks().get());
  if (const auto size_bytes = view_->size_bytes()) size_bytes_ = *size_bytes;
  Scheduler& scheduler = services.places.scheduler();
  user_streams_.emplace(scheduler, services.rings, services.budget, plain->blocks(),
                        services.user_window_bytes);
  compaction_streams_.emplace(scheduler, services.rings, services.budget, plain->blocks(),
                              services.compaction_window_bytes);
}

std::optional<std::size_t> DirectRandomAccessFile::read_memory(FilePosition from,
                                                               MutableBytes into) const {
  if (end_.is_set()) {
    if (const auto got = services_.ends.read(end_, from, into)) return got;
  }
  if (warm_ != nullptr && warm_->read(from, into)) return into.size();
  return std::nullopt;
}

// From memory, or from the window of a stream, which is there or on its way.
std::optional<Result<std::size_t>> DirectRandomAccessFile::read_memory_or_window(
    FilePosition from, MutableBytes into, bool is_compaction, IODebugContext* dbg) const {
  if (const auto got = read_memory(from, into)) {
    count(dbg, kFromMemory, *got);
    return *got;
  }
  auto& streams = is_compaction ? compaction_streams_ : user_streams_;
  if (!streams) return std::nullopt;
  std::optional<Result<std::size_t>> got = streams->read(from, into);
  if (got) count(dbg, kFromReadAhead, got->value_or(0));
  return got;
}

Result<std::size_t> DirectRandomAccessFile::read_device(FilePosition from, MutableBytes into,
                                                        IODebugContext* dbg) const {
  Result<std::size_t> got = view_->read(from, into);
  count(dbg, kFromDevice, got.value_or(0));
  return got;
}

IOStatus DirectRandomAccessFile::Read(std::uint64_t offset, std::size_t n, const IOOptions& options,
                                      Slice* result, char* scratch, IODebugContext* dbg) const {
  const FilePosition from{offset};
  const MutableBytes into = memory_of(scratch, n);
  auto got = read_memory_or_window(from, into, is_compaction(options), dbg);
  if (!got) got = read_device(from, into, dbg);
  return answer(*got, result, scratch);
}

IOStatus DirectRandomAccessFile::MultiRead(Request* requests, std::size_t count_of_requests,
                                           const IOOptions& /*options*/, IODebugContext* dbg) {
  std::vector<file::ReadRequest> reads;
  std::vector<Request*> whose;
  for (Request& request : std::span(requests, count_of_requests)) {
    const FilePosition from{request.offset};
    const MutableBytes into = memory_of(request.scratch, request.len);
    if (const auto got = read_memory(from, into)) {
      count(dbg, kFromMemory, *got);
      request.status = answer(*got, &request.result, request.scratch);
      continue;
    }
    reads.push_back({.from = from, .into = into});
    whose.push_back(&request);
  }
  read_together(reads);
  for (std::size_t i = 0; i < reads.size(); ++i) {
    count(dbg, kFromDevice, reads[i].result.value_or(0));
    whose[i]->status = answer(reads[i].result, &whose[i]->result, whose[i]->scratch);
  }
  return IOStatus::OK();
}

void DirectRandomAccessFile::read_together(std::span<file::ReadRequest> reads) const {
  if (descriptor_ != nullptr && reads.size() > 1) {
    if (const ReadRings::Lease ring = services_.rings.borrow()) {
      ring->run(view_->plain()->through(ring->share(*descriptor_)).read_many(reads));
      return;
    }
  }
  for (file::ReadRequest& read : reads) read.result = view_->read(read.from, read.into);
}

IOStatus DirectRandomAccessFile::ReadAsync(Request& request, const IOOptions& options,
                                           AsyncRead::Callback callback, void* argument,
                                           void** io_handle, ::rocksdb::IOHandleDeleter* deleter,
                                           IODebugContext* dbg) {
  const MutableBytes into = memory_of(request.scratch, request.len);
  std::optional<Result<std::size_t>> got =
      read_memory_or_window(FilePosition{request.offset}, into, is_compaction(options), dbg);
  ReadRings::Lease ring;
  if (!got && descriptor_ != nullptr) ring = services_.rings.borrow();
  if (ring == nullptr) {
    if (!got) got = read_device(FilePosition{request.offset}, into, dbg);
    request.status = answer(*got, &request.result, request.scratch);
    callback(request, argument);
    return IOStatus::OK();
  }
  count(dbg, kFromDevice, request.len);
  *io_handle = new AsyncRead(std::move(ring), *descriptor_, *view_->plain(), request,
                             std::move(callback), argument);
  *deleter = [](void* handle) { delete static_cast<AsyncRead*>(handle); };
  return IOStatus::OK();
}

IOStatus DirectRandomAccessFile::Prefetch(std::uint64_t offset, std::size_t n, const IOOptions& options,
                                          IODebugContext* dbg) {
  const bool is_end = size_bytes_ > 0 && offset < size_bytes_ && n >= size_bytes_ - offset;
  const std::uint64_t length = is_end ? size_bytes_ - offset : 0;
  if (length == 0 || length > TableEnds::kMaxEndBytes) return IOStatus::NotSupported("Prefetch");
  std::vector<std::byte> bytes(length);
  Slice got;
  IOStatus done = Read(offset, length, options, &got, reinterpret_cast<char*>(bytes.data()), dbg);
  if (!done.ok()) return done;
  bytes.resize(got.size());
  services_.ends.keep(end_, FilePosition{offset}, std::move(bytes));
  return IOStatus::OK();
}

IOStatus DirectRandomAccessFile::InvalidateCache(std::size_t /*offset*/, std::size_t /*length*/) {
  return IOStatus::OK();
}

}  // namespace penstock::rocksdb
