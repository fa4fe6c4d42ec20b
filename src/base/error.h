// Error and Result: failures as values.
//
// Every operation that can fail returns Result<T>. An Error says what was being done, to what, and,
// where the system refused, the system's own code; its message is written for the person who has to
// act on it. Exceptions do not cross a folder; broken invariants of our own abort (see assert.h).
//
// Ownership: an Error owns its message. Threading: plain values.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {

// The closed set of reasons. Callers branch on these, never on message text.
enum class ErrorCode {
  kInvalidArgument,  // the caller asked for something that has no meaning (bad value, bad name)
  kNotFound,         // a file, topic or partition that does not exist
  kExists,           // something of that name is there already
  kNoSpace,          // the device or quota is full (ENOSPC, EDQUOT)
  kNotSupported,     // this kernel, file system or device cannot do it
  kPermission,       // EACCES, EPERM, EROFS
  kIo,               // the device reported an error (EIO and everything else unexpected)
  kCorrupt,          // bytes were read, and their checksum or structure is wrong
  kFenced,           // an earlier write failed; the file or partition takes no more writes
  kClosed,           // the object was closed or deleted while the call waited
  kBusy,             // somebody else holds it (a lock, a name)
  kTooLarge,         // above a documented limit
  kOutOfRange,       // an offset or position outside of what exists
  kTimeout,          // the caller's deadline passed
};

std::string_view to_string(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  // An error from the system: `errno_value` is positive, `doing` reads like "write /data/x at 4096".
  static Error from_errno(int errno_value, std::string_view doing);

  ErrorCode code() const { return code_; }
  // The system's errno, or 0 if the error is our own.
  int os_error() const { return os_error_; }
  const std::string& message() const { return message_; }

  // The same error seen from further out: "<doing>: <message>".
  Error context(std::string_view doing) const;

 private:
  ErrorCode code_;
  int os_error_ = 0;
  std::string message_;
};

template <typename T>
using Result = std::expected<T, Error>;

using Unexpected = std::unexpected<Error>;

// `return fail(ErrorCode::kTooLarge, "batch of {} bytes; at most {}", n, max);`
template <typename... Args>
Unexpected fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Unexpected(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace penstock
