#include "broker/partition_rounds.h"

#include "broker/broker.h"

namespace penstock::broker {

PartitionRounds::PartitionRounds(Broker& broker, Work work)
    : broker_(broker), work_(work), stopped_(broker.scheduler()), running_(broker.scheduler()) {}

void PartitionRounds::start(Duration first, Duration interval) {
  if (std::exchange(has_started_, true)) return;
  if (auto hold = running_.enter()) broker_.scheduler().spawn(run(first, interval, std::move(*hold)));
}

Task<void> PartitionRounds::stop() {
  stopped_.set();
  co_await running_.close();
}

Task<void> PartitionRounds::run(Duration first, Duration interval, Gate::Hold) {
  const Clock& clock = broker_.scheduler().clock();
  bool is_over = co_await stopped_.wait_until(clock.now() + first);
  while (!is_over) {
    co_await round();
    is_over = co_await stopped_.wait_until(clock.now() + interval);
  }
}

Task<void> PartitionRounds::round() {
  for (const PartitionRef& partition : broker_.partitions()) {
    if (stopped_.is_set()) co_return;
    co_await work_(broker_, *partition);
  }
}

}  // namespace penstock::broker
