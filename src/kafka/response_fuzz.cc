// Whatever a server sends as an answer: our own client decodes or refuses it, and what was decoded can
// be encoded and decoded again to the same. The first bytes of the input say what was asked.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "kafka/frame.h"
#include "kafka/message.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sync_group.h"

namespace penstock::kafka {
namespace {

constexpr std::size_t kPrefixBytes = 4;  // API key and version, as in a request

template <typename Request>
bool try_response(ApiKey api, std::int16_t version, ByteView frame) {
  if (Request::kApi != api) return false;
  using Response = typename Request::Response;
  const auto split = parse_response(frame, api, version);
  if (!split) return true;
  const auto message = decode<Response>(split->body, version);
  if (!message) return true;
  const auto bytes = encode(*message, version).flatten();
  const auto again = decode<Response>(bytes, version);
  PENSTOCK_ASSERT(again.has_value() && *again == *message,
                  "a decoded answer changes when it is sent on");
  return true;
}

template <typename... Requests>
void try_all(ApiKey api, std::int16_t version, ByteView frame) {
  (void)(try_response<Requests>(api, version, frame) || ...);
}

void try_answer(ByteView input) {
  if (input.size() < kPrefixBytes) return;
  const auto api = static_cast<ApiKey>(load_be<std::int16_t>(input, 0));
  const auto version = load_be<std::int16_t>(input, sizeof(std::int16_t));
  const ApiInfo* info = find_api(api);
  if (info == nullptr || !info->implemented.contains(version)) return;
  try_all<ProduceRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
          OffsetFetchRequest, FindCoordinatorRequest, JoinGroupRequest, HeartbeatRequest,
          LeaveGroupRequest, SyncGroupRequest, DescribeGroupsRequest, ListGroupsRequest,
          ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DeleteRecordsRequest,
          DeleteGroupsRequest, OffsetDeleteRequest>(api, version, input.subspan(kPrefixBytes));
}

}  // namespace
}  // namespace penstock::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::kafka::try_answer(std::as_bytes(std::span(data, size)));
  return 0;
}
