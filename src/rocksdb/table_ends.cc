#include "rocksdb/table_ends.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock::rocksdb {

void TableEnds::keep(Handle& handle, FilePosition from, std::vector<std::byte> bytes) {
  auto end = std::make_shared<const End>(End{.from = from, .bytes = std::move(bytes)});
  const std::lock_guard lock(mutex_);
  if (ends_.size() == kMaxEnds) ends_.pop_front();
  handle.end_ = end;
  ends_.push_back(std::move(end));
  handle.is_set_.store(true, std::memory_order_release);
}

std::optional<std::size_t> TableEnds::read(Handle& handle, FilePosition from, MutableBytes into) {
  std::shared_ptr<const End> end;
  {
    const std::lock_guard lock(mutex_);
    end = handle.end_.lock();
  }
  const bool has_it = end != nullptr && from >= end->from &&
                      from.value + into.size() <= end->from.value + end->bytes.size();
  if (!has_it) {
    forget(handle);
    return std::nullopt;
  }
  std::memcpy(into.data(), end->bytes.data() + (from - end->from), into.size());
  return into.size();
}

void TableEnds::forget(Handle& handle) {
  if (!handle.is_set()) return;
  const std::lock_guard lock(mutex_);
  std::erase(ends_, handle.end_.lock());
  handle.end_.reset();
  handle.is_set_.store(false, std::memory_order_release);
}

}  // namespace penstock::rocksdb
