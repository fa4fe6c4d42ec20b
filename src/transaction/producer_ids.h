// ProducerIds: ids for producers that number their batches, each given out once and never again.
//
// They come in blocks. That a block was given out is in the catalog before any of it is; what is left
// of a block at a restart is never used.
//
// Ownership: what they are made with must outlive them. Threading: the scheduler's each; a shard takes
// its blocks from the one ProducerIdBlocks there is, by a call to its thread.
#pragma once

#include <cstdint>
#include <functional>

#include "catalog/catalog.h"
#include "task/sync.h"
#include "transaction/records.h"

namespace penstock::transaction {

inline constexpr std::int64_t kProducerIdBlock = 1000;

class ProducerIdBlocks {
 public:
  ProducerIdBlocks(Scheduler& scheduler, catalog::Catalog& catalog)
      : scheduler_(scheduler), catalog_(catalog), one_change_(scheduler, 1) {}

  // The first id of a block of kProducerIdBlock. Errors: the catalog's; kCorrupt.
  Task<Result<std::int64_t>> take();

 private:
  Task<Result<void>> load();
  Task<Result<std::int64_t>> take_now();

  Scheduler& scheduler_;
  catalog::Catalog& catalog_;
  Semaphore one_change_;
  bool is_loaded_ = false;
  std::int64_t next_id_ = 0;
};

class ProducerIds {
 public:
  using TakeBlock = std::function<Task<Result<std::int64_t>>()>;

  ProducerIds(Scheduler& scheduler, TakeBlock take_block)
      : take_block_(std::move(take_block)), one_block_(scheduler, 1) {}

  Task<Result<std::int64_t>> next();

 private:
  Task<Result<void>> refill();

  TakeBlock take_block_;
  Semaphore one_block_;
  std::int64_t next_id_ = 0;
  std::int64_t end_ = 0;
};

}  // namespace penstock::transaction
