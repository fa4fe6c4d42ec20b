#include "base/error.h"

#include <cerrno>
#include <system_error>

#include "base/assert.h"

namespace penstock {

namespace {

ErrorCode code_of(int errno_value) {
  switch (errno_value) {
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR: return ErrorCode::kInvalidArgument;
    case ENOENT: return ErrorCode::kNotFound;
    case EEXIST:
    case ENOTEMPTY: return ErrorCode::kExists;
    case ENOSPC:
    case EDQUOT: return ErrorCode::kNoSpace;
    case EFBIG: return ErrorCode::kTooLarge;
    case EOPNOTSUPP:
    case ENOSYS: return ErrorCode::kNotSupported;
    case EACCES:
    case EPERM:
    case EROFS: return ErrorCode::kPermission;
    case EAGAIN:
    case EBUSY:
    case EADDRINUSE: return ErrorCode::kBusy;
    case ECANCELED:
    case ECONNRESET:
    case EPIPE: return ErrorCode::kClosed;
    case ETIMEDOUT: return ErrorCode::kTimeout;
    default: return ErrorCode::kIo;
  }
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kExists: return "exists already";
    case ErrorCode::kNoSpace: return "no space";
    case ErrorCode::kNotSupported: return "not supported";
    case ErrorCode::kPermission: return "permission denied";
    case ErrorCode::kIo: return "I/O error";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kFenced: return "fenced";
    case ErrorCode::kClosed: return "closed";
    case ErrorCode::kBusy: return "busy";
    case ErrorCode::kTooLarge: return "too large";
    case ErrorCode::kOutOfRange: return "out of range";
    case ErrorCode::kTimeout: return "timed out";
  }
  return "unknown";
}

void detail::value_of_failed_result(const Error& error) {
  assertion_failed("result.has_value()", error.message().c_str(), __FILE__, __LINE__);
}

Error Error::from_errno(int errno_value, std::string_view doing) {
  Error error(code_of(errno_value),
              fmt::format("{}: {}", doing, std::generic_category().message(errno_value)));
  error.os_error_ = errno_value;
  return error;
}

Error Error::context(std::string_view doing) const {
  Error outer(code_, fmt::format("{}: {}", doing, message_));
  outer.os_error_ = os_error_;
  return outer;
}

}  // namespace penstock
