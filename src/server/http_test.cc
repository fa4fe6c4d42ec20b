#include "server/http.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::server {
namespace {

ParsedHttp parse(const std::string& head) { return parse_http_head(head, HttpLimits()); }
int refusal(const std::string& head) {
  const ParsedHttp parsed = parse(head);
  return parsed.refusal ? parsed.refusal->status : 0;
}

TEST(Http, AHeadEndsWithItsEmptyLine) {
  EXPECT_EQ(http_head_bytes(""), std::nullopt);
  EXPECT_EQ(http_head_bytes("GET / HTTP/1.1\r\n"), std::nullopt);
  EXPECT_EQ(http_head_bytes("GET / HTTP/1.1\r\n\r\nrest"), 18U);
}

TEST(Http, MethodAndPathAreTakenOutOfTheFirstLine) {
  const ParsedHttp parsed = parse(
      "POST /topics/a%2Fb%20c/0/reopen?x=1 HTTP/1.1\r\nHost: here\r\ncontent-LENGTH: 12 \r\n\r\n");
  ASSERT_FALSE(parsed.refusal);
  EXPECT_EQ(parsed.request.method, "POST");
  EXPECT_EQ(parsed.request.path, "/topics/a/b c/0/reopen");
  EXPECT_EQ(parsed.request.body_bytes, 12U);
}

TEST(Http, WhatCannotBeFollowedIsRefused) {
  EXPECT_EQ(refusal("\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET /\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / FTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET nowhere HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("G?T / HTTP/1.1\r\n\r\n"), 400);
  for (const char* path : {"/%", "/%4", "/%zz", "/%-1"})
    EXPECT_EQ(refusal(std::string("GET ") + path + " HTTP/1.1\r\n\r\n"), 400) << path;
  EXPECT_EQ(refusal("GET / HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nContent-Length:\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n"), 400);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(Http, ABodyHasABound) {
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nContent-Length: 4096\r\n\r\n"), 0);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nContent-Length: 4097\r\n\r\n"), 413);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 413);
}

TEST(Http, AnAnswerTellsItsLengthAndThatItIsTheLast) {
  HttpResponse response{.status = 405, .body = "no\n"};
  response.allow = "POST";
  const std::string whole = to_bytes(response, true);
  EXPECT_TRUE(whole.starts_with("HTTP/1.1 405 Method Not Allowed\r\n")) << whole;
  EXPECT_TRUE(whole.contains("\r\nContent-Length: 3\r\n")) << whole;
  EXPECT_TRUE(whole.contains("\r\nConnection: close\r\n")) << whole;
  EXPECT_TRUE(whole.contains("\r\nAllow: POST\r\n")) << whole;
  EXPECT_TRUE(whole.ends_with("\r\n\r\nno\n")) << whole;
  EXPECT_TRUE(to_bytes(response, false).ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace penstock::server
