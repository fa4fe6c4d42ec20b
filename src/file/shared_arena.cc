#include "file/shared_arena.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/crc32c.h"

namespace penstock::file {

namespace {

constexpr std::string_view kMagic = "PENARNA1";
constexpr std::size_t kPartAt = 8;
constexpr std::size_t kIdAt = 16;
constexpr std::size_t kGenerationAt = 32;
constexpr std::size_t kSizeAt = 40;
constexpr std::size_t kHeaderChecksumAt = 48;

// A record: its header, its payload, then zeros up to the next place.
constexpr std::uint64_t kPlaceBytes = 8;
constexpr std::uint32_t kRecordMagic = 0x43455250;  // "PREC"
constexpr std::size_t kChecksumAt = 4;
constexpr std::size_t kSequenceAt = 8;
constexpr std::size_t kFirstAt = 16;
constexpr std::size_t kLastAt = 24;
constexpr std::size_t kPayloadBytesAt = 32;
constexpr std::size_t kPayloadChecksumAt = 36;
constexpr std::size_t kRecordHeaderBytes = 40;

std::uint64_t record_bytes(std::uint64_t payload_bytes) {
  return align_up(kRecordHeaderBytes + payload_bytes, kPlaceBytes);
}

// Of the header of a record at `place`; what lies at another place, or is of another generation, has
// another one. It stands for itself, so that no more than this is read for what merely looks like a
// record.
std::uint32_t header_checksum(ByteView record, std::uint64_t generation, std::uint64_t place) {
  std::array<std::byte, 16> where;
  store_le<std::uint64_t>(where, 0, generation);
  store_le<std::uint64_t>(where, 8, place);
  return crc32c(record.subspan(kSequenceAt, kRecordHeaderBytes - kSequenceAt), crc32c(where));
}

std::uint32_t payload_checksum(ByteView record) { return crc32c(record.subspan(kRecordHeaderBytes)); }

Unexpected not_an_arena(std::string_view why) {
  return fail(ErrorCode::kCorrupt, "not shared memory of this partition: {}", why);
}

}  // namespace

Task<Result<std::unique_ptr<SharedArena>>> SharedArena::create(Disk& disk, std::string path,
                                                               std::uint64_t size_bytes,
                                                               ArenaIdentity identity,
                                                               std::uint64_t generation) {
  PENSTOCK_ASSERT(size_bytes >= 2 * kHeaderBytes, "an arena has a header and a ring");
  auto memory = co_await disk.create_shared(std::move(path), size_bytes);
  if (!memory) co_return Unexpected(memory.error());
  const MutableBytes header = (*memory)->bytes().first(kHeaderBytes);
  std::array<std::byte, kHeaderChecksumAt> fields{};
  std::ranges::copy(as_bytes(kMagic), fields.begin());
  store_le<std::uint32_t>(fields, kPartAt, identity.part);
  std::ranges::copy(identity.id, fields.begin() + kIdAt);
  store_le<std::uint64_t>(fields, kGenerationAt, generation);
  store_le<std::uint64_t>(fields, kSizeAt, size_bytes);
  store_le<std::uint32_t>(header, kHeaderChecksumAt, crc32c(fields));
  // The magic last: a header without it says that nothing was appended yet.
  std::memcpy(header.data() + kPartAt, fields.data() + kPartAt, fields.size() - kPartAt);
  std::atomic_signal_fence(std::memory_order_release);
  std::memcpy(header.data(), fields.data(), kMagic.size());
  co_return std::unique_ptr<SharedArena>(new SharedArena(std::move(*memory), generation));
}

// Records do not wrap: one that does not fit behind the newest goes to the ring's start. An empty ring
// begins there too, so that few pages are dirty.
std::optional<std::uint64_t> SharedArena::place_for(std::uint64_t payload_bytes) const {
  const std::uint64_t needed_bytes = record_bytes(payload_bytes);
  const std::uint64_t ring_bytes = ring().size();
  if (live_.empty()) return needed_bytes <= ring_bytes ? std::optional<std::uint64_t>(0) : std::nullopt;
  const std::uint64_t begin = live_.front().place;
  const bool goes_round = end_ <= begin;
  const std::uint64_t limit = goes_round ? begin : ring_bytes;
  if (needed_bytes <= limit - end_) return end_;
  if (!goes_round && needed_bytes <= begin) return 0;
  return std::nullopt;
}

void SharedArena::append(ByteView payload, std::int64_t first, std::int64_t last) {
  const auto place = place_for(payload.size());
  PENSTOCK_ASSERT(place.has_value(), "there is room for the record");
  PENSTOCK_ASSERT(live_.empty() || live_.back().last < last, "records grow");
  const MutableBytes record = ring().subspan(*place, record_bytes(payload.size()));
  store_le<std::uint32_t>(record, 0, kRecordMagic);
  store_le<std::uint64_t>(record, kSequenceAt, ++sequence_);
  store_le<std::int64_t>(record, kFirstAt, first);
  store_le<std::int64_t>(record, kLastAt, last);
  store_le<std::uint32_t>(record, kPayloadBytesAt, static_cast<std::uint32_t>(payload.size()));
  // std::ranges::copy does not become a memcpy here: libstdc++ 12 tells const bytes from bytes.
  std::memcpy(record.data() + kRecordHeaderBytes, payload.data(), payload.size());
  std::ranges::fill(record.subspan(kRecordHeaderBytes + payload.size()), std::byte{0});
  store_le<std::uint32_t>(record, kPayloadChecksumAt, payload_checksum(record));
  store_le<std::uint32_t>(record, kChecksumAt, header_checksum(record, generation_, *place));
  end_ = *place + record.size();
  live_.push_back({*place, last});
}

void SharedArena::release(std::int64_t last) {
  while (!live_.empty() && live_.front().last <= last) live_.pop_front();
}

namespace {

struct Found {
  std::uint64_t sequence;
  std::uint64_t bytes;
  ArenaRecord record;
};

std::optional<Found> record_at(const SharedSlice& ring, std::uint64_t generation, std::uint64_t place) {
  const ByteView rest = ring.view().subspan(place);
  if (rest.size() < kRecordHeaderBytes || load_le<std::uint32_t>(rest, 0) != kRecordMagic) return {};
  if (load_le<std::uint32_t>(rest, kChecksumAt) != header_checksum(rest, generation, place)) return {};
  const std::uint64_t payload_bytes = load_le<std::uint32_t>(rest, kPayloadBytesAt);
  if (record_bytes(payload_bytes) > rest.size()) return {};
  const ByteView record = rest.first(record_bytes(payload_bytes));
  if (load_le<std::uint32_t>(record, kPayloadChecksumAt) != payload_checksum(record)) return {};
  return Found{.sequence = load_le<std::uint64_t>(record, kSequenceAt),
               .bytes = record.size(),
               .record = {.first = load_le<std::int64_t>(record, kFirstAt),
                          .last = load_le<std::int64_t>(record, kLastAt),
                          .payload = ring.slice(place + kRecordHeaderBytes, payload_bytes)}};
}

}  // namespace

// Every place is looked at: which of them the process used last is not written down, so that an append
// is nothing but its record.
Result<std::vector<ArenaRecord>> parse_arena(const SharedSlice& file, const ArenaIdentity& identity) {
  const ByteView header = file.view().first(std::min<std::size_t>(file.size(), kHeaderChecksumAt));
  const bool was_never_used = std::ranges::all_of(header.first(std::min(header.size(), kMagic.size())),
                                                  [](std::byte byte) { return byte == std::byte{0}; });
  if (was_never_used) return std::vector<ArenaRecord>();
  if (file.size() < 2 * SharedArena::kHeaderBytes) return not_an_arena("it is too short");
  if (!std::ranges::equal(header.first(kMagic.size()), as_bytes(kMagic))) {
    return not_an_arena("it does not begin as one");
  }
  if (load_le<std::uint32_t>(file.view(), kHeaderChecksumAt) != crc32c(header)) {
    return not_an_arena("the checksum of its header is wrong");
  }
  if (load_le<std::uint64_t>(header, kSizeAt) != file.size())
    return not_an_arena("its size is another");
  const bool is_ours = std::ranges::equal(header.subspan(kIdAt, identity.id.size()), identity.id) &&
                       load_le<std::uint32_t>(header, kPartAt) == identity.part;
  if (!is_ours) return not_an_arena("its header names another");

  const std::uint64_t generation = load_le<std::uint64_t>(header, kGenerationAt);
  const SharedSlice ring =
      file.slice(SharedArena::kHeaderBytes, file.size() - SharedArena::kHeaderBytes);
  std::vector<Found> found;
  for (std::uint64_t place = 0; place < ring.size();) {
    auto record = record_at(ring, generation, place);
    place += record ? record->bytes : kPlaceBytes;
    if (record) found.push_back(std::move(*record));
  }
  std::ranges::sort(found, {}, &Found::sequence);
  std::vector<ArenaRecord> records;
  records.reserve(found.size());
  for (Found& one : found) records.push_back(std::move(one.record));
  return records;
}

Task<Result<std::vector<ArenaRecord>>> read_arena(Disk& disk, std::string path, ArenaIdentity identity,
                                                  std::uint64_t max_bytes) {
  const OpenOptions options;
  auto file = co_await disk.open(path, options);
  if (!file && file.error().code() == ErrorCode::kNotFound) co_return std::vector<ArenaRecord>();
  if (!file) co_return Unexpected(file.error());
  auto size = co_await (*file)->size();
  if (!size) co_return Unexpected(size.error());
  if (*size == 0) co_return std::vector<ArenaRecord>();
  if (*size > max_bytes) co_return Unexpected(not_an_arena("it is too large").error().context(path));
  AlignedBuffer buffer(*size);
  const std::size_t length = buffer.capacity();
  auto read = co_await (*file)->read(FilePosition{0}, std::move(buffer), length);
  if (!read) co_return Unexpected(read.error());
  const std::size_t filled = std::min<std::uint64_t>(*size, read->size_bytes);
  const SharedSlice contents = std::move(read->buffer).freeze(filled);
  auto records = parse_arena(contents, identity);
  if (!records) co_return Unexpected(records.error().context(path));
  co_return records;
}

}  // namespace penstock::file
