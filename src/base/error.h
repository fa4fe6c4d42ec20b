// fail(): makes an Error with a formatted message. Error and Result themselves are public, in
// include/penstock/.
//
// Every operation that can fail returns Result<T>. An Error says what was being done, to what, and,
// where the system refused, the system's own code; its message is written for the person who has to
// act on it. Exceptions do not cross a folder; broken invariants of our own abort (see assert.h).
#pragma once

#include <fmt/format.h>

#include <utility>

#include "penstock/error.h"
#include "penstock/result.h"

namespace penstock {

// `return fail(ErrorCode::kTooLarge, "batch of {} bytes; at most {}", n, max);`
template <typename... Args>
Unexpected fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Unexpected(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace penstock
