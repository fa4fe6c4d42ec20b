#include "broker/handlers.h"

namespace penstock::broker {

// Served because librdkafka compresses with lz4 only if it is (version 0 in range); consumer groups and
// transactions are not served yet. The error is one that clients do not retry: kafka-python, for one,
// asks again for ever after COORDINATOR_NOT_AVAILABLE.
Task<kafka::FindCoordinatorResponse> answer(Broker&, const kafka::FindCoordinatorRequest& request,
                                            std::int16_t version) {
  constexpr std::int16_t kFirstWithKeyList = 4;
  constexpr auto kNobody = kafka::KafkaError::kUnsupportedVersion;
  const std::string message =
      "consumer groups and transactions are not served; assign partitions instead";
  kafka::FindCoordinatorResponse response;
  if (version < kFirstWithKeyList) {
    response.error_code = kNobody;
    response.error_message = message;
    response.node_id = -1;
    response.port = -1;
    co_return response;
  }
  for (const std::string& key : request.coordinator_keys) {
    kafka::FindCoordinatorResponse::Coordinator coordinator;
    coordinator.key = key;
    coordinator.node_id = -1;
    coordinator.port = -1;
    coordinator.error_code = kNobody;
    coordinator.error_message = message;
    response.coordinators.push_back(std::move(coordinator));
  }
  co_return response;
}

}  // namespace penstock::broker
