// TableEnds: the ends of the tables that are being opened.
//
// Opening a table is a handful of small reads in its last half MiB: footer, meta index, index, filter.
// RocksDB asks for that part ahead of them. It is kept until a read elsewhere shows that the table is
// open, or newer ones push it out.
//
// Ownership: owns the bytes; a Handle knows its own and does not keep them. Memory: kMaxEnds times
// kMaxEndBytes. Threading: any.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"

namespace penstock::rocksdb {

class TableEnds {
 public:
  static constexpr std::size_t kMaxEnds = 16;
  static constexpr std::size_t kMaxEndBytes = kMiB;

 private:
  struct End {
    FilePosition from;
    std::vector<std::byte> bytes;
  };

 public:
  // Of one file.
  class Handle {
   public:
    bool is_set() const { return is_set_.load(std::memory_order_acquire); }

   private:
    friend class TableEnds;
    std::atomic<bool> is_set_{false};
    std::weak_ptr<const End> end_;  // under the mutex
  };

  void keep(Handle& handle, FilePosition from, std::vector<std::byte> bytes);
  // The bytes at `from`, if they are all there; else forgets them.
  std::optional<std::size_t> read(Handle& handle, FilePosition from, MutableBytes into);
  void forget(Handle& handle);

 private:
  std::mutex mutex_;
  std::deque<std::shared_ptr<const End>> ends_;  // oldest first
};

}  // namespace penstock::rocksdb
