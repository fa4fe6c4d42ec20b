#include "broker/upkeep.h"

#include "broker/broker.h"

namespace penstock::broker {

namespace {

void warn(Broker& broker, const log::Partition& partition, std::string_view what, const Error& error) {
  log::Reporter* reporter = broker.context().reporter;
  if (reporter == nullptr || error.code() == ErrorCode::kClosed) return;
  reporter->report(log::Reporter::Severity::kWarning,
                   fmt::format("{}: {}: {}", partition.id().to_string(), what, error.message()));
}

}  // namespace

Task<void> delete_what_is_not_kept(Broker& broker, log::Partition& partition) {
  const TopicTableRef topics = broker.topics();
  const Topic* topic = topics->find(kafka::Uuid{partition.id().topic_id});
  if (topic == nullptr) co_return;
  const auto done = co_await partition.apply(topic->settings.retention(broker.settings()));
  if (!done) warn(broker, partition, "old records could not be deleted", done.error());
}

Task<void> scrub(Broker& broker, log::Partition& partition) {
  const auto done = co_await partition.scrub(broker.settings().scrub_bytes_per_second);
  if (!done) warn(broker, partition, "could not be verified", done.error());
}

Task<void> compact(Broker& broker, log::Partition& partition) {
  const auto done = co_await partition.compact(broker.settings().compaction);
  if (!done) warn(broker, partition, "padding could not be paid back", done.error());
}

}  // namespace penstock::broker
