#include "rocksdb/writable_file.h"

namespace penstock::rocksdb {

using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;

DirectWritableFile::~DirectWritableFile() {
  (void)writer_->close();
  table_.remove(*writer_);
}

IOStatus DirectWritableFile::Append(const ::rocksdb::Slice& data, const IOOptions& /*options*/,
                                    IODebugContext* /*dbg*/) {
  return to_status(writer_->append(as_bytes({data.data(), data.size()})));
}

IOStatus DirectWritableFile::Append(const ::rocksdb::Slice& data, const IOOptions& options,
                                    const ::rocksdb::DataVerificationInfo& /*info*/,
                                    IODebugContext* dbg) {
  return Append(data, options, dbg);
}

IOStatus DirectWritableFile::Truncate(std::uint64_t size, const IOOptions& /*options*/,
                                      IODebugContext* /*dbg*/) {
  return to_status(writer_->truncate(size));
}

IOStatus DirectWritableFile::Close(const IOOptions& /*options*/, IODebugContext* /*dbg*/) {
  const IOStatus closed = to_status(writer_->close());
  table_.remove(*writer_);
  return closed;
}

IOStatus DirectWritableFile::Flush(const IOOptions& /*options*/, IODebugContext* /*dbg*/) {
  return to_status(writer_->flush());
}

IOStatus DirectWritableFile::Sync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) {
  return to_status(writer_->sync());
}

IOStatus DirectWritableFile::Fsync(const IOOptions& options, IODebugContext* dbg) {
  return Sync(options, dbg);
}

std::uint64_t DirectWritableFile::GetFileSize(const IOOptions& /*options*/, IODebugContext* /*dbg*/) {
  return writer_->size_bytes();
}

IOStatus DirectWritableFile::InvalidateCache(std::size_t /*offset*/, std::size_t /*length*/) {
  return IOStatus::OK();
}

IOStatus DirectWritableFile::RangeSync(std::uint64_t /*offset*/, std::uint64_t /*length*/,
                                       const IOOptions& /*options*/, IODebugContext* /*dbg*/) {
  return IOStatus::OK();
}

void DirectWritableFile::PrepareWrite(std::size_t /*offset*/, std::size_t /*length*/,
                                      const IOOptions& /*options*/, IODebugContext* /*dbg*/) {}

IOStatus DirectWritableFile::Allocate(std::uint64_t /*offset*/, std::uint64_t /*length*/,
                                      const IOOptions& /*options*/, IODebugContext* /*dbg*/) {
  return IOStatus::OK();
}

}  // namespace penstock::rocksdb
