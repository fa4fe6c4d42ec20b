#include "log/producers_file.h"

#include <algorithm>
#include <array>

#include "base/aligned_buffer.h"
#include "base/crc32c.h"
#include "file/small_file.h"

namespace penstock::log {

namespace {

constexpr std::string_view kMagic = "PENPROD1";
constexpr std::size_t kPartitionAt = 8;
constexpr std::size_t kTopicIdAt = 16;
constexpr std::size_t kNumberAt = 32;
constexpr std::size_t kOffsetAt = 40;
constexpr std::size_t kProducerCountAt = 48;
constexpr std::size_t kAbortedCountAt = 52;
constexpr std::size_t kLengthAt = 56;
constexpr std::size_t kChecksumAt = 60;
constexpr std::size_t kHeaderBytes = 64;

// One producer, and one of its batches.
constexpr std::size_t kProducerBytes = 40;
constexpr std::size_t kBatchBytes = 24;
constexpr std::size_t kAbortedBytes = 32;

constexpr std::size_t kSlots = 2;
constexpr std::uint64_t kSmallestSlotBytes = 2 * kBlockBytes;

// Writes and reads one field after the other.
class Fields {
 public:
  explicit Fields(std::vector<std::byte>& bytes) : bytes_(bytes) {}

  template <std::integral T>
  void put(T value) {
    bytes_.resize(bytes_.size() + sizeof(T));
    store_le<T>(bytes_, bytes_.size() - sizeof(T), value);
  }

 private:
  std::vector<std::byte>& bytes_;
};

class FieldReader {
 public:
  explicit FieldReader(ByteView bytes) : bytes_(bytes) {}

  bool has(std::size_t size_bytes) const { return bytes_.size() - at_ >= size_bytes; }
  template <std::integral T>
  T take() {
    const T value = load_le<T>(bytes_, at_);
    at_ += sizeof(T);
    return value;
  }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
};

void put_producer(Fields& fields, std::int64_t producer_id, const ProducerState& state) {
  fields.put<std::int64_t>(producer_id);
  fields.put<std::int64_t>(state.last_seen_ms);
  fields.put<std::int64_t>(state.transaction_start.value_or(Offset{-1}).value);
  fields.put<std::int64_t>(state.last_marker.value);
  fields.put<std::int16_t>(state.epoch);
  fields.put<std::int16_t>(static_cast<std::int16_t>(state.batches().size()));
  fields.put<std::int32_t>(0);
  for (const SequencedBatch& batch : state.batches()) {
    fields.put<std::int64_t>(batch.base_offset.value);
    fields.put<std::int64_t>(batch.next_offset.value);
    fields.put<std::int32_t>(batch.first_sequence);
    fields.put<std::int32_t>(batch.last_sequence);
  }
}

bool take_producer(FieldReader& fields, ProducerTable& table) {
  if (!fields.has(kProducerBytes)) return false;
  const auto producer_id = fields.take<std::int64_t>();
  ProducerState state;
  state.last_seen_ms = fields.take<std::int64_t>();
  const Offset transaction_start{fields.take<std::int64_t>()};
  if (transaction_start >= Offset{0}) state.transaction_start = transaction_start;
  state.last_marker = Offset{fields.take<std::int64_t>()};
  state.epoch = fields.take<std::int16_t>();
  const auto batch_count = static_cast<std::size_t>(fields.take<std::int16_t>());
  (void)fields.take<std::int32_t>();
  if (batch_count > ProducerState::kBatchesMax || !fields.has(batch_count * kBatchBytes)) return false;
  for (std::size_t i = 0; i < batch_count; ++i) {
    SequencedBatch batch;
    batch.base_offset = Offset{fields.take<std::int64_t>()};
    batch.next_offset = Offset{fields.take<std::int64_t>()};
    batch.first_sequence = fields.take<std::int32_t>();
    batch.last_sequence = fields.take<std::int32_t>();
    state.add(batch);
  }
  table.put(producer_id, state);
  return true;
}

void put_aborted(Fields& fields, const AbortedTransaction& aborted) {
  fields.put<std::int64_t>(aborted.producer_id);
  fields.put<std::int64_t>(aborted.first.value);
  fields.put<std::int64_t>(aborted.marker.value);
  fields.put<std::int64_t>(aborted.last_stable.value);
}

bool take_aborted(FieldReader& fields, std::vector<AbortedTransaction>& list) {
  if (!fields.has(kAbortedBytes)) return false;
  AbortedTransaction& aborted = list.emplace_back();
  aborted.producer_id = fields.take<std::int64_t>();
  aborted.first = Offset{fields.take<std::int64_t>()};
  aborted.marker = Offset{fields.take<std::int64_t>()};
  aborted.last_stable = Offset{fields.take<std::int64_t>()};
  return true;
}

std::uint32_t checksum_of(ByteView slot) {
  return crc32c(slot.subspan(kHeaderBytes), crc32c(slot.first(kChecksumAt)));
}

}  // namespace

std::vector<std::byte> encode_producers(const PartitionId& id, std::uint64_t number,
                                        const ProducersAt& known) {
  std::vector<std::byte> slot(kHeaderBytes);
  std::ranges::copy(as_bytes(kMagic), slot.begin());
  store_le<std::int32_t>(slot, kPartitionAt, id.index);
  std::ranges::copy(id.topic_id, slot.begin() + kTopicIdAt);
  store_le<std::uint64_t>(slot, kNumberAt, number);
  store_le<std::int64_t>(slot, kOffsetAt, known.offset.value);
  store_le<std::uint32_t>(slot, kProducerCountAt, static_cast<std::uint32_t>(known.table.size()));
  store_le<std::uint32_t>(slot, kAbortedCountAt, static_cast<std::uint32_t>(known.aborted.size()));
  Fields fields(slot);
  for (const auto& [producer_id, state] : known.table) put_producer(fields, producer_id, state);
  for (const AbortedTransaction& aborted : known.aborted) put_aborted(fields, aborted);
  store_le<std::uint32_t>(slot, kLengthAt, static_cast<std::uint32_t>(slot.size() - kHeaderBytes));
  store_le<std::uint32_t>(slot, kChecksumAt, checksum_of(slot));
  return slot;
}

Result<NumberedProducers> decode_producers(const PartitionId& id, ByteView slot) {
  if (slot.size() < kHeaderBytes || !std::ranges::equal(slot.first(kMagic.size()), as_bytes(kMagic)))
    return fail(ErrorCode::kCorrupt, "not a slot of producers");
  const std::size_t length = load_le<std::uint32_t>(slot, kLengthAt);
  if (slot.size() - kHeaderBytes < length)
    return fail(ErrorCode::kCorrupt, "{} bytes do not fit the slot", length);
  slot = slot.first(kHeaderBytes + length);
  if (load_le<std::uint32_t>(slot, kChecksumAt) != checksum_of(slot))
    return fail(ErrorCode::kCorrupt, "the checksum is wrong");
  const bool is_own = load_le<std::int32_t>(slot, kPartitionAt) == id.index &&
                      std::ranges::equal(slot.subspan(kTopicIdAt, id.topic_id.size()), id.topic_id);
  if (!is_own) return fail(ErrorCode::kCorrupt, "it is of another partition");
  NumberedProducers found;
  found.number = load_le<std::uint64_t>(slot, kNumberAt);
  found.known.offset = Offset{load_le<std::int64_t>(slot, kOffsetAt)};
  FieldReader fields(slot.subspan(kHeaderBytes));
  bool is_whole = found.known.offset >= Offset{0};
  for (auto left = load_le<std::uint32_t>(slot, kProducerCountAt); is_whole && left > 0; --left)
    is_whole = take_producer(fields, found.known.table);
  for (auto left = load_le<std::uint32_t>(slot, kAbortedCountAt); is_whole && left > 0; --left)
    is_whole = take_aborted(fields, found.known.aborted);
  if (!is_whole) return fail(ErrorCode::kCorrupt, "its counts and its length do not agree");
  return found;
}

Task<Result<std::optional<ProducersAt>>> ProducersFile::load() {
  std::string path = fmt::format("{}/{}", directory_, kProducersFile);
  auto contents = co_await file::read_small_file(disk_, path);
  if (!contents && contents.error().code() == ErrorCode::kNotFound)
    co_return std::optional<ProducersAt>();
  exists_ = true;
  if (!contents) co_return Unexpected(contents.error());
  const std::size_t slot_bytes = contents->size() / kSlots;
  std::optional<NumberedProducers> newest;
  Error reason(ErrorCode::kCorrupt, "the file is empty");
  for (std::size_t slot = 0; slot < kSlots && slot_bytes > 0; ++slot) {
    auto found = decode_producers(id_, ByteView(*contents).subspan(slot * slot_bytes, slot_bytes));
    if (!found) reason = found.error();
    if (found && (!newest || found->number > newest->number)) newest = std::move(*found);
  }
  if (!newest) co_return Unexpected(reason.context(path));
  // The next save() makes a new file, so that what an earlier life had in flight meets nobody.
  number_ = newest->number;
  co_return std::optional(std::move(newest->known));
}

Task<Result<void>> ProducersFile::save(ProducersAt known) {
  const std::uint64_t number = number_ + 1;
  std::vector<std::byte> slot = encode_producers(id_, number, known);
  const std::size_t slot_size = slot.size();
  if (!file_ || slot_size > slot_bytes_) {
    if (auto replaced = co_await replace(std::move(slot)); !replaced) co_return replaced;
  } else {
    AlignedBuffer block(align_up(slot_size, kBlockBytes));
    std::ranges::copy(slot, block.span().begin());
    std::ranges::fill(block.span().subspan(slot_size), std::byte{0});
    const SharedSlice bytes = std::move(block).freeze(align_up(slot_size, kBlockBytes));
    const FilePosition position{(number % kSlots) * slot_bytes_};
    auto written = co_await file_->write(position, bytes, Durability::kDevice);
    if (!written) {
      // The slot may be torn; the other one is left alone.
      file_.reset();
      co_return written;
    }
  }
  number_ = number;
  saved_bytes_ = slot_size;
  co_return Result<void>();
}

// With room for twice as much, so that this is rare.
Task<Result<void>> ProducersFile::replace(std::vector<std::byte> slot) {
  const std::uint64_t slot_bytes = std::max(kSmallestSlotBytes, align_up(2 * slot.size(), kBlockBytes));
  if (slot_bytes * kSlots > file::kMaxSmallFileBytes) {
    co_return fail(ErrorCode::kTooLarge, "{} bytes are too many for {}/{}", slot.size(), directory_,
                   kProducersFile);
  }
  const std::uint64_t number = number_ + 1;
  std::vector<std::byte> contents(slot_bytes * kSlots);
  std::ranges::copy(slot,
                    contents.begin() + static_cast<std::ptrdiff_t>((number % kSlots) * slot_bytes));
  file_.reset();
  auto replaced = co_await file::replace_small_file(disk_, directory_, std::string(kProducersFile),
                                                    std::move(contents));
  if (!replaced) co_return replaced;
  exists_ = true;
  OpenOptions options;
  options.write = true;
  auto opened = co_await disk_.open(fmt::format("{}/{}", directory_, kProducersFile), options);
  if (!opened) co_return Unexpected(opened.error());
  file_ = std::move(*opened);
  slot_bytes_ = slot_bytes;
  co_return Result<void>();
}

}  // namespace penstock::log
