// OffsetChoice: where `penstock consume` begins: `--offset`.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "cli/kafka_cluster.h"

namespace penstock::cli {

struct OffsetChoice {
  enum class Kind : std::uint8_t { kBeginning, kEnd, kOffset, kLast, kTime };

  Kind kind = Kind::kBeginning;
  std::int64_t number = 0;  // an offset, how many of the last, or a time in ms since 1970

  // "beginning", "end", "17", "-5" (the last five), "2026-11-29T08:00:00Z", or "@1700000000000" (ms
  // since 1970). Errors: kInvalidArgument.
  static Result<OffsetChoice> parse(std::string_view text);
};

// The offset for each partition of `topic`, which may be a part of it. Errors: kOutOfRange for an
// offset that a partition does not have; those of KafkaCluster::list_offsets().
Result<std::map<std::int32_t, Offset>> choose_offsets(KafkaCluster& cluster,
                                                      const KafkaCluster::Topic& topic,
                                                      const OffsetChoice& choice, Isolation isolation,
                                                      const Deadline& deadline);

}  // namespace penstock::cli
