#include "cli/message_format.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace penstock::cli {
namespace {

// One batch with one record, and the record in it.
struct OneRecord {
  explicit OneRecord(const kafka::NewRecord& record) {
    kafka::RecordBatchBuilder builder;
    builder.add(record);
    bytes = std::move(builder).build();
    store_be<std::int64_t>(bytes, batch_layout::kBaseOffset, 17);
    view = kafka::RecordReader(kafka::RecordBatchView::parse(bytes).value()).next().value().value();
  }
  std::vector<std::byte> bytes;
  kafka::RecordView view;
};

std::string formatted(std::string_view format, const kafka::NewRecord& record) {
  std::string out;
  MessageFormat::parse(format).value().append(out, "orders", 3, OneRecord(record).view);
  return out;
}

const std::array kHeaders = {kafka::RecordHeaderView{.key = as_bytes("a"), .value = as_bytes("1")},
                             kafka::RecordHeaderView{.key = as_bytes("b")}};
const kafka::NewRecord kFull{
    .timestamp_ms = 1700, .key = as_bytes("key"), .value = as_bytes("hello"), .headers = kHeaders};

TEST(MessageFormat, PlaceholdersStandForTheMessagesParts) {
  EXPECT_EQ(formatted("%t/%p@%o %T %k(%K)=%s(%S) %h 100%%\\n", kFull),
            "orders/3@17 1700 key(3)=hello(5) a=1,b=NULL 100%\n");
}

TEST(MessageFormat, NullIsNothingAndHasSizeMinusOne) {
  EXPECT_EQ(formatted("%k|%K|%s|%S|%h", {}), "|-1||-1|");
  EXPECT_EQ(formatted("%K|%S", {.key = ByteView(), .value = ByteView()}), "0|0");
}

TEST(MessageFormat, BytesThatAreNoTextPassAsTheyAre) {
  EXPECT_EQ(formatted("%s", {.value = as_bytes(std::string_view("\0\xff\n", 3))}),
            std::string("\0\xff\n", 3));
}

TEST(MessageFormat, WhatIsNoPlaceholderIsRefused) {
  for (const std::string_view wrong : {"%", "%x", "%s %", "\\q"}) {
    const auto refused = MessageFormat::parse(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(MessageFormat, JsonIsOneLineWithEverything) {
  const std::string line = formatted("json", kFull);
  EXPECT_EQ(
      line,
      R"({"topic":"orders","partition":3,"offset":17,"timestamp_ms":1700,"key":"key","value":"hello",)"
      R"("headers":[{"name":"a","value":"1"},{"name":"b","value":null}]})"
      "\n");
  EXPECT_EQ(
      formatted("json", {.value = as_bytes("a\nb\"")}),
      R"({"topic":"orders","partition":3,"offset":17,"timestamp_ms":0,"key":null,"value":"a\nb\""})"
      "\n");
}

TEST(MessageFormat, JsonHasBytesThatAreNotUtf8InBase64) {
  const auto field = [](std::string_view value, const char* name) {
    const auto json = nlohmann::json::parse(formatted("json", {.value = as_bytes(value)}));
    return json.contains(name) ? json[name].get<std::string>() : "(not there)";
  };
  EXPECT_EQ(field("\xff", "value_base64"), "/w==");
  EXPECT_EQ(field("\xff\xfe", "value_base64"), "//4=");
  EXPECT_EQ(field("\xff\xfe\xfd", "value_base64"), "//79");
  EXPECT_EQ(field("\xff"
                  "abc",
                  "value_base64"),
            "/2FiYw==");
  EXPECT_EQ(field("\xff", "value"), "(not there)");
  for (const std::string_view text : {"z\xc3\xa4hler", "\xe2\x82\xac", "\xf0\x9f\x98\x80", ""}) {
    EXPECT_EQ(field(text, "value"), text);
  }
  // Cut short, overlong, a surrogate, above U+10FFFF.
  for (const std::string_view wrong :
       {"\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_EQ(field(wrong, "value"), "(not there)") << testing::PrintToString(wrong);
  }
}

}  // namespace
}  // namespace penstock::cli
