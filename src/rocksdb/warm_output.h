// WarmOutput: what was last written to tables, in memory, so that the first reads after a flush or a
// compaction are not reads of the device.
//
// All tables share its memory: what was written first goes first, whichever table it is of. A table is
// known by its inode, so it may be linked and renamed.
//
// Ownership: owns the bytes; a Table is shared with its writer and its readers. Memory: `max_bytes`,
// taken as it is needed. Threading: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"
#include "file/shared_arena.h"

namespace penstock::rocksdb {

class WarmOutput {
 public:
  static constexpr std::size_t kChunkBytes = 256 * kKiB;

  class Table {
   public:
    explicit Table(const file::ArenaIdentity& identity) : identity_(identity) {}
    // All of [from, from + into.size()), or nothing.
    bool read(FilePosition from, MutableBytes into) const;

   private:
    friend class WarmOutput;
    using Chunk = std::vector<std::byte>;

    const file::ArenaIdentity identity_;
    mutable std::shared_mutex mutex_;
    FilePosition from_;          // of the first chunk
    FilePosition end_;           // of what was appended
    std::deque<Chunk> chunks_;   // of kChunkBytes each, the last one perhaps less
    bool is_forgotten_ = false;  // and takes no more
  };

  // `max_bytes` 0: keeps nothing.
  explicit WarmOutput(std::uint64_t max_bytes) : max_chunks_(max_bytes / kChunkBytes) {}

  // Of the file at `path`, which is empty; null when nothing is kept.
  std::shared_ptr<Table> begin(const std::string& path);
  // Appends.
  void keep(const std::shared_ptr<Table>& table, ByteView bytes);
  // Null when nothing of it is there.
  std::shared_ptr<Table> find(const std::string& path) const;
  // Its bytes are about to change, or nobody is going to read them.
  void forget(const std::string& path);
  void forget(const std::shared_ptr<Table>& table);

 private:
  using Id = decltype(file::ArenaIdentity::id);

  Table::Chunk make_room();

  const std::size_t max_chunks_;
  mutable std::mutex mutex_;                     // before a table's
  std::map<Id, std::shared_ptr<Table>> tables_;  // that have a chunk
  std::deque<std::shared_ptr<Table>> order_;     // whose chunk is next to go; one entry a chunk
};

}  // namespace penstock::rocksdb
