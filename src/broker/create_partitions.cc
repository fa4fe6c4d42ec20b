#include <map>

#include "broker/handlers.h"
#include "task/remote.h"

namespace penstock::broker {

namespace {

using kafka::CreatePartitionsRequest;
using kafka::CreatePartitionsResponse;
using kafka::KafkaError;

// Why the assignments cannot be had; nothing when they can.
std::optional<std::string> check_assignments(const CreatePartitionsRequest::Topic& asked,
                                             std::int32_t partition_count, std::int32_t node_id) {
  if (!asked.assignments) return std::nullopt;
  const std::int64_t added = std::int64_t{asked.count} - partition_count;
  if (std::ssize(*asked.assignments) != added) {
    return fmt::format("{} partitions are added, and {} assigned", added, asked.assignments->size());
  }
  for (const CreatePartitionsRequest::Assignment& assignment : *asked.assignments) {
    if (assignment.broker_ids != std::vector{node_id})
      return fmt::format("the only broker is {}, and each partition has one replica", node_id);
  }
  return std::nullopt;
}

Task<TopicOutcome> add_partitions(Broker& broker, const CreatePartitionsRequest::Topic& asked,
                                  bool validate_only) {
  const TopicTableRef table = broker.topics();
  if (const Topic* topic = table->find(asked.name)) {
    // Of too few partitions, the controller tells.
    const bool adds = asked.count > topic->partition_count;
    auto wrong = check_assignments(asked, topic->partition_count, broker.settings().node_id);
    if (adds && wrong)
      co_return TopicOutcome::refused(KafkaError::kInvalidReplicaAssignment, std::move(*wrong));
  }
  auto add = [&broker, &asked, validate_only] {
    return broker.controller().add_partitions(asked.name, asked.count, validate_only);
  };
  co_return co_await call_on(broker.scheduler(), broker.controller_scheduler(), add);
}

}  // namespace

Task<CreatePartitionsResponse> answer(Broker& broker, const CreatePartitionsRequest& request,
                                      std::int16_t) {
  CreatePartitionsResponse response;
  std::map<std::string_view, int> times_asked;
  for (const CreatePartitionsRequest::Topic& asked : request.topics) ++times_asked[asked.name];

  for (const CreatePartitionsRequest::Topic& asked : request.topics) {
    CreatePartitionsResponse::Result result;
    result.name = asked.name;
    TopicOutcome outcome;
    if (times_asked[asked.name] > 1) {
      outcome = TopicOutcome::refused(KafkaError::kInvalidRequest,
                                      "the topic stands in the request more than once");
    } else {
      outcome = co_await add_partitions(broker, asked, request.validate_only);
    }
    result.error_code = outcome.error;
    if (outcome.error != KafkaError::kNone) result.error_message = std::move(outcome.message);
    response.results.push_back(std::move(result));
  }
  co_return response;
}

}  // namespace penstock::broker
