#include "cli/fetched_records.h"

#include <algorithm>

#include "kafka/compression.h"

namespace penstock::cli {

namespace {

using kafka::RecordBatchView;

// The key of a control record: a version and a type.
constexpr std::size_t kControlTypeAt = 2;
constexpr std::int16_t kAbortMarker = 0;

// The first batch of `bytes`; nullopt if not all of it is there, as servers may cut anywhere.
Result<std::optional<RecordBatchView>> first_batch(ByteView bytes) {
  if (bytes.size() < batch_layout::kUncounted) return std::nullopt;
  const auto length = load_be<std::int32_t>(bytes, batch_layout::kBatchLength);
  if (length > 0 && static_cast<std::size_t>(length) > bytes.size() - batch_layout::kUncounted)
    return std::nullopt;
  const Result<RecordBatchView> batch = RecordBatchView::parse(bytes);
  if (!batch) return Unexpected(batch.error());
  return *batch;
}

bool is_abort_marker(const RecordBatchView& batch) {
  kafka::RecordReader reader(batch);
  const auto record = reader.next();
  if (!record || !*record || !(*record)->key) return false;
  const ByteView key = *(*record)->key;
  return key.size() >= kControlTypeAt + sizeof(std::int16_t) &&
         load_be<std::int16_t>(key, kControlTypeAt) == kAbortMarker;
}

}  // namespace

FetchedRecords::FetchedRecords(const kafka::FetchResponse::Partition& partition, Offset from,
                               Isolation isolation)
    : rest_(partition.records.view()),
      position_(from),
      hides_aborted_(isolation == Isolation::kReadCommitted) {
  if (partition.aborted_transactions) aborted_ = *partition.aborted_transactions;
  std::ranges::sort(aborted_, std::greater(), &kafka::FetchResponse::AbortedTransaction::first_offset);
}

Result<std::optional<kafka::RecordView>> FetchedRecords::next() {
  while (true) {
    if (!reader_) {
      const Result<bool> entered = enter_batch();
      if (!entered) return Unexpected(entered.error());
      if (!*entered) return std::nullopt;
      if (!reader_) continue;  // one that is not to be seen
    }
    const auto record = reader_->next();
    if (!record) {
      return Unexpected(record.error().context(
          fmt::format("the batch at offsets {} to {}", batch_->base_offset(), batch_->last_offset())));
    }
    if (!*record) {
      position_ = std::max(position_, batch_->next_offset());
      reader_.reset();
      continue;
    }
    if ((*record)->offset < position_) continue;
    position_ = (*record)->offset + 1;
    return *record;
  }
}

Result<bool> FetchedRecords::enter_batch() {
  const auto batch = first_batch(rest_);
  if (!batch)
    return Unexpected(
        batch.error().context(fmt::format("the batch at or behind offset {}", position_)));
  if (!*batch) return false;
  rest_ = rest_.subspan((*batch)->size());
  if ((*batch)->next_offset() <= position_) return true;
  batch_ = *batch;
  if (auto opened = open(*batch_); !opened) {
    return Unexpected(opened.error().context(
        fmt::format("the batch at offsets {} to {}", batch_->base_offset(), batch_->last_offset())));
  }
  if (!reader_) position_ = batch_->next_offset();
  return true;
}

Result<void> FetchedRecords::open(const RecordBatchView& batch) {
  if (!batch.crc_matches()) {
    return fail(ErrorCode::kCorrupt, "its checksum is {:08x}, but it says {:08x}", batch.computed_crc(),
                batch.crc());
  }
  if (!is_visible(batch)) return {};
  if (batch.compression() == kafka::Compression::kNone) {
    reader_.emplace(batch);
    return {};
  }
  auto plain = kafka::decompress(batch.compression(), batch.records());
  if (!plain) return Unexpected(plain.error());
  plain_ = std::move(*plain);
  reader_.emplace(batch, plain_);
  return {};
}

// A producer's transaction is aborted from its first offset to its abort marker.
bool FetchedRecords::is_visible(const RecordBatchView& batch) {
  while (!aborted_.empty() && aborted_.back().first_offset <= batch.last_offset()) {
    aborted_producers_.insert(aborted_.back().producer_id);
    aborted_.pop_back();
  }
  if (batch.is_control()) {
    if (is_abort_marker(batch)) aborted_producers_.erase(batch.producer_id());
    return false;
  }
  const bool is_aborted = batch.is_transactional() && aborted_producers_.contains(batch.producer_id());
  return !(hides_aborted_ && is_aborted);
}

}  // namespace penstock::cli
