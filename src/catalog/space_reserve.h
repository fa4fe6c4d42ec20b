// SpaceReserve: disk space that a catalog keeps for itself, so that a full disk does not meet it.
//
// RocksDB stops for good after a failed write, and as Debian builds it, with assertions, ends the
// process. So it is never let near the end of the disk: a file beside the database holds space, and is
// cut shorter, as much as the next writes need at a time, when what is left on the disk would not do.
//
// Threading: one caller at a time; blocks.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace penstock::catalog {

class SpaceReserve {
 public:
  // `directory` exists; a reserve that is there already is kept.
  explicit SpaceReserve(std::string directory);

  // Returns when there is room for the next writes, and several times `bytes`, cutting the reserve if
  // there must be; fills it up again when there is plenty. kNoSpace says how much is missing.
  Result<void> make_room(std::uint64_t bytes);

 private:
  bool can_take(std::uint64_t bytes) const;
  void fill_up();

  std::string directory_;
  std::string path_;
  std::uint64_t wanted_bytes_ = 0;  // a share of the disk
  std::uint64_t held_bytes_ = 0;
};

}  // namespace penstock::catalog
