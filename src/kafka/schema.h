// Schemas: how a message is described, once, for every version and both directions.
//
// A message is a plain struct. Next to its members it lists them in wire order:
//
//     struct ListOffsetsRequest {
//       static constexpr ApiKey kApi = ApiKey::kListOffsets;
//       static constexpr std::string_view kName = "ListOffsetsRequest";
//       std::int32_t replica_id = -1;
//       std::int8_t isolation_level = 0;
//
//       static void fields(auto& io) {
//         io("ReplicaId", &ListOffsetsRequest::replica_id, {.versions = "0+"});
//         io("IsolationLevel", &ListOffsetsRequest::isolation_level, {.versions = "2+"});
//       }
//     };
//
// The names and version ranges are those of Kafka's own message definitions, so the two can be compared
// line by line. Decoding, encoding and sizing are three visitors over that one list (codec.h). A
// field's default is its member's initialiser: decoding leaves it where the version does not have the
// field, and a tagged field that equals it is not sent.
//
// Member types: bool, integers, enums with a fixed integer type, double, Offset (int64), Uuid,
// std::string, std::vector<std::byte> (bytes), Records, structs with fields() of their own, std::vector
// of any of these (array), and std::optional of a string, bytes, array or struct where some version
// allows null.
//
// To add an API: its row in kApis (api.h), its structs in messages/, one line each in messages.cc, and
// its golden vectors. Members all have an initialiser, if only {}: then a struct can be written with
// some of its members named and the compiler has nothing to warn about.
#pragma once

#include "kafka/versions.h"

namespace penstock::kafka {

inline constexpr int kNoTag = -1;

struct FieldSpec {
  Versions versions;
  Versions nullable = "none";
  // A tagged field is sent only in the tagged section that ends its struct, in all its versions; the
  // tags of a struct ascend in the order of the list.
  int tag = kNoTag;
  // "none" for the one string that keeps its old length prefix in flexible versions (a header's
  // ClientId).
  Versions flexible = "0+";
};

}  // namespace penstock::kafka
