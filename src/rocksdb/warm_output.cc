#include "rocksdb/warm_output.h"

#include <algorithm>
#include <cstring>

#include "rocksdb/log_view.h"

namespace penstock::rocksdb {

bool WarmOutput::Table::read(FilePosition from, MutableBytes into) const {
  const std::shared_lock lock(mutex_);
  if (chunks_.empty() || from < from_ || from.value + into.size() > end_.value) return false;
  std::uint64_t at = from - from_;
  while (!into.empty()) {
    const Chunk& chunk = chunks_[at / kChunkBytes];
    const std::size_t skipped_bytes = at % kChunkBytes;
    const std::size_t piece_bytes = std::min(into.size(), chunk.size() - skipped_bytes);
    std::memcpy(into.data(), chunk.data() + skipped_bytes, piece_bytes);
    into = into.subspan(piece_bytes);
    at += piece_bytes;
  }
  return true;
}

std::shared_ptr<WarmOutput::Table> WarmOutput::begin(const std::string& path) {
  if (max_chunks_ == 0) return nullptr;
  const std::optional<file::ArenaIdentity> identity = inode_of(path);
  return identity ? std::make_shared<Table>(*identity) : nullptr;
}

void WarmOutput::keep(const std::shared_ptr<Table>& table, ByteView bytes) {
  if (table == nullptr) return;
  while (!bytes.empty()) {
    const std::lock_guard lock(mutex_);
    const bool needs_chunk = table->chunks_.empty() || table->chunks_.back().size() == kChunkBytes;
    Table::Chunk fresh = needs_chunk ? make_room() : Table::Chunk();
    const std::lock_guard table_lock(table->mutex_);
    if (table->is_forgotten_) return;
    if (needs_chunk) {
      // Its earlier ones may all have gone.
      if (table->chunks_.empty()) table->from_ = table->end_;
      table->chunks_.push_back(std::move(fresh));
      order_.push_back(table);
      tables_[table->identity_.id] = table;
    }
    Table::Chunk& chunk = table->chunks_.back();
    const ByteView piece = bytes.first(std::min(bytes.size(), kChunkBytes - chunk.size()));
    chunk.insert(chunk.end(), piece.begin(), piece.end());
    table->end_ = table->end_ + piece.size();
    bytes = bytes.subspan(piece.size());
  }
}

// An empty chunk, of the memory of the oldest one when there are enough.
WarmOutput::Table::Chunk WarmOutput::make_room() {
  Table::Chunk chunk;
  if (order_.size() < max_chunks_) {
    chunk.reserve(kChunkBytes);
    return chunk;
  }
  const std::shared_ptr<Table> oldest = std::move(order_.front());
  order_.pop_front();
  const std::lock_guard lock(oldest->mutex_);
  chunk = std::move(oldest->chunks_.front());
  oldest->from_ = oldest->from_ + chunk.size();
  oldest->chunks_.pop_front();
  if (oldest->chunks_.empty()) tables_.erase(oldest->identity_.id);
  chunk.clear();
  return chunk;
}

std::shared_ptr<WarmOutput::Table> WarmOutput::find(const std::string& path) const {
  if (max_chunks_ == 0) return nullptr;
  const std::optional<file::ArenaIdentity> identity = inode_of(path);
  if (!identity) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(identity->id);
  return found == tables_.end() ? nullptr : found->second;
}

void WarmOutput::forget(const std::string& path) { forget(find(path)); }

void WarmOutput::forget(const std::shared_ptr<Table>& table) {
  if (table == nullptr) return;
  const std::lock_guard lock(mutex_);
  std::erase(order_, table);
  tables_.erase(table->identity_.id);
  const std::lock_guard table_lock(table->mutex_);
  table->chunks_.clear();
  table->is_forgotten_ = true;
}

}  // namespace penstock::rocksdb
