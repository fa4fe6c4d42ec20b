// Error: a failure as a value, with what was being done, to what, and what to do about it.
//
// Ownership: an Error owns its message. Threading: a plain value. Durability: says nothing about it;
// each function documents what is true after it failed.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "penstock/export.h"

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
  kBusy,             // somebody else holds it (a lock, a name), or a bounded queue is full
  kTooLarge,         // above a documented limit (also EFBIG: RLIMIT_FSIZE, or the file system's own)
  kOutOfRange,       // an offset or position outside of what exists
  kTimeout,          // the caller's deadline passed
};

// "no space", "not found": for messages.
PENSTOCK_API std::string_view to_string(ErrorCode code);

class [[nodiscard]] PENSTOCK_API Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  // An error from the system: `errno_value` is positive, `doing` reads like "write /data/x at 4096".
  static Error from_errno(int errno_value, std::string_view doing);

  ErrorCode code() const { return code_; }
  // The system's errno, or 0 if the error is our own.
  int os_error() const { return os_error_; }
  // Written for the person who has to act on it: one line, without a full stop.
  const std::string& message() const { return message_; }

  // The same error seen from further out: "<doing>: <message>".
  Error context(std::string_view doing) const;

 private:
  ErrorCode code_;
  int os_error_ = 0;
  std::string message_;
};

}  // namespace penstock
