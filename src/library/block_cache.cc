#include "penstock/block_cache.h"

#include <new>

#include "file/block_cache.h"
#include "library/engine_core.h"
#include "library/read_source.h"

namespace penstock {

namespace {

using InnerPin = file::BlockCache::Pin;

file::BlockCacheOptions to_internal(const BlockCacheOptions& options) {
  return {.budget_bytes = options.budget_bytes,
          .block_bytes = options.block_bytes,
          .high_priority_share = options.high_priority_share};
}

}  // namespace

class BlockCache::Impl {
 public:
  Impl(EngineCore& core, std::unique_ptr<file::BlockCache> cache)
      : attachment_(core), cache_(std::move(cache)) {}

  EngineCore& core() const { return attachment_.core(); }
  file::BlockCache& cache() const { return *cache_; }

  static Pin wrap(InnerPin inner) {
    Pin pin;
    new (pin.inner_) InnerPin(std::move(inner));
    pin.holds_ = true;
    return pin;
  }
  static InnerPin& inner(Pin& pin) { return *std::launder(reinterpret_cast<InnerPin*>(pin.inner_)); }

 private:
  EngineCore::Attachment attachment_;
  std::unique_ptr<file::BlockCache> cache_;
};

BlockCache::Pin::Pin() noexcept {
  static_assert(sizeof(InnerPin) <= sizeof(inner_) && alignof(InnerPin) <= alignof(void*));
}

BlockCache::Pin::Pin(Pin&& other) noexcept {
  if (!other.holds_) return;
  new (inner_) InnerPin(std::move(Impl::inner(other)));
  holds_ = true;
}

BlockCache::Pin& BlockCache::Pin::operator=(Pin&& other) noexcept {
  if (this == &other) return *this;
  release();
  if (!other.holds_) return *this;
  new (inner_) InnerPin(std::move(Impl::inner(other)));
  holds_ = true;
  other.release();
  return *this;
}

BlockCache::Pin::~Pin() { release(); }

void BlockCache::Pin::release() noexcept {
  if (!holds_) return;
  holds_ = false;
  Impl::inner(*this).~InnerPin();
}

std::span<const std::byte> BlockCache::Pin::bytes() const {
  if (!holds_) return {};
  return std::launder(reinterpret_cast<const InnerPin*>(inner_))->bytes();
}

BlockCache::BlockCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BlockCache::BlockCache(BlockCache&&) noexcept = default;
BlockCache& BlockCache::operator=(BlockCache&&) noexcept = default;
BlockCache::~BlockCache() = default;

Result<BlockCache> BlockCache::create(Engine& engine, BlockCacheOptions options) {
  EngineCore& core = *engine.core_;
  core.check_thread();
  Result<std::unique_ptr<file::BlockCache>> cache =
      file::BlockCache::create(core.scheduler(), to_internal(options));
  if (!cache) return Unexpected(cache.error());
  return BlockCache(std::make_unique<Impl>(core, std::move(*cache)));
}

std::optional<BlockCache::Pin> BlockCache::find(const BlockKey& key) {
  impl_->core().check_thread();
  std::optional<InnerPin> inner = impl_->cache().find(key);
  if (!inner) return std::nullopt;
  return Impl::wrap(std::move(*inner));
}

Result<BlockCache::Pin> BlockCache::get(const BlockKey& key, ReadFile& file, BlockPriority priority) {
  File& blocks = *file.impl_->source()->file.blocks();
  Result<InnerPin> inner = impl_->core().run(impl_->cache().get(key, blocks, priority));
  if (!inner) return Unexpected(inner.error());
  return Impl::wrap(std::move(*inner));
}

void BlockCache::erase_file(std::uint64_t file_id) {
  impl_->core().check_thread();
  impl_->cache().erase_file(file_id);
}

std::uint64_t BlockCache::block_bytes() const { return impl_->cache().block_bytes(); }
std::size_t BlockCache::capacity_blocks() const { return impl_->cache().capacity_blocks(); }
std::size_t BlockCache::size_blocks() const { return impl_->cache().size_blocks(); }

BlockCacheStats BlockCache::stats() const {
  const file::BlockCacheStats& inner = impl_->cache().stats();
  return {.hits = inner.hits,
          .misses = inner.misses,
          .evictions = inner.evictions,
          .refusals = inner.refusals};
}

}  // namespace penstock
