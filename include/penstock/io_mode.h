// IoMode: how bytes travel between a program's memory and the device.
//
// Threading: plain values.
#pragma once

#include <string_view>

#include "penstock/export.h"
#include "penstock/result.h"

namespace penstock {

// What is done.
enum class IoMode {
  kDirect,    // O_DIRECT: past the page cache
  kUncached,  // RWF_DONTCACHE (Linux 6.14+): through it, dropped when done
  kBuffered,  // through the page cache
};
// "direct", "uncached", "buffered".
PENSTOCK_API std::string_view to_string(IoMode mode);

// What is asked for. kAuto takes the best mode that the file system honours, in the order above; a mode
// asked for by name is had or refused, never replaced in silence.
enum class RequestedIoMode { kAuto, kDirect, kUncached, kBuffered };
PENSTOCK_API std::string_view to_string(RequestedIoMode mode);

// "auto", "direct", "uncached" or "buffered"; else kInvalidArgument.
PENSTOCK_API Result<RequestedIoMode> parse_io_mode(std::string_view text);

}  // namespace penstock
