// ask_http: one HTTP request to a port of this machine, and the whole answer.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "server/testing/client_socket.h"

namespace penstock::server {

struct HttpAnswer {
  int status = 0;  // 0: the connection ended without an answer
  std::string head;
  std::string body;
};

// Reads until the server ends the connection.
inline HttpAnswer receive_http(ClientSocket& client) {
  std::string bytes;
  while (const auto byte = client.receive_exactly(1)) bytes += *byte;
  HttpAnswer answer;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos || !bytes.starts_with("HTTP/1.1 ")) return answer;
  std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status);
  answer.head = bytes.substr(0, end);
  answer.body = bytes.substr(end + 4);
  return answer;
}

inline HttpAnswer ask_http(std::uint16_t port, const std::string& first_line,
                           const std::string& more = "") {
  ClientSocket client(port);
  client.send_raw(first_line + " HTTP/1.1\r\nHost: test\r\n" + more + "\r\n");
  return receive_http(client);
}

}  // namespace penstock::server
