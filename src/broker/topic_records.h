// What the catalog holds of topics: one record per topic, and one for each deleted topic whose files
// are not all gone yet.
//
// docs/format.md, "The catalog", is the specification. A record that was written by a newer version is
// refused, not guessed at.
//
// Threading: plain functions.
#pragma once

#include <string>
#include <string_view>

#include "broker/topic_table.h"
#include "catalog/catalog.h"

namespace penstock::broker {

inline constexpr std::string_view kTopicPrefix = "t";
inline constexpr std::string_view kDeletedTopicPrefix = "d";

std::string topic_key(std::string_view name);
std::string deleted_topic_key(std::string_view name);

struct DeletedTopic {
  std::string name;
  kafka::Uuid id;
  std::int64_t deleted_ms = -1;  // milliseconds since 1970
};

std::string encode(const Topic& topic);
std::string encode(const DeletedTopic& topic);
// kCorrupt (not such a record); kNotSupported (of a newer version, or with a setting that is not known
// here).
Result<Topic> decode_topic(const catalog::Entry& entry);
Result<DeletedTopic> decode_deleted_topic(const catalog::Entry& entry);

}  // namespace penstock::broker
