// Every message, compiled once. A message that is missing here does not link.

#include "kafka/codec.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/headers.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/produce.h"

namespace penstock::kafka {

#define PENSTOCK_KAFKA_MESSAGE(Message)                                    \
  template Result<Message> decode<Message>(ByteView, std::int16_t);        \
  template ByteChain encode<Message>(const Message&, std::int16_t);        \
  template void encode_to<Message>(Writer&, const Message&, std::int16_t); \
  template SizeCounter count_size<Message>(const Message&, std::int16_t)

PENSTOCK_KAFKA_MESSAGE(RequestHeader);
PENSTOCK_KAFKA_MESSAGE(ResponseHeader);

PENSTOCK_KAFKA_MESSAGE(ProduceRequest);
PENSTOCK_KAFKA_MESSAGE(ProduceResponse);
PENSTOCK_KAFKA_MESSAGE(FetchRequest);
PENSTOCK_KAFKA_MESSAGE(FetchResponse);
PENSTOCK_KAFKA_MESSAGE(ListOffsetsRequest);
PENSTOCK_KAFKA_MESSAGE(ListOffsetsResponse);
PENSTOCK_KAFKA_MESSAGE(MetadataRequest);
PENSTOCK_KAFKA_MESSAGE(MetadataResponse);
PENSTOCK_KAFKA_MESSAGE(FindCoordinatorRequest);
PENSTOCK_KAFKA_MESSAGE(FindCoordinatorResponse);
PENSTOCK_KAFKA_MESSAGE(ApiVersionsRequest);
PENSTOCK_KAFKA_MESSAGE(ApiVersionsResponse);
PENSTOCK_KAFKA_MESSAGE(CreateTopicsRequest);
PENSTOCK_KAFKA_MESSAGE(CreateTopicsResponse);
PENSTOCK_KAFKA_MESSAGE(DeleteTopicsRequest);
PENSTOCK_KAFKA_MESSAGE(DeleteTopicsResponse);
PENSTOCK_KAFKA_MESSAGE(DeleteRecordsRequest);
PENSTOCK_KAFKA_MESSAGE(DeleteRecordsResponse);

#undef PENSTOCK_KAFKA_MESSAGE

}  // namespace penstock::kafka
