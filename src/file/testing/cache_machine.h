// CacheMachine: a simulated machine with files whose bytes tell where they are from, and a block cache.
//
// Ownership: owns everything. Threading: the test's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "disk/sim_disk.h"
#include "file/block_cache.h"

namespace penstock::file::testing {

// The byte at a place of a file: none is like its neighbour in the next block, or in the next file.
inline std::byte byte_at(std::uint64_t file_id, std::uint64_t position) {
  return static_cast<std::byte>(mix64(file_id * 1'000'003 + position / 64) >> (position % 8));
}

inline std::vector<std::byte> bytes_at(std::uint64_t file_id, std::uint64_t position,
                                       std::uint64_t size_bytes) {
  std::vector<std::byte> bytes;
  bytes.reserve(size_bytes);
  for (std::uint64_t i = 0; i < size_bytes; ++i) bytes.push_back(byte_at(file_id, position + i));
  return bytes;
}

inline std::vector<std::byte> copy_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// The smallest budget with which a cache has that many blocks.
inline std::uint64_t budget_for(std::uint64_t block_bytes, std::size_t blocks) {
  SimStorage storage;
  SimMachine machine(storage);
  std::uint64_t budget = blocks * block_bytes;
  while (true) {
    auto cache =
        BlockCache::create(machine.scheduler, {.budget_bytes = budget, .block_bytes = block_bytes});
    if (cache && (*cache)->capacity_blocks() >= blocks) return budget;
    budget += 64;
  }
}

// What became of a get() that runs beside the test.
struct BackgroundGet {
  std::optional<Result<BlockCache::Pin>> outcome;
};

// Answers reads at once, in the reader's turn, with bytes_at() of its id.
class InstantFile final : public File {
 public:
  InstantFile(std::uint64_t file_id, std::uint64_t size_bytes)
      : File("/instant"), file_id_(file_id), size_bytes_(size_bytes) {}

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override {
    const std::uint64_t left_bytes = from.value < size_bytes_ ? size_bytes_ - from.value : 0;
    const std::size_t there_bytes = std::min<std::uint64_t>(length_bytes, left_bytes);
    for (std::size_t i = 0; i < there_bytes; ++i) {
      buffer.data()[i] = byte_at(file_id_, from.value + i);
    }
    co_return ReadResult{std::move(buffer), there_bytes};
  }
  Task<Result<void>> write(FilePosition, SharedSlice, Durability) override { return refuse(); }
  Task<Result<void>> sync(SyncScope) override { return refuse(); }
  Task<Result<void>> allocate(std::uint64_t) override { return refuse(); }
  Task<Result<void>> truncate(std::uint64_t) override { return refuse(); }
  Task<Result<std::uint64_t>> size() override { co_return size_bytes_; }

 private:
  static Task<Result<void>> refuse() {
    co_return fail(ErrorCode::kNotSupported, "an instant file is for reading");
  }

  std::uint64_t file_id_;
  std::uint64_t size_bytes_;
};

struct OwnedStorage {
  SimStorage storage;
};

class CacheMachine : public OwnedStorage, public SimMachine {
 public:
  static constexpr std::uint64_t kBlock = 8192;

  explicit CacheMachine(BlockCacheOptions cache_options, SimDiskOptions disk_options = {})
      : SimMachine(storage, counting(std::move(disk_options), reads_ended_)) {
    auto created = BlockCache::create(scheduler, cache_options);
    PENSTOCK_ASSERT(created, "create");
    cache = std::move(*created);
  }
  explicit CacheMachine(std::size_t blocks, SimDiskOptions disk_options = {})
      : CacheMachine({.budget_bytes = budget_for(kBlock, blocks), .block_bytes = kBlock},
                     std::move(disk_options)) {}

  // Makes it with bytes_at(file_id, 0, size_bytes), and opens it.
  File& add_file(std::uint64_t file_id, std::uint64_t size_bytes) {
    const std::string path = "/file-" + std::to_string(file_id);
    auto file = scheduler.run(disk.open(path, {.write = true, .create = true}));
    PENSTOCK_ASSERT(file, "open");
    write(**file, file_id, size_bytes);
    return *files_.emplace_back(std::move(*file));
  }

  void write(File& file, std::uint64_t file_id, std::uint64_t size_bytes) {
    AlignedBuffer buffer(size_bytes);
    const std::size_t whole_bytes = buffer.capacity();
    const auto bytes = bytes_at(file_id, 0, whole_bytes);
    if (whole_bytes > 0) {
      std::memcpy(buffer.data(), bytes.data(), whole_bytes);
      const SharedSlice slice = std::move(buffer).freeze(whole_bytes);
      PENSTOCK_ASSERT(scheduler.run(file.write(FilePosition{}, slice, Durability::kNone)), "write");
    }
    PENSTOCK_ASSERT(scheduler.run(file.truncate(size_bytes)), "truncate");
  }

  Result<BlockCache::Pin> get(BlockKey key, File& file,
                              BlockPriority priority = BlockPriority::kNormal) {
    return scheduler.run(cache->get(key, file, priority));
  }

  // Starts with the scheduler's next turn.
  void start_get(BackgroundGet& get, BlockKey key, File& file,
                 BlockPriority priority = BlockPriority::kNormal) {
    scheduler.spawn(note(get, cache->get(key, file, priority)));
  }
  // Until nothing goes on any more.
  void settle() {
    while (scheduler.spawned_count() > 0) run_for(std::chrono::milliseconds(1));
  }
  void run_for(Duration delay) { scheduler.run(sleep(delay)); }

  // Of the disk, well or badly.
  std::uint64_t reads_ended() const { return reads_ended_; }

  std::unique_ptr<BlockCache> cache;

 private:
  static SimDiskOptions counting(SimDiskOptions options, std::uint64_t& reads_ended) {
    options.trace = [&reads_ended](std::string_view line) {
      if (line.find(" us  read ") != std::string_view::npos) ++reads_ended;
    };
    return options;
  }
  static Task<void> note(BackgroundGet& get, Task<Result<BlockCache::Pin>> task) {
    get.outcome.emplace(co_await task);
  }
  Task<void> sleep(Duration delay) { co_await scheduler.sleep_for(delay); }

  std::uint64_t reads_ended_ = 0;
  std::vector<std::unique_ptr<File>> files_;
};

}  // namespace penstock::file::testing
