// Topics: what consumer groups ask about topics.
//
// Ownership: outlives the groups. Threading: the groups' scheduler.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/uuid.h"

namespace penstock::group {

class Topics {
 public:
  struct Topic {
    kafka::Uuid id;
    std::string name;
    std::int32_t partition_count = 0;
  };

  virtual ~Topics() = default;

  // Another one after each creation, deletion or change; never 0.
  virtual std::uint64_t version() const = 0;
  virtual std::optional<Topic> find(std::string_view name) const = 0;
  virtual std::optional<Topic> find(const kafka::Uuid& id) const = 0;
};

}  // namespace penstock::group
