// RequestedIoMode and choose_io_mode: from what the user asked for to what will be done.
//
// `auto` takes the best mode that the file system honours. A mode asked for by name is had or refused,
// never replaced in silence.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "disk/disk.h"
#include "disk/probe.h"

namespace penstock {

enum class RequestedIoMode { kAuto, kDirect, kUncached, kBuffered };
std::string_view to_string(RequestedIoMode mode);

// "auto", "direct", "uncached" or "buffered"; else kInvalidArgument.
Result<RequestedIoMode> parse_io_mode(std::string_view text);

struct ChosenMode {
  IoMode mode = IoMode::kBuffered;
  std::string reason;  // one sentence for the log and for `penstock doctor`
};

// Errors: kNotSupported, naming the path, the file system, what was asked, what is possible and what to
// do.
Result<ChosenMode> choose_io_mode(const ProbeReport& report, RequestedIoMode requested);

}  // namespace penstock
