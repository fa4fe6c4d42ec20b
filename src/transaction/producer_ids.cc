#include "transaction/producer_ids.h"

#include <limits>

namespace penstock::transaction {

Task<Result<std::int64_t>> ProducerIdBlocks::take() {
  co_await one_change_.acquire(1);
  auto taken = co_await take_now();
  one_change_.release(1);
  co_return taken;
}

Task<Result<void>> ProducerIdBlocks::load() {
  if (is_loaded_) co_return Result<void>();
  const auto entries = co_await catalog_.scan(scheduler_, std::string(kProducerIdsKey));
  if (!entries) co_return Unexpected(entries.error());
  if (!entries->empty()) {
    const auto record = decode_producer_ids(entries->front().value);
    if (!record) co_return Unexpected(record.error());
    next_id_ = record->next_id;
  }
  is_loaded_ = true;
  co_return Result<void>();
}

Task<Result<std::int64_t>> ProducerIdBlocks::take_now() {
  if (auto loaded = co_await load(); !loaded) co_return Unexpected(loaded.error());
  if (next_id_ < 0 || next_id_ > std::numeric_limits<std::int64_t>::max() - kProducerIdBlock)
    co_return fail(ErrorCode::kCorrupt, "the next producer id would be {}", next_id_);
  const std::int64_t first = next_id_;
  ProducerIdsRecord record;
  record.next_id = first + kProducerIdBlock;
  catalog::Change change;
  change.put(std::string(kProducerIdsKey), encode(record));
  if (auto written = co_await catalog_.write(scheduler_, std::move(change)); !written)
    co_return Unexpected(written.error());
  next_id_ = record.next_id;
  co_return first;
}

Task<Result<std::int64_t>> ProducerIds::next() {
  co_await one_block_.acquire(1);
  Result<void> filled;
  if (next_id_ == end_) filled = co_await refill();
  const std::int64_t id = next_id_;
  if (filled) ++next_id_;
  one_block_.release(1);
  if (!filled) co_return Unexpected(filled.error());
  co_return id;
}

Task<Result<void>> ProducerIds::refill() {
  auto block = co_await take_block_();
  if (!block) co_return Unexpected(block.error());
  next_id_ = *block;
  end_ = *block + kProducerIdBlock;
  co_return Result<void>();
}

}  // namespace penstock::transaction
