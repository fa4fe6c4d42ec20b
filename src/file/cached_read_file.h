// CachedReadFile: reads of any position and length of one file, through a block cache.
//
// Bytes are copied out of the cache's blocks; the blocks of one read that are missing are fetched
// together. No block stays pinned longer than it takes to copy. When the cache has no room, because all
// of its blocks are pinned, the bytes are read past it.
//
// The file must not change while it is read this way; BlockCache says what to do about one that grows.
//
// Ownership: owns its file; scheduler and cache must outlive it, and it its reads. The memory of a read
// belongs to the read until it has ended. Threading: the scheduler's thread, any number of reads at a
// time. Durability: none of its business.
#pragma once

#include <cstdint>
#include <span>

#include "file/block_cache.h"
#include "file/read_file.h"

namespace penstock::file {

class CachedReadFile {
 public:
  // Blocks that one read fetches at a time; a longer read goes on when they are there.
  static constexpr std::size_t kMaxFetchesInFlight = 32;

  // `file_id` names the file in the cache: no other file, and no other contents, has ever had it.
  CachedReadFile(Scheduler& scheduler, BlockCache& cache, ReadFile file, std::uint64_t file_id,
                 BlockPriority priority = BlockPriority::kNormal)
      : scheduler_(scheduler),
        cache_(cache),
        file_(std::move(file)),
        file_id_(file_id),
        priority_(priority) {}

  // Reads at most `into.size()` bytes at `from`; fewer only at the end of the file. What is in `into`
  // behind them, or after an error, is anything. Errors: kIo, of the first block that could not be
  // read.
  Task<Result<std::size_t>> read(FilePosition from, MutableBytes into);

  const ReadFile& file() const { return file_; }

 private:
  // The part of a read that lies in one block.
  struct Piece {
    std::uint64_t block;
    std::size_t at;  // in the block
    MutableBytes into;
    Result<std::size_t> result = std::size_t{0};  // bytes copied
  };

  Piece first_piece(FilePosition from, MutableBytes into) const;
  Task<void> fetch(Piece& piece);
  Task<void> fetch_all(std::span<Piece> pieces);

  Scheduler& scheduler_;
  BlockCache& cache_;
  ReadFile file_;
  std::uint64_t file_id_;
  BlockPriority priority_;
};

}  // namespace penstock::file
