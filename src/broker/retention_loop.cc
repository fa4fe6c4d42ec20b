#include "broker/retention_loop.h"

#include "broker/broker.h"

namespace penstock::broker {

RetentionLoop::RetentionLoop(Broker& broker)
    : broker_(broker), stopped_(broker.scheduler()), running_(broker.scheduler()) {}

void RetentionLoop::start() {
  if (std::exchange(has_started_, true)) return;
  if (auto hold = running_.enter()) broker_.scheduler().spawn(run(std::move(*hold)));
}

Task<void> RetentionLoop::stop() {
  stopped_.set();
  co_await running_.close();
}

Task<void> RetentionLoop::run(Gate::Hold) {
  Scheduler& scheduler = broker_.scheduler();
  const Duration interval = broker_.settings().retention_check_interval;
  while (!co_await stopped_.wait_until(scheduler.clock().now() + interval)) co_await round();
}

Task<void> RetentionLoop::round() {
  for (const PartitionRef& partition : broker_.partitions()) {
    if (stopped_.is_set()) co_return;
    const TopicTableRef topics = broker_.topics();
    const Topic* topic = topics->find(kafka::Uuid{partition->id().topic_id});
    if (topic == nullptr) continue;
    const auto done = co_await partition->apply(topic->settings.retention(broker_.settings()));
    if (done || done.error().code() == ErrorCode::kClosed) continue;
    if (log::Reporter* reporter = broker_.context().reporter) {
      reporter->report(log::Reporter::Severity::kWarning,
                       fmt::format("{}: old records could not be deleted: {}",
                                   partition->id().to_string(), done.error().message()));
    }
  }
}

}  // namespace penstock::broker
