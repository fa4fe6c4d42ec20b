// What a scripted writer does to a database, operation by operation.
//
// Everything is a function of (seed, writer, number of the operation), so who knows how far a writer
// came knows all that it wrote. A writer has its keys to itself, and writes each again and again; a
// value tells its key, the operation that wrote it, and by its other bytes that nothing was mixed up.
//
// Threading: a plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace penstock::tests {

struct Change {
  std::uint32_t key = 0;  // below WriteScript::kKeys
  bool is_delete = false;
};

// Several are a batch, which is there whole or not at all.
using Operation = std::vector<Change>;

class WriteScript {
 public:
  static constexpr std::uint32_t kKeys = 1000;

  WriteScript(std::uint64_t seed, std::uint32_t writer)
      : writer_(writer), seed_(mix64(seed) + writer) {}

  Operation operation(std::uint64_t number) const;
  std::string key(std::uint32_t key) const;
  // What `number` writes to `key`, if it does not delete it.
  std::string value(std::uint32_t key, std::uint64_t number) const;

  // The operation that such a value says it is of, if it says anything.
  static std::optional<std::uint64_t> number_in(std::string_view value);

 private:
  Random draws_of(std::uint64_t number) const { return Random(mix64(seed_) + mix64(number)); }

  std::uint32_t writer_;
  std::uint64_t seed_;
};

}  // namespace penstock::tests
