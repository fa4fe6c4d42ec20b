// Finding: one thing that verification found, with everything needed to go and look.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace penstock::cli {

struct Finding {
  enum class Kind {
    kTopic,           // its description is missing, unreadable or contradicts the directory
    kSetAside,        // a recovery could not read this segment, and kept it under another name
    kUnreadable,      // the device or the system refuses to read it
    kHeader,          // a copy of the segment header is damaged
    kIdentity,        // the header says that the file belongs elsewhere
    kIndex,           // the index file is missing, damaged, or does not fit its segment
    kTruncated,       // the file is shorter than its data
    kEntry,           // bytes that should be an entry are not one
    kMissingOffsets,  // offsets are missing, and no bytes are
    kOrder,           // intact entries in an impossible order
  };

  Kind kind = Kind::kEntry;
  std::string topic;
  std::optional<std::int32_t> partition;
  // Offsets that are not there: [first, next); without `next`, how far is not known.
  std::optional<Offset> first;
  std::optional<Offset> next;
  std::string file;
  // Where in the file: [from, to).
  std::optional<FilePosition> from;
  std::optional<FilePosition> to;
  std::string what;

  // One line: "orders/0, offsets 17 to 23: /data/.../1.seg, bytes 12288 to 16383: ...".
  std::string to_string() const;
  nlohmann::ordered_json to_json() const;
};

std::string_view to_string(Finding::Kind kind);

}  // namespace penstock::cli
