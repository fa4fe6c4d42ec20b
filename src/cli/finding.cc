#include "cli/finding.h"

#include <fmt/format.h>

namespace penstock::cli {

namespace {

std::string offsets_text(const Finding& finding) {
  if (!finding.first) return "";
  if (!finding.next) return fmt::format(", offsets from {} on", *finding.first);
  const Offset last = *finding.next + -1;
  if (last == *finding.first) return fmt::format(", offset {}", last);
  return fmt::format(", offsets {} to {}", *finding.first, last);
}

std::string bytes_text(const Finding& finding) {
  if (!finding.from) return "";
  if (!finding.to) return fmt::format(", byte {}", *finding.from);
  return fmt::format(", bytes {} to {}", *finding.from, finding.to->value - 1);
}

}  // namespace

std::string_view to_string(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kTopic: return "topic";
    case Finding::Kind::kSetAside: return "set_aside";
    case Finding::Kind::kUnreadable: return "unreadable";
    case Finding::Kind::kHeader: return "header";
    case Finding::Kind::kIdentity: return "identity";
    case Finding::Kind::kIndex: return "index";
    case Finding::Kind::kTruncated: return "truncated";
    case Finding::Kind::kEntry: return "entry";
    case Finding::Kind::kMissingOffsets: return "missing_offsets";
    case Finding::Kind::kOrder: return "order";
  }
  return "unknown";
}

std::string Finding::to_string() const {
  if (topic.empty()) return fmt::format("{}: {}", file, what);
  const std::string partition_text = partition ? fmt::format("/{}", *partition) : "";
  return fmt::format("{}{}{}: {}{}: {}", topic, partition_text, offsets_text(*this), file,
                     bytes_text(*this), what);
}

nlohmann::ordered_json Finding::to_json() const {
  nlohmann::ordered_json json = {{"kind", cli::to_string(kind)}, {"topic", topic}};
  if (partition) json["partition"] = *partition;
  if (first) json["first_offset"] = first->value;
  if (next) json["last_offset"] = next->value - 1;
  json["file"] = file;
  if (from) json["from_byte"] = from->value;
  if (to) json["to_byte"] = to->value - 1;
  json["what"] = what;
  return json;
}

}  // namespace penstock::cli
