#include "penstock/read_ahead.h"

#include <algorithm>

#include "base/units.h"
#include "file/read_ahead.h"
#include "library/engine_core.h"
#include "library/read_source.h"

namespace penstock {

namespace {

constexpr std::uint64_t kMinWindowBytes = 64 * kKiB;
constexpr std::uint64_t kMaxWindowBytes = 64 * kMiB;
constexpr std::size_t kMaxReadBytes = 64 * kMiB;

file::ReadAheadOptions to_internal(const ReadAheadOptions& options) {
  const std::uint64_t window =
      std::clamp(align_down(options.window_bytes, kBlockBytes), kMinWindowBytes, kMaxWindowBytes);
  return {.window_bytes_min = kMinWindowBytes,
          .window_bytes_max = window,
          .sequential_from_start = true,
          .end = FilePosition{options.end}};
}

}  // namespace

class ReadAhead::Impl {
 public:
  Impl(EngineCore& core, std::shared_ptr<ReadSource> source, const ReadAheadOptions& options)
      : attachment_(core),
        source_(std::move(source)),
        windows_(core.scheduler(), source_->file.blocks(), to_internal(options)),
        position_(options.from),
        end_(options.end) {}

  Result<std::span<const std::byte>> next() {
    if (position_ >= end_) return std::span<const std::byte>();
    Result<SharedSlice> slice = attachment_.core().run(windows_.next(FilePosition{position_}));
    if (!slice) return Unexpected(slice.error());
    const std::uint64_t left = end_ - position_;
    return keep(slice->size() > left ? slice->slice(0, left) : std::move(*slice), position_);
  }

  Result<std::span<const std::byte>> read(std::uint64_t from, std::size_t size_bytes) {
    if (size_bytes > kMaxReadBytes) {
      return fail(ErrorCode::kTooLarge, "read {} bytes of {} at once: at most {}; read them in parts",
                  size_bytes, source_->file.path(), kMaxReadBytes);
    }
    Result<SharedSlice> slice = attachment_.core().run(windows_.read(FilePosition{from}, size_bytes));
    if (!slice) return Unexpected(slice.error());
    return keep(std::move(*slice), from);
  }

  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

 private:
  std::span<const std::byte> keep(SharedSlice slice, std::uint64_t from) {
    current_ = std::move(slice);
    position_ = from + current_.size();
    return current_.view();
  }

  EngineCore::Attachment attachment_;
  std::shared_ptr<ReadSource> source_;
  file::ReadAhead windows_;
  SharedSlice current_;  // what was returned last
  std::uint64_t position_;
  std::uint64_t end_;
};

ReadAhead::ReadAhead(const ReadFile& file, ReadAheadOptions options)
    : impl_(std::make_unique<Impl>(file.impl_->core(), file.impl_->source(), options)) {}
ReadAhead::ReadAhead(ReadAhead&&) noexcept = default;
ReadAhead& ReadAhead::operator=(ReadAhead&&) noexcept = default;
ReadAhead::~ReadAhead() = default;

Result<std::span<const std::byte>> ReadAhead::next() { return impl_->next(); }
Result<std::span<const std::byte>> ReadAhead::read(std::uint64_t from, std::size_t size_bytes) {
  return impl_->read(from, size_bytes);
}
std::uint64_t ReadAhead::position() const { return impl_->position(); }
void ReadAhead::seek(std::uint64_t position) { impl_->seek(position); }

}  // namespace penstock
