#include "broker/handlers.h"
#include "group/records.h"
#include "transaction/records.h"

namespace penstock::broker {

namespace {

using kafka::CoordinatorKeyType;
using kafka::KafkaError;
using Coordinator = kafka::FindCoordinatorResponse::Coordinator;

Coordinator nobody(KafkaError error, std::string message) {
  Coordinator coordinator;
  coordinator.node_id = -1;
  coordinator.port = -1;
  coordinator.error_code = error;
  coordinator.error_message = std::move(message);
  return coordinator;
}

// There is one broker. What it cannot do is told by an error that clients do not retry: kafka-python,
// for one, asks again for ever after COORDINATOR_NOT_AVAILABLE.
Coordinator find(const Settings& settings, const std::string& key, CoordinatorKeyType type) {
  if (type != CoordinatorKeyType::kGroup && type != CoordinatorKeyType::kTransaction)
    return nobody(KafkaError::kInvalidRequest, "neither a group nor a transaction");
  if (type == CoordinatorKeyType::kGroup && key.size() > group::kMaxGroupIdBytes)
    return nobody(KafkaError::kInvalidGroupId, "a group's id is too long");
  if (key.size() > transaction::kMaxTransactionalIdBytes)
    return nobody(KafkaError::kInvalidRequest, "a transactional id is too long");
  Coordinator coordinator;
  coordinator.node_id = settings.node_id;
  coordinator.host = settings.advertised_host;
  coordinator.port = settings.advertised_port;
  return coordinator;
}

}  // namespace

Task<kafka::FindCoordinatorResponse> answer(Broker& broker,
                                            const kafka::FindCoordinatorRequest& request,
                                            std::int16_t version) {
  constexpr std::int16_t kFirstWithKeyList = 4;
  kafka::FindCoordinatorResponse response;
  if (version < kFirstWithKeyList) {
    Coordinator found = find(broker.settings(), request.key, request.key_type);
    response.error_code = found.error_code;
    response.error_message = std::move(found.error_message);
    response.node_id = found.node_id;
    response.host = std::move(found.host);
    response.port = found.port;
    co_return response;
  }
  for (const std::string& key : request.coordinator_keys) {
    Coordinator found = find(broker.settings(), key, request.key_type);
    found.key = key;
    response.coordinators.push_back(std::move(found));
  }
  co_return response;
}

}  // namespace penstock::broker
