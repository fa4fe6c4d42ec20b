#include "kafka/frame.h"

#include <gtest/gtest.h>

#include "kafka/golden_vectors_for_test.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/produce.h"

namespace penstock::kafka {
namespace {

TEST(FrameSize, NeedsFourBytes) {
  EXPECT_EQ(parse_frame_size(bytes_from_hex("000000")).value(), std::nullopt);
  EXPECT_EQ(parse_frame_size(bytes_from_hex("0000000aff")).value(), 10U);
  EXPECT_EQ(parse_frame_size(bytes_from_hex("00000000")).value(), 0U);
}

TEST(FrameSize, ANegativeOrTooLargeSizeIsAnErrorBeforeAnyMemoryIsTaken) {
  EXPECT_EQ(parse_frame_size(bytes_from_hex("ffffffff")).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(parse_frame_size(bytes_from_hex("06400000")).value(), 100U << 20);
  EXPECT_EQ(parse_frame_size(bytes_from_hex("06400001")).error().code(), ErrorCode::kTooLarge);
  EXPECT_EQ(parse_frame_size(bytes_from_hex("00000011"), {.max_frame_bytes = 16}).error().code(),
            ErrorCode::kTooLarge);
}

TEST(Request, OfAnUnknownApiStillHasAHeader) {
  const auto frame = bytes_from_hex(
      "03e7"
      "0005"
      "00000007"
      "0002"
      "6869"
      "ff");
  const auto request = parse_request(frame).value();
  EXPECT_EQ(find_api(request.header.api_key), nullptr);
  EXPECT_EQ(request.header.correlation_id, 7);
  EXPECT_EQ(request.header.client_id, "hi");
  EXPECT_EQ(request.body.size(), 1U);
}

TEST(Request, OfAFutureApiVersionsStillHasAHeader) {
  const auto frame = bytes_from_hex(
      "0012"
      "0063"
      "00000007"
      "ffff"
      "00");
  const auto request = parse_request(frame).value();
  EXPECT_EQ(request.header.api_key, ApiKey::kApiVersions);
  EXPECT_EQ(request.header.api_version, 99);
  EXPECT_EQ(request.header.client_id, std::nullopt);
}

TEST(Response, ToAnUnsupportedApiVersionsIsInVersion0) {
  ApiVersionsResponse response{.error_code = KafkaError::kUnsupportedVersion};
  response.api_keys.push_back({.api_key = ApiKey::kApiVersions, .min_version = 0, .max_version = 3});
  EXPECT_EQ(encode_response_frame(response, 0, 7).flatten(), bytes_from_hex("00000010"
                                                                            "00000007"
                                                                            "0023"
                                                                            "00000001"
                                                                            "0012"
                                                                            "0000"
                                                                            "0003"));
}

TEST(Response, IsDecodedByTheClientThatAsked) {
  const auto frame =
      encode_response_frame(MetadataResponse{.cluster_id = "c", .controller_id = 3}, 12, 99).flatten();
  const ByteView content = ByteView(frame).subspan(kFrameSizeBytes);
  const auto response = decode_response_frame<MetadataRequest>(content, 12, 99);
  EXPECT_EQ(response.value().controller_id, 3);
  EXPECT_EQ(decode_response_frame<MetadataRequest>(content, 12, 98).error().code(),
            ErrorCode::kCorrupt);
}

TEST(FetchResponse, RecordSlicesTravelWithoutACopy) {
  const SharedSlice first = SharedSlice::copy_of(as_bytes("batch one"));
  const SharedSlice second = SharedSlice::copy_of(as_bytes("batch two, longer"));
  for (const std::int16_t version : std::initializer_list<std::int16_t>{4, 11, 12}) {
    FetchResponse response;
    response.responses.push_back(
        {.topic = "t",
         .partitions = {{.partition_index = 0, .records = Records({first, second})},
                        {.partition_index = 1, .records = Records::empty()},
                        {.partition_index = 2, .records = Records({second})}}});
    const ByteChain frame = encode_response_frame(response, version, 5);
    std::size_t slices = 0;
    for (const SharedSlice& piece : frame.pieces()) {
      if (piece.data() == first.data() || piece.data() == second.data()) ++slices;
    }
    EXPECT_EQ(slices, 3U);

    const auto bytes = frame.flatten();
    EXPECT_EQ(parse_frame_size(bytes).value(), bytes.size() - kFrameSizeBytes);
    const auto decoded =
        decode_response_frame<FetchRequest>(ByteView(bytes).subspan(kFrameSizeBytes), version, 5)
            .value();
    EXPECT_EQ(decoded, response);
    EXPECT_EQ(as_text(decoded.responses[0].partitions[0].records.view()), "batch onebatch two, longer");
  }
}

TEST(ProduceRequest, RecordsAreAViewIntoTheFrame) {
  const std::string batch = "record bytes";
  ProduceRequest request{.acks = -1};
  request.topic_data.push_back(
      {.name = "t", .partition_data = {{.index = 1, .records = Records::borrow(as_bytes(batch))}}});
  const auto frame = encode_request_frame(request, 9, 1, "client").flatten();
  const auto parsed = parse_request(ByteView(frame).subspan(kFrameSizeBytes)).value();
  const auto decoded = decode<ProduceRequest>(parsed.body, parsed.header.api_version).value();
  const ByteView records = decoded.topic_data[0].partition_data[0].records.view();
  EXPECT_EQ(as_text(records), batch);
  EXPECT_GE(records.data(), frame.data());
  EXPECT_LE(records.data() + records.size(), frame.data() + frame.size());
}

TEST(Message, ANullThatTheVersionCannotSayIsSentAsEmpty) {
  const MetadataRequest all{.topics = std::nullopt};
  EXPECT_EQ(encode(all, 0).flatten(), bytes_from_hex("00000000"));
  EXPECT_EQ(encode(all, 1).flatten(), bytes_from_hex("ffffffff"));
}

TEST(Message, ANullThatTheVersionDoesNotAllowIsAnError) {
  EXPECT_FALSE(decode<MetadataRequest>(bytes_from_hex("ffffffff"), 0).has_value());
  EXPECT_TRUE(decode<MetadataRequest>(bytes_from_hex("ffffffff"), 1).has_value());
}

TEST(Message, ManyTinyElementsCannotTakeMoreMemoryThanTheLimit) {
  // 8 million empty topic names: 16 MiB here, 40 times that as structs.
  std::vector<std::byte> body = bytes_from_hex("81a4e803");  // 8,000,001 - 1
  body.resize(body.size() + 16'000'000, std::byte{1});
  const auto decoded = decode<MetadataRequest>(body, 9);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().code(), ErrorCode::kTooLarge);
}

TEST(Message, TagsThatDoNotAscendAreAnError) {
  // Tags 5, 5 in the request's own tagged section.
  EXPECT_FALSE(decode<MetadataRequest>(bytes_from_hex("01000000"
                                                      "02"
                                                      "0500"
                                                      "0500"),
                                       9)
                   .has_value());
  EXPECT_TRUE(decode<MetadataRequest>(bytes_from_hex("01000000"
                                                     "02"
                                                     "0500"
                                                     "0600"),
                                      9)
                  .has_value());
}

TEST(Message, AnErrorNamesTheMessageAndTheField) {
  const auto decoded = decode<MetadataRequest>(bytes_from_hex("00000001"
                                                              "0009"
                                                              "61"),
                                               1);
  EXPECT_EQ(decoded.error().message(),
            "MetadataRequest v1: field Name at byte 6: length or count 9, but 1 bytes are left");
}

}  // namespace
}  // namespace penstock::kafka
