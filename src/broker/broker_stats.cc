#include "broker/broker_stats.h"

namespace penstock::broker {

std::string_view to_string(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kClient: return "client";
    case ErrorClass::kRetry: return "retry";
    case ErrorClass::kStorage: return "storage";
    case ErrorClass::kDamage: return "damage";
  }
  return "unknown";
}

ErrorClass class_of(kafka::KafkaError error) {
  using enum kafka::KafkaError;
  switch (error) {
    case kKafkaStorageError: return ErrorClass::kStorage;
    case kCorruptMessage: return ErrorClass::kDamage;
    case kRequestTimedOut:
    case kNotLeaderOrFollower:
    case kLeaderNotAvailable:
    case kCoordinatorNotAvailable:
    case kFetchSessionIdNotFound:
    case kInvalidFetchSessionEpoch:
    case kFetchSessionTopicIdError:
    case kFencedLeaderEpoch:
    case kUnknownLeaderEpoch:
    case kUnknownServerError: return ErrorClass::kRetry;
    default: return ErrorClass::kClient;
  }
}

}  // namespace penstock::broker
