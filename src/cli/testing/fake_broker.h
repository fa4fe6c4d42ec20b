// FakeBroker: a Kafka broker of a few lines, for tests of the client: one thread, one request at a
// time.
//
// Answers ApiVersions itself, as a broker of a chosen age; everything else is for the test's handler.
//
// Threading: the handler runs on the broker's thread; what it shares with the test is the test's to
// guard.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "disk/descriptor.h"
#include "kafka/frame.h"
#include "kafka/messages/api_versions.h"

namespace penstock::cli {

class FakeBroker {
 public:
  // What to answer: a whole response frame; an empty one sends nothing; nullopt closes the connection.
  using Handler = std::function<std::optional<std::vector<std::byte>>(const kafka::RequestFrame&)>;

  struct Options {
    // The newest ApiVersions that it speaks; a newer one is refused with error 35 in version 0.
    std::int16_t newest_api_versions = 3;
    // What it says it speaks.
    std::vector<kafka::ApiVersionsResponse::ApiVersion> apis;
    // Sent instead of everything else as soon as somebody writes: for what is not a broker at all.
    std::string raw_answer;
  };

  FakeBroker(Options options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    PENSTOCK_ASSERT(::bind(listener_.get(), generic, size) == 0 && ::listen(listener_.get(), 8) == 0,
                    "the test cannot listen");
    ::getsockname(listener_.get(), generic, &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;
  ~FakeBroker() {
    stopping_ = true;
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The versions of ApiVersions that were asked, in order.
  std::vector<std::int16_t> asked_api_versions() {
    const std::lock_guard lock(mutex_);
    return asked_api_versions_;
  }

 private:
  static constexpr int kPollMs = 10;

  void serve() {
    std::vector<Descriptor> connections;
    while (!stopping_) {
      std::vector<pollfd> waiting = {{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
      for (const Descriptor& connection : connections)
        waiting.push_back({.fd = connection.get(), .events = POLLIN, .revents = 0});
      if (::poll(waiting.data(), waiting.size(), kPollMs) <= 0) continue;
      for (std::size_t i = connections.size(); i > 0; --i) {
        if (waiting[i].revents != 0 && !answer_one(connections[i - 1]))
          connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i - 1));
      }
      if (waiting[0].revents != 0)
        connections.emplace_back(::accept(listener_.get(), nullptr, nullptr));
    }
  }

  // False when the connection has ended.
  bool answer_one(const Descriptor& connection) {
    std::vector<std::byte> size_field(kafka::kFrameSizeBytes);
    if (!receive(connection, size_field)) return false;
    if (!options_.raw_answer.empty()) {
      send(connection, as_bytes(options_.raw_answer));
      return false;
    }
    std::vector<std::byte> frame(load_be<std::uint32_t>(size_field, 0));
    if (!receive(connection, frame)) return false;
    const auto request = kafka::parse_request(frame);
    if (!request) return false;
    const auto answer = request->header.api_key == kafka::ApiKey::kApiVersions ? api_versions(*request)
                                                                               : handler_(*request);
    if (!answer) return false;
    send(connection, *answer);
    return true;
  }

  std::optional<std::vector<std::byte>> api_versions(const kafka::RequestFrame& request) {
    const std::int16_t version = request.header.api_version;
    {
      const std::lock_guard lock(mutex_);
      asked_api_versions_.push_back(version);
    }
    kafka::ApiVersionsResponse response;
    const bool refused = version > options_.newest_api_versions;
    if (refused) {
      response.error_code = kafka::KafkaError::kUnsupportedVersion;
      response.api_keys.push_back({.api_key = kafka::ApiKey::kApiVersions,
                                   .min_version = 0,
                                   .max_version = options_.newest_api_versions});
    } else {
      response.api_keys = options_.apis;
    }
    const auto answer_version = refused ? std::int16_t{0} : version;
    return kafka::encode_response_frame(response, answer_version, request.header.correlation_id)
        .flatten();
  }

  static bool receive(const Descriptor& connection, MutableBytes into) {
    while (!into.empty()) {
      const ssize_t got = ::recv(connection.get(), into.data(), into.size(), 0);
      if (got <= 0) return false;
      into = into.subspan(static_cast<std::size_t>(got));
    }
    return true;
  }
  static void send(const Descriptor& connection, ByteView bytes) {
    PENSTOCK_ASSERT(::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                        static_cast<ssize_t>(bytes.size()),
                    "the fake broker's answers fit a socket buffer");
  }

  Options options_;
  Handler handler_;
  Descriptor listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::int16_t> asked_api_versions_;
  std::thread thread_;
};

}  // namespace penstock::cli
