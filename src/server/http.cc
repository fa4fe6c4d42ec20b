#include "server/http.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace penstock::server {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes the first line off `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find(kLineEnd), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + kLineEnd.size()));
  return line;
}

// "%20" and the like; nothing when that is not right.
std::optional<std::string> decoded(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      path.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = text.substr(std::min(i + 1, text.size()), 2);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
    path.push_back(static_cast<char>(byte));
    i += 2;
  }
  return path;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

HttpResponse refuse(int status, std::string_view why) {
  return {.status = status, .body = std::string(why) + "\n"};
}

std::optional<HttpResponse> parse_request_line(std::string_view line, HttpRequest& request) {
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end) {
    return refuse(400, "the first line of a request is: METHOD PATH HTTP/1.1");
  }
  const std::string_view version = line.substr(target_end + 1);
  if (!version.starts_with("HTTP/")) {
    return refuse(400, "the first line of a request is: METHOD PATH HTTP/1.1");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(505, "HTTP/1.1 is served here");
  const std::string_view method = line.substr(0, method_end);
  std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  target = target.substr(0, target.find_first_of("?#"));
  std::optional<std::string> path = decoded(target);
  if (!is_token(method) || !target.starts_with('/') || !path) {
    return refuse(400, "the path of a request begins with '/', and encodes what is special as %XX");
  }
  request.method = method;
  request.path = std::move(*path);
  return std::nullopt;
}

std::optional<HttpResponse> parse_header(std::string_view line, const HttpLimits& limits,
                                         HttpRequest& request) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse(400, "a header line is: Name: value");
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equal_without_case(name, "transfer-encoding")) {
    return refuse(400, "no body is expected here, and none in chunks is taken");
  }
  if (!equal_without_case(name, "content-length")) return std::nullopt;
  std::uint64_t bytes = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), bytes);
  if (parsed.ptr != value.data() + value.size() || value.empty()) {
    return refuse(400, "Content-Length is a number");
  }
  if (parsed.ec != std::errc() || bytes > limits.body_bytes) {
    return refuse(413, fmt::format("no body is expected here; {} bytes are dropped, more are refused",
                                   limits.body_bytes));
  }
  request.body_bytes = bytes;
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> http_head_bytes(std::string_view received) {
  constexpr std::string_view kHeadEnd = "\r\n\r\n";
  const std::size_t end = received.find(kHeadEnd);
  if (end == std::string_view::npos) return std::nullopt;
  return end + kHeadEnd.size();
}

ParsedHttp parse_http_head(std::string_view head, const HttpLimits& limits) {
  ParsedHttp parsed;
  parsed.refusal = parse_request_line(take_line(head), parsed.request);
  while (!parsed.refusal) {
    const std::string_view line = take_line(head);
    if (line.empty()) break;
    parsed.refusal = parse_header(line, limits, parsed.request);
  }
  return parsed;
}

std::string to_bytes(const HttpResponse& response, bool with_body) {
  std::string bytes = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n"
      "Cache-Control: no-store\r\n",
      response.status, reason_of(response.status), response.content_type, response.body.size());
  if (!response.allow.empty()) bytes += fmt::format("Allow: {}\r\n", response.allow);
  bytes += kLineEnd;
  if (with_body) bytes += response.body;
  return bytes;
}

}  // namespace penstock::server
