// HTTP/1.1, as much of it as an admin port needs: the head of a request, and whole answers.
//
// Each connection carries one request: answers say so. No body is expected; a short one is read and
// dropped. Threading: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace penstock::server {

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // decoded, without a query
  std::uint64_t body_bytes = 0;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  std::string allow{};  // methods, with status 405
};

struct HttpLimits {
  // Of the request line and all header lines together.
  std::size_t head_bytes = 8 * kKiB;
  std::uint64_t body_bytes = 4 * kKiB;
};

// How many bytes the head at the front of `received` takes, its empty line included; nothing when that
// has not come yet.
std::optional<std::size_t> http_head_bytes(std::string_view received);

// The request of a whole head. What cannot be served is an answer already: 400, 413, 505.
struct ParsedHttp {
  HttpRequest request;
  std::optional<HttpResponse> refusal;
};
ParsedHttp parse_http_head(std::string_view head, const HttpLimits& limits);

// The bytes to send. `with_body` is false for HEAD.
std::string to_bytes(const HttpResponse& response, bool with_body);

}  // namespace penstock::server
