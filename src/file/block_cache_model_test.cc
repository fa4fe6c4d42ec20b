// BlockCache against what it promises, under any sequence of operations.
//
// Files change their contents here (and are erased from the cache when they do), so that a stale block
// would show. Reads take virtual time, and some fail; gets overlap each other and everything else.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "file/block_cache.h"
#include "file/testing/cache_machine.h"

namespace penstock::file {
namespace {

using testing::budget_for;

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kFiles = 3;
constexpr std::uint64_t kBlocksPerFile = 14;  // the last one is behind the end
constexpr std::uint64_t kLastBytes = 100;     // of the last but one
constexpr std::size_t kCapacity = 10;

// A file whose every block says which file, block and version it is of. A read takes time, sees the
// version of its start, and fails if it is told to.
class VersionedFile final : public File {
 public:
  VersionedFile(Scheduler& scheduler, std::uint64_t id)
      : File("/versioned"), scheduler_(scheduler), id_(id) {}

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override {
    ++reads_;
    const bool fails = std::exchange(fails_next_, false);
    const std::uint64_t seen = version_;
    const std::uint64_t block = from.value / kBlock;
    // Blocks take different times, so that reads overtake each other.
    co_await scheduler_.sleep_for(Duration(1000 * (1 + block % 4)));
    if (fails) co_return fail(ErrorCode::kIo, "told to fail");
    const std::size_t there_bytes = size_of(block);
    PENSTOCK_ASSERT(there_bytes <= length_bytes, "a read of less than a block");
    if (there_bytes > 0) {
      store_le<std::uint64_t>(buffer.span(), 0, id_);
      store_le<std::uint64_t>(buffer.span(), 8, block);
      store_le<std::uint64_t>(buffer.span(), 16, seen);
    }
    co_return ReadResult{std::move(buffer), there_bytes};
  }
  Task<Result<void>> write(FilePosition, SharedSlice, Durability) override { return refuse(); }
  Task<Result<void>> sync(SyncScope) override { return refuse(); }
  Task<Result<void>> allocate(std::uint64_t) override { return refuse(); }
  Task<Result<void>> truncate(std::uint64_t) override { return refuse(); }
  Task<Result<std::uint64_t>> size() override { co_return (kBlocksPerFile - 2) * kBlock + kLastBytes; }

  static std::size_t size_of(std::uint64_t block) {
    if (block == kBlocksPerFile - 1) return 0;
    return block == kBlocksPerFile - 2 ? kLastBytes : kBlock;
  }

  std::uint64_t version() const { return version_; }
  void change() { ++version_; }
  void fail_next_read() { fails_next_ = true; }
  void work_again() { fails_next_ = false; }
  std::uint64_t reads() const { return reads_; }

 private:
  static Task<Result<void>> refuse() {
    co_return fail(ErrorCode::kNotSupported, "a versioned file is for reading");
  }

  Scheduler& scheduler_;
  std::uint64_t id_;
  std::uint64_t version_ = 1;
  std::uint64_t reads_ = 0;
  bool fails_next_ = false;
};

enum class Act { kGet, kFind, kUnpin, kUnpinAll, kChange, kEraseBlock, kFailNext, kPass };

struct Step {
  Act act = Act::kPass;
  std::uint64_t file = 0;
  std::uint64_t block = 0;
  bool is_high = false;
  std::size_t which = 0;  // of the pins
};

void showValue(const Step& step, std::ostream& out) {
  static constexpr const char* kNames[] = {"get",    "find",  "unpin",     "unpin-all",
                                           "change", "erase", "fail-next", "pass"};
  out << kNames[static_cast<std::size_t>(step.act)] << " " << step.file << "/" << step.block
      << (step.is_high ? " high" : "") << " #" << step.which;
}

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(
      rc::gen::set(&Step::act, rc::gen::weightedElement<Act>({{12, Act::kGet},
                                                              {6, Act::kFind},
                                                              {10, Act::kUnpin},
                                                              {1, Act::kUnpinAll},
                                                              {1, Act::kChange},
                                                              {1, Act::kEraseBlock},
                                                              {1, Act::kFailNext},
                                                              {4, Act::kPass}})),
      rc::gen::set(&Step::file, rc::gen::inRange<std::uint64_t>(0, kFiles)),
      rc::gen::set(&Step::block, rc::gen::inRange<std::uint64_t>(0, kBlocksPerFile)),
      rc::gen::set(&Step::is_high, rc::gen::weightedElement<bool>({{4, false}, {1, true}})),
      rc::gen::set(&Step::which, rc::gen::inRange<std::size_t>(0, 1000)));
}

// The cache, and what is known of what it must hold. What is wrong is collected, not thrown: coroutines
// are under way.
class Model {
 public:
  explicit Model(double share) : machine_(storage_) {
    auto created = BlockCache::create(
        machine_.scheduler,
        {.budget_bytes = budget(), .block_bytes = kBlock, .high_priority_share = share});
    PENSTOCK_ASSERT(created && (*created)->capacity_blocks() == kCapacity, "create");
    cache_ = std::move(*created);
    for (std::uint64_t id = 0; id < kFiles; ++id) {
      files_.push_back(std::make_unique<VersionedFile>(machine_.scheduler, id));
    }
  }

  void apply(const Step& step) {
    const BlockKey key{.file_id = step.file, .block = step.block};
    VersionedFile& file = *files_[step.file];
    switch (step.act) {
      case Act::kGet: machine_.scheduler.spawn(get(key, file, priority(step))); break;
      case Act::kFind: find(key, file, priority(step)); break;
      case Act::kUnpin:
        if (!held_.empty()) held_.erase(std::next(held_.begin(), step.which % held_.size()));
        break;
      case Act::kUnpinAll: held_.clear(); break;
      case Act::kChange:
        file.change();
        cache_->erase_file(step.file);
        for (std::uint64_t block = 0; block < kBlocksPerFile; ++block) ++erasures_[step.file][block];
        break;
      case Act::kEraseBlock:
        cache_->erase(key);
        ++erasures_[step.file][step.block];
        break;
      case Act::kFailNext: file.fail_next_read(); break;
      case Act::kPass: machine_.scheduler.run(sleep(Duration(500 + step.which * 3))); break;
    }
    check();
  }

  // Lets everything end, looks at what is left, and says what was wrong first.
  std::string end() {
    while (machine_.scheduler.spawned_count() > 0) machine_.scheduler.run(sleep(Duration(1000)));
    check();
    held_.clear();
    const BlockCacheStats& stats = cache_->stats();
    std::uint64_t reads = 0;
    for (const auto& file : files_) reads += file->reads();
    require(cache_->pinned_blocks() == 0, "a block stays pinned");
    require(stats.misses == reads, "misses are not reads");
    require(stats.hits + stats.misses + stats.shared_misses + stats.refusals == gets_ + found_,
            "an access is not counted, or twice");
    std::vector<BlockCache::Pin> all;
    for (std::uint64_t i = 0; i < kCapacity; ++i) {
      VersionedFile& file = *files_[0];
      file.work_again();
      const BlockKey key{.file_id = 0, .block = i};
      auto pin = machine_.scheduler.run(cache_->get(key, file, BlockPriority::kHigh));
      require(pin.has_value(), "a block of the memory is lost");
      if (pin) all.push_back(std::move(*pin));
    }
    return wrong_;
  }

  const BlockCacheStats& stats() const { return cache_->stats(); }

 private:
  struct Held {
    BlockKey key;
    std::uint64_t version;
    std::uint64_t
        erasures;  // of the block when it was asked for: as long as there is no more, it can be found
    BlockCache::Pin pin;
  };

  static std::uint64_t budget() {
    static const std::uint64_t budget_bytes = budget_for(kBlock, kCapacity);
    return budget_bytes;
  }
  static BlockPriority priority(const Step& step) {
    return step.is_high ? BlockPriority::kHigh : BlockPriority::kNormal;
  }
  std::uint64_t erasures_of(const BlockKey& key) const { return erasures_[key.file_id][key.block]; }
  Task<void> sleep(Duration delay) { co_await machine_.scheduler.sleep_for(delay); }

  void require(bool holds, const char* otherwise) {
    if (!holds && wrong_.empty()) wrong_ = otherwise;
  }

  Task<void> get(BlockKey key, VersionedFile& file, BlockPriority priority) {
    ++gets_;
    ++getting_;
    const std::uint64_t version_at_start = file.version();
    const std::uint64_t erasures_at_start = erasures_of(key);
    const std::size_t pinned_at_start = cache_->pinned_blocks();
    Result<BlockCache::Pin> pin = co_await cache_->get(key, file, priority);
    --getting_;
    if (pin) {
      keep(key, std::move(*pin), version_at_start, file.version(), erasures_at_start);
    } else if (pin.error().code() == ErrorCode::kBusy) {
      const bool is_high = priority == BlockPriority::kHigh;
      const std::size_t reserved = is_high ? 0 : cache_->reserved_blocks_max();
      require(pinned_at_start + reserved >= kCapacity, "busy with blocks that could have been evicted");
    } else {
      require(pin.error().code() == ErrorCode::kIo, "an error from nowhere");
    }
  }

  void find(const BlockKey& key, VersionedFile& file, BlockPriority priority) {
    std::optional<BlockCache::Pin> pin = cache_->find(key, priority);
    for (const Held& held : held_) {
      if (held.key != key || held.erasures != erasures_of(key) || held.pin.bytes().empty()) continue;
      require(pin.has_value(), "a pinned block is not found");
      if (pin) require(pin->bytes().data() == held.pin.bytes().data(), "a pinned block is there twice");
    }
    if (!pin) return;
    ++found_;
    require(!pin->bytes().empty(), "a block behind the end was kept");
    keep(key, std::move(*pin), file.version(), file.version(), erasures_of(key));
  }

  // The bytes may be of any version that the file had while they were asked for, and of no other.
  void keep(const BlockKey& key, BlockCache::Pin pin, std::uint64_t oldest, std::uint64_t newest,
            std::uint64_t erasures) {
    require(pin.bytes().size() == VersionedFile::size_of(key.block), "a block of a wrong size");
    std::uint64_t version = newest;
    if (!pin.bytes().empty()) {
      version = load_le<std::uint64_t>(pin.bytes(), 16);
      require(version >= oldest && version <= newest, "a stale block");
    }
    held_.push_back({key, version, erasures, std::move(pin)});
  }

  void check() {
    std::set<const std::byte*> memory;
    for (const Held& held : held_) {
      memory.insert(held.pin.bytes().data());
      if (held.pin.bytes().empty()) continue;
      require(load_le<std::uint64_t>(held.pin.bytes(), 0) == held.key.file_id &&
                  load_le<std::uint64_t>(held.pin.bytes(), 8) == held.key.block &&
                  load_le<std::uint64_t>(held.pin.bytes(), 16) == held.version,
              "the bytes of a pinned block changed");
    }
    require(cache_->size_blocks() <= kCapacity, "more blocks than fit");
    require(cache_->reserved_blocks() <= cache_->reserved_blocks_max(), "more reserved than the share");
    require(cache_->pinned_blocks() >= memory.size(), "a pinned block is not counted");
    require(cache_->pinned_blocks() <= memory.size() + getting_, "a block is pinned by nobody");
  }

  SimStorage storage_;
  SimMachine machine_;
  std::unique_ptr<BlockCache> cache_;
  std::vector<std::unique_ptr<VersionedFile>> files_;
  std::list<Held> held_;
  std::array<std::array<std::uint64_t, kBlocksPerFile>, kFiles> erasures_{};
  std::uint64_t gets_ = 0;
  std::uint64_t found_ = 0;
  std::size_t getting_ = 0;
  std::string wrong_;
};

TEST(BlockCacheModelTest, KeepsItsPromisesUnderAnySequenceOfOperations) {
  BlockCacheStats total;
  // 100 lives of up to 3,000 steps. A failure prints a shortest life that fails, and how to repeat it.
  const bool holds = rc::check([&total] {
    const double share = *rc::gen::element(0.0, 0.1, 0.3, 0.9);
    const auto steps = *rc::gen::resize(3000, rc::gen::container<std::vector<Step>>(any_step()));
    Model model(share);
    for (const Step& step : steps) model.apply(step);
    const std::string wrong = model.end();
    if (!wrong.empty()) RC_FAIL(wrong);
    total.hits += model.stats().hits;
    total.misses += model.stats().misses;
    total.shared_misses += model.stats().shared_misses;
    total.evictions += model.stats().evictions;
    total.ghost_hits += model.stats().ghost_hits;
    total.refusals += model.stats().refusals;
  });
  EXPECT_TRUE(holds);
  // The lives were about something.
  EXPECT_GT(total.hits, 1000U);
  EXPECT_GT(total.misses, 1000U);
  EXPECT_GT(total.shared_misses, 1000U);
  EXPECT_GT(total.evictions, 1000U);
  EXPECT_GT(total.ghost_hits, 1000U);
  EXPECT_GT(total.refusals, 1000U);
}

}  // namespace
}  // namespace penstock::file
