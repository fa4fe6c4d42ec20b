#include "log/segment_pool.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

namespace penstock::log {

namespace {

constexpr std::string_view kReadySuffix = ".ready";
constexpr std::uint64_t kSmallestFileBytes = 32 * kKiB;

// A retired file of which less than this share has been written costs as much to fill as a new one.
constexpr std::uint64_t kWorthKeepingDivisor = 2;

// A spare is kept only while the disk has this many times its size left: on a full disk, space that is
// given back is for everybody, not for this pool.
constexpr std::uint64_t kSpaceForSparesDivisor = 16;

// One piece of zeros for all pools: they never change.
const SharedSlice& zeros() {
  static const SharedSlice piece = [] {
    AlignedBuffer buffer(ZeroPace::kRushChunkBytes);
    std::memset(buffer.data(), 0, buffer.capacity());
    return std::move(buffer).freeze(ZeroPace::kRushChunkBytes);
  }();
  return piece;
}

std::optional<std::uint64_t> number_of(std::string_view name) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

}  // namespace

SegmentPool::SegmentPool(Scheduler& scheduler, Disk& disk, std::string directory,
                         SegmentPoolOptions options)
    : scheduler_(scheduler),
      disk_(disk),
      directory_(std::move(directory)),
      options_(options),
      gaps_(scheduler),
      pace_(scheduler, gaps_, options.zero_bytes_per_second),
      refill_demand_(pace_),
      background_(scheduler) {
  PENSTOCK_ASSERT(
      std::has_single_bit(options_.smallest_bytes) && options_.smallest_bytes >= kSmallestFileBytes,
      "pool files are powers of two, large enough for a header and some commits");
}

Task<Result<void>> SegmentPool::start() {
  auto names = co_await disk_.list(directory_);
  if (!names) co_return Unexpected(names.error());
  for (const std::string& name : *names) {
    const auto number = number_of(name);
    if (!number) continue;  // not ours
    next_name_ = std::max(next_name_, *number + 1);
    const std::string path = directory_ + "/" + name;
    auto info = co_await disk_.info(path);
    if (!info) co_return Unexpected(info.error());
    const bool usable = name.ends_with(kReadySuffix) && std::has_single_bit(info->size_bytes) &&
                        info->size_bytes >= options_.smallest_bytes &&
                        spare_bytes_ + info->size_bytes <= options_.max_spare_bytes;
    if (usable) {
      ready_.emplace(info->size_bytes, path);
      spare_bytes_ += info->size_bytes;
    } else if (auto removed = co_await disk_.remove(path); !removed) {
      co_return removed;
    }
  }
  start_refill();
  co_return Result<void>();
}

Task<Result<SegmentPool::Taken>> SegmentPool::take(std::uint64_t size_bytes, Preparation preparation) {
  ZeroDemand demand(pace_);
  demand.rush();
  co_return co_await take(size_bytes, preparation, demand);
}

Task<Result<SegmentPool::Taken>> SegmentPool::take(std::uint64_t size_bytes, Preparation preparation,
                                                   const ZeroDemand& demand) {
  PENSTOCK_ASSERT(std::has_single_bit(size_bytes), "pool files are powers of two");
  while (true) {
    const auto place = ready_.find(size_bytes);
    if (place == ready_.end()) break;
    std::string path = std::move(place->second);
    ready_.erase(place);
    spare_bytes_ -= size_bytes;
    start_refill();
    OpenOptions options;
    options.write = true;
    auto file = co_await disk_.open(path, options);
    if (file) {
      ++stats_.taken_ready;
      co_return Taken{std::move(path), std::move(*file), size_bytes, size_bytes};
    }
    if (file.error().code() != ErrorCode::kNotFound) co_return Unexpected(file.error());
  }
  Retired source = take_retired(size_bytes).value_or(Retired{new_path(), 0, size_bytes});
  const std::uint64_t written_before = source.written_bytes;
  auto file = co_await fill(source.path, written_before, size_bytes, preparation, demand);
  if (!file) co_return Unexpected(file.error());
  ++(written_before > 0 ? stats_.taken_retired : stats_.taken_made);
  const std::uint64_t written_bytes =
      preparation == Preparation::kWritten ? size_bytes : written_before;
  co_return Taken{std::move(source.path), std::move(*file), size_bytes, written_bytes};
}

std::optional<SegmentPool::Retired> SegmentPool::take_retired(std::uint64_t size_bytes) {
  const auto place = std::ranges::find(retired_, size_bytes, &Retired::size_bytes);
  if (place == retired_.end()) return std::nullopt;
  Retired taken = std::move(*place);
  retired_.erase(place);
  spare_bytes_ -= size_bytes;
  return taken;
}

Task<Result<void>> SegmentPool::retire(std::string path, std::uint64_t written_bytes) {
  const std::uint64_t size_bytes = std::max(std::bit_ceil(written_bytes), options_.smallest_bytes);
  bool keep = !background_.is_closed() && written_bytes * kWorthKeepingDivisor >= size_bytes &&
              spare_bytes_ + size_bytes <= options_.max_spare_bytes;
  if (keep) {
    auto space = co_await disk_.space(directory_);
    keep = space && space->available_bytes / kSpaceForSparesDivisor >= size_bytes;
  }
  if (!keep) {
    ++stats_.removed;
    co_return co_await disk_.remove(std::move(path));
  }
  bool is_whole = written_bytes == size_bytes;
  if (is_whole) {
    // It may be larger, of which the rest was only reserved.
    auto info = co_await disk_.info(path);
    is_whole = info && info->size_bytes == size_bytes;
  }
  std::string old_directory = path.substr(0, path.rfind('/'));
  std::string own_path = is_whole ? ready_name(new_path()) : new_path();
  if (auto renamed = co_await disk_.rename(std::move(path), own_path); !renamed) co_return renamed;
  // Before its next owner writes to it: after a power cut its old name would lead to the new content.
  if (auto synced = co_await disk_.sync_directory(std::move(old_directory)); !synced) co_return synced;
  spare_bytes_ += size_bytes;
  ++stats_.retired;
  if (is_whole) {
    ready_.emplace(size_bytes, std::move(own_path));
  } else {
    retired_.push_back(Retired{std::move(own_path), written_bytes, size_bytes});
    start_refill();
  }
  co_return Result<void>();
}

Task<void> SegmentPool::close() {
  refill_demand_.abandon();
  co_await background_.close();
}

bool SegmentPool::needs_refill() const {
  return !retired_.empty() || ready_.count(options_.smallest_bytes) < options_.ready_files;
}

void SegmentPool::start_refill() {
  if (refilling_ || !needs_refill()) return;
  auto hold = background_.enter();
  if (!hold) return;
  refilling_ = true;
  scheduler_.spawn(refill(std::move(*hold)));
}

Task<void> SegmentPool::refill(Gate::Hold) {
  while (needs_refill() && !background_.is_closed()) {
    // A full disk ends the round, and so does close(); the next take() or retire() begins another.
    if (auto made = co_await make_one_ready(); !made) break;
  }
  refilling_ = false;
}

Task<Result<void>> SegmentPool::make_one_ready() {
  Retired source;
  if (!retired_.empty()) {
    source = std::move(retired_.front());
    retired_.pop_front();
  } else {
    source = Retired{new_path(), 0, options_.smallest_bytes};
    spare_bytes_ += source.size_bytes;
  }
  auto file = co_await fill(source.path, source.written_bytes, source.size_bytes, Preparation::kWritten,
                            refill_demand_);
  std::string ready_path = ready_name(source.path);
  Result<void> named =
      file ? co_await disk_.rename(source.path, ready_path) : Result<void>(Unexpected(file.error()));
  if (!named) {
    spare_bytes_ -= source.size_bytes;
    co_return named;
  }
  ready_.emplace(source.size_bytes, std::move(ready_path));
  co_return Result<void>();
}

Task<Result<std::unique_ptr<File>>> SegmentPool::fill(std::string path, std::uint64_t written_bytes,
                                                      std::uint64_t size_bytes, Preparation preparation,
                                                      const ZeroDemand& demand) {
  OpenOptions options;
  options.write = true;
  options.create = true;
  auto file = co_await disk_.open(path, options);
  if (!file) co_return Unexpected(file.error());
  Result<void> done = co_await (*file)->allocate(size_bytes);
  // A retired file may be larger than what was written of it.
  if (done && written_bytes > 0) done = co_await (*file)->truncate(size_bytes);
  if (done && preparation == Preparation::kWritten) {
    done = co_await write_zeros(**file, align_down(written_bytes, kBlockBytes), size_bytes, demand);
  }
  if (done) done = co_await (*file)->sync(SyncScope::kAll);
  if (done) co_return std::move(*file);

  file->reset();
  // Whether or not the half-made file can be removed, the error to report is the first one.
  (void)co_await disk_.remove(std::move(path));
  co_return Unexpected(done.error());
}

Task<Result<void>> SegmentPool::write_zeros(File& file, std::uint64_t from, std::uint64_t to,
                                            const ZeroDemand& demand) {
  while (from < to) {
    auto chunk_bytes = co_await pace_.next_chunk(demand, from, to);
    if (!chunk_bytes) co_return Unexpected(chunk_bytes.error());
    const std::uint64_t length = std::min(*chunk_bytes, to - from);
    const SharedSlice chunk = zeros().slice(0, length);
    auto written = co_await file.write(FilePosition{from}, chunk, Durability::kNone);
    if (!written) co_return written;
    stats_.zero_bytes += length;
    from += length;
  }
  co_return Result<void>();
}

std::string SegmentPool::ready_name(const std::string& path) {
  return path + std::string(kReadySuffix);
}

std::string SegmentPool::new_path() { return fmt::format("{}/{}", directory_, next_name_++); }

}  // namespace penstock::log
