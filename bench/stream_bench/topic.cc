#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "bench/stream_bench/load.h"
#include "bench/stream_bench/wire.h"
#include "kafka/frame.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"

namespace penstock::bench {

namespace {

constexpr std::int16_t kCreateVersion = 7;
constexpr std::int16_t kDeleteVersion = 5;
constexpr auto kTimeout = std::chrono::seconds(60);

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "stream_bench: {}\n", message);
  std::exit(1);
}

template <typename Request>
typename Request::Response call(const ServerProcess& server, const Request& request,
                                std::int16_t version) {
  std::optional<typename Request::Response> response;
  Wire wire(server.address(), 1, [&](std::size_t, ByteView frame) {
    auto decoded = kafka::decode_response_frame<Request>(frame, version, 0);
    if (!decoded) die(decoded.error().message());
    response = *std::move(decoded);
  });
  wire.send(0, kafka::encode_request_frame(request, version, 0, "stream_bench").flatten(), {});
  const Stopwatch stopwatch;
  while (!response) {
    if (stopwatch.elapsed() > kTimeout) die("a request is not answered");
    wire.turn(kTimeout);
  }
  return *std::move(response);
}

}  // namespace

Topic::Topic(const ServerProcess& server, std::string name, const Shape& shape)
    : server_(server), name_(std::move(name)) {
  kafka::CreateTopicsRequest request;
  request.timeout_ms = 60'000;
  auto& topic = request.topics.emplace_back();
  topic.name = name_;
  topic.num_partitions = shape.partitions;
  topic.replication_factor = 1;
  topic.configs.emplace_back() = {.name = "commit", .value = shape.commit};
  const auto created = call(server, request, kCreateVersion).topics.at(0);
  if (created.error_code != kafka::KafkaError::kNone) {
    die(fmt::format("no topic {}: {}", name_, to_string(created.error_code)));
  }
}

Topic::~Topic() {
  kafka::DeleteTopicsRequest request;
  request.timeout_ms = 60'000;
  request.topic_names.push_back(name_);
  const auto deleted = call(server_, request, kDeleteVersion).responses.at(0);
  if (deleted.error_code != kafka::KafkaError::kNone) {
    die(fmt::format("cannot delete {}: {}", name_, to_string(deleted.error_code)));
  }
}

}  // namespace penstock::bench
