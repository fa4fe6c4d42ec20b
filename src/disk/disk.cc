#include "disk/disk.h"

namespace penstock {

std::string_view to_string(IoMode mode) {
  switch (mode) {
    case IoMode::kDirect: return "direct";
    case IoMode::kUncached: return "uncached";
    case IoMode::kBuffered: return "buffered";
  }
  return "unknown";
}

}  // namespace penstock
