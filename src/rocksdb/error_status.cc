#include "rocksdb/error_status.h"

namespace penstock::rocksdb {

using ::rocksdb::IOStatus;

IOStatus to_status(const Error& error) {
  const std::string& message = error.message();
  switch (error.code()) {
    case ErrorCode::kNoSpace: {
      IOStatus status = IOStatus::NoSpace(message);
      status.SetRetryable(true);  // as RocksDB's own file system says of ENOSPC
      return status;
    }
    case ErrorCode::kNotFound: return IOStatus::PathNotFound(message);
    case ErrorCode::kNotSupported: return IOStatus::NotSupported(message);
    case ErrorCode::kInvalidArgument: return IOStatus::InvalidArgument(message);
    case ErrorCode::kCorrupt: return IOStatus::Corruption(message);
    case ErrorCode::kBusy: return IOStatus::Busy(message);
    case ErrorCode::kTimeout: return IOStatus::TimedOut(message);
    case ErrorCode::kExists:
    case ErrorCode::kPermission:
    case ErrorCode::kIo:
    case ErrorCode::kFenced:
    case ErrorCode::kClosed:
    case ErrorCode::kTooLarge:
    case ErrorCode::kOutOfRange: break;
  }
  return IOStatus::IOError(message);
}

Error to_error(const ::rocksdb::Status& status, std::string_view doing) {
  ErrorCode code = ErrorCode::kIo;
  if (status.IsNoSpace()) code = ErrorCode::kNoSpace;
  if (status.IsNotFound() || status.IsPathNotFound()) code = ErrorCode::kNotFound;
  if (status.IsNotSupported()) code = ErrorCode::kNotSupported;
  if (status.IsBusy()) code = ErrorCode::kBusy;
  return Error(code, fmt::format("{}: {}", doing, status.ToString()));
}

}  // namespace penstock::rocksdb
