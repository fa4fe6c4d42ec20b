#include "cli/kafka_advice.h"

namespace penstock::cli {

namespace {

using kafka::KafkaError;

struct Meaning {
  ErrorCode code;
  std::string_view advice;
};

Meaning meaning_of(KafkaError error) {
  switch (error) {
    case KafkaError::kUnknownTopicOrPartition:
    case KafkaError::kUnknownTopicId:
      return {ErrorCode::kNotFound, "`penstock topic list` shows the topics that exist"};
    case KafkaError::kTopicAlreadyExists:
      return {ErrorCode::kExists, "choose another name, or delete the topic first"};
    case KafkaError::kInvalidTopicException:
      return {ErrorCode::kInvalidArgument,
              "a topic's name has 1 to 249 letters, digits, '.', '_' or '-', and is not '.' or '..'"};
    case KafkaError::kInvalidPartitions:
      return {ErrorCode::kInvalidArgument, "ask for another number with --partitions"};
    case KafkaError::kInvalidReplicationFactor:
      return {ErrorCode::kInvalidArgument,
              "the cluster has too few brokers for its default replication factor"};
    case KafkaError::kInvalidConfig:
      return {ErrorCode::kInvalidArgument, "correct or leave out that setting"};
    case KafkaError::kOffsetOutOfRange:
      return {ErrorCode::kOutOfRange, "`penstock topic describe` shows the first and the last offset"};
    case KafkaError::kMessageTooLarge:
    case KafkaError::kRecordListTooLarge:
      return {ErrorCode::kTooLarge, "shorten it, or raise the topic's setting max.message.bytes"};
    case KafkaError::kInvalidRecord:
      return {ErrorCode::kInvalidArgument,
              "the broker does not take such a message; a topic that is compacted needs keys"};
    case KafkaError::kUnsupportedCompressionType:
      return {ErrorCode::kNotSupported, "choose another codec with --compression"};
    case KafkaError::kNotEnoughReplicas:
    case KafkaError::kNotEnoughReplicasAfterAppend:
      return {ErrorCode::kBusy,
              "fewer replicas than the topic's min.insync.replicas are there; try again when they are "
              "back"};
    case KafkaError::kCorruptMessage:
      return {ErrorCode::kCorrupt,
              "the broker's log says where; `penstock log verify` looks at all of it"};
    case KafkaError::kInconsistentGroupProtocol:
      return {
          ErrorCode::kNotSupported,
          "its members share partitions out in other ways than 'range', the one that this command has; "
          "take another group"};
    case KafkaError::kGroupMaxSizeReached:
      return {ErrorCode::kBusy, "the group has as many members as the broker allows"};
    case KafkaError::kInvalidGroupId: return {ErrorCode::kInvalidArgument, "it is no name of a group"};
    case KafkaError::kPolicyViolation:
      return {ErrorCode::kPermission, "the broker's administrator does not allow this"};
    case KafkaError::kTopicAuthorizationFailed:
    case KafkaError::kGroupAuthorizationFailed:
    case KafkaError::kClusterAuthorizationFailed:
      return {ErrorCode::kPermission, "ask the broker's administrator for the right to do this"};
    case KafkaError::kTopicDeletionDisabled:
      return {ErrorCode::kPermission,
              "the broker is configured not to delete topics (delete.topic.enable)"};
    case KafkaError::kGroupIdNotFound:
      return {ErrorCode::kNotFound, "`penstock group list` shows the groups that exist"};
    case KafkaError::kNonEmptyGroup:
      return {ErrorCode::kBusy, "end its consumers first; `penstock group describe` shows them"};
    case KafkaError::kCoordinatorNotAvailable:
    case KafkaError::kCoordinatorLoadInProgress:
    case KafkaError::kNotCoordinator:
      return {ErrorCode::kBusy, "the group's coordinator is not there; try again in a moment"};
    case KafkaError::kNotController:
    case KafkaError::kLeaderNotAvailable:
    case KafkaError::kNotLeaderOrFollower:
      return {ErrorCode::kBusy, "the cluster is changing leaders; try again in a moment"};
    case KafkaError::kRequestTimedOut:
      return {ErrorCode::kTimeout,
              "the broker may still finish it; look with `penstock topic list` before you try again"};
    case KafkaError::kThrottlingQuotaExceeded:
      return {ErrorCode::kBusy, "the broker limits such requests; try again in a minute"};
    case KafkaError::kKafkaStorageError:
      return {ErrorCode::kIo,
              "the broker cannot write: look at its log and at the free space of its disk"};
    default: return {ErrorCode::kIo, "the broker's log says more"};
  }
}

}  // namespace

Error to_error(KafkaError error, std::string_view doing,
               const std::optional<std::string>& broker_message) {
  const Meaning meaning = meaning_of(error);
  std::string name(kafka::to_string(error));
  if (name == "UNRECOGNISED_ERROR") name = fmt::format("Kafka error {}", static_cast<int>(error));
  const bool says_more = broker_message.has_value() && !broker_message->empty();
  const std::string detail = says_more ? fmt::format(" (the broker says: {})", *broker_message) : "";
  return {meaning.code, fmt::format("{}: {}{}; {}", doing, name, detail, meaning.advice)};
}

}  // namespace penstock::cli
