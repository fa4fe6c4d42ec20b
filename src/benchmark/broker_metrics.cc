#include "benchmark/broker_metrics.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "disk/descriptor.h"

namespace penstock::benchmark {

namespace {

constexpr std::size_t kAnswerBytesMax = 64UL << 20;
constexpr int kTimeoutSeconds = 5;

std::optional<double> number_of(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The value of `label` in a line such as name{shard="0",stage="queue"} 1; empty where it has none.
std::string_view label_of(std::string_view line, std::string_view label) {
  const std::string wanted = fmt::format("{}=\"", label);
  const std::size_t at = line.find(wanted);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = line.substr(at + wanted.size());
  return rest.substr(0, rest.find('"'));
}

Result<sockaddr_in> parse_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in where{};
  where.sin_family = AF_INET;
  const std::optional<double> port = colon == std::string::npos
                                         ? std::nullopt
                                         : number_of(std::string_view(address).substr(colon + 1));
  if (!port || ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &where.sin_addr) != 1) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no IPV4:PORT", address);
  }
  where.sin_port = htons(static_cast<std::uint16_t>(*port));
  return where;
}

Result<std::string> http_get(const std::string& address, const std::string& path) {
  const std::string doing = fmt::format("get http://{}{}", address, path);
  const Result<sockaddr_in> where = parse_address(address);
  if (!where) return Unexpected(where.error());
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = kTimeoutSeconds, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr generic{};
  static_assert(sizeof generic == sizeof *where);
  std::memcpy(&generic, &*where, sizeof generic);
  if (::connect(socket.get(), &generic, sizeof generic) != 0) {
    return Unexpected(Error::from_errno(errno, doing));
  }
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, address);
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return Unexpected(Error::from_errno(errno, doing));
  }
  std::string answer;
  char buffer[16384];
  while (answer.size() < kAnswerBytesMax) {
    const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (count < 0) return Unexpected(Error::from_errno(errno, doing));
    if (count == 0) break;
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  const std::size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos || !answer.starts_with("HTTP/1.1 200")) {
    return fail(ErrorCode::kIo, "{}: it answers '{}'", doing, answer.substr(0, answer.find("\r\n")));
  }
  return answer.substr(body);
}

}  // namespace

BrokerMetrics BrokerMetrics::parse(std::string_view text) {
  constexpr std::string_view kName = "penstock_stage_seconds_";
  BrokerMetrics metrics;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(kName)) continue;
    const std::optional<double> value = number_of(line.substr(line.rfind(' ') + 1));
    if (!value) continue;
    StageCounts& stage = metrics.stages[std::string(label_of(line, "stage"))];
    const std::string_view field = line.substr(kName.size());
    if (field.starts_with("sum")) stage.seconds += *value;
    if (field.starts_with("count")) stage.count += *value;
    if (!field.starts_with("bucket")) continue;
    if (const auto bound = number_of(label_of(line, "le"))) stage.buckets[*bound] += *value;
  }
  return metrics;
}

Result<BrokerMetrics> BrokerMetrics::fetch(const std::string& address) {
  const Result<std::string> text = http_get(address, "/metrics");
  if (!text) return Unexpected(text.error());
  return parse(*text);
}

std::vector<Stage> BrokerMetrics::since(const BrokerMetrics& earlier) const {
  constexpr double kMicro = 1e6;
  std::vector<Stage> result;
  for (const char* name : {"queue", "submit", "device", "ack"}) {
    const auto now = stages.find(name);
    if (now == stages.end()) continue;
    const auto before = earlier.stages.find(name);
    const StageCounts nothing;
    const StageCounts& from = before == earlier.stages.end() ? nothing : before->second;
    const double count = now->second.count - from.count;
    if (count <= 0) continue;
    Stage stage{.name = name, .mean_us = (now->second.seconds - from.seconds) / count * kMicro};
    for (const auto& [bound, cumulative] : now->second.buckets) {
      const auto same = from.buckets.find(bound);
      const double since = cumulative - (same == from.buckets.end() ? 0 : same->second);
      if (since < 0.99 * count) continue;
      if (std::isfinite(bound)) stage.p99_us = bound * kMicro;
      break;
    }
    result.push_back(std::move(stage));
  }
  return result;
}

}  // namespace penstock::benchmark
