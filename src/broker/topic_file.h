// A topic as topic.json describes it: what earlier versions kept for each topic, and how a person can
// describe one whose record is lost (docs/format.md).
//
// Threading: plain functions.
#pragma once

#include <string_view>

#include "broker/topic_table.h"

namespace penstock::broker {

inline constexpr std::string_view kTopicFile = "topic.json";
// What earlier versions made of it to delete the topic.
inline constexpr std::string_view kDeletedTopicFile = "topic.json.deleted";

// kCorrupt and kNotSupported name what is wrong.
Result<Topic> decode_topic_file(std::string_view json);

}  // namespace penstock::broker
