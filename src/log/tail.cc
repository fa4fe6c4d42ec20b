#include "log/tail.h"

#include <algorithm>

namespace penstock::log {

TailMemory::~TailMemory() {
  PENSTOCK_ASSERT(order_.empty(), "the memory of tails went away before they did");
}

void Tail::add(CommitRef commit) {
  PENSTOCK_ASSERT(commits_.empty() || commits_.back()->next_offset() == commit->base_offset(),
                  "the tail has no holes");
  memory_.held_bytes_ += commit->memory_bytes();
  commits_.push_back(std::move(commit));
  memory_.order_.push_back(this);
  while (memory_.held_bytes_ > memory_.budget_bytes_ && memory_.order_.size() > 1) {
    memory_.order_.front()->drop_oldest();
    memory_.order_.pop_front();
  }
}

void Tail::drop_oldest() {
  memory_.held_bytes_ -= commits_.front()->memory_bytes();
  commits_.pop_front();
}

std::optional<Batches> Tail::read(Offset from, ReadLimits limits) const {
  if (commits_.empty() || from < commits_.front()->base_offset()) return std::nullopt;
  auto commit =
      std::ranges::upper_bound(commits_, from, {}, [](const CommitRef& c) { return c->next_offset(); });
  if (commit == commits_.end()) return std::nullopt;
  Batches found;
  for (; commit != commits_.end(); ++commit) {
    for (const Commit::PlacedBatch& batch : (*commit)->batches()) {
      if (batch.header.next_offset() <= from) continue;
      if (!found.has_room(batch.header.total_bytes, limits)) return found;
      found.add((*commit)->batch_bytes(batch));
    }
  }
  return found;
}

void Tail::clear() {
  if (commits_.empty()) return;
  std::erase(memory_.order_, this);
  while (!commits_.empty()) drop_oldest();
}

}  // namespace penstock::log
