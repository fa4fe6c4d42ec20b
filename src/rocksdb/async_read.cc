#include "rocksdb/async_read.h"

#include "rocksdb/error_status.h"

namespace penstock::rocksdb {

namespace {

Task<Result<std::size_t>> result_of(Started<Result<std::size_t>>& read) { co_return co_await read; }

}  // namespace

AsyncRead::AsyncRead(ReadRings::Lease ring, const DescriptorFile& shared, const file::ReadFile& file,
                     const ::rocksdb::FSReadRequest& request, Callback callback, void* argument)
    : ring_(std::move(ring)),
      request_(request),
      callback_(std::move(callback)),
      argument_(argument),
      read_(file.through(ring_->share(shared))
                .read(FilePosition{request.offset},
                      {reinterpret_cast<std::byte*>(request.scratch), request.len})) {
  ring_->submit();
}

AsyncRead::~AsyncRead() { (void)wait(); }

void AsyncRead::finish() {
  const Result<std::size_t> got = wait();
  answer(to_status(got), got.value_or(0));
}

void AsyncRead::abort() {
  (void)wait();
  answer(::rocksdb::IOStatus::Aborted(), 0);
}

Result<std::size_t> AsyncRead::wait() {
  if (ring_ == nullptr) return result_;
  result_ = ring_->run(result_of(read_));
  ring_.reset();
  return result_;
}

void AsyncRead::answer(::rocksdb::IOStatus status, std::size_t size_bytes) {
  if (std::exchange(is_answered_, true)) return;
  request_.result = ::rocksdb::Slice(request_.scratch, size_bytes);
  request_.status = std::move(status);
  callback_(request_, argument_);
}

}  // namespace penstock::rocksdb
