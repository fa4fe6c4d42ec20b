#include "cli/admin_client.h"

#include <cctype>
#include <charconv>

#include "base/units.h"
#include "cli/tcp_stream.h"

namespace penstock::cli {

namespace {

constexpr std::size_t kMaxAnswerBytes = kMiB;

struct Answer {
  int status = 0;
  std::string body;
};

// What is special in a path as %XX.
std::string encoded(const std::string& text) {
  std::string path;
  for (const unsigned char c : text) {
    const bool is_plain = std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    path += is_plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return path;
}

Result<Answer> parse_answer(const std::string& bytes) {
  constexpr std::string_view kStart = "HTTP/1.1 ";
  constexpr std::string_view kHeadEnd = "\r\n\r\n";
  const std::size_t end = bytes.find(kHeadEnd);
  Answer answer;
  if (end != std::string::npos && bytes.starts_with(kStart)) {
    std::from_chars(bytes.data() + kStart.size(), bytes.data() + end, answer.status);
  }
  if (answer.status == 0)
    return fail(ErrorCode::kNotSupported, "this is no admin port: the answer is not HTTP");
  answer.body = bytes.substr(end + kHeadEnd.size());
  return answer;
}

Result<Answer> post(const server::Address& admin, const std::string& path, const Deadline& deadline) {
  auto stream = TcpStream::connect(admin, deadline);
  if (!stream) return Unexpected(stream.error());
  const std::string request =
      fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                  path, to_string(admin));
  if (auto sent = stream->send(as_bytes(request), deadline); !sent) return Unexpected(sent.error());
  const auto received = stream->receive_all(kMaxAnswerBytes, deadline);
  if (!received) return Unexpected(received.error());
  return parse_answer(*received);
}

ErrorCode code_of(int status) {
  switch (status) {
    case 404: return ErrorCode::kNotFound;
    case 409: return ErrorCode::kBusy;
    case 503: return ErrorCode::kClosed;
    case 504: return ErrorCode::kTimeout;
    default: return ErrorCode::kIo;
  }
}

}  // namespace

Result<std::string> reopen_topic(const server::Address& admin, const std::string& topic,
                                 std::optional<std::int32_t> partition, const Deadline& deadline) {
  const std::string which = partition ? fmt::format("/{}", *partition) : "";
  auto answer = post(admin, fmt::format("/topics/{}{}/reopen", encoded(topic), which), deadline);
  if (!answer) {
    return Unexpected(answer.error().context(fmt::format("ask the admin port {}", to_string(admin))));
  }
  if (answer->status == 200) return std::move(answer->body);
  std::string said = std::move(answer->body);
  while (said.ends_with('\n')) said.pop_back();
  return Unexpected(Error(code_of(answer->status), std::move(said)));
}

}  // namespace penstock::cli
