#include "cli/kafka_retry.h"

namespace penstock::cli {

bool may_pass(kafka::KafkaError error) {
  using enum kafka::KafkaError;
  switch (error) {
    case kCorruptMessage:  // damaged on its way; the broker's own damage is told the same in each try
    case kUnknownTopicOrPartition:
    case kLeaderNotAvailable:
    case kNotLeaderOrFollower:
    case kRequestTimedOut:
    case kNetworkException:
    case kCoordinatorLoadInProgress:
    case kCoordinatorNotAvailable:
    case kNotCoordinator:
    case kNotEnoughReplicas:
    case kNotEnoughReplicasAfterAppend:
    case kNotController:
    case kKafkaStorageError:
    case kListenerNotFound:
    case kFencedLeaderEpoch:
    case kUnknownLeaderEpoch:
    case kOffsetNotAvailable:
    case kUnstableOffsetCommit:
    case kThrottlingQuotaExceeded:
    case kUnknownTopicId:
    case kInconsistentTopicId: return true;
    default: return false;
  }
}

bool is_lost_connection(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kIo:
    case ErrorCode::kClosed:
    case ErrorCode::kTimeout:
    case ErrorCode::kNotFound: return true;  // a host that is not known, or a broker that has gone
    default: return false;
  }
}

}  // namespace penstock::cli
