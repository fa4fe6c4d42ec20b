#include "disk/sim_image.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"

namespace penstock {

namespace {

std::uint64_t blocks_for(std::uint64_t bytes) { return align_up(bytes, kBlockBytes) / kBlockBytes; }

void assert_whole_sectors(FilePosition to, ByteView data) {
  PENSTOCK_ASSERT(is_aligned(to.value, kSectorBytes) && is_aligned(data.size(), kSectorBytes),
                  "a device writes whole sectors");
}

void assert_one_bit_per_sector(const SimImage::SectorMask& mask, ByteView data) {
  PENSTOCK_ASSERT(mask.size() == data.size() / kSectorBytes, "a mask has one bit per sector");
}

}  // namespace

SimImage::SimImage(const SimImage& other, std::shared_ptr<SimSpace> space)
    : space_(std::move(space)),
      sectors_(other.sectors_),
      dirty_(other.dirty_),
      size_bytes_(other.size_bytes_),
      durable_size_bytes_(other.durable_size_bytes_),
      size_changes_(other.size_changes_),
      allocated_blocks_(other.allocated_blocks_) {
  space_->used_blocks += static_cast<std::uint64_t>(std::ranges::count(allocated_blocks_, true));
}

SimImage::~SimImage() { free_blocks_beyond(0); }

std::size_t SimImage::read(FilePosition from, MutableBytes into) const {
  if (from.value >= size_bytes_) return 0;
  const std::size_t count = std::min(into.size(), size_bytes_ - from.value);
  std::ranges::fill(into.first(count), std::byte{0});
  const std::uint64_t end = from.value + count;
  for (auto at = sectors_.lower_bound(from.value / kSectorBytes); at != sectors_.end(); ++at) {
    const std::uint64_t sector_start = at->first * kSectorBytes;
    if (sector_start >= end) break;
    if (at->second.current == nullptr) continue;
    const std::uint64_t first = std::max(sector_start, from.value);
    const std::uint64_t last = std::min(sector_start + kSectorBytes, end);
    std::memcpy(into.data() + (first - from.value), at->second.current->data() + (first - sector_start),
                last - first);
  }
  return count;
}

void SimImage::write(Sequence at, FilePosition to, ByteView data, Durability durability) {
  assert_whole_sectors(to, data);
  if (data.empty()) return;
  make_place(at, to, data.size(), durability);
  for (std::size_t done = 0; done < data.size(); done += kSectorBytes) {
    put(at, (to.value + done) / kSectorBytes, data.subspan(done, kSectorBytes), durability);
  }
}

void SimImage::write_losing(Sequence at, FilePosition to, ByteView data, Durability durability,
                            const SectorMask& mask) {
  assert_whole_sectors(to, data);
  assert_one_bit_per_sector(mask, data);
  make_place(at, to, data.size(), durability);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (!mask[i]) continue;
    put(at, to.value / kSectorBytes + i, data.subspan(i * kSectorBytes, kSectorBytes), durability);
  }
}

void SimImage::write_partly(Sequence at, FilePosition to, ByteView data, const SectorMask& mask) {
  assert_whole_sectors(to, data);
  assert_one_bit_per_sector(mask, data);
  if (std::ranges::find(mask, true) == mask.end()) return;
  const auto last = std::find(mask.rbegin(), mask.rend(), true);
  grow(at, to.value + static_cast<std::uint64_t>(mask.rend() - last) * kSectorBytes);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (!mask[i]) continue;
    const FilePosition place = to + i * kSectorBytes;
    allocate(place, kSectorBytes);
    put(at, place.value / kSectorBytes, data.subspan(i * kSectorBytes, kSectorBytes),
        Durability::kNone);
  }
}

void SimImage::resize(Sequence at, std::uint64_t size_bytes) {
  if (size_bytes == size_bytes_) return;
  for (auto i = sectors_.lower_bound(size_bytes / kSectorBytes); i != sectors_.end(); ++i) {
    i->second.current = cut(i->second.current, i->first, size_bytes);
  }
  size_bytes_ = size_bytes;
  size_changes_.push_back({.at = at, .size_bytes = size_bytes});
  free_blocks_beyond(size_bytes);
}

void SimImage::sync(Sequence covered) {
  make_sizes_durable(covered);
  for (auto number = dirty_.begin(); number != dirty_.end();) {
    Sector& sector = sectors_.at(*number);
    const auto last = std::find_if(
        sector.unsynced.rbegin(), sector.unsynced.rend(),
        [covered](const Version& version) { return version.at <= covered && !version.sync_failed; });
    if (last != sector.unsynced.rend()) {
      sector.durable = last->bytes;
      sector.unsynced.erase(sector.unsynced.begin(), last.base());
    }
    number = sector.unsynced.empty() ? dirty_.erase(number) : std::next(number);
  }
}

void SimImage::fail_sync(Sequence covered) {
  // The sizes stay as they are: they are metadata, and a file system that cannot write its journal
  // stops.
  for (const std::uint64_t number : dirty_) {
    for (Version& version : sectors_.at(number).unsynced) {
      if (version.at <= covered) version.sync_failed = true;
    }
  }
}

void SimImage::power_cut(Random& random) {
  // "Nothing" and "everything" would be rare among independent draws, and are the commonest in the
  // field.
  const std::uint64_t draw = random.below(4);
  const bool keep_nothing = draw == 0;
  const bool keep_everything = draw == 1;
  std::size_t kept_changes = size_changes_.size();
  if (keep_nothing) kept_changes = 0;
  if (!keep_nothing && !keep_everything) kept_changes = random.between(0, size_changes_.size());
  settle(kept_changes, [&](std::uint64_t /*number*/, const std::vector<Version>& versions) {
    if (keep_nothing) return std::size_t{0};
    if (keep_everything || versions.size() == 1) return versions.size() - 1;
    return static_cast<std::size_t>(random.below(versions.size()));
  });
}

void SimImage::power_cut(const SimRemains& remains) {
  const auto lost = std::ranges::find_if(
      size_changes_, [&](const SizeChange& change) { return !remains.keeps(change.at); });
  const auto kept_changes = static_cast<std::size_t>(lost - size_changes_.begin());
  settle(kept_changes, [&](std::uint64_t number, const std::vector<Version>& versions) {
    std::size_t choice = versions.size() - 1;
    while (choice > 0 && !remains.keeps_sector(versions[choice].at, number)) --choice;
    return choice;
  });
}

template <typename Choose>
void SimImage::settle(std::size_t kept_changes, const Choose& choose) {
  const bool sizes_are_durable = size_changes_.empty();
  if (kept_changes > 0) durable_size_bytes_ = size_changes_[kept_changes - 1].size_bytes;
  const auto settle_sector = [&](Sectors::iterator at) {
    auto& [number, sector] = *at;
    const std::vector<Version> versions = possible(number, sector, kept_changes);
    const SharedSector survivor =
        cut(versions[choose(number, versions)].bytes, number, durable_size_bytes_);
    sector = Sector{.current = survivor, .durable = survivor, .unsynced = {}};
    return survivor == nullptr ? sectors_.erase(at) : std::next(at);
  };
  if (sizes_are_durable) {
    for (const std::uint64_t number : dirty_) settle_sector(sectors_.find(number));
  } else {
    for (auto at = sectors_.begin(); at != sectors_.end();) at = settle_sector(at);
  }
  dirty_.clear();
  size_changes_.clear();
  size_bytes_ = durable_size_bytes_;
  free_blocks_beyond(size_bytes_);
}

void SimImage::list_unsynced(std::vector<SimUnsynced>& unsynced) const {
  std::map<Sequence, SimUnsynced> by_number;
  for (const SizeChange& change : size_changes_) by_number[change.at].at = change.at;
  static constexpr SectorBytes kZeros{};
  for (const std::uint64_t number : dirty_) {
    for (const Version& version : sectors_.at(number).unsynced) {
      SimUnsynced& change = by_number[version.at];
      if (change.length_bytes == 0) change.position = number * kSectorBytes;
      change.at = version.at;
      change.length_bytes = (number + 1) * kSectorBytes - change.position;
      change.checksum = crc32c(version.bytes == nullptr ? kZeros : *version.bytes, change.checksum);
    }
  }
  for (const auto& [at, change] : by_number) unsynced.push_back(change);
}

// What the medium may hold of a sector if the first `kept_changes` of the size changes are kept: the
// durable bytes first, then the later versions in order.
std::vector<SimImage::Version> SimImage::possible(std::uint64_t number, const Sector& sector,
                                                  std::size_t kept_changes) const {
  const std::uint64_t sector_end = (number + 1) * kSectorBytes;
  std::vector<Version> versions = {Version{.at = 0, .bytes = sector.durable}};
  std::size_t next_version = 0;
  for (std::size_t i = 0; i < size_changes_.size(); ++i) {
    while (next_version < sector.unsynced.size() &&
           sector.unsynced[next_version].at <= size_changes_[i].at) {
      versions.push_back(sector.unsynced[next_version++]);
    }
    if (i >= kept_changes) {
      // Cut off and written again, but the cut is not kept: the blocks of those writes belong to
      // nothing.
      if (sector_end > size_changes_[i].size_bytes) return versions;
      continue;
    }
    for (Version& version : versions)
      version.bytes = cut(version.bytes, number, size_changes_[i].size_bytes);
  }
  while (next_version < sector.unsynced.size()) versions.push_back(sector.unsynced[next_version++]);
  return versions;
}

void SimImage::flip_bit(FilePosition byte, unsigned bit) {
  PENSTOCK_ASSERT(byte.value < size_bytes_ && bit < 8, "a bit outside of the file");
  const std::uint64_t in_sector = byte.value % kSectorBytes;
  Sector& sector = sectors_[byte.value / kSectorBytes];
  sector.current = flipped(sector.current, in_sector, bit);
  sector.durable = flipped(sector.durable, in_sector, bit);
  for (Version& version : sector.unsynced) version.bytes = flipped(version.bytes, in_sector, bit);
}

std::uint64_t SimImage::missing_blocks(FilePosition from, std::uint64_t length_bytes) const {
  std::uint64_t missing = 0;
  for (std::uint64_t block = from.value / kBlockBytes; block < blocks_for(from.value + length_bytes);
       ++block) {
    if (block >= allocated_blocks_.size() || !allocated_blocks_[block]) ++missing;
  }
  return missing;
}

void SimImage::allocate(FilePosition from, std::uint64_t length_bytes) {
  space_->used_blocks += missing_blocks(from, length_bytes);
  const std::uint64_t end = blocks_for(from.value + length_bytes);
  if (allocated_blocks_.size() < end) allocated_blocks_.resize(end);
  for (std::uint64_t block = from.value / kBlockBytes; block < end; ++block)
    allocated_blocks_[block] = true;
}

void SimImage::free_blocks_beyond(std::uint64_t size_bytes) {
  const std::uint64_t kept = blocks_for(size_bytes);
  if (kept >= allocated_blocks_.size()) return;
  const auto first_freed = allocated_blocks_.begin() + static_cast<std::ptrdiff_t>(kept);
  space_->used_blocks -=
      static_cast<std::uint64_t>(std::count(first_freed, allocated_blocks_.end(), true));
  allocated_blocks_.resize(kept);
}

// Zeros, the contents of most prepared files, cost no memory.
SimImage::SharedSector SimImage::share(ByteView bytes) {
  if (std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; })) return nullptr;
  auto copy = std::make_shared<SectorBytes>();
  std::ranges::copy(bytes, copy->begin());
  return copy;
}

// The sector as it is after its file was cut at `size_bytes`: zeros from there on.
SimImage::SharedSector SimImage::cut(const SharedSector& bytes, std::uint64_t sector,
                                     std::uint64_t size_bytes) {
  const std::uint64_t start = sector * kSectorBytes;
  if (bytes == nullptr || size_bytes >= start + kSectorBytes) return bytes;
  if (size_bytes <= start) return nullptr;
  auto copy = std::make_shared<SectorBytes>(*bytes);
  std::ranges::fill(std::span(*copy).subspan(size_bytes - start), std::byte{0});
  return copy;
}

SimImage::SharedSector SimImage::flipped(const SharedSector& bytes, std::uint64_t byte, unsigned bit) {
  auto copy =
      bytes == nullptr ? std::make_shared<SectorBytes>() : std::make_shared<SectorBytes>(*bytes);
  (*copy)[byte] ^= std::byte{1} << bit;
  return copy;
}

// What the file system does for a write: blocks and the size.
void SimImage::make_place(Sequence at, FilePosition to, std::uint64_t length_bytes,
                          Durability durability) {
  const std::uint64_t end = to.value + length_bytes;
  allocate(to, length_bytes);
  grow(at, end);
  // The size goes first: making an earlier cut durable must not cut these bytes.
  const bool needs_size = end > durable_size_bytes_ || a_cut_is_unsynced();
  if (durability == Durability::kDevice && needs_size) make_sizes_durable(at);
}

void SimImage::put(Sequence at, std::uint64_t number, ByteView bytes, Durability durability) {
  Sector& sector = sectors_[number];
  sector.current = share(bytes);
  if (durability == Durability::kNone) {
    sector.unsynced.push_back({.at = at, .bytes = sector.current});
    dirty_.insert(number);
    return;
  }
  sector.durable = sector.current;
  sector.unsynced.clear();
  dirty_.erase(number);
  if (sector.current == nullptr) sectors_.erase(number);
}

void SimImage::grow(Sequence at, std::uint64_t size_bytes) {
  if (size_bytes <= size_bytes_) return;
  size_bytes_ = size_bytes;
  size_changes_.push_back({.at = at, .size_bytes = size_bytes});
}

bool SimImage::a_cut_is_unsynced() const {
  std::uint64_t before = durable_size_bytes_;
  for (const SizeChange& change : size_changes_) {
    if (change.size_bytes < before) return true;
    before = change.size_bytes;
  }
  return false;
}

void SimImage::make_sizes_durable(Sequence covered) {
  std::size_t count = 0;
  for (; count < size_changes_.size() && size_changes_[count].at <= covered; ++count) {
    const SizeChange change = size_changes_[count];
    if (change.size_bytes < durable_size_bytes_) cut_older(change);
    durable_size_bytes_ = change.size_bytes;
  }
  size_changes_.erase(size_changes_.begin(),
                      size_changes_.begin() + static_cast<std::ptrdiff_t>(count));
}

// A cut has become durable: what was written before it is gone from every version.
void SimImage::cut_older(SizeChange change) {
  for (auto at = sectors_.lower_bound(change.size_bytes / kSectorBytes); at != sectors_.end();) {
    auto& [number, sector] = *at;
    sector.durable = cut(sector.durable, number, change.size_bytes);
    for (Version& version : sector.unsynced) {
      if (version.at < change.at) version.bytes = cut(version.bytes, number, change.size_bytes);
    }
    const bool is_zeros =
        sector.current == nullptr && sector.durable == nullptr && sector.unsynced.empty();
    at = is_zeros ? sectors_.erase(at) : std::next(at);
  }
}

}  // namespace penstock
