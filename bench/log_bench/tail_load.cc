#include "bench/log_bench/tail_load.h"

#include <utility>

#include "task/join.h"

namespace penstock::bench {

TailLoad::Figures TailLoad::run(std::chrono::nanoseconds time, std::size_t backfill_readers) {
  figures_ = {};
  appended_at_.clear();
  first_ = partition().marks().append_end;
  until_ = Clock::now() + time;
  partition().add_observer(*this);
  shard_.scheduler().run(run_all(backfill_readers));
  partition().remove_observer(*this);
  return std::move(figures_);
}

Task<void> TailLoad::run_all(std::size_t backfill_readers) {
  std::vector<Task<void>> tasks;
  producing_ = shape_.producers;
  for (std::size_t i = 0; i < shape_.producers; ++i) tasks.push_back(produce());
  tasks.push_back(consume());
  for (std::size_t i = 0; i < backfill_readers; ++i) tasks.push_back(backfill(i, backfill_readers));
  co_await join(shard_.scheduler(), std::move(tasks));
}

Task<void> TailLoad::produce() {
  while (Clock::now() < until_) {
    const auto appended_at = Clock::now();
    auto ticket = co_await partition().append(shape_.batch, 0);
    if (!ticket) ShardDisk::end(ticket.error());
    const std::size_t place = ticket->base_offset.value - first_.value;
    if (appended_at_.size() <= place) appended_at_.resize(place + 1);
    appended_at_[place] = appended_at;
    auto acknowledged = co_await partition().wait_acknowledged(std::move(*ticket));
    must(std::move(acknowledged));
    figures_.acks.add(Clock::now() - appended_at);
    if (shape_.pause > Duration::zero()) co_await shard_.scheduler().sleep_for(shape_.pause);
  }
  --producing_;
  moved_.pulse();
}

Task<void> TailLoad::consume() {
  const log::ReadLimits limits{.max_bytes = kMiB};
  Offset next = first_;
  while (true) {
    auto found = co_await partition().read(next, limits);
    if (!found) ShardDisk::end(found.error());
    if (found->batches.empty()) {
      if (producing_ == 0) co_return;
      co_await moved_.wait();
      continue;
    }
    const auto now = Clock::now();
    for (const SharedSlice& batch : found->batches) {
      const auto header = log::BatchHeader::parse(batch.view());
      if (!header) ShardDisk::end(header.error());
      figures_.deliveries.add(now - appended_at_[header->base_offset.value - first_.value]);
      next = header->next_offset();
    }
  }
}

Task<void> TailLoad::backfill(std::size_t index, std::size_t count) {
  const log::ReadLimits limits{.max_bytes = kMiB};
  log::Partition& cold = shard_.partition(1);
  const auto end = cold.marks().high_watermark.value;
  Offset next{end / static_cast<decltype(end)>(count) * static_cast<decltype(end)>(index)};
  while (Clock::now() < until_) {
    auto found = co_await cold.read(next, limits);
    if (!found) ShardDisk::end(found.error());
    if (found->batches.empty()) {
      next = cold.marks().log_start;
      continue;
    }
    figures_.backfill_bytes += found->size_bytes;
    next = log::BatchHeader::parse(found->batches.back().view())->next_offset();
  }
}

}  // namespace penstock::bench
