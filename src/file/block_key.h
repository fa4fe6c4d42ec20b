// BlockKey in a hash table.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "penstock/block_key.h"

namespace penstock::file {

// The same on every machine and in every run. Files are numbered and their blocks too, so both go
// through the mixer: added up they would meet.
constexpr std::uint64_t hash_of(const BlockKey& key) {
  return mix64(mix64(key.file_id + 1) ^ key.block);
}

}  // namespace penstock::file
